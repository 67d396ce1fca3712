"""Sound as numbers: log-mel spectrum, F0, energy, and the functionals of an utterance. Numpy only.

One second of sound takes about 6 ms of one core. This is what the acoustic channel hears; what people can read of a voice (pitch, jitter,
formants and so on, with units) is `convemo.features.voice`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convemo.features.energy import active_span, frame_energy_db
from convemo.features.frames import RATE_HZ
from convemo.features.functionals import NAMES, UNVOICED_ST, compute_functionals, semitones
from convemo.features.mel import BANDS, log_mel_db
from convemo.features.pitch import Pitch, track_pitch

FRAME_CHANNELS = BANDS + 3
"""Columns of `Features.frames`: 64 mel levels (dB), F0 (semitones over 100 Hz), periodicity (0–1), energy (dB)."""
MEL, F0, PERIODICITY, ENERGY = slice(0, BANDS), BANDS, BANDS + 1, BANDS + 2


@dataclass(frozen=True, slots=True)
class Features:
    """What the acoustic channel hears of one utterance."""

    frames: np.ndarray
    """``(T, 67)`` float32, 100 a second; the columns are `MEL`, `F0` (0 where unvoiced), `PERIODICITY`, `ENERGY`."""
    functionals: np.ndarray
    """``(22,)`` float32, named by `functionals.NAMES`."""


def extract(samples: np.ndarray) -> Features | None:
    """The features of one utterance; quiet edges are cut off first, so that loose borders do not matter.

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]``, mono, 16 kHz.

    Returns:
        ``None`` if there is nothing but silence.

    >>> extract(np.zeros(16_000, dtype=np.float32)) is None
    True
    >>> extract(np.sin(np.arange(16_000, dtype=np.float32))).frames.shape
    (101, 67)
    """
    samples = np.asarray(samples, dtype=np.float32)
    energy = frame_energy_db(samples)
    start, end = active_span(energy)
    if end <= start:
        return None
    samples = samples[start:end]
    energy, mel, pitch = frame_energy_db(samples), log_mel_db(samples), track_pitch(samples)
    f0 = np.where(pitch.voiced, semitones(np.where(pitch.voiced, pitch.f0_hz, 100.0)), 0.0)
    frames = np.column_stack([mel, f0, pitch.periodicity, energy]).astype(np.float32)  # (T, 67)
    return Features(frames, compute_functionals(mel, energy, pitch))


__all__ = [
    "ENERGY",
    "F0",
    "FRAME_CHANNELS",
    "MEL",
    "NAMES",
    "PERIODICITY",
    "RATE_HZ",
    "UNVOICED_ST",
    "Features",
    "Pitch",
    "extract",
    "frame_energy_db",
    "log_mel_db",
    "track_pitch",
]
