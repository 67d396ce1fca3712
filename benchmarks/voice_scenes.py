"""Scenes in which it is known where somebody speaks: acted sentences laid into silence, then spoilt. For voice_activity.py.

The sentences are RAVDESS, nEMO and EmoDB, recorded in quiet studios, so that level alone says where each begins, pauses and ends.
Reverberation moves ends: the borders stay those of the dry voice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from convemo.audio import load
from convemo.types import Turn

RATE_HZ = 16_000
SCENE_S = 60.0
VOICE_DB, ROOM_DB = -26.0, -72.0  # RMS of the sentences' speech and of the room, dB full scale
PAUSE_S = (0.4, 4.0)  # between sentences
RANGE_DB, FLOOR_DB = 40.0, 12.0  # speech in a clean clip: less than so far below its loudest tenths, and so far above its quietest
STOP_S = 0.25  # a shorter silence belongs to the words around it

Interval = tuple[float, float]


@dataclass(frozen=True)
class Scene:
    condition: str
    samples: np.ndarray
    """``(n,)`` float32 at 16 kHz."""
    speech: tuple[Turn, ...]
    """Where somebody speaks: one "voice", nothing overlaps."""


class Material:
    """The sentences and noises under a folder that holds ravdess/, nemo/, emodb/ and noise/. Sentences follow from the seed."""

    def __init__(self, folder: Path, seed: int, sentences: int = 90):
        self._rng = np.random.default_rng(seed)
        self._folder = folder
        self._count = sentences

    @cached_property
    def sentences(self) -> list[tuple[np.ndarray, list[Interval]]]:
        """Each at an RMS of 0 dB over its speech, with its stretches of speech in seconds."""
        found = []
        for pattern in ("ravdess/Actor_*/*.flac", "nemo/audio/*.opus", "emodb/*.opus"):
            paths = sorted(self._folder.glob(pattern))
            for index in self._rng.choice(len(paths), self._count // 3, replace=False):
                samples = read(paths[index])
                if stretches := spoken(samples):
                    said = np.concatenate([samples[round(a * RATE_HZ) : round(b * RATE_HZ)] for a, b in stretches])
                    found.append((samples / rms(said), stretches))
        return found

    @cached_property
    def rooms(self) -> list[np.ndarray]:
        """Impulse responses, their strongest sample first, of energy 1."""
        found = []
        for path in sorted(self._folder.glob("noise/**/ir/*.wav")):
            response = read(path)
            response = response[np.abs(response).argmax() :]
            found.append(response / np.sqrt((response**2).sum()))
        return found

    @cached_property
    def animals(self) -> list[np.ndarray]:
        return [read(path) for path in sorted(self._folder.glob("noise/**/background_noises/*.ogg"))]

    @cached_property
    def knocks(self) -> list[np.ndarray]:
        return [read(path) for path in sorted(self._folder.glob("noise/**/short_noises/*.wav"))]


def read(path: Path) -> np.ndarray:
    with load(path) as audio:
        return audio.read()


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt((samples.astype(np.float64) ** 2).mean()) + 1e-9)


def gain(db: float) -> float:
    return 10 ** (db / 20)


def spoken(samples: np.ndarray) -> list[Interval]:
    """Where a clean clip holds speech, by level in steps of 10 ms."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    level_db = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-12)
    least_db = max(np.percentile(level_db, 95) - RANGE_DB, min(np.percentile(level_db, 2), -60.0) + FLOOR_DB)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], level_db > least_db, [0]]).astype(int))).reshape(-1, 2) / 100
    joined: list[Interval] = []
    for start, end in edges:
        if joined and start - joined[-1][1] < STOP_S:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(float(a), float(b)) for a, b in joined if b - a >= 0.1]


def monologue(
    material: Material, rng: np.random.Generator, levels_db: tuple[float, ...] = (VOICE_DB,)
) -> tuple[np.ndarray, list[Interval]]:
    """A minute of sentences with pauses between them; their levels take turns."""
    samples, speech = np.zeros(round(SCENE_S * RATE_HZ)), []
    at_s, number = rng.uniform(*PAUSE_S), 0
    while True:
        sentence, stretches = material.sentences[rng.integers(len(material.sentences))]
        first = round(at_s * RATE_HZ)
        if first + len(sentence) > len(samples):
            return samples, speech
        samples[first : first + len(sentence)] += sentence * gain(levels_db[number % len(levels_db)])
        speech += [(first / RATE_HZ + a, first / RATE_HZ + b) for a, b in stretches]
        at_s, number = (first + len(sentence)) / RATE_HZ + rng.uniform(*PAUSE_S), number + 1


