"""How each speaker's expression moves through a conversation: a curve, and what happens on it.

What counts is the probability of a *negative* emotion (`convemo.analyzed.NEGATIVE`: sadness, anger, fear, disgust) of every utterance that
was scored, speaker by speaker. All of it is causal: what is said of an utterance stays true whatever follows, so a stream and a file agree.

**Smoothed.** An exponential mean in which an utterance weighs half after `HALF_LIFE` further ones (Hunter 1986, J. Quality Technology 18).

**Relative to the speaker.** The smoothed value less the mean of the speaker's own earlier utterances: some always sound annoyed.

**Escalation.** The smoothed curve stands `ESCALATED` or more above its lowest point since the beginning, or since the last recovery.

**Recovery.** After an escalation, at least the share `RECOVERED` of the rise from that lowest point to the peak is gone again. Somebody
*has recovered* if that is the last of their events: they escalated, it passed, and they did not escalate again.

This is the one place that says so: pages, notebooks and the tables of a batch all ask `courses`.

**Shift.** The label differs from the speaker's utterance before (Poria et al. 2019, arXiv:1905.02947, section II-D: *emotion shift*).
Utterances without a score, or with one too unsure to act on, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from convemo.results import Moment

if TYPE_CHECKING:
    from convemo.results import Analysis

HALF_LIFE = 2.0
"""Scored utterances of one speaker after which an old one weighs half. A single outburst of 1.0 lifts the curve by 0.29, just not
enough for an escalation: that takes a sustained change."""
ESCALATED = 0.3
"""Rise of the smoothed probability of a negative emotion from which it is an escalation."""
RECOVERED = 0.5
"""Share of the rise that must be gone again for a recovery."""


class Scored(Protocol):
    """What is read of an utterance; `convemo.results.AnalyzedUtterance` has it."""

    id: str
    speaker: str
    start: float | None
    end: float | None
    label: str | None
    negative: float | None
    abstained: bool


@dataclass(frozen=True, slots=True)
class Point:
    """Where a speaker stands after one utterance."""

    index: int
    """Of the utterance in the dialogue, from 0."""
    utterance: str
    start: float | None
    negative: float
    """As scored, in ``[0, 1]``."""
    smoothed: float
    """With the utterances before, in ``[0, 1]``."""
    relative: float | None
    """`smoothed` less the mean of the speaker's earlier utterances, in ``[-1, 1]``; ``None`` for their first."""


@dataclass(frozen=True, slots=True)
class Movement:
    """An escalation, or the recovery from it."""

    kind: Literal["escalation", "recovery"]
    speaker: str
    begin: int
    """Index of the utterance from which the curve moved: its lowest point before an escalation, its peak before a recovery."""
    index: int
    """Index of the utterance that made it one."""
    utterance: str
    """The id of that utterance."""
    start: float | None
    before: float
    """The smoothed curve at `begin` …"""
    after: float
    """… and at `index`."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One speaker's label changes from one utterance to their next."""

    speaker: str
    index: int
    utterance: str
    start: float | None
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Course:
    """The way of one speaker through a conversation."""

    speaker: str
    points: tuple[Point, ...]
    movements: tuple[Movement, ...]
    shifts: tuple[Shift, ...]

    @property
    def escalated(self) -> bool:
        """Whether there was an escalation at any time."""
        return bool(self.movements)

    @property
    def recovered(self) -> bool:
        """Whether the last thing that happened was a recovery."""
        return bool(self.movements) and self.movements[-1].kind == "recovery"

    @property
    def rise(self) -> float:
        """The largest rise of the smoothed curve from any point to a later one, in ``[0, 1]``; `ESCALATED` or more is an escalation."""
        return self._extremes()[0]

    @property
    def fall(self) -> float:
        """How far the smoothed curve stands at the end below its highest point since that rise, in ``[0, 1]``."""
        return self._extremes()[1]

    def _extremes(self) -> tuple[float, float]:
        lowest, rise, peak = 1.0, -1.0, 0.0
        for point in self.points:
            now = point.smoothed
            lowest = min(lowest, now)
            rise, peak = (now - lowest, now) if now - lowest > rise else (rise, max(peak, now))
        return rise, peak - self.points[-1].smoothed


