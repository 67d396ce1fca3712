"""In which order the text model meets its examples, and what it is given of them: readings drawn, words and turns dropped, padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convemo.text.reading import TokenReader
from convemo.training.text_config import TextConfig
from convemo.training.text_data import Examples

POOL_EXAMPLES = 3200
"""Batches are cut from pools of this many, each sorted by length: little padding, and still well mixed."""
LONGEST_DIALOGUE = 48
"""Utterances of a dialogue that are trained together; longer ones are cut."""
LENGTH_GROUPS = 3
"""Into so many groups of like length the utterances of a batch of dialogues are encoded."""


@dataclass(frozen=True, slots=True)
class Group:
    """Utterances that are encoded together."""

    rows: np.ndarray
    """``(B,)``: which rows of the batch they are."""
    ids: np.ndarray
    """``(B, T)``, padded with 0."""
    mask: np.ndarray
    """``(B, T)``: 1 on tokens."""
    target: np.ndarray | None = None
    """``(B, T)``: 1 on the tokens of the utterance that is judged; ``None`` if that is all of them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """``M`` utterances, and what to learn from each."""

    groups: tuple[Group, ...]
    rows: np.ndarray
    """``(M,)`` indices into the examples."""
    place: np.ndarray | None = None
    """``(M, 2)``: which dialogue of the batch, and which utterance of it; ``None`` where utterances are judged one by one."""


def units_of(examples: Examples, together: bool) -> list[np.ndarray]:
    """What is drawn as one: each utterance with something to learn from or, `together`, each dialogue (long ones cut)."""
    if not together:
        return [np.array([i]) for i in np.flatnonzero(examples.taught)]
    taught, dialogues = examples.taught, np.split(np.arange(len(examples)), np.flatnonzero(np.diff(examples.dialogue)) + 1)
    cut = [piece for rows in dialogues for piece in np.split(rows, range(LONGEST_DIALOGUE, len(rows), LONGEST_DIALOGUE))]
    return [rows for rows in cut if taught[rows].any()]


def rarity(targets: np.ndarray, units: Sequence[np.ndarray], power: float) -> np.ndarray:
    """``(U,)`` how often each unit is drawn, 1 on average: by the mean over its examples of their label's share to the minus `power`."""
    if power == 0.0 or not targets.any():
        return np.ones(len(units))
    share = np.maximum(targets.sum(0) / targets.sum(), 1e-4)
    of_row = np.where(targets.any(1), targets @ share**-power, np.nan)
    weights = np.array([np.nanmean(of_row[rows]) if np.isfinite(of_row[rows]).any() else np.nan for rows in units])
    weights = np.where(np.isnan(weights), np.nanmean(weights), weights)
    return weights / weights.mean()


