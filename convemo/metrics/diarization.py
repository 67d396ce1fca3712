"""Who speaks when: how much of the speech was missed, invented, or given to the wrong speaker."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from convemo.types import Turn


@dataclass(frozen=True, slots=True)
class DiarizationErrors:
    """Errors of one recording, or of several added up, in seconds of speaker time: overlapped speech counts once a speaker.

    >>> DiarizationErrors(10.0, missed_s=1.0) + DiarizationErrors(30.0, confusion_s=3.0)
    DiarizationErrors(reference_s=40.0, missed_s=1.0, false_alarm_s=0.0, confusion_s=3.0)
    """

    reference_s: float = 0.0
    missed_s: float = 0.0
    """Reference speech where fewer speakers were found than speak."""
    false_alarm_s: float = 0.0
    """Speech found where fewer speak, or nobody."""
    confusion_s: float = 0.0
    """Speech found, but given to another speaker."""

    @property
    def rate(self) -> float:
        """The diarization error rate: all errors over the reference speech, 0 or more (it may pass 1)."""
        errors_s = self.missed_s + self.false_alarm_s + self.confusion_s
        if self.reference_s == 0:
            return float("inf") if errors_s else 0.0
        return errors_s / self.reference_s

    def __add__(self, other: DiarizationErrors) -> DiarizationErrors:
        return DiarizationErrors(
            self.reference_s + other.reference_s,
            self.missed_s + other.missed_s,
            self.false_alarm_s + other.false_alarm_s,
            self.confusion_s + other.confusion_s,
        )


def diarization_error_rate(
    found: Iterable[Turn], reference: Iterable[Turn], duration_s: float | None = None, collar_s: float = 0.25
) -> float:
    r"""The share of speaker time that is missed, false alarm or confused, under the best one-to-one naming of the speakers.

    .. math:: \mathrm{DER} = \frac{\text{missed} + \text{false alarm} + \text{confusion}}{\text{reference speech}}

    NIST's measure (The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, section 6), overlapped speech
    scored. Arguments and errors raised are those of `diarization_errors`, whose results of several recordings can be added.

    Returns:
        0 is perfect; it may pass 1; infinity if there is no reference speech to be wrong about.

    >>> ana, ben = Turn(0, 6, "ana"), Turn(6, 10, "ben")
    >>> diarization_error_rate([Turn(0, 10, "speaker 1")], [ana, ben], collar_s=0.0)
    0.4
    """
    return diarization_errors(found, reference, duration_s, collar_s).rate


def diarization_errors(
    found: Iterable[Turn], reference: Iterable[Turn], duration_s: float | None = None, collar_s: float = 0.25
) -> DiarizationErrors:
    """Missed speech, false alarm and confusion, in seconds.

    Args:
        found: turns as a diarizer gives them; the names need not be the reference's.
        reference: turns as they are.
        duration_s: length of the recording; turns are cut to it. ``None``: up to the last turn of either.
        collar_s: seconds before *and* after every border of a reference turn that are not scored: people do not set borders more exactly
            than a quarter of a second. (pyannote.metrics names the whole width: its ``collar=0.5`` is 0.25 here.)

    Raises:
        ValueError: the collar is negative, or a turn ends before it begins.

    >>> ana, ben = Turn(0, 6, "ana"), Turn(6, 10, "ben")
    >>> diarization_errors([Turn(0, 7, "x"), Turn(7, 9, "y")], [ana, ben], collar_s=0.0)
    DiarizationErrors(reference_s=10.0, missed_s=1.0, false_alarm_s=0.0, confusion_s=1.0)
    """
    found, reference = list(found), list(reference)
    if collar_s < 0:
        raise ValueError(f"expected a collar of 0 s or more, found {collar_s}")
    for turn in (*found, *reference):
        if not turn.start <= turn.end:
            raise ValueError(f"expected a turn that begins before it ends, found {turn}")
    if duration_s is None:
        duration_s = max((turn.end for turn in (*found, *reference)), default=0.0)
    collars = [Turn(t - collar_s, t + collar_s, "") for turn in reference for t in (turn.start, turn.end)]

    # Between two neighbouring times nothing changes, so those cells are counted, not frames: the result is exact.
    ends = [t for turn in (*found, *reference, *collars) for t in (turn.start, turn.end)]
    times = np.unique(np.clip([0.0, duration_s, *ends], 0.0, duration_s))  # (T + 1,)
    length_s = np.diff(times) * ~_active(collars, times).any(axis=0)  # (T,)
    heard, said = _active(found, times), _active(reference, times)  # (F, T), (R, T)
    heard_count, said_count = heard.sum(axis=0), said.sum(axis=0)
    correct_s = _most_in_common(said * length_s @ heard.T)
    return DiarizationErrors(
        reference_s=float(length_s @ said_count),
        missed_s=float(length_s @ np.maximum(said_count - heard_count, 0)),
        false_alarm_s=float(length_s @ np.maximum(heard_count - said_count, 0)),
        confusion_s=max(0.0, float(length_s @ np.minimum(said_count, heard_count)) - correct_s),
    )


def _active(turns: list[Turn], times: np.ndarray) -> np.ndarray:
    """``(S, T)`` booleans: which speaker speaks between which two of the ``(T + 1,)`` times."""
    rows = {name: i for i, name in enumerate(dict.fromkeys(turn.speaker for turn in turns))}
    active = np.zeros((len(rows), len(times) - 1), bool)
    for turn in turns:
        first, last = np.searchsorted(times, np.clip([turn.start, turn.end], times[0], times[-1]))
        active[rows[turn.speaker], first:last] = True
    return active


def _most_in_common(shared_s: np.ndarray) -> float:
    """The largest sum of `shared_s` ``(R, F)`` that a one-to-one naming of rows by columns can reach.

    The Hungarian method (Kuhn 1955) by shortest augmenting paths (Jonker and Volgenant 1987): row after row is named, and
    those before it renamed where that pays. Cubic in the number of speakers.
    """
    cost = -(shared_s if shared_s.shape[0] <= shared_s.shape[1] else shared_s.T)
    rows, columns = cost.shape
    start = columns  # a column beyond the real ones, where each path begins
    row_of = np.full(columns + 1, -1)
    row_price, column_price = np.zeros(rows), np.zeros(columns + 1)
    for row in range(rows):
        row_of[start], column = row, start
        distance, came_from, visited = np.full(columns, np.inf), np.full(columns, start), np.zeros(columns + 1, bool)
        while row_of[column] >= 0:
            visited[column] = True
            here, free = row_of[column], ~visited[:-1]
            reduced = cost[here] - row_price[here] - column_price[:-1]
            nearer = free & (reduced < distance)
            distance[nearer], came_from[nearer] = reduced[nearer], column
            column = int(np.where(free, distance, np.inf).argmin())
            step = distance[column]
            row_price[row_of[visited]] += step
            column_price[visited] -= step
            distance[free] -= step
        while column != start:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    named = np.flatnonzero(row_of[:-1] >= 0)
    return float(-cost[row_of[named], named].sum())
