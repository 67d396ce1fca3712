"""One channel of a sound as a few numbers a frame: all that evidence needs of it, and little enough to keep for ten hours."""

from __future__ import annotations

import numpy as np

from convemo.audio.resample import RATE_HZ
from convemo.audio.sound import Audio
from convemo.audio.vad import FRAME, FRAME_S

BANDS = 16
BAND_HZ = RATE_HZ / 2 / BANDS
"""Width of a band: 500 Hz."""

_CLIPPED = 0.99  # of full scale: resampling moves clipped samples a little
_FAINTEST_DB = -125.0  # a band's level that is stored as 0: some 10 dB under the rounding noise of 16-bit samples
_STEPS_PER_DB = 2.0
_WINDOW = np.hanning(FRAME + 1)[:FRAME].astype(np.float32)  # periodic; a bare frame would smear the loud low bands over the high ones
_SCALE = 2.0 / (FRAME * float(np.square(_WINDOW).sum()))  # so that the bands of white noise add up to its power


class Track:
    """Power, clipped samples and spectrum of one channel, frame by frame: 24 bytes for each 32 ms, 27 MB for ten hours.

    Args:
        audio: the sound.
        channel: counted from 0; ``None`` is the mean of all.

    Attributes:
        power: ``(T,)`` float32, mean square of each frame about its mean; 1 is full scale.
        clipped: ``(T,)`` float32, share of the frame's samples at full scale.

    >>> track = Track(Audio.from_array(np.tile(np.float32([0.5, -0.5]), 8_000), 16_000), None)
    >>> len(track.power), float(track.power[0]), track.frames(0.0, 0.064)
    (32, 0.25, slice(0, 2, None))
    """

    def __init__(self, audio: Audio, channel: int | None):
        powers, clipped, levels = [], [], []
        for _, samples in (audio if channel is None else audio.channel(channel)).windows(1875 * FRAME_S):
            frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME)  # (T, 512)
            clipped.append((np.abs(frames) >= _CLIPPED).mean(axis=1, dtype=np.float32))
            frames -= frames.mean(axis=1, keepdims=True)  # a constant offset of the samples is no sound
            powers.append(np.einsum("tn,tn->t", frames, frames) / FRAME)
            levels.append(_stored(frames))
        self.power, self.clipped = np.concatenate(powers), np.concatenate(clipped)
        self._levels = np.concatenate(levels)  # (T, 16) uint8

    def frames(self, begin: float, end: float) -> slice:
        """The frames whose middle lies in ``[begin, end)`` seconds."""
        count = len(self.power)
        first, last = (min(max(int(np.ceil(t / FRAME_S - 0.5)), 0), count) for t in (begin, end))
        return slice(first, last)

    def times(self, frames: slice) -> np.ndarray:
        """The middles of these frames, in seconds."""
        return (np.arange(frames.start, frames.stop) + 0.5) * FRAME_S

    def levels_db(self, frames: slice) -> np.ndarray:
        """``(T, 16)``: level of each band of `BAND_HZ` from 0 Hz on, in dB of full scale, to half a dB and not below -125."""
        return self._levels[frames] / _STEPS_PER_DB + _FAINTEST_DB


def _stored(frames: np.ndarray) -> np.ndarray:
    """``(T, 16)`` uint8: the bands' levels of ``(T, 512)`` frames, in half dB."""
    spectrum = np.abs(np.fft.rfft(frames * _WINDOW, axis=1)[:, : FRAME // 2]) ** 2  # (T, 256), without the one bin at 8 kHz
    power = _SCALE * spectrum.reshape(len(frames), BANDS, -1).sum(axis=2)
    level = 10 * np.log10(np.maximum(power, 10 ** (_FAINTEST_DB / 10)))
    return np.clip(np.round((level - _FAINTEST_DB) * _STEPS_PER_DB), 0, 255).astype(np.uint8)
