"""Dialogues with features in place of sound, as a training reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convemo import registry
from convemo.acoustic.numbers import NumberReader, Numbers
from convemo.data import SPLITS, jsonl
from convemo.errors import DataError
from convemo.types import Dialogue, LabelSet

UNLABELLED = -100
"""As torch's cross-entropy has it: such a row is history and nothing else."""
PIECE = 64
"""Most utterances of a dialogue that are trained on or scored together; before them stands what they can look back at."""
SKEWED = 1.0
"""Skewness from which on a positive feature enters as its logarithm, if that at least halves it."""

Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """One part of the data: its dialogues, their numbers, and the labels."""

    dialogues: tuple[Dialogue, ...]
    numbers: tuple[Numbers, ...]
    labels: tuple[np.ndarray, ...]
    """``(N,)`` a dialogue: class indices, `UNLABELLED` where there is no label or nothing to score it by."""

    def __len__(self) -> int:
        return len(self.dialogues)

    def subset(self, chosen: Sequence[int]) -> Part:
        """Only these dialogues."""
        return Part(*(tuple(whole[i] for i in chosen) for whole in (self.dialogues, self.numbers, self.labels)))

    @property
    def known(self) -> np.ndarray:
        """``(M,)``: the labels of all labelled utterances."""
        found = np.concatenate([np.zeros(0, np.int64), *self.labels])
        return found[found != UNLABELLED]

    @property
    def owners(self) -> np.ndarray:
        """``(M,)``: the number of the dialogue of each labelled utterance."""
        return np.concatenate([np.full((labels != UNLABELLED).sum(), i) for i, labels in enumerate(self.labels)])

    def pick(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """``(M, K)``: of rows ``(N, K)`` a dialogue, those of the labelled utterances."""
        return np.concatenate([found[labels != UNLABELLED] for found, labels in zip(rows, self.labels, strict=True)])


def read_parts(data: Path, corpora: Sequence[str]) -> dict[str, tuple[Dialogue, ...]]:
    """The parts of the data, of whatever labels.

    Args:
        data: a ``.jsonl`` file or a folder of them; with `corpora`, the folder that holds a folder for each of these.
        corpora: data sets by their registered names.

    Raises:
        DataError: the data are not there or not in their layout, or have no train or dev part, or no features.
    """
    parts = {}
    for split in SPLITS:
        if corpora:
            parts[split] = tuple(d for name in corpora for d in registry.find("data", name)(data / name, split))
        else:
            parts[split] = jsonl.load(data, split, labels=None)
    hint = 'Each line names its part: "split": "train", "dev" or "test".'
    for split in ("train", "dev"):
        scored = [u for dialogue in parts[split] for u in dialogue if u.label is not None and u.features]
        if not scored:
            raise DataError(data, f"utterances with 'label' and 'features' in the {split} part", "none", hint)
    return parts


def reader_for(train: Sequence[Dialogue], timing: bool, shrinkage: float) -> NumberReader:
    """Reads the features that the training part has, those that are skewed as logarithms."""
    found: dict[str, list[float]] = {}
    for dialogue in train:
        for utterance in dialogue:
            for name, value in (utterance.features or {}).items():
                found.setdefault(name, []).append(value)
    floors = {name: min(values) for name, values in found.items() if _better_as_logarithm(np.array(values))}
    return NumberReader(tuple(found), floors, timing, shrinkage)


def prepare(dialogues: tuple[Dialogue, ...], reader: NumberReader, labels: LabelSet) -> Part:
    """Dialogues as arrays."""
    numbers = tuple(map(reader.read, dialogues))
    known = tuple(
        np.array([UNLABELLED if u.label is None or reason else labels.index(u.label) for u, reason in zip(dialogue, read.reasons)])
        for dialogue, read in zip(dialogues, numbers, strict=True)
    )
    return Part(dialogues, numbers, known)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows ``start:end`` of a dialogue, and from `begin` on what they can look back at."""

    dialogue: int
    begin: int
    start: int
    end: int


def pieces(part: Part, context: int) -> list[Piece]:
    """Every dialogue in pieces that can be computed each by itself."""
    return [
        Piece(i, max(0, start - context), start, min(start + PIECE, len(numbers)))
        for i, numbers in enumerate(part.numbers)
        for start in range(0, len(numbers), PIECE)
    ]


def batches(
    part: Part, found: Sequence[Piece], size: int, rng: np.random.Generator | None = None, missing: float = 0.0
) -> Iterator[tuple[list[Piece], Batch]]:
    """Pieces padded together; shuffled, and with further values taken away, if a generator is given.

    Args:
        missing: share of the values that are taken away, so that a value that is missing later is no surprise.
    """
    order = np.arange(len(found)) if rng is None else rng.permutation(len(found))
    for first in range(0, len(order), size):
        chosen = [found[i] for i in order[first : first + size]]
        batch = _pad(part, chosen)
        if rng is not None and missing:
            batch["missing"] = np.maximum(batch["missing"], rng.random(batch["missing"].shape) < missing).astype(np.float32)
            gone = np.concatenate([batch["missing"]] * 2, axis=-1) > 0  # no deviation of what is not known
            batch["deviations"] = np.where(gone, 0, batch["deviations"]).astype(np.float32)
        yield chosen, batch


def _pad(part: Part, chosen: Sequence[Piece]) -> Batch:
    length = max(piece.end - piece.begin for piece in chosen)
    rows = [{**part.numbers[p.dialogue].inputs(p.begin, p.end), "labels": part.labels[p.dialogue][None, p.begin : p.end]} for p in chosen]
    batch = {}
    for name, example in rows[0].items():
        filler = UNLABELLED if name == "labels" else 0
        batch[name] = np.full((len(rows), length, *example.shape[2:]), filler, dtype=example.dtype)
        for i, row in enumerate(rows):
            batch[name][i, : row[name].shape[1]] = row[name][0]
    batch["padding"] = np.array([[place >= p.end - p.begin for place in range(length)] for p in chosen])
    for i, piece in enumerate(chosen):
        batch["labels"][i, : piece.start - piece.begin] = UNLABELLED  # these are another piece's to learn from
    return batch


def _better_as_logarithm(values: np.ndarray) -> bool:
    if values.min() <= 0 or np.ptp(values) == 0:
        return False
    return _skewness(values) > SKEWED and abs(_skewness(np.log(values))) < _skewness(values) / 2


def _skewness(values: np.ndarray) -> float:
    away = values - values.mean()
    return float((away**3).mean() / (away**2).mean() ** 1.5)
