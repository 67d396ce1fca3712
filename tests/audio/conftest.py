"""Media files, made when a test asks for them."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from convemo.audio.resample import to_int16


def tone(seconds: float, rate_hz: int = 16_000, hz: float = 440.0) -> np.ndarray:
    """A sine at half of full scale, ``(n,)`` float32."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = 16_000) -> Path:
    """16-bit PCM from ``(n,)`` or ``(n, channels)`` floats."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(to_int16(samples).tobytes())
    return path


def float_wav(path: Path, samples: np.ndarray, rate_hz: int = 16_000, channels: int = 1) -> Path:
    """A 32-bit float WAV, whose header says whatever `rate_hz` and `channels` say."""
    data = samples.astype("<f4").tobytes()
    block = 4 * channels & 0xFFFF
    header = struct.pack("<IHHIIHH", 16, 3, channels, rate_hz, rate_hz * block & 0xFFFFFFFF, block, 32)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + header + b"data" + struct.pack("<I", len(data)) + data)
    return path


def encode(path: Path, codec: str, samples: np.ndarray, rate_hz: int, layout: str = "mono") -> Path:
    """`samples` ``(n, channels)`` in the container that the suffix names."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        for first in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[first : first + 1024].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(to_int16(block), format="s16", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def media():
    """The builders of this page, as attributes."""

    class Media:
        tone = staticmethod(tone)
        wav = staticmethod(write_wav)
        float_wav = staticmethod(float_wav)
        encode = staticmethod(encode)

    return Media
