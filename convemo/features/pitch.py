"""The fundamental frequency of the voice, by YIN, all frames at once.

Method: A. de Cheveigné and H. Kawahara, "YIN, a fundamental frequency estimator for speech and music",
JASA 111 (2002), https://doi.org/10.1121/1.1458024; the sums over lags are done by FFT.
The period shows in the harmonics even where a telephone (300–3400 Hz) has cut the fundamental off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convemo.features.frames import HOP, frame

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
VOICED = 0.6
"""Periodicity from which a frame counts as voiced."""
DIP = 0.15
"""How far above the deepest dip a shorter lag may lie and still win: guards against octave errors downwards."""
_RATE_HZ = 8_000
"""F0 is looked for at half the rate: a quarter of the work, and parabolas give back the precision."""
_SHORTEST, _LONGEST = int(_RATE_HZ / HIGHEST_HZ), int(np.ceil(_RATE_HZ / LOWEST_HZ))
_WINDOW = 240
"""Samples compared at each lag: 30 ms, two periods of a deep voice."""
_FFT = 384
# Half-band low-pass, 3.4 kHz, Hamming-windowed sinc.
_TAPS = np.sinc(2 * 3400 / 16_000 * np.arange(-10, 11)) * np.hamming(21)
_LOW_PASS = (_TAPS / _TAPS.sum()).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Pitch:
    """F0 of every frame (10 ms)."""

    f0_hz: np.ndarray
    """``(T,)`` float32; 0 where the frame is unvoiced."""
    periodicity: np.ndarray
    """``(T,)`` float32 in ``[0, 1]``: 1 is perfectly periodic. A voicing probability, uncalibrated."""

    @property
    def voiced(self) -> np.ndarray:
        """``(T,)`` booleans."""
        return self.f0_hz > 0


def track_pitch(samples: np.ndarray) -> Pitch:
    """F0 between 60 and 500 Hz, and how periodic each frame is.

    Args:
        samples: ``(n,)`` float32 at 16 kHz.

    Returns:
        ``T = 1 + n // 160`` frames.

    >>> t = np.arange(16_000) / 16_000
    >>> voice = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in (1, 2, 3, 4)).astype(np.float32)
    >>> round(float(np.median(track_pitch(voice).f0_hz)))
    120
    """
    normalised = _normalised_difference(samples)
    lag = _best_lag(normalised)
    depth = normalised[np.arange(len(lag)), lag]
    periodicity = np.clip(1.0 - depth, 0.0, 1.0).astype(np.float32)
    f0 = _RATE_HZ / _refine(normalised, lag)
    f0 = np.where(periodicity >= VOICED, np.clip(f0, LOWEST_HZ, HIGHEST_HZ), 0.0)
    return Pitch(_without_strays(f0).astype(np.float32), periodicity)


def _normalised_difference(samples: np.ndarray) -> np.ndarray:
    """YIN's cumulative-mean-normalised difference, ``(T, lags)``: 0 where a lag is a period, about 1 where it is not."""
    half = np.convolve(samples, _LOW_PASS, mode="same")[::2] if len(samples) else samples
    frames = frame(half, _WINDOW + _LONGEST + 1, HOP // 2)[: 1 + len(samples) // HOP]  # (T, window + lags)
    frames = frames - frames.mean(axis=1, keepdims=True)
    correlation = np.fft.irfft(np.conj(np.fft.rfft(frames[:, :_WINDOW], _FFT)) * np.fft.rfft(frames, _FFT), _FFT)
    correlation = correlation[:, : _LONGEST + 1]  # (T, lags), lag 0 first
    squares = np.cumsum(np.square(frames, dtype=np.float64), axis=1)
    energy = squares[:, _WINDOW - 1 : _WINDOW + _LONGEST].copy()  # (T, lags): energy of the window moved by each lag
    energy[:, 1:] -= squares[:, :_LONGEST]
    energy = energy.astype(np.float32)
    difference = np.maximum(energy[:, :1] + energy - 2 * correlation, 0.0)
    mean_so_far = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, _LONGEST + 1, dtype=np.float32)
    normalised = np.ones_like(difference)
    # Rounding alone makes silence periodic: below −100 dB a frame has no pitch.
    heard = energy[:, :1] > 1e-10 * _WINDOW
    np.divide(difference[:, 1:], mean_so_far, out=normalised[:, 1:], where=heard & (mean_so_far > 1e-12))
    return normalised


def _best_lag(normalised: np.ndarray) -> np.ndarray:
    """The shortest lag whose dip is nearly as deep as the deepest, ``(T,)``."""
    inside = normalised[:, _SHORTEST:_LONGEST]
    is_dip = (inside <= normalised[:, _SHORTEST - 1 : _LONGEST - 1]) & (inside <= normalised[:, _SHORTEST + 1 : _LONGEST + 1])
    deepest = np.where(is_dip, inside, np.inf).min(axis=1, keepdims=True)
    good = is_dip & (inside <= deepest + DIP)
    return np.where(good.any(axis=1), good.argmax(axis=1), inside.argmin(axis=1)) + _SHORTEST


def _refine(normalised: np.ndarray, lag: np.ndarray) -> np.ndarray:
    """The bottom of the parabola through a dip and its neighbours, in samples, ``(T,)``."""
    rows = np.arange(len(lag))
    left, middle, right = (normalised[rows, lag + step] for step in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = np.divide(0.5 * (left - right), curvature, out=np.zeros_like(curvature), where=curvature > 1e-9)
    return lag + np.clip(shift, -0.5, 0.5)


def _without_strays(f0_hz: np.ndarray) -> np.ndarray:
    """Takes out frames that leap away from their neighbours, by a median over five frames, and lone voiced frames."""
    padded = np.pad(f0_hz, 2)
    around = np.lib.stride_tricks.sliding_window_view(padded, 5)  # (T, 5)
    voiced = around > 0
    count = voiced.sum(axis=1)
    ordered = np.sort(np.where(voiced, around, np.inf), axis=1)
    middle = ordered[np.arange(len(f0_hz)), np.maximum(count - 1, 0) // 2]
    keep = (f0_hz > 0) & (count >= 3)
    leap = keep & (np.abs(np.log2(np.where(keep, f0_hz, 1.0) / np.where(keep, middle, 1.0))) > 0.4)
    return np.where(keep, np.where(leap, middle, f0_hz), 0.0)
