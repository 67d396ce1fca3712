"""One speaker a channel, under cross-talk: ``python benchmarks/channels.py CORPUS FOLDER [--calls 8]``.

CORPUS is a corpus of short clips that convemo reads (``ravdess``, ``nemo``), FOLDER its folder. From its clips it composes calls with
known turns, one speaker a channel, and makes each channel hear what a real one would: the others' voices through a random path (a delay
of 0 to 30 ms, an echo that dies away within 60 ms, so and so much quieter), and noise of its own. Seeded: the same calls every time.

For each kind of call: errors in percent of the reference speech (collar 0.25 s), channels with a speaker of those with one, and in how
many of the calls `ChannelDiarizer.suits` takes the recording for a call, where it should (yes) or should not (no).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from convemo.audio import Audio, load
from convemo.diarize.channels import ChannelDiarizer
from convemo.metrics import DiarizationErrors, diarization_errors
from convemo.registry import find
from convemo.types import Turn

RATE_HZ = 16_000
LENGTH_S = 60.0

Voices = list[np.ndarray]
"""What each speaker says, ``(n,)`` float32 each: the channels of a perfect line."""


def compose(clips: dict[str, list[str]], rng: np.random.Generator, speakers: int = 2) -> tuple[Voices, list[Turn]]:
    """A call: who speaks changes after one to three clips; some turns begin before the last has ended."""
    voices, turns = [np.zeros(round(LENGTH_S * RATE_HZ), np.float32) for _ in range(speakers)], []
    who, chosen, now = 0, rng.choice(sorted(clips), speakers, replace=False), 0.5
    while now < LENGTH_S - 6:
        start = now
        for _ in range(rng.integers(1, 4)):
            clip = spoken(clips[chosen[who]][rng.integers(len(clips[chosen[who]]))])
            first = round(now * RATE_HZ)
            voices[who][first : first + len(clip)] += clip[: len(voices[who]) - first]
            now += len(clip) / RATE_HZ
        turns.append(Turn(start, min(now, LENGTH_S), str(who)))
        now += rng.uniform(-0.6, 1.0)
        who = (who + rng.integers(1, speakers)) % speakers if speakers > 1 else 0
    return voices, turns


def spoken(path: str) -> np.ndarray:
    """The clip without the silence around it, at −25 dB."""
    with load(path) as audio:
        samples = audio.read()
    loud = np.flatnonzero(np.convolve(samples**2, np.full(400, 1 / 400), "same") > 1e-2 * np.mean(samples**2))
    samples = samples[loud[0] : loud[-1] + 1]
    return samples * (10 ** (-25 / 20) / np.sqrt(np.mean(samples**2)))


def leaked(voice: np.ndarray, level_db: float, rng: np.random.Generator) -> np.ndarray:
    """The voice as another channel hears it."""
    tail = rng.normal(0, 1, RATE_HZ * 60 // 1000) * np.exp(-np.arange(RATE_HZ * 60 // 1000) / (RATE_HZ * rng.uniform(0.004, 0.015)))
    tail[0] += rng.uniform(2, 6)
    path = np.concatenate([np.zeros(rng.integers(0, RATE_HZ * 30 // 1000)), tail])
    heard = np.convolve(voice, path)[: len(voice)]
    return (heard * np.sqrt(np.sum(voice**2) / max(np.sum(heard**2), 1e-9)) * 10 ** (level_db / 20)).astype(np.float32)


def noise(length: int, level_db: float, rng: np.random.Generator) -> np.ndarray:
    return (10 ** (level_db / 20) * rng.normal(0, 1, length)).astype(np.float32)


def crossed(voices: Voices, level_db: float, rng: np.random.Generator) -> Voices:
    """Every channel hears the others' voices, and a little noise."""
    return [
        own + sum(leaked(other, level_db, rng) for other in voices if other is not own) + noise(len(own), rng.uniform(-70, -55), rng)
        for own in voices
    ]


