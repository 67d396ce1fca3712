"""Where each period of the voice begins: the marks that jitter and shimmer are measured between."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convemo.features.frames import HOP, RATE_HZ

SHORTEST, LONGEST = 0.8, 1.25
"""The next mark is looked for within these multiples of the period that F0 gives."""
ALIKE, ALIKE_AT_EDGE = 0.3, 0.7
"""Correlation from which sound one period on counts as the next period; more is asked where it leaves the voiced stretch."""
AUDIBLE, AUDIBLE_AT_EDGE = 0.01, 0.023333
"""Least peak of such a period, as a share of the sound's peak."""


def mark_periods(samples: np.ndarray, f0_hz: np.ndarray) -> np.ndarray:
    """A mark a period, by cross-correlation: from the loudest instant in the middle of each voiced stretch to both its ends.

    The method of Praat's *To PointProcess (cc)*, whose manual describes it
    (https://www.fon.hum.uva.nl/praat/manual/Sound___Pitch__To_PointProcess__cc_.html); all stretches are followed at once.

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]`` at 16 kHz.
        f0_hz: ``(T,)``, from `convemo.features.voice.f0.track_f0`.

    Returns:
        ``(P,)`` times in seconds, increasing.

    >>> pulses = (np.arange(16_000) % 100 == 0).astype(np.float32)  # 160 Hz
    >>> marks = mark_periods(pulses, np.full(101, 160.0))
    >>> set(np.diff(marks).round(6).tolist())
    {0.00625}
    """
    samples = np.asarray(samples, dtype=np.float64)
    voiced = np.concatenate([[False], f0_hz > 0, [False]])
    first, last = np.flatnonzero(voiced[1:] & ~voiced[:-1]), np.flatnonzero(voiced[:-1] & ~voiced[1:]) - 1
    if not len(first):
        return np.zeros(0)
    seeds = np.array([_loudest_instant(samples, f0_hz, a, b) for a, b in zip(first, last)])
    walk = _Walk(samples, f0_hz)
    marks = np.sort(np.concatenate([seeds, *walk.both_ways(seeds, (first - 0.5) * HOP, (last + 0.5) * HOP)]))
    # Two stretches can meet at one period: a mark that follows closer than a period can be is the same again.
    return marks[np.diff(marks, prepend=-np.inf) > SHORTEST * RATE_HZ / f0_hz.max()] / RATE_HZ


def _loudest_instant(samples: np.ndarray, f0_hz: np.ndarray, first: int, last: int) -> float:
    """The largest sample, up or down, within half a period of the middle of a voiced stretch (frames `first` to `last`)."""
    middle = (first + last) / 2
    half = 0.5 * RATE_HZ / f0_hz[int(middle)]
    start = max(0, round(middle * HOP - half))
    return float(start + np.abs(samples[start : round(middle * HOP + half) + 1]).argmax())


class _Walk:
    """From mark to mark, in every voiced stretch at the same time. Positions are in samples.

    The way back is the way forward in the reversed sound, which is kept behind the sound: position `p` of the one is `mirror - p`
    of the other.
    """

    def __init__(self, samples: np.ndarray, f0_hz: np.ndarray):
        voiced = f0_hz > 0
        nearest = np.interp(np.arange(len(f0_hz)), np.flatnonzero(voiced), f0_hz[voiced])  # beyond a stretch its last value goes on
        self._period = RATE_HZ / nearest  # (T,)
        self._count = len(samples)
        self._mirror = 2.0 * len(samples) - 1
        self._sound = np.concatenate([samples, samples[::-1]])
        self._energy = np.concatenate([[0.0], np.cumsum(self._sound**2)])
        self._loudest = np.abs(samples).max()

    def both_ways(self, seeds: np.ndarray, begin: np.ndarray, end: np.ndarray) -> list[np.ndarray]:
        """The marks on both sides of each seed, as far as its stretch goes; one array a step."""
        at, border = np.concatenate([seeds, self._mirror - seeds]), np.concatenate([end, self._mirror - begin])
        added, back, found = at, np.arange(len(at)) >= len(seeds), []
        while len(at):
            period = self._period_at(np.where(back, self._mirror - at, at))
            left = np.where(back, 2 * self._count, self._count) - at - (LONGEST + 0.5) * period  # samples left ahead
            inside = (left > 2) & (at - np.where(back, self._count, 0) > period / 2 + 2)
            at, added, border, back, period = (values[inside] for values in (at, added, border, back, period))
            if not len(at):
                break
            at, alike, peak = self._step(at, period)
            beyond = at > border
            good = alike > np.where(beyond, ALIKE_AT_EDGE, ALIKE)
            good &= peak > np.where(beyond, AUDIBLE_AT_EDGE, AUDIBLE) * self._loudest
            good &= at - added > SHORTEST * period
            found.append(np.where(back, self._mirror - at, at)[good])
            added = np.where(good, at, added)
            going = ~beyond & (alike > -1)
            at, added, border, back = (values[going] for values in (at, added, border, back))
        return found

    def _period_at(self, position: np.ndarray) -> np.ndarray:
        return np.interp(position / HOP, np.arange(len(self._period)), self._period)

    def _step(self, at: np.ndarray, period: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the sound around each mark comes again, how alike it is there (−1: nowhere), and its peak; each ``(M,)``."""
        start = np.rint(at - period / 2).astype(np.int64)
        length = np.rint(at + period / 2).astype(np.int64) - start + 1
        nearest, farthest = np.floor(SHORTEST * period).astype(np.int64) - 1, np.ceil(LONGEST * period).astype(np.int64) + 1
        lags = np.arange(nearest.min(), farthest.max() + 1)  # (L,)
        width = int(length.max())
        sound = self._sound[np.minimum(start[:, None] + np.arange(lags[-1] + width), len(self._sound) - 1)]  # (M, last lag + W)
        window = sound[:, :width] * (np.arange(width) < length[:, None])  # (M, W)
        moved = sliding_window_view(sound[:, lags[0] :], width, axis=1)  # (M, L, W)
        product = np.einsum("mw,mlw->ml", window, moved)
        begin = np.minimum(start[:, None] + lags, len(self._sound) - length[:, None])
        energy = self._energy[begin + length[:, None]] - self._energy[begin]  # (M, L)
        own = self._energy[start + length] - self._energy[start]
        alike = product / np.sqrt(np.maximum(own[:, None] * energy, 1e-30))
        alike[(lags < nearest[:, None]) | (lags > farthest[:, None])] = -1.0
        inner = alike[:, 1:-1]
        summit = (inner >= alike[:, :-2]) & (inner >= alike[:, 2:]) & (alike[:, :-2] > -1) & (alike[:, 2:] > -1)
        best = 1 + np.where(summit, inner, -1.0).argmax(axis=1)
        rows = np.arange(len(at))
        left, middle, right = (alike[rows, best + step] for step in (-1, 0, 1))
        some = summit[rows, best - 1]
        bend = np.where(some, 2 * middle - left - right, 0.0)
        shift = np.divide(0.5 * (right - left), bend, out=np.zeros_like(bend), where=bend > 1e-12)
        peak = np.abs(moved[rows, best] * (np.arange(width) < length[:, None])).max(axis=1)
        return at + np.where(some, lags[best] + shift, period), np.where(some, middle, -1.0), peak
