"""How fast somebody speaks, and how they pause: from the sound alone, so that it needs no words and no language.

N. H. de Jong and T. Wempe, "Praat script to detect syllable nuclei and measure speech rate automatically",
Behavior Research Methods 41 (2009), https://doi.org/10.3758/BRM.41.2.385: a syllable is a voiced peak of the level with a dip on either
side. Against the syllables that were said: +2 % in English sentences (RAVDESS), −16 % in fast Polish ones (nEMO), where some run together.
"""

from __future__ import annotations

import numpy as np

from convemo.features.frames import FRAMES_PER_S, HOP, RATE_HZ

SILENT_BELOW_DB = 25.0
"""A level this far below the loudest (its 99th percentile) is silence."""
DIP_DB = 2.0
"""A syllable's level rises by so much from the dip before it, and falls by so much after it."""
SHORTEST_PAUSE_S = 0.25
"""Shorter silences may be closures of plosives (N. H. de Jong and H. R. Bosker, "Choosing a threshold for silent pauses", DiSS 2013)."""
_BLOCK = HOP // 4
_SPREAD_S = 0.0142
"""Standard deviation of the smoothing, Praat's *To Intensity* for voices from 50 Hz: it evens out the single periods, not the syllables."""


def smooth_level_db(samples: np.ndarray) -> np.ndarray:
    """The level as it rises and falls with the syllables, in dB of full scale.

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]`` at 16 kHz.

    Returns:
        ``(T,)``, ``T = 1 + n // 160``.

    >>> smooth_level_db(np.ones(16_000, dtype=np.float32)).round(3)[50]
    np.float64(0.0)
    """
    reach = int(4 * _SPREAD_S * RATE_HZ / _BLOCK)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _BLOCK / RATE_HZ / _SPREAD_S) ** 2)
    frames = 1 + len(samples) // HOP
    padded = np.pad(np.asarray(samples, dtype=np.float64), (_BLOCK // 2, frames * HOP - len(samples) - _BLOCK // 2 + HOP))
    power = (padded[: len(padded) // _BLOCK * _BLOCK].reshape(-1, _BLOCK) ** 2).mean(axis=1)  # blocks centred on multiples of 2.5 ms
    return 10 * np.log10(np.maximum(np.convolve(power, kernel / kernel.sum(), mode="same")[::4][:frames], 1e-10))


def speech_span(energy_db: np.ndarray) -> tuple[int, int]:
    """The first frame that is no silence, and the one after the last; of ``(T,)`` from `convemo.features.energy.frame_energy_db`."""
    sounding = np.flatnonzero(_sounding(energy_db))
    return int(sounding[0]), int(sounding[-1]) + 1


def syllable_nuclei(level_db: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """The frames in which a syllable is at its loudest.

    Args:
        level_db: ``(T,)``, from `smooth_level_db`.
        voiced: ``(T,)`` booleans.

    Returns:
        ``(S,)`` indices, increasing.

    >>> level = -20 - 5 * np.cos(2 * np.pi * 4 * np.arange(200) / 100)  # four syllables a second for two seconds
    >>> syllable_nuclei(level, np.ones(200, dtype=bool)).tolist()
    [13, 37, 62, 88, 113, 137, 163, 187]
    """
    turns = np.flatnonzero(np.diff(np.sign(np.diff(level_db, prepend=-np.inf, append=-np.inf))) != 0)
    sounding, found = _sounding(level_db), []
    trough = -np.inf  # silence before the first
    summit: int | None = None
    for turn in (*turns, None):
        level = -np.inf if turn is None else level_db[turn]
        if summit is not None and level_db[summit] - level >= DIP_DB:
            found.append(summit)
            summit, trough = None, level
        elif (summit is None and level - trough >= DIP_DB) or (summit is not None and level > level_db[summit]):
            summit = turn
        trough = min(trough, level) if summit is None else trough
    near = np.convolve(voiced, np.ones(3), mode="same") > 0  # a loudest frame beside voice is voice
    return np.array([frame for frame in found if sounding[frame] and near[frame]], dtype=np.int64)


def pauses(energy_db: np.ndarray) -> np.ndarray:
    """The silences of at least `SHORTEST_PAUSE_S` between the first sound and the last.

    Args:
        energy_db: ``(T,)``, from `convemo.features.energy.frame_energy_db`; the smooth level would make every pause 0.1 s shorter.

    Returns:
        ``(P, 2)`` frames where each begins and ends.

    >>> pauses(np.repeat([-80.0, -20.0, -80.0, -20.0, -80.0, -20.0], [40, 50, 30, 50, 10, 50])).tolist()
    [[90, 120]]
    """
    first, last = speech_span(energy_db)
    silent = np.concatenate([[0], ~_sounding(energy_db)[first:last], [0]])
    borders = first + np.flatnonzero(np.diff(silent)).reshape(-1, 2)
    return borders[np.diff(borders, axis=1)[:, 0] >= SHORTEST_PAUSE_S * FRAMES_PER_S]


def _sounding(level_db: np.ndarray) -> np.ndarray:
    return level_db >= np.percentile(level_db, 99) - SILENT_BELOW_DB
