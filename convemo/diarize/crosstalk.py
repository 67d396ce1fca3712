"""Which of a channel's sound is another channel's, leaking in: telephone sidetone, a loudspeaker near a headset, two microphones in a room.

A leak is the other channel's voice through a fixed path, so its spectrum is the other's plus a gain in each band that does not change
through the call. The gains are read where one channel is quietest beside the other; what a frame holds beyond the leak they predict is
its own voice. Levels alone could not tell a quiet speaker from a loud leak, nor hear two who speak at once.

A path attenuates. Going into the other channel and back must therefore cost level, whatever gains the two lines have: where it costs
(nearly) none, the two channels hold one sound, and the quieter is a copy.
"""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np

from convemo.audio import Audio
from convemo.audio.resample import RATE_HZ
from convemo.audio.vad import FRAME, FRAME_S

BANDS_HZ = np.geomspace(200.0, 3600.0, 17)
"""Borders of the bands: what every telephone line carries."""
SMOOTH = 9
"""Frames over which levels are averaged (0.3 s), so that delays and echoes of some 30 ms do not matter."""
LASTING = 2
"""Frames that a sound may come late or linger on its way: 64 ms."""
OWN_DB = 3.0
"""What a channel holds beyond the predicted leak where its own speaker is heard."""
COPY_DB = 4.0
"""A way there and back that costs less is no way: both channels hold one sound."""
HEARD_DB = 6.0
"""What stands out so far from a channel's noise counts, band by band."""

_RARE = 0.05  # share of the frames with speech that may be stranger than those in which one speaks alone …
_SPREAD_DB = 6.0  # … and how far their levels differ among each other
_FEWEST = 31  # frames: a second
_MOST = 50_000  # frames that the gains are read from: half an hour of speech, from all of the call
_BLOCK = 1875  # frames that are worked on at once: a minute


def band_levels_db(audio: Audio) -> np.ndarray:
    """``(T, B)`` float16: smoothed level of each band in each frame of 32 ms, dB full scale."""
    margin, window = SMOOTH // 2, np.hanning(FRAME).astype(np.float32)
    borders = np.searchsorted(np.fft.rfftfreq(FRAME, 1 / RATE_HZ), BANDS_HZ)
    total, rows = -(-round(audio.duration_s * RATE_HZ) // FRAME), []
    for first in range(0, total, _BLOCK):
        last = min(first + _BLOCK, total)
        samples = audio.read((first - margin) * FRAME_S, (last + margin) * FRAME_S)
        before = max(0, margin - first) * FRAME
        samples = np.pad(samples, (before, (last - first + 2 * margin) * FRAME - before - len(samples)))
        spectrum = np.abs(np.fft.rfft(samples.reshape(-1, FRAME) * window)) ** 2  # (T + 2 margins, 257)
        power = np.add.reduceat(spectrum, borders[:-1], axis=1)[:, : len(borders) - 1] / FRAME**2
        power = np.lib.stride_tricks.sliding_window_view(power, SMOOTH, axis=0).mean(axis=-1)  # (T, B)
        rows.append((10 * np.log10(np.maximum(power, 1e-10))).astype(np.float16))
    return np.concatenate(rows)


def leaks_db(levels_db: list[np.ndarray], voiced: np.ndarray) -> np.ndarray:
    """How loud each channel is in each other one: ``(C, C, B)`` dB; ``[i, j]`` is the path from j into i, −inf if there is none.

    Args:
        levels_db: for each channel ``(T, B)``, from `band_levels_db`.
        voiced: ``(C, T)`` booleans: where the channel holds a voice, its own or another's.
    """
    channels, bands = len(levels_db), levels_db[0].shape[1]
    gains = np.full((channels, channels, bands), -np.inf)
    louder = np.zeros((channels, channels))
    for i, j in permutations(range(channels), 2):
        frames = np.flatnonzero(voiced[j])
        if len(frames) < _FEWEST:
            continue
        frames = frames[:: -(-len(frames) // _MOST)]
        ratio = (levels_db[i][frames] - levels_db[j][frames]).astype(np.float32)  # (F, B)
        beside = ratio.mean(axis=1)
        gains[i, j] = np.median(ratio[beside <= np.percentile(beside, 100 * _RARE) + _SPREAD_DB], axis=0)
        louder[i, j] = beside.mean()
    for i, j in combinations(range(channels), 2):
        if -(gains[i, j] + gains[j, i]).mean() < COPY_DB:
            source = (i, j) if louder[i, j] >= louder[j, i] else (j, i)
            gains[source] = -np.inf
    return gains


def own_voice(levels_db: list[np.ndarray], gains_db: np.ndarray) -> np.ndarray:
    """``(C, T)`` booleans: where a channel holds more than what leaks into it; arguments from the two functions above."""
    length = len(levels_db[0])
    own = np.ones((len(levels_db), length), bool)
    every = max(1, length // 20_000)
    noise_db = np.array([np.percentile(level[::every].astype(np.float32), 10, axis=0) for level in levels_db])[:, None]  # (C, 1, B)
    for first in range(0, length, _BLOCK):
        here = np.array([level[first : first + _BLOCK] for level in levels_db], np.float32)  # (C, T, B)
        heard = here > noise_db + HEARD_DB
        source = np.where(here > noise_db + HEARD_DB / 2, here, -np.inf)  # noise does not leak; what may be voice does
        for _ in range(LASTING):
            source[:, 1:] = np.maximum(source[:, 1:], source[:, :-1])
        for i in range(len(here)):
            leak = sum(10 ** ((source[j] + gains_db[i, j]) / 10) for j in range(len(here)) if j != i)  # (T, B)
            leak_db = 10 * np.log10(np.maximum(leak, 1e-20))
            beyond_db = (np.clip(here[i] - leak_db, -10.0, 20.0) * heard[i]).sum(axis=1) / np.maximum(heard[i].sum(axis=1), 1)
            # A leak within the noise stands out in no band, but a voice detector may hear it.
            nothing = ~heard[i].any(axis=1) & ~(leak_db > noise_db[i] - HEARD_DB).any(axis=1)
            own[i, first : first + _BLOCK] = (beyond_db >= OWN_DB) | nothing
    return own