def draw_mixture(sizes: Sequence[int], passes: Sequence[float], rng: np.random.Generator, weights: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Indices into the concatenated corpora: corpus *c* gone through ``passes[c]`` times, all of them shuffled together.

    Args:
        sizes: units of each corpus.
        passes: how often each is gone through.
        rng: draws the fractions of a pass.
        weights: ``(sizes[c],)`` each, 1 on average: how much more often a unit is drawn than others of its corpus.

    >>> sorted(draw_mixture([2, 4], [2.0, 0.5], np.random.default_rng(0)).tolist())[:4]
    [0, 0, 1, 1]
    """
    drawn, offset = [], 0
    for c, (size, times) in enumerate(zip(sizes, passes)):
        wanted = times * (weights[c] if len(weights) else np.ones(size))
        order = rng.permutation(size)
        # Systematic sampling: as often as wanted, rounded up for some and down for others, and right in sum.
        crossed = np.floor(np.cumsum(wanted[order]) + 1e-9)
        drawn.append(np.repeat(order, np.diff(crossed, prepend=0.0).astype(int)) + offset)
        offset += size
    return rng.permutation(np.concatenate(drawn))


def cut_batches(order: np.ndarray, lengths: np.ndarray, sizes: np.ndarray, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of units of about one length, in random order.

    Args:
        order: ``(M,)`` units in the order of drawing.
        lengths: ``(U,)`` tokens of every unit's longest utterance.
        sizes: ``(U,)`` utterances of every unit.
        batch_size: utterances at which a batch is full.
        rng: shuffles the batches of a pool.
    """
    batches: list[np.ndarray] = []
    pool_of = np.cumsum(sizes[order]) // POOL_EXAMPLES
    for pool in np.split(order, np.flatnonzero(np.diff(pool_of)) + 1):
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        filled = (np.cumsum(sizes[pool]) - sizes[pool]) // batch_size  # a unit belongs to the batch in which it begins
        cut = np.split(pool, np.flatnonzero(np.diff(filled)) + 1)
        batches += [cut[i] for i in rng.permutation(len(cut))]
    return batches


class Collator:
    """Makes batches: chooses a reading of every text, drops words and turns, puts the speakers' marks, pads.

    Args:
        examples: all utterances.
        reader: puts tokens in order.
        settings: shares of what is drawn.
        mask_id: the token that stands for a dropped word.
    """

    def __init__(self, examples: Examples, reader: TokenReader, settings: TextConfig, mask_id: int):
        self.examples, self.reader, self.settings, self.mask_id = examples, reader, settings, mask_id
        self._starts = examples.starts

    def training(self, units: Sequence[np.ndarray], rng: np.random.Generator) -> Batch:
        """A batch to learn from; each unit, with all that was said before it, is read either as written or raw."""
        raw = np.repeat(rng.random(len(units)) < self.settings.raw_share, [len(rows) for rows in units])
        return self._batch(units, raw, rng)

    def evaluation(self, units: Sequence[np.ndarray], raw: bool) -> Batch:
        """A batch with nothing drawn."""
        return self._batch(units, np.full(sum(map(len, units)), raw), None)

    def _batch(self, units: Sequence[np.ndarray], raw: np.ndarray, rng: np.random.Generator | None) -> Batch:
        rows = np.concatenate(units)
        if self.reader.reading.context == "cross-encoder":
            pairs = [self._in_context(row, is_raw, rng) for row, is_raw in zip(rows, raw)]
            return Batch(_groups(*zip(*pairs)), rows)
        sequences = [self.reader.alone(self._tokens(row, is_raw, rng), self.examples.names[row])[0] for row, is_raw in zip(rows, raw)]
        if self.reader.reading.context == "none":
            return Batch(_groups(sequences, None, 1), rows)
        place = np.array([(d, i) for d, unit in enumerate(units) for i in range(len(unit))])
        return Batch(_groups(sequences, None), rows, place)

    def _tokens(self, row: int, raw: bool, rng: np.random.Generator | None) -> np.ndarray:
        tokens = (self.examples.raw_ids if raw else self.examples.ids)[row]
        if rng is not None and self.settings.word_dropout > 0:
            tokens = np.where(rng.random(len(tokens)) < self.settings.word_dropout, self.mask_id, tokens)
        return tokens

    def _in_context(self, row: int, raw: bool, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
        first = max(self._starts[row], row - self.reader.reading.turns)
        earlier = list(range(first, row))
        if rng is not None and self.settings.history_dropout > 0:
            earlier = [i for i in earlier if rng.random() >= self.settings.history_dropout]
        speaker, names = self.examples.speaker, self.examples.names
        before = [(self._tokens(i, raw, rng), names[i], bool(speaker[i] == speaker[row])) for i in earlier]
        return self.reader.in_context(self._tokens(row, raw, rng), names[row], before)[0]


def _groups(sequences: Sequence[np.ndarray], targets: Sequence[np.ndarray] | None, groups: int = LENGTH_GROUPS) -> tuple[Group, ...]:
    """Sequences of like length together."""
    order = np.argsort([len(ids) for ids in sequences], kind="stable")
    made = []
    for rows in np.array_split(order, groups):
        if len(rows):
            ids, mask = pad([sequences[i] for i in rows])
            made.append(Group(rows, ids, mask, None if targets is None else pad([targets[i] for i in rows])[0]))
    return tuple(made)


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
