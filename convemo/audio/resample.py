"""Any rate and sample format to what convemo works on: 16 kHz, 16 bits, block by block."""

from __future__ import annotations

import numpy as np

RATE_HZ = 16_000
"""The rate of everything after decoding: what Whisper, Silero and our own models hear."""

FULL_SCALE = 32_768
"""Sample value of 1.0 in 16 bits."""

LOUDEST = 4.0
"""12 dB over full scale: above it, float samples are not in [-1, 1] but in some other unit."""


def to_float(samples: np.ndarray) -> np.ndarray:
    """Samples of any PCM format as float32, full scale at 1.

    Raises:
        TypeError: the type has no full scale of its own (booleans, 64-bit integers, complex numbers).

    >>> to_float(np.array([0, 64, 255], dtype=np.uint8)).tolist()
    [-1.0, -0.5, 0.9921875]
    """
    kind, size = samples.dtype.kind, samples.dtype.itemsize
    if kind == "f":
        return samples.astype(np.float32, copy=False)
    if kind == "u" and size == 1:
        return (samples.astype(np.float32) - 128) / 128
    if kind == "i" and size <= 4:
        return samples.astype(np.float32) / np.float32(2 ** (8 * size - 1))
    raise TypeError(f"samples of type {samples.dtype} have no full scale; use float32 in [-1, 1] or int16")


def to_int16(samples: np.ndarray) -> np.ndarray:
    """Float samples as 16 bits, clipped at full scale.

    >>> to_int16(np.float32([0.5, 1.5, -1.0])).tolist()
    [16384, 32767, -32768]
    """
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


class Resampler:
    """Turns blocks ``(n, channels)`` float32 at `rate_hz` into blocks ``(m, channels)`` int16 at 16 kHz.

    Resampling is soxr's high quality: https://sourceforge.net/projects/soxr/. 16 bits leave 96 dB between
    full scale and the rounding noise, more than any call has, at half the disk space of float32.
    """

    def __init__(self, rate_hz: int, channels: int):
        self._stream = None
        if rate_hz != RATE_HZ:
            import soxr

            self._stream = soxr.ResampleStream(rate_hz, RATE_HZ, channels, dtype="float32", quality="HQ")

    def push(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """The next output samples; `last` also gives out what the filter still holds."""
        if self._stream is not None:
            block = self._stream.resample_chunk(np.ascontiguousarray(block), last=last)
        return np.ascontiguousarray(to_int16(block))
