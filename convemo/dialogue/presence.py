"""Who is speaking in any stretch of time: turns as a function that can be asked ten thousand times at once."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Protocol

import numpy as np


class Timeline:
    """The union of some spans ``(start, end)`` in seconds; empty and reversed ones hold nothing.

    >>> Timeline([(0.0, 1.0), (0.5, 2.0), (3.0, 4.0)]).held(np.array([1.5]), np.array([3.5]))
    array([1.])
    """

    def __init__(self, spans: Iterable[tuple[float, float]]):
        merged: list[list[float]] = []
        for start, end in sorted(spans):
            if end <= start:
                continue
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        borders = np.array(merged, dtype=np.float64).reshape(-1, 2)
        self.starts, self.ends = borders[:, 0], borders[:, 1]
        # Seconds held up to time t is piecewise linear with knots at the borders, so any stretch is one subtraction.
        self._knots = borders.reshape(-1)
        self._held_until = np.cumsum(np.stack([np.zeros(len(borders)), self.ends - self.starts], axis=1).reshape(-1))

    def held(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Seconds of each stretch ``[start, end)`` that lie in the union; shapes ``(N,)`` → ``(N,)``."""
        if not len(self._knots):
            return np.zeros(len(starts))
        return np.interp(ends, self._knots, self._held_until) - np.interp(starts, self._knots, self._held_until)

    def holds(self, times: np.ndarray) -> np.ndarray:
        """Which of these instants lie in the union; ``(N,)`` seconds → ``(N,)`` booleans."""
        if not len(self.starts):
            return np.zeros(len(times), dtype=bool)
        last = np.searchsorted(self.starts, times, side="right") - 1  # the last span that has begun; -1 where none has
        return (last >= 0) & (times < self.ends[last])

    def within(self, start: float, end: float) -> list[tuple[float, float]]:
        """The parts of the union that lie in ``[start, end)``."""
        first, last = np.searchsorted(self.ends, start, side="right"), np.searchsorted(self.starts, end, side="left")
        return [(max(start, a), min(end, b)) for a, b in zip(self.starts[first:last].tolist(), self.ends[first:last].tolist())]

    def distance(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Seconds from each stretch to the nearest span: 0 inside one, infinite if there is none; ``(N,)`` → ``(N,)``."""
        if not len(self.starts):
            return np.full(len(starts), np.inf)
        following = np.searchsorted(self.ends, starts, side="right")  # the first span that ends after the stretch begins
        after = np.append(self.starts, np.inf)[following] - ends
        before = starts - np.insert(self.ends, 0, -np.inf)[following]
        return np.maximum(0.0, np.minimum(after, before))


class Spoken(Protocol):
    """What is read of a turn, or of a word with times."""

    start: float
    end: float
    speaker: str


class Presence:
    """The timelines of all speakers, in the order in which they first speak."""

    def __init__(self, turns: Iterable[Spoken]):
        self._spans: dict[str, list[tuple[float, float]]] = {}
        for turn in sorted(turns, key=attrgetter("start", "end", "speaker")):  # as turns are ordered, without asking Python each time
            self._spans.setdefault(turn.speaker, []).append((turn.start, turn.end))
        self.speakers = tuple(self._spans)
        self._lines = {speaker: Timeline(spans) for speaker, spans in self._spans.items()}
        self._others: dict[str, Timeline] = {}

    def held(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Seconds that each speaker holds of each stretch: ``(N,)`` → ``(N, S)``."""
        return np.stack([self._lines[speaker].held(starts, ends) for speaker in self.speakers], axis=1)

    def distance(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Seconds from each stretch to each speaker's nearest turn: ``(N,)`` → ``(N, S)``."""
        return np.stack([self._lines[speaker].distance(starts, ends) for speaker in self.speakers], axis=1)

    def own(self, speaker: str) -> Timeline:
        """When this speaker speaks."""
        return self._lines.get(speaker) or Timeline(())

    def others(self, speaker: str) -> Timeline:
        """When anybody but this speaker speaks."""
        if speaker not in self._others:
            self._others[speaker] = Timeline(span for name, spans in self._spans.items() if name != speaker for span in spans)
        return self._others[speaker]