def room(rng: np.random.Generator, level_db: float = ROOM_DB) -> np.ndarray:
    """Pink noise, ``(n,)``: what a quiet room and a microphone sound like."""
    spectrum = np.fft.rfft(rng.normal(size=round(SCENE_S * RATE_HZ)))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)) / SCENE_S, 20.0))  # Hz
    noise = np.fft.irfft(spectrum, round(SCENE_S * RATE_HZ))
    return noise * gain(level_db) / rms(noise)


def looped(clips: list[np.ndarray], rng: np.random.Generator, level_db: float) -> np.ndarray:
    """A minute of one of the clips, again and again."""
    clip = clips[rng.integers(len(clips))]
    noise = np.tile(clip, int(SCENE_S * RATE_HZ / len(clip)) + 1)[: round(SCENE_S * RATE_HZ)]
    return noise * gain(level_db) / rms(noise)


def scattered(clips: list[np.ndarray], rng: np.random.Generator, peak_db: float) -> np.ndarray:
    """Some forty short noises in a minute."""
    noise = np.zeros(round(SCENE_S * RATE_HZ))
    for _ in range(40):
        clip = clips[rng.integers(len(clips))]
        first = rng.integers(len(noise) - len(clip))
        noise[first : first + len(clip)] += clip * gain(peak_db) / np.abs(clip).max()
    return noise


def music(rng: np.random.Generator) -> np.ndarray:
    """A melody of harmonic tones with vibrato over chords, in the range of voices."""
    time_s, sound = np.arange(round(0.5 * RATE_HZ)) / RATE_HZ, []
    for _ in range(round(SCENE_S / 0.5)):
        root = 110.0 * 2 ** (rng.integers(0, 12) / 12)
        note = sum(
            np.sin(2 * np.pi * h * f * time_s + 0.2 * np.sin(2 * np.pi * 5 * time_s)) / h
            for f in (root, root * 5 / 4, root * 3 / 2, 2 * root * 2 ** (rng.integers(0, 12) / 12))
            for h in range(1, 8)
        )
        sound.append(note * np.exp(-2 * time_s) * np.minimum(1, 50 * time_s))
    sound = np.concatenate(sound)
    return sound * gain(VOICE_DB) / rms(sound)


def melody(rng: np.random.Generator) -> np.ndarray:
    """One buzzing note after the other, in the range of voices: the hardest music for a detector of them."""
    time_s, sound = np.arange(round(0.5 * RATE_HZ)) / RATE_HZ, []
    for _ in range(round(SCENE_S / 0.5)):
        f = 110.0 * 2 ** (rng.integers(0, 25) / 12)
        vibrato = 0.3 * np.sin(2 * np.pi * 5 * time_s)
        note = sum(np.sin(2 * np.pi * h * f * time_s + h * vibrato) / h for h in range(1, 12))
        sound.append(note * np.exp(-2 * time_s) * np.minimum(1, 100 * time_s))
    sound = np.concatenate(sound)
    return sound * gain(VOICE_DB) / rms(sound)


def tones(rng: np.random.Generator) -> np.ndarray:
    """A telephone: dialled digits, ringing (425 Hz, 1 s on, 4 s off), and the mains' hum."""
    time_s = np.arange(round(SCENE_S * RATE_HZ)) / RATE_HZ
    ringing = np.sin(2 * np.pi * 425 * time_s) * (time_s % 5 < 1)
    digits = np.zeros_like(time_s)
    for at_s in np.arange(1.5, SCENE_S - 5, 5):
        for digit in range(8):
            low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
            here = (time_s >= at_s + 0.2 * digit) & (time_s < at_s + 0.2 * digit + 0.12)
            digits += here * (np.sin(2 * np.pi * low * time_s) + np.sin(2 * np.pi * high * time_s))
    return gain(VOICE_DB) * (ringing + digits + 0.1 * sum(np.sin(2 * np.pi * f * time_s) for f in (50, 150, 250)))


