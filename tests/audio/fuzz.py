"""Broken media files, the same for the same number, and what may become of them."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from convemo.audio import load, probe
from convemo.errors import ConvemoError
from convemo.limits import Limits
from tests.audio.conftest import encode, encode_tracks, float_wav, tone, write_wav
from tests.audio.hostile import ogg_checksum

LIMITS = Limits(max_duration_s=7200, decode_base_s=10.0)
"""A file that is still being decoded after ten seconds, and has given no sound, is ended."""
LATE = "LimitExceeded: a decoder that does not"
"""The outcome of one that is ended."""


def seeds(folder: Path) -> list[bytes]:
    """A third of a second of a tone in every format that is read, some with two channels, tags or a video."""
    makers = [
        ("a.wav", "pcm_s16le", 16_000, "stereo"),
        ("a.wav", "pcm_mulaw", 8_000, "mono"),
        ("a.wav", "adpcm_ms", 16_000, "mono"),
        ("a.wav", "pcm_s24le", 48_000, "5.1"),
        ("a.w64", "pcm_s16le", 16_000, "mono"),
        ("a.flac", "flac", 16_000, "mono"),
        ("a.mp3", "libmp3lame", 16_000, "mono"),
        ("a.ogg", "libopus", 48_000, "mono"),
        ("a.ogg", "vorbis", 16_000, "stereo"),
        ("a.m4a", "aac", 16_000, "mono"),
        ("a.m4a", "alac", 16_000, "stereo"),
        ("a.aac", "aac", 16_000, "mono"),
        ("a.webm", "libopus", 48_000, "stereo"),
        ("a.mka", "pcm_s16le", 8_000, "mono"),
        ("a.aiff", "pcm_s16be", 16_000, "mono"),
        ("a.au", "pcm_s16be", 8_000, "mono"),
        ("a.caf", "pcm_s16le", 16_000, "7.1"),
        ("a.wma", "wmav2", 16_000, "mono"),
        ("a.amr", "libopencore_amrnb", 8_000, "mono"),
    ]
    made = []
    for name, codec, rate_hz, layout in makers:
        channels = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}[layout]
        sound = np.repeat(tone(0.3, rate_hz)[:, None], channels, axis=1)
        made.append(encode(folder / name, codec, sound, rate_hz, layout).read_bytes())
    made.append(float_wav(folder / "a.wav", tone(0.3)).read_bytes())
    made.append(write_wav(folder / "a.wav", tone(0.3)).read_bytes())
    made.append(encode_tracks(folder / "a.mp4", "aac", [(0.1, tone(0.3))], 16_000, pictures=5).read_bytes())
    made.append(encode_tracks(folder / "a.mkv", "flac", [(0.0, tone(0.3)), (0.2, tone(0.3))], 16_000, pictures=5).read_bytes())
    return made


def broken(seeds: list[bytes], number: int) -> bytes:
    """The seed of that number with one to three kinds of damage."""
    random = np.random.default_rng(number)
    data = bytearray(seeds[number % len(seeds)])
    for _ in range(random.integers(1, 4)):
        damage = _DAMAGES[random.integers(len(_DAMAGES))]
        data = damage(data, random, seeds) or bytearray(b"\0")
    if data[:4] == b"OggS" and random.random() < 0.5:
        _sign_ogg(data)  # else most pages are thrown away for their checksums
    return bytes(data)


def _flip_bits(data: bytearray, random, _seeds) -> bytearray:
    for at in random.integers(len(data), size=random.integers(1, 64)):
        data[at] ^= 1 << random.integers(8)
    return data


def _flip_header_bits(data: bytearray, random, _seeds) -> bytearray:
    for at in random.integers(min(len(data), 512), size=random.integers(1, 8)):
        data[at] ^= 1 << random.integers(8)
    return data


def _set_header_field(data: bytearray, random, _seeds) -> bytearray:
    width, order = (1, 2, 4, 8)[random.integers(4)], ("big", "little")[random.integers(2)]
    most = 1 << (8 * width)
    value = (0, 1, most // 2 - 1, most // 2, most - 1, int(random.integers(min(most, 2**63))))[random.integers(6)]
    at = int(random.integers(min(len(data), 512)))
    data[at : at + width] = value.to_bytes(width, order)
    return data


def _overwrite_run(data: bytearray, random, _seeds) -> bytearray:
    at, length = int(random.integers(len(data))), int(random.integers(1, 512))
    data[at : at + length] = random.bytes(length) if random.random() < 0.5 else bytes([random.choice([0, 255, 128])]) * length
    return data


def _truncate(data: bytearray, random, _seeds) -> bytearray:
    return data[: random.integers(len(data) + 1)]


def _insert(data: bytearray, random, _seeds) -> bytearray:
    at = int(random.integers(len(data) + 1))
    data[at:at] = random.bytes(int(random.integers(1, 4096)))
    return data


def _cut_out(data: bytearray, random, _seeds) -> bytearray:
    at = int(random.integers(len(data)))
    del data[at : at + int(random.integers(1, 2048))]
    return data


def _repeat(data: bytearray, random, _seeds) -> bytearray:
    first, last = sorted(int(i) for i in random.integers(len(data) + 1, size=2))
    return data[:last] + data[first:last] * int(random.integers(1, 8)) + data[last:]


def _splice(data: bytearray, random, seeds) -> bytearray:
    other = seeds[random.integers(len(seeds))]
    return data[: random.integers(len(data) + 1)] + other[random.integers(len(other)) :]


_DAMAGES: tuple[Callable[..., bytearray], ...] = (
    *(_flip_bits, _flip_header_bits, _set_header_field, _overwrite_run, _truncate, _insert, _cut_out, _repeat, _splice),
)


def _sign_ogg(data: bytearray) -> None:
    """Gives every page of an Ogg file its right checksum again."""
    at = 0
    while at + 27 <= len(data) and data[at : at + 4] == b"OggS":
        segments = data[at + 26]
        end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
        data[at + 22 : at + 26] = bytes(4)
        data[at + 22 : at + 26] = struct.pack("<I", ogg_checksum(bytes(data[at:end])))
        at = end


def outcome(path: Path, only_probe: bool = False) -> str:
    """``"sound"``, or the error's type and what it found; anything else that happens goes on upwards.

    Raises:
        AssertionError: it gave sound that makes no sense.
    """
    try:
        if only_probe:
            recording = probe(path, LIMITS)
            assert recording.duration_s > 0 and 1 <= recording.channels <= LIMITS.max_channels
            return "header"
        with load(path, LIMITS) as audio:
            assert 0 < audio.duration_s <= LIMITS.max_duration_s and 1 <= audio.channels <= LIMITS.max_channels
            assert LIMITS.min_rate_hz <= audio.recording.rate_hz <= LIMITS.max_rate_hz
            samples = audio.read(0.0, 10.0)
            assert len(samples) > 0 and np.isfinite(samples).all() and np.abs(samples).max() <= 1.0
            return "sound"
    except ConvemoError as error:
        assert error.expected and error.found and os.fspath(path) in str(error)
        return f"{type(error).__name__}: {error.found}"
