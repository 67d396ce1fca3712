"""Noise taken out of a recording before its voices are judged: off unless asked for, since it costs more emotion than it saves.

What it did to the acoustic channel was measured (``benchmarks/noise_reduction.py``, docs/recordings.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from convemo.audio.resample import RATE_HZ, to_int16
from convemo.audio.sound import Audio, Spool
from convemo.errors import ConfigError, EngineUnavailable
from convemo.registry import Availability

MEND = "pip install 'convemo[denoise]'"
LEVELS = ("1", "2", "3", "4")
"""From mild to strong."""

_CHUNK = RATE_HZ // 100  # the suppressor takes 10 ms at a time …
_DELAY = 96  # … and gives them back 6 ms late: its frames overlap (measured by cross-correlation)
_WINDOW_S = 60.0  # sound that is in memory at once


class Denoiser(Protocol):
    """What every engine of the kind ``"denoiser"`` looks like, those that a third party adds included."""

    id: str
    """Name and strength, e.g. ``"webrtc:1"``."""

    def denoise(self, audio: Audio) -> Audio:
        """The same sound with less noise: as long to the sample, with as many channels."""


class WebRtcDenoiser:
    """The noise suppressor of WebRTC (Wiener filter on a running estimate of steady noise), by the package webrtc-noise-gain.

    Its high-pass filter comes with it; its automatic gain is off.

    Args:
        argument: one of `LEVELS`.

    Raises:
        ConfigError: no such level.
        EngineUnavailable: the package is not installed.
    """

    def __init__(self, argument: str = "1"):
        if argument not in LEVELS:
            raise ConfigError(
                f"a level of noise reduction of {LEVELS[0]} to {LEVELS[-1]}", repr(argument), "For example denoise='webrtc:2'."
            )
        self.id, self._level = f"webrtc:{argument}", int(argument)
        try:
            from webrtc_noise_gain import AudioProcessor
        except ImportError as error:
            raise EngineUnavailable("webrtc-noise-gain for noise reduction", "it is not installed", MEND) from error
        self._processor = AudioProcessor

    @classmethod
    def availability(cls, offline: bool = False) -> Availability:
        """Whether it can be used here; it needs no weights."""
        there = find_spec("webrtc_noise_gain") is not None
        return Availability(there, "" if there else "webrtc-noise-gain is not installed", "" if there else MEND)

    def denoise(self, audio: Audio) -> Audio:
        """The same sound with less noise, each channel cleaned by itself; a minute of it is in memory at a time."""
        file = Spool.create(audio.recording.path or "<array>")
        for blocks in zip(*(self._cleaned(audio.channel(c)) for c in range(audio.channels))):
            file.write(np.stack(blocks, axis=1).astype("<i2").tobytes())
        file.flush()
        return Audio(audio.recording, Spool(file, audio.channels), audio.notes)

    def _cleaned(self, audio: Audio) -> Iterator[np.ndarray]:
        """The samples of one channel, ``(n,)`` int16, block by block."""
        processor, late = self._processor(0, self._level), _DELAY
        left = round(audio.duration_s * RATE_HZ)
        rest = np.zeros(0, np.int16)
        for samples in self._padded(audio):
            pending = np.concatenate([rest, samples])
            whole = len(pending) - len(pending) % _CHUNK
            chunks, rest = pending[:whole].reshape(-1, _CHUNK), pending[whole:]
            cleaned = b"".join(processor.Process10ms(chunk.tobytes()).audio for chunk in chunks)
            block = np.frombuffer(cleaned, dtype="<i2")[late:][:left]
            late, left = max(0, late - len(chunks) * _CHUNK), left - len(block)
            yield block

    @staticmethod
    def _padded(audio: Audio) -> Iterator[np.ndarray]:
        """The samples, and so much silence as pushes the last of them out of the suppressor."""
        for _, samples in audio.windows(_WINDOW_S):
            yield to_int16(samples)
        yield np.zeros(_DELAY + _CHUNK, np.int16)