def telephone(samples: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz, and 8 bits in µ-law (ITU-T G.711)."""
    spectrum, hz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    narrow = np.fft.irfft(spectrum * ((hz > 300) & (hz < 3400)), len(samples)).clip(-1, 1)
    companded = np.round(127 * np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)) / 127
    return np.sign(companded) * np.expm1(np.abs(companded) * np.log(256)) / 255


def reverberant(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    size = len(samples) + len(response)
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]
    return wet * rms(samples) / rms(wet)


def scenes(material: Material, seed: int, of_each: int = 2) -> Iterator[Scene]:
    """Minutes with voices, spoilt in every way that recordings are, then minutes without any."""
    voiced: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
        "clean": lambda dry, rng: dry + room(rng),
        "loud, clipped": lambda dry, rng: (dry * gain(22) + room(rng)).clip(-1, 1),
        "quiet (-45 dBFS)": lambda dry, rng: dry * gain(-19) + room(rng),
        "very quiet (-60 dBFS)": lambda dry, rng: dry * gain(-34) + room(rng, -85.0),
        "pink noise, 10 dB": lambda dry, rng: dry + room(rng, VOICE_DB - 10),
        "pink noise, 0 dB": lambda dry, rng: dry + room(rng, VOICE_DB),
        "animals, 10 dB": lambda dry, rng: dry + looped(material.animals, rng, VOICE_DB - 10),
        "taps and rubs": lambda dry, rng: dry + room(rng) + scattered(material.knocks, rng, VOICE_DB + 6),
        "telephone": lambda dry, rng: telephone(dry + room(rng, -60.0)),
        "far, in a room": lambda dry, rng: (
            reverberant(dry * gain(-16), material.rooms[rng.integers(len(material.rooms))]) + room(rng, -66.0)
        ),
        "a constant offset of 0.1": lambda dry, rng: dry + room(rng) + 0.1,
    }
    empty: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
        "no voice: room": lambda rng: room(rng),
        "no voice: loud noise": lambda rng: room(rng, VOICE_DB),
        "no voice: white noise": lambda rng: rng.normal(0, gain(VOICE_DB), round(SCENE_S * RATE_HZ)),
        "no voice: animals": lambda rng: looped(material.animals, rng, VOICE_DB),
        "no voice: taps and rubs": lambda rng: room(rng) + scattered(material.knocks, rng, VOICE_DB + 12),
        "no voice: music": lambda rng: music(rng) + room(rng),
        "no voice: telephone tones": lambda rng: tones(rng) + room(rng),
        "no voice: buzzing melody": lambda rng: melody(rng) + room(rng),
    }
    for number, (condition, spoil) in enumerate(voiced.items()):
        for take in range(of_each):
            rng = np.random.default_rng([seed, number, take])
            dry, speech = monologue(material, rng)
            yield scene(condition, spoil(dry, rng), speech)
    for take in range(of_each):
        rng = np.random.default_rng([seed, 97, take])
        dry, speech = monologue(material, rng, (VOICE_DB, VOICE_DB - 18))
        yield scene("one near, one far", dry + room(rng), speech)
        rng = np.random.default_rng([seed, 98, take])
        (one, first), (two, second) = monologue(material, rng), monologue(material, rng)
        yield scene("two at once", one + two * gain(-6) + room(rng), first + second)
    for number, (condition, sound) in enumerate(empty.items()):
        for take in range(of_each):
            yield scene(condition, sound(np.random.default_rng([seed, 50 + number, take])), [])


def scene(condition: str, samples: np.ndarray, speech: list[Interval]) -> Scene:
    return Scene(condition, samples.clip(-1, 1).astype(np.float32), voice(speech))


def voice(stretches: list[Interval]) -> tuple[Turn, ...]:
    """Where anybody speaks, as the turns of one voice: overlaps are one."""
    joined: list[list[float]] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        elif end > start:
            joined.append([start, end])
    return tuple(Turn(start, end, "voice") for start, end in joined)
