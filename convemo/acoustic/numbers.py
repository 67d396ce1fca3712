"""Named numbers in place of sound: what a data set says of each utterance's voice, as a network reads it.

    features {"f0_mean_hz": 181.2, …} ─┐   raw, in plain units; a mark where one is missing
    start, end (if `timing`)          ─┴─► deviations from the same speaker's earlier utterances, and from everybody's, shrunk

Any names, any subset of them: what an utterance lacks is marked as missing and never guessed here. Deviations are causal and shrunk by how
often the number was heard before, as in `speaker_state`, but counted number by number, since any may be missing at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from convemo.acoustic.speaker_state import SHRINKAGE
from convemo.types import Dialogue, Utterance

TIMES = ("gap_s", "length_s")
"""Seconds since whoever spoke before ended (negative where they overlap), and from the utterance's start to its end."""
GAP_S = (-3.0, 10.0)
LENGTH_S = (0.05, 30.0)
"""Times beyond these tell of a cut or a mistake in a transcript, not of a voice: they are held at the limit."""
NO_FEATURES = "no features"
NONE_KNOWN = "none of the features that this model knows"


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A dialogue as arrays, for ``N`` utterances and ``F`` columns."""

    values: np.ndarray
    """``(N, F)`` float32, logarithms where the column is one; 0 where missing."""
    missing: np.ndarray
    """``(N, F)`` float32: 1 where the utterance lacks it."""
    deviations: np.ndarray
    """``(N, 2F)`` float32: from the speaker's own earlier ones, then from everybody's, shrunk; 0 where there is nothing to compare."""
    heard: np.ndarray
    """``(N, 2)`` float32 in ``[0, 1)``: by what the deviations were shrunk, where most was heard."""
    speakers: np.ndarray
    """``(N,)`` int64, counted in the order in which they begin."""
    reasons: tuple[str | None, ...]
    """Why an utterance cannot be scored; it still counts as one that somebody spoke."""

    def __len__(self) -> int:
        return len(self.speakers)

    def inputs(self, begin: int = 0, end: int | None = None) -> dict[str, np.ndarray]:
        """Rows ``begin:end`` by the names that the network gives them, as a batch of one."""
        names = ("values", "missing", "deviations", "heard", "speakers")
        return {name: getattr(self, name)[None, begin:end] for name in names}


@dataclass(frozen=True)
class NumberReader:
    """Reads dialogues as arrays, the same way in training and after it.

    Args:
        names: the features, in the order of the columns. Others that an utterance has are not read.
        floors: of those that enter as logarithms, the least value that counts as it is.
        timing: whether the times of the utterances are columns too, see `TIMES`.
        shrinkage: ``k`` of the deviations.

    >>> from convemo.types import Speaker, Utterance
    >>> said = (Utterance("u1", "ana", features={"f0_mean_hz": 200.0}), Utterance("u2", "ana", features={"f0_mean_hz": 240.0}))
    >>> numbers = NumberReader(("f0_mean_hz",), timing=False, shrinkage=1.0).read(Dialogue("d", said, (Speaker("ana"),)))
    >>> numbers.values[:, 0].tolist(), numbers.deviations[:, 0].tolist()
    ([200.0, 240.0], [0.0, 20.0])
    """

    names: tuple[str, ...]
    floors: Mapping[str, float] = field(default_factory=dict)
    timing: bool = True
    shrinkage: float = SHRINKAGE

    @property
    def columns(self) -> tuple[str, ...]:
        """What each of the ``F`` columns holds."""
        return self.names + TIMES * self.timing

    def read(self, dialogue: Dialogue) -> Numbers:
        """The whole dialogue. Row *i* is made of the utterances up to *i* alone."""
        raw = self._raw(dialogue)  # (N, F), NaN where missing
        own: dict[str, _Running] = {}
        order: dict[str, int] = {}
        everybody = _Running(len(self.columns), self.shrinkage)
        deviations, heard = np.zeros((len(raw), 2 * len(self.columns)), np.float32), np.zeros((len(raw), 2), np.float32)
        speakers = np.zeros(len(raw), np.int64)
        for i, utterance in enumerate(dialogue):
            state = own.setdefault(utterance.speaker, _Running(len(self.columns), self.shrinkage))
            speakers[i] = order.setdefault(utterance.speaker, len(order))
            found = [running.deviation(raw[i]) for running in (state, everybody)]
            deviations[i] = np.concatenate([deviation for deviation, _ in found])
            heard[i] = [share for _, share in found]
            state.update(raw[i])
            everybody.update(raw[i])
        missing = np.isnan(raw)
        reasons = tuple(map(self._why_not, dialogue))
        return Numbers(np.where(missing, 0, raw).astype(np.float32), missing.astype(np.float32), deviations, heard, speakers, reasons)

    def _raw(self, dialogue: Dialogue) -> np.ndarray:
        rows = np.full((len(dialogue), len(self.columns)), np.nan)
        before = None
        for i, utterance in enumerate(dialogue):
            for column, name in enumerate(self.names):
                if (value := (utterance.features or {}).get(name)) is not None:
                    rows[i, column] = np.log(max(value, self.floors[name])) if name in self.floors else value
            if self.timing:
                rows[i, len(self.names) :] = _times(utterance, before)
            before = utterance
        return rows

    def _why_not(self, utterance: Utterance) -> str | None:
        if not utterance.features:
            return NO_FEATURES
        return None if any(name in utterance.features for name in self.names) else NONE_KNOWN


class _Running:
    """The running mean of each column over the utterances that have it."""

    def __init__(self, columns: int, shrinkage: float):
        self.sums, self.counts, self.shrinkage = np.zeros(columns), np.zeros(columns), shrinkage

    def deviation(self, row: np.ndarray) -> tuple[np.ndarray, float]:
        """``(F,)``, and the largest factor by which one was shrunk."""
        heard = self.counts / (self.counts + self.shrinkage)
        deviation = (row - self.sums / np.maximum(self.counts, 1)) * heard
        return np.nan_to_num(deviation), float(heard.max())

    def update(self, row: np.ndarray) -> None:
        here = ~np.isnan(row)
        self.sums[here] += row[here]
        self.counts[here] += 1


def _times(utterance: Utterance, before: Utterance | None) -> tuple[float, float]:
    """`TIMES`; the length as a logarithm; NaN where the utterances have no times."""
    gap = length = np.nan
    if before is not None and utterance.start is not None and before.end is not None:
        gap = float(np.clip(utterance.start - before.end, *GAP_S))
    if utterance.duration_s is not None:
        length = float(np.log(np.clip(utterance.duration_s, *LENGTH_S)))
    return gap, length
