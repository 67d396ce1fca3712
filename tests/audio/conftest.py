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


def encode(path: Path, codec: str, samples: np.ndarray, rate_hz: int, layout: str = "mono", **options: str) -> Path:
    """`samples` ``(n, channels)`` in the container that the suffix names; `options` are its muxer's."""
    return encode_tracks(path, codec, [(0.0, samples)], rate_hz, layout, **options)


def encode_tracks(
    path: Path,
    codec: str,
    tracks: list[tuple[float, np.ndarray]],
    rate_hz: int,
    layout: str = "mono",
    pictures: int = 0,
    **options: str,
) -> Path:
    """Tracks of sound, each with the second at which it begins, after so many pictures at 25 a second."""
    import av

    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream("mpeg4", rate=25) if pictures else None
        streams = [container.add_stream(codec, rate=rate_hz, layout=layout) for _ in tracks]
        if video is not None:
            video.width = video.height = 64
            for number in range(pictures):
                picture = av.VideoFrame(64, 64, "yuv420p")
                picture.pts = number
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        for stream, (begin_s, samples) in zip(streams, tracks):
            stream.codec_context.options = {"strict": "experimental"}  # FFmpeg's own Vorbis
            if codec != "libopencore_amrnb":  # which has rates of its own
                stream.codec_context.bit_rate = 64_000 * stream.codec_context.channels
            for first in range(0, len(samples), 1024):
                block = np.ascontiguousarray(samples[first : first + 1024].reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(to_int16(block), format="s16", layout=layout)
                frame.sample_rate, frame.pts = rate_hz, first + round(begin_s * rate_hz)
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
        encode_tracks = staticmethod(encode_tracks)

    return Media
