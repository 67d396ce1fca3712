"""The fundamental frequency, as people measure it: by autocorrelation and the cheapest path through the candidates.

P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound",
Proceedings of the Institute of Phonetic Sciences 17 (1993), https://www.fon.hum.uva.nl/paul/papers/Proceedings_1993.pdf.
It is the method of Praat's *To Pitch*, with the same settings. The acoustic channel hears `convemo.features.pitch` instead, which its
weights were trained with; this one chooses octaves by the whole stretch and not frame by frame, so that period marks can rest on it: the
mean F0 of a clip lies 0.35 Hz from Praat's, that of the other 3.6 Hz (medians; ``benchmarks/acoustic_description.py agreement``).
"""

from __future__ import annotations

import numpy as np

from convemo.features.frames import HOP, RATE_HZ, frame
from convemo.features.voice.peaks import DEPTH, interpolate, summits

LOWEST_HZ, HIGHEST_HZ = 75.0, 600.0
SILENCE, VOICING, OCTAVE, LEAP, SWITCH = 0.03, 0.45, 0.01, 0.35, 0.14
"""Praat's defaults: silence and voicing threshold; cost of an octave down, of a leap by one, and of voice setting in or out."""
_WINDOW = 3 * round(RATE_HZ / LOWEST_HZ) // 2 * 2
"""Three of the longest periods, 40 ms."""
_FFT = 1024
_LONGEST = int(RATE_HZ / LOWEST_HZ) + 1
_CANDIDATES = 10


def track_f0(samples: np.ndarray, fundamental_lost: bool = False) -> np.ndarray:
    """F0 of every frame (10 ms); frames whose window reaches over an edge of the sound count as unvoiced.

    Agrees with Praat's *To Pitch (ac)* on real clips: means and medians of a clip within 1 Hz (median absolute difference).

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]`` at 16 kHz.
        fundamental_lost: whether a telephone has cut it off. Then the correlation is the mean of the sound's and of the rectified sound's,
            in which the beats of the harmonics give the fundamental back: that takes a third off the error of the mean.

    Returns:
        ``(T,)`` Hz between 75 and 600, 0 where unvoiced; ``T = 1 + n // 160``.

    >>> t = np.arange(16_000) / 16_000
    >>> voice = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in (1, 2, 3, 4)).astype(np.float32)
    >>> round(float(track_f0(voice)[50]), 2)
    120.0
    """
    f0 = np.zeros(1 + len(samples) // HOP)
    whole = slice(-(-_WINDOW // 2 // HOP), max(0, (len(samples) - _WINDOW // 2) // HOP + 1))  # frames inside the sound
    frames = frame(samples, _WINDOW)[whole]
    if not len(frames):
        return f0
    frames = frames - frames.mean(axis=1, keepdims=True)
    middle = slice(_WINDOW // 3, _WINDOW - _WINDOW // 3)
    peak = np.abs(frames[:, middle]).max(axis=1)
    loudest = float(np.abs(samples - samples.mean()).max())
    intensity = peak / loudest if loudest > 0 else peak
    correlation = _autocorrelation(frames)
    if fundamental_lost:
        rectified = np.abs(frame(samples, _WINDOW)[whole])
        correlation = (correlation + _autocorrelation(rectified - rectified.mean(axis=1, keepdims=True))) / 2
    chosen = _best_path(*_candidates(correlation), intensity)
    voiced = np.flatnonzero(chosen)
    if len(voiced):
        chosen[voiced] = RATE_HZ / summits(correlation[voiced], RATE_HZ / chosen[voiced])[0]
    f0[whole] = chosen
    return f0


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """``(T, _LONGEST + DEPTH + 2)``: that of the sound, which is that of the windowed sound over that of the window."""
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * window, _FFT)
    lags = _LONGEST + DEPTH + 2
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, _FFT)[:, :lags]
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, _FFT)) ** 2, _FFT)[:lags]
    scale = np.maximum(correlation[:, :1], 1e-12) / of_window[0]
    return (correlation / (of_window * scale)).astype(np.float64)


def _candidates(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F0 (Hz; 0 is the candidate "no voice") and strength of the best candidates, each ``(T, _CANDIDATES + 1)``."""
    count = len(correlation)
    f0, strength = np.zeros((2, count, _CANDIDATES + 1))
    inner = correlation[:, 1 : _LONGEST + 1]
    peaks = (inner > correlation[:, :_LONGEST]) & (inner >= correlation[:, 2 : _LONGEST + 2]) & (inner > 0.5 * VOICING)
    peaks[:, : int(RATE_HZ / HIGHEST_HZ) - 1] = False
    row, lag = np.nonzero(peaks)
    if not len(row):
        return f0, strength
    left, middle, right = (correlation[row, lag + 1 + step] for step in (-1, 0, 1))
    curvature = np.minimum(left - 2 * middle + right, -1e-12)
    at = lag + 1 + 0.5 * (left - right) / curvature
    height = interpolate(correlation[row], at[:, None])[:, 0]
    height = np.where(height > 1, 1 / height, height)  # a short window can lift a peak over 1
    hz = RATE_HZ / at
    # Best first within each frame: the rank of a peak is its place in the frame's order.
    order = np.lexsort((-(height - OCTAVE * np.log2(LOWEST_HZ / hz)), row))
    row, height, hz = row[order], height[order], hz[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row) + 1
    kept = rank <= _CANDIDATES
    f0[row[kept], rank[kept]], strength[row[kept], rank[kept]] = hz[kept], height[kept]
    return f0, strength


def _best_path(f0: np.ndarray, strength: np.ndarray, intensity: np.ndarray) -> np.ndarray:
    """The candidates that together are strongest, less the costs of leaps and of voice setting in or out (Viterbi), ``(T,)`` Hz."""
    voiced = f0 > 0
    height = np.log2(np.where(voiced, f0, HIGHEST_HZ))
    worth = np.where(voiced, strength - OCTAVE * (np.log2(HIGHEST_HZ) - height), -np.inf)
    worth[:, 0] = VOICING + np.maximum(0.0, 2.0 - intensity * (1 + VOICING) / SILENCE)
    before, after = slice(None, -1), slice(1, None)
    both = voiced[before, :, None] & voiced[after, None, :]
    one = voiced[before, :, None] != voiced[after, None, :]
    cost = np.where(both, LEAP * np.abs(height[before, :, None] - height[after, None, :]), np.where(one, SWITCH, 0.0))  # (T - 1, C, C)
    best, columns = worth[0], np.arange(f0.shape[1])
    came_from = np.zeros(f0.shape, dtype=np.int64)
    for t in range(1, len(f0)):
        reached = best[:, None] - cost[t - 1]
        came_from[t] = reached.argmax(axis=0)
        best = reached[came_from[t], columns] + worth[t]
    path = np.zeros(len(f0), dtype=np.int64)
    path[-1] = best.argmax()
    for t in range(len(f0) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return f0[np.arange(len(f0)), path]
