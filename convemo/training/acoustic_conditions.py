"""A clip in other conditions: slower, faster, over a telephone, in a room, through a codec. What needs the sound is made here, once.

Each is a name for a config's ``conditions``. What is drawn (which room, how much noise) depends on the clip's name and the condition
alone, so that a condition can be added without touching the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from convemo.audio.degrade import LOWEST_KBPS, pink, reverberate, telephone_call, through_codec, with_noise
from convemo.errors import DataError
from convemo.features import RATE_HZ

SPEED = {"slow": 0.92, "fast": 1.09}
"""Resampling factors: they move pitch and tempo by 1.4 semitones, so five actors sound like fifteen."""
TELEPHONE_SNR_DB = (15.0, 40.0)
ROOM_SNR_DB = (5.0, 25.0)
CODEC_KBPS = {"opus": (LOWEST_KBPS, 24), "mp3": (16, 48), "aac": (16, 48)}
"""What calls over the internet and voice messages use, from bad to fair."""


Rooms = tuple[list[np.ndarray], list[np.ndarray]]
"""Impulse responses and noises, see `read_noise`."""


def clean(samples: np.ndarray, rng: np.random.Generator, rooms: Rooms) -> np.ndarray:
    """As it was recorded."""
    return samples


def slow(samples: np.ndarray, rng: np.random.Generator, rooms: Rooms) -> np.ndarray:
    """Slower and lower."""
    return _resampled(samples, SPEED["slow"])


def fast(samples: np.ndarray, rng: np.random.Generator, rooms: Rooms) -> np.ndarray:
    """Faster and higher."""
    return _resampled(samples, SPEED["fast"])


def telephone(samples: np.ndarray, rng: np.random.Generator, rooms: Rooms | None = None) -> np.ndarray:
    """As a telephone carries it, with the noise of its line."""
    return telephone_call(with_noise(samples, rng.standard_normal(len(samples)), rng.uniform(*TELEPHONE_SNR_DB)))


def room(samples: np.ndarray, rng: np.random.Generator, rooms: Rooms) -> np.ndarray:
    """In a room with a noise: one of the recorded ones, or a pink one."""
    responses, noises = rooms
    if responses:
        samples = reverberate(samples, responses[rng.integers(len(responses))])
    noise = pink(len(samples), rng)
    if noises and rng.random() < 0.6:
        source = noises[rng.integers(len(noises))]
        noise = np.resize(np.roll(source, rng.integers(len(source))), len(samples))
    return with_noise(samples, noise, rng.uniform(*ROOM_SNR_DB))


def codec(samples: np.ndarray, rng: np.random.Generator, rooms: Rooms) -> np.ndarray:
    """Through a lossy codec at a low rate."""
    name = tuple(CODEC_KBPS)[rng.integers(len(CODEC_KBPS))]
    low, high = CODEC_KBPS[name]
    return through_codec(samples, name, int(rng.integers(low, high + 1)))


CONDITIONS: dict[str, Callable[[np.ndarray, np.random.Generator, Rooms], np.ndarray]] = {
    "clean": clean,
    "slow": slow,
    "fast": fast,
    "telephone": telephone,
    "room": room,
    "codec": codec,
}


def chance(clip: str, condition: str) -> np.random.Generator:
    """What draws the condition of this clip, the same each time."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{condition}/{clip}".encode()).digest()[:8], "little"))


def read_noise(folder: Path | None) -> Rooms:
    """Impulse responses (files in a folder ``ir``), scaled to keep the level, and noises; nothing where there is no folder.

    Without impulse responses rooms are noisy, not reverberant; without noises they are pink.
    """
    if folder is None or not folder.is_dir():
        return [], []
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".wav", ".ogg", ".flac") and "noise" in p.parent.name)
    responses = [read_clip(p)[:RATE_HZ] for p in sorted(folder.rglob("ir/*.wav"))]
    return [r / np.sqrt(np.sum(r**2)) for r in responses], [read_clip(p) for p in files]


def read_clip(path: str | Path) -> np.ndarray:
    """A sound file mixed to mono at 16 kHz, ``(n,)`` float32.

    Raises:
        DataError: it cannot be decoded.
    """
    import av
    import soxr

    try:
        with av.open(str(path)) as container:
            to_mono = av.AudioResampler(format="fltp", layout="mono")
            blocks = [block for frame in container.decode(audio=0) for block in to_mono.resample(frame)]
            rate = blocks[0].sample_rate
            samples = np.concatenate([block.to_ndarray()[0] for block in blocks])
    except (av.FFmpegError, IndexError, OSError) as error:
        raise DataError(path, "a sound file", f"{type(error).__name__}: {error}") from error
    return soxr.resample(samples, rate, RATE_HZ).astype(np.float32)


def _resampled(samples: np.ndarray, factor: float) -> np.ndarray:
    import soxr

    return soxr.resample(samples, RATE_HZ * factor, RATE_HZ)
