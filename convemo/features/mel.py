"""The log-mel spectrogram: what most speech models hear."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from convemo.features.frames import RATE_HZ, WINDOW, frame

BANDS = 64
FFT = 512
LOWEST_HZ = 20.0
FLOOR_DB = -100.0
"""Level given to an empty band, in dB; telephone sound has many of them."""


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray | float:
    """Pitch on O'Shaughnessy's mel scale (1987), 1000 mel at 1000 Hz.

    >>> round(hz_to_mel(1000.0))
    1000
    """
    return 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray | float:
    """The inverse of `hz_to_mel`."""
    return 700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0)


@lru_cache(maxsize=1)
def band_centres_hz() -> np.ndarray:
    """``(BANDS,)`` centre frequencies."""
    return mel_to_hz(np.linspace(hz_to_mel(LOWEST_HZ), hz_to_mel(RATE_HZ / 2), BANDS + 2))[1:-1]


@lru_cache(maxsize=1)
def filterbank() -> np.ndarray:
    """``(FFT // 2 + 1, BANDS)`` triangles that overlap by half, each with weights that sum to 1.

    So every band holds a mean of powers, and its level does not grow with its width.
    """
    corners = mel_to_hz(np.linspace(hz_to_mel(LOWEST_HZ), hz_to_mel(RATE_HZ / 2), BANDS + 2))
    bins_hz = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
    rising = (bins_hz[:, None] - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins_hz[:, None]) / (corners[2:] - corners[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))  # (bins, BANDS)
    # The lowest triangles are narrower than a bin (31 Hz) and may hold none: they take the bin that is nearest.
    empty = np.flatnonzero(weights.sum(axis=0) == 0)
    weights[np.abs(bins_hz[:, None] - band_centres_hz()[empty]).argmin(axis=0), empty] = 1.0
    return (weights / weights.sum(axis=0)).astype(np.float32)


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    hann = np.hanning(WINDOW + 1)[:-1]
    return (hann / hann.sum()).astype(np.float32)  # a full-scale sine peaks at the same level whatever the window


def log_mel_db(samples: np.ndarray) -> np.ndarray:
    """Mean power in 64 mel bands, in dB, frame by frame.

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]`` at 16 kHz.

    Returns:
        ``(T, 64)`` float32, at least `FLOOR_DB`; ``T = 1 + n // 160``.

    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    >>> round(float(band_centres_hz()[log_mel_db(tone)[50].argmax()]), -2)
    1000.0
    """
    spectrum = np.fft.rfft(frame(samples) * _window(), FFT)  # (T, 257)
    power = spectrum.real**2 + spectrum.imag**2
    levels = 10 * np.log10(np.maximum(power.astype(np.float32) @ filterbank(), np.float32(1e-12)))
    return np.maximum(levels, np.float32(FLOOR_DB))  # (T, 64)