class Smoothed:
    """A causal exponential mean, value by value.

    Args:
        half_life: in values, above 0.

    Raises:
        ValueError: the half-life is not above 0.

    >>> mean = Smoothed(half_life=1.0)
    >>> [mean.update(value) for value in (0.0, 1.0, 1.0)]
    [0.0, 0.5, 0.75]
    """

    def __init__(self, half_life: float = HALF_LIFE):
        if half_life <= 0:
            raise ValueError(f"half_life must be above 0 utterances; got {half_life}")
        self._keep = 0.5 ** (1.0 / half_life)
        self.mean: float | None = None

    def update(self, value: float) -> float:
        """Takes the next value in, and gives the mean so far."""
        self.mean = value if self.mean is None else self._keep * self.mean + (1 - self._keep) * value
        return self.mean


class Tracker:
    """Follows one speaker, utterance by utterance, in bounded memory.

    Args:
        half_life: of the smoothing, in the speaker's scored utterances, above 0.

    Raises:
        ValueError: the half-life is not above 0.
    """

    def __init__(self, half_life: float = HALF_LIFE):
        self._smoothed = Smoothed(half_life)
        self._sum, self._count = 0.0, 0
        self._label: str | None = None
        self._low: tuple[float, int] = (0.0, 0)  # the lowest point since the beginning or the last recovery, and its index
        self._peak: tuple[float, int] | None = None  # only while escalated

    def update(self, utterance: Scored, index: int) -> tuple[Point | None, Movement | None, Shift | None]:
        """Takes the speaker's next utterance in.

        Args:
            utterance: of this speaker.
            index: in the dialogue.

        Returns:
            Where they stand now and what has happened with this utterance; all ``None`` where it has no score.
        """
        value = utterance.negative
        if value is None:
            return None, None, None
        baseline = self._sum / self._count if self._count else None
        self._sum, self._count = self._sum + value, self._count + 1
        first, now = self._smoothed.mean is None, self._smoothed.update(value)
        point = Point(index, utterance.id, utterance.start, value, now, None if baseline is None else now - baseline)
        if first:
            self._low = (now, index)
        return point, self._movement(utterance, index, now), self._shift(utterance, index)

    def _movement(self, u: Scored, index: int, now: float) -> Movement | None:
        low, since = self._low
        if self._peak is None:
            if now <= low:
                self._low = (now, index)
            elif now - low >= ESCALATED:
                self._peak = (now, index)
                return Movement("escalation", u.speaker, since, index, u.id, u.start, low, now)
            return None
        peak, at = self._peak
        if now > peak:
            self._peak = (now, index)
        elif peak - now >= RECOVERED * (peak - low):
            self._low, self._peak = (now, index), None
            return Movement("recovery", u.speaker, at, index, u.id, u.start, peak, now)
        return None

    def _shift(self, u: Scored, index: int) -> Shift | None:
        if u.label is None or u.abstained:
            return None
        before, self._label = self._label, u.label
        return None if before in (None, u.label) else Shift(u.speaker, index, u.id, u.start, before, u.label)


def courses(utterances: Iterable[Scored], half_life: float = HALF_LIFE) -> dict[str, Course]:
    """The course of every speaker of whom anything was scored, in the order in which they first speak.

    >>> from types import SimpleNamespace as said
    >>> calm, angry = dict(label="neutral", negative=0.1), dict(label="anger", negative=0.9)
    >>> call = [said(id=f"u{i}", speaker="ana", start=None, end=None, abstained=False, **s) for i, s in enumerate([calm, angry, angry])]
    >>> [(m.kind, m.utterance) for m in courses(call)["ana"].movements]
    [('escalation', 'u2')]
    """
    trackers: dict[str, Tracker] = {}
    found: dict[str, tuple[list[Point], list[Movement], list[Shift]]] = {}
    for index, u in enumerate(utterances):
        if u.speaker not in trackers:
            trackers[u.speaker], found[u.speaker] = Tracker(half_life), ([], [], [])
        for kept, new in zip(found[u.speaker], trackers[u.speaker].update(u, index)):
            if new is not None:
                kept.append(new)
    return {speaker: Course(speaker, *map(tuple, kept)) for speaker, kept in found.items() if kept[0]}


def moments(analysis: Analysis, speaker: str, half_life: float = HALF_LIFE) -> tuple[Moment, ...]:
    """See `Analysis.trajectory`: the same smoothed curve, with valence and arousal beside it."""
    means = {name: Smoothed(half_life) for name in ("negative", "valence", "arousal")}
    found = []
    for u in analysis:
        if u.speaker != speaker or u.probabilities is None:
            continue
        for name, mean in means.items():
            if (value := getattr(u, name)) is not None:
                mean.update(value)
        found.append(Moment(u.id, u.start, *(mean.mean for mean in means.values())))
    return tuple(found)