def music(length: int) -> np.ndarray:
    """Hold music: four chords of plucked tones, round and round."""
    time = np.arange(length) / RATE_HZ
    chords = [(262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294)]
    sound = np.zeros(length)
    for beat in range(int(LENGTH_S * 2)):
        here = (time >= beat / 2) & (time < beat / 2 + 1.5)
        for tone in chords[beat // 4 % 4]:
            for partial in (1, 2, 3, 4):
                sound[here] += np.sin(2 * np.pi * tone * partial * time[here]) * np.exp(-4 * (time[here] - beat / 2)) / partial
    return (0.06 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def kinds() -> Iterator[tuple[str, int, bool, Callable[[Voices, np.random.Generator], Voices]]]:
    """Name, number of speakers, whether it is a call, and how the channels come about."""
    yield "no leak", 2, True, lambda v, r: crossed(v, -200.0, r)
    for level_db in (-30, -24, -18, -12, -9, -6):
        yield f"leak {level_db} dB", 2, True, lambda v, r, level_db=level_db: crossed(v, level_db, r)
    for level_db in (-18, -9):
        yield f"three, leak {level_db} dB", 3, True, lambda v, r, level_db=level_db: crossed(v, level_db, r)
    yield "four, leak -12 dB", 4, True, lambda v, r: crossed(v, -12, r)
    for level_db in (-18, -9):
        name = f"a line 20 dB quieter, leak {level_db}"
        yield name, 2, True, lambda v, r, level_db=level_db: [x * g for x, g in zip(crossed(v, level_db, r), (1.0, 0.1))]
        yield f"one way only, leak {level_db} dB", 2, True, lambda v, r, level_db=level_db: [v[0], v[1] + leaked(v[0], level_db, r)]
    yield "other channel silent", 1, False, lambda v, r: [v[0], np.zeros_like(v[0])]
    yield "other channel noise", 1, False, lambda v, r: [v[0], noise(len(v[0]), -40, r)]
    yield "other channel leak -12 dB", 1, False, lambda v, r: [v[0], leaked(v[0], -12, r) + noise(len(v[0]), -65, r)]
    yield "other channel music", 1, False, lambda v, r: [v[0], music(len(v[0]))]
    yield "other: music and leak -18 dB", 1, False, lambda v, r: [v[0], music(len(v[0])) + leaked(v[0], -18, r)]
    yield "two alike", 1, False, lambda v, r: [v[0], v[0]]
    yield "a copy, later and quieter", 1, False, lambda v, r: [v[0], 0.5 * np.roll(v[0], 320)]
    yield "a copy through a room", 1, False, lambda v, r: [v[0] + noise(len(v[0]), -60, r), leaked(v[0], -3, r) + noise(len(v[0]), -60, r)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=8, help="of each kind")
    arguments = parser.parse_args()
    clips: dict[str, list[str]] = {}
    for dialogue in find("data", arguments.corpus)(arguments.folder):
        for utterance in dialogue:
            clips.setdefault(utterance.speaker, []).append(utterance.audio)
    print(f"{'':34}{'DER':>7}{'miss':>7}{'false':>7}{'conf':>7}{'speakers':>11}{'taken for a call':>19}")
    for name, speakers, is_call, mix in kinds():
        errors, heard, taken = DiarizationErrors(), 0, 0
        for number in range(arguments.calls):
            rng = np.random.default_rng(number)
            voices, turns = compose(clips, rng, speakers)
            with Audio.from_array(np.stack(mix(voices, rng), axis=1).clip(-1, 1), RATE_HZ) as audio:
                found = ChannelDiarizer().diarize(audio)
                taken += ChannelDiarizer.suits(audio)
            errors, heard = errors + diarization_errors(found.turns, turns, LENGTH_S), heard + len(found.speakers)
        parts = (errors.rate, *(part / errors.reference_s for part in (errors.missed_s, errors.false_alarm_s, errors.confusion_s)))
        row = "".join(f"{100 * part:7.1f}" for part in parts) + f"{f'{heard} of {speakers * arguments.calls}':>11}"
        print(f"{name:34}{row}{f'{taken} of {arguments.calls}':>12} ({'yes' if is_call else 'no'})", flush=True)


if __name__ == "__main__":
    main()
