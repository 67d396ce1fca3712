"""The examples that the text model learns from, and the order in which it meets them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convemo.data import TextExample, as_raw_asr, emobank, emorynlp, goemotions, jsonl, xed
from convemo.types import LABELS, Dialogue

DIMENSIONS = ("valence", "arousal", "dominance")
POOL_BATCHES = 50
"""Batches are cut from pools of this many, each sorted by length: little padding, and still well mixed."""


def _labelled(load: Callable[[Path, str | None], tuple[Dialogue, ...]]) -> Callable[[Path, str | None], Iterator[TextExample]]:
    """The labelled utterances of a loader's dialogues, each by itself."""
    return lambda root, split: (TextExample(u.text, {u.label: 1.0}) for d in load(root, split) for u in d if u.text and u.label)


EXAMPLES: Mapping[str, Callable[[Path, str | None], Iterator[TextExample]]] = {
    "emorynlp": _labelled(emorynlp.load),
    "jsonl": _labelled(jsonl.load),
    "goemotions": goemotions.examples,
    "xed": xed.examples,
    "emobank": emobank.examples,
}
"""Format → its examples, given the data set's folder and the part."""


@dataclass(frozen=True, slots=True)
class Examples:
    """``N`` examples as arrays. A row of zeros in `targets` is unlabelled; NaN in `dimensions` is unjudged."""

    ids: tuple[np.ndarray, ...]
    """Token ids of the text as it is written, ``(T_i,)`` each."""
    raw_ids: tuple[np.ndarray, ...]
    """Token ids of the same text as a recogniser without punctuation would give it."""
    targets: np.ndarray
    """``(N, K)``"""
    dimensions: np.ndarray
    """``(N, D)``"""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> np.ndarray:
        """``(N,)`` class indices of single-label examples; -1 for the others."""
        single = (self.targets > 0).sum(axis=1) == 1
        return np.where(single, self.targets.argmax(axis=1), -1)


def load_tokenizer(folder: Path, max_tokens: int) -> Any:
    """The tokenizer in this folder, cutting at `max_tokens` and never padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def tokenize(tokenizer: Any, texts: Sequence[str]) -> tuple[np.ndarray, ...]:
    """Token ids of each text."""
    return tuple(np.array(encoding.ids, dtype=np.int64) for encoding in tokenizer.encode_batch_fast(list(texts)))


def to_arrays(examples: Sequence[TextExample], tokenizer: Any) -> Examples:
    """Tokenizes examples twice over, written and raw, and lays out what is known of each."""
    return Examples(
        tokenize(tokenizer, [e.text for e in examples]),
        tokenize(tokenizer, [as_raw_asr(e.text) for e in examples]),
        np.array([[e.targets.get(label, 0.0) for label in LABELS] for e in examples], dtype=np.float32),
        np.array([[e.dimensions.get(name, math.nan) for name in DIMENSIONS] for e in examples], dtype=np.float32),
    )


def concatenate(parts: Sequence[Examples]) -> Examples:
    """Several sets of examples as one."""
    return Examples(
        tuple(ids for part in parts for ids in part.ids),
        tuple(ids for part in parts for ids in part.raw_ids),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.dimensions for part in parts]),
    )


def thin(examples: Examples, most: int) -> Examples:
    """At most this many examples, evenly spread over all of them."""
    kept = np.unique(np.linspace(0, len(examples) - 1, min(most, len(examples))).round().astype(int))
    return Examples(
        tuple(examples.ids[i] for i in kept), tuple(examples.raw_ids[i] for i in kept), examples.targets[kept], examples.dimensions[kept]
    )


def draw_mixture(sizes: Sequence[int], passes: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Indices into the concatenated corpora: corpus *c* gone through ``passes[c]`` times, all of them shuffled together.

    >>> sorted(draw_mixture([2, 4], [2.0, 0.5], np.random.default_rng(0)).tolist())[:4]
    [0, 0, 1, 1]
    """
    drawn, offset = [], 0
    for size, times in zip(sizes, passes):
        whole, rest = divmod(round(size * times), size)
        drawn += [np.arange(size)] * whole + [rng.permutation(size)[:rest]]
        drawn[-whole - 1 :] = [indices + offset for indices in drawn[-whole - 1 :]]
        offset += size
    return rng.permutation(np.concatenate(drawn))


def cut_batches(order: np.ndarray, lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of examples of about one length, in random order.

    Args:
        order: ``(M,)`` indices in the order of drawing.
        lengths: ``(N,)`` tokens of every example.
        batch_size: examples in a batch; the last may be smaller.
        rng: shuffles the batches of a pool.
    """
    batches: list[np.ndarray] = []
    for pool in np.split(order, range(batch_size * POOL_BATCHES, len(order), batch_size * POOL_BATCHES)):
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        cut = np.split(pool, range(batch_size, len(pool), batch_size))
        batches += [cut[i] for i in rng.permutation(len(cut))]
    return batches


def pad(ids: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Token ids ``(B, T)``, padded with 0, and their mask ``(B, T)``.

    >>> pad([np.array([5, 6]), np.array([7])])[1].tolist()
    [[1, 1], [1, 0]]
    """
    padded = np.zeros((len(ids), max(map(len, ids))), dtype=np.int64)
    mask = np.zeros_like(padded)
    for row, tokens in enumerate(ids):
        padded[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return padded, mask
