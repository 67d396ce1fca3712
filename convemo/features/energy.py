"""How loud it is, frame by frame, and where the voice begins and ends."""

from __future__ import annotations

import numpy as np

from convemo.features.frames import FRAMES_PER_S, HOP, WINDOW

FLOOR_DB = -90.0
"""Digital silence: the step of 16-bit sound lies at −90.3 dB of full scale."""
ACTIVE_BELOW_PEAK_DB = 35.0
"""A frame this far below the loud ones is not speech: consonants lie within about 30 dB of the vowels."""
EDGE_S = 0.1
"""Seconds kept around the voice when silence is cut off, so that no onset is lost."""


def frame_energy_db(samples: np.ndarray) -> np.ndarray:
    """RMS level of every frame in dB of full scale, at least `FLOOR_DB`.

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]`` at 16 kHz.

    Returns:
        ``(T,)`` float32, ``T = 1 + n // 160``.

    >>> frame_energy_db(np.ones(1600, dtype=np.float32))[5]
    np.float32(0.0)
    >>> frame_energy_db(np.zeros(1600, dtype=np.float32)).max()
    np.float32(-90.0)
    """
    # A running sum of squares serves every frame at once; double precision, since it subtracts large numbers.
    total = np.concatenate([[0.0], np.cumsum(np.pad(samples, (WINDOW // 2, WINDOW - WINDOW // 2)).astype(np.float64) ** 2)])
    starts = np.arange(1 + len(samples) // HOP) * HOP
    power = (total[starts + WINDOW] - total[starts]) / WINDOW
    return np.maximum(10 * np.log10(np.maximum(power, 1e-12)), FLOOR_DB).astype(np.float32)


def active_frames(energy_db: np.ndarray) -> np.ndarray:
    """Which frames are loud enough to be speech: within `ACTIVE_BELOW_PEAK_DB` of the loud ones (95th percentile).

    >>> active_frames(np.array([-80.0, -20.0, -30.0, -70.0])).tolist()
    [False, True, True, False]
    """
    return energy_db > max(float(np.percentile(energy_db, 95)) - ACTIVE_BELOW_PEAK_DB, FLOOR_DB + 1)


def active_span(energy_db: np.ndarray) -> tuple[int, int]:
    """Samples ``(start, end)`` between which there is speech, with `EDGE_S` on either side; ``(0, 0)`` if it is silent.

    Acted clips begin and end in silence and an utterance cut by an ASR does not: without this a model learns
    the silence. Quiet edges only: pauses inside stay.

    >>> active_span(np.array([-90.0] * 50 + [-20.0] * 50 + [-90.0] * 50))
    (6400, 17600)
    """
    active = np.flatnonzero(active_frames(energy_db))
    if not active.size:
        return 0, 0
    edge = int(EDGE_S * FRAMES_PER_S)
    return max(int(active[0]) - edge, 0) * HOP, min(int(active[-1]) + 1 + edge, len(energy_db)) * HOP
