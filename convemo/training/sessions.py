"""Acted clips as conversations in sound: one actor's clips one after the other, in a quiet room or in a bad one.

What is degraded here is what evidence measures: noise, reverberation, a telephone, clipping, words cut short, somebody else speaking at
the same time. A session keeps its room and its line throughout, as a call does; cuts and interruptions come by the utterance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from convemo.audio.degrade import pink, reverberate, telephone_call, with_noise
from convemo.audio.resample import RATE_HZ
from convemo.features.energy import active_span, frame_energy_db
from convemo.training.acoustic_clips import read_clip
from convemo.types import Dialogue, Speaker, Utterance

SIZE = 20
"""Clips in a session: about what a speaker says in a short call."""
PAUSE_S = 0.5
CUT_S = (0.3, 3.0)
INTRUDER = "somebody else"
"""The speaker id of whoever speaks at the same time as the actor."""
INTRUDER_DB = (-6.0, 6.0)
"""Their level over the actor's."""
_LINE_DB = -26.0  # level at which a telephone call carries a voice, in dB of full scale (the nominal one of ITU-T P.830)


@dataclass(frozen=True, slots=True)
class Condition:
    """A room and a line; the defaults are the recording as it is."""

    snr_db: float | None = None
    """Level of the voice over a noise; ``None`` for none."""
    noise: np.ndarray | None = None
    """``(n,)``, repeated as needed; ``None`` is pink noise."""
    response: np.ndarray | None = None
    """Impulse response of the room."""
    telephone: bool = False
    loudest: float | None = None
    """The share of the voice's samples that are at or under full scale: 0.98 clips one in fifty; ``None`` leaves the level as it is."""
    cut: float = 0.0
    """Share of the utterances of which only `CUT_S` seconds are left."""
    interrupted: float = 0.0
    """Share of the utterances over a part of which somebody else speaks."""


def draw_condition(rng: np.random.Generator, noises: Sequence[np.ndarray], responses: Sequence[np.ndarray]) -> Condition:
    """A bad condition at random: 30 to -5 dB SNR always, each of the other evils in a third of the sessions, cuts in half of the words."""
    return Condition(
        snr_db=rng.uniform(-5.0, 30.0),
        noise=noises[rng.integers(len(noises))] if len(noises) and rng.random() < 0.6 else None,
        response=responses[rng.integers(len(responses))] if len(responses) and rng.random() < 1 / 3 else None,
        telephone=rng.random() < 1 / 3,
        loudest=rng.uniform(0.9, 1.0) if rng.random() < 1 / 3 else None,
        cut=0.5,
        interrupted=0.2,
    )


def draw_sessions(dialogues: Sequence[Dialogue], rng: np.random.Generator, size: int = SIZE) -> Iterator[list[Utterance]]:
    """The labelled clips of each actor in random order, so many at a time."""
    for dialogue in dialogues:
        clips = [u for u in dialogue if u.label is not None]
        order = rng.permutation(len(clips))
        for first in range(0, len(clips), size):
            yield [clips[i] for i in order[first : first + size]]


def perform(
    clips: Sequence[Utterance], condition: Condition, rng: np.random.Generator, others: Sequence[Utterance] = ()
) -> tuple[np.ndarray, Dialogue]:
    """One session.

    Args:
        clips: of one actor, with `audio`.
        condition: of the room and the line.
        rng: draws cuts, interruptions and noise.
        others: clips of other people, who interrupt.

    Returns:
        ``(n,)`` float32 at 16 kHz, and the dialogue: the actor's utterances with their times, label and id, and those of `INTRUDER`,
        which have no label.

    Raises:
        DataError: a clip cannot be read.
    """
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.float32)
    sound, intruder, utterances, at = [pause], [pause], [], len(pause)
    for clip in clips:
        samples, (first, last) = _spoken(read_clip(clip.audio))
        if rng.random() < condition.cut:
            length = min(last - first, round(rng.uniform(*CUT_S) * RATE_HZ))
            first += int(rng.integers(last - first - length + 1))
            samples, first, last = samples[first : first + length], 0, length
        over = np.zeros(len(samples), np.float32)
        start, end = (at + first) / RATE_HZ, (at + last) / RATE_HZ
        utterances.append(Utterance(clip.id, clip.speaker, start=start, end=end, label=clip.label))
        if others and rng.random() < condition.interrupted:
            voice, span = _spoken(read_clip(others[rng.integers(len(others))].audio))
            voice = voice[slice(*span)][: round((last - first) * rng.uniform(0.2, 1.0))]
            begin = first + int(rng.integers(last - first - len(voice) + 1))
            over[begin : begin + len(voice)] = voice * _gain(samples[first:last], voice, rng.uniform(*INTRUDER_DB))
            begin_s = (at + begin) / RATE_HZ
            utterances.append(Utterance(f"{clip.id} over", INTRUDER, start=begin_s, end=begin_s + len(voice) / RATE_HZ))
        sound += [samples, pause]
        intruder += [over, pause]
        at += len(samples) + len(pause)
    heard = _through(np.concatenate(sound), np.concatenate(intruder), utterances, condition, rng)
    who = dict.fromkeys(u.speaker for u in utterances)
    ordered = sorted(utterances, key=lambda u: u.start)
    return heard, Dialogue(f"{clips[0].speaker} {clips[0].id}", tuple(ordered), tuple(Speaker(name) for name in who))


def _spoken(samples: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """The samples, and from where to where somebody speaks in them."""
    first, last = active_span(frame_energy_db(samples))
    return samples, (first, min(last, len(samples)))


def _gain(voice: np.ndarray, other: np.ndarray, level_db: float) -> float:
    """What brings the other so far above the voice."""
    return float(np.sqrt(np.mean(voice**2) / max(np.mean(other**2), 1e-12)) * 10 ** (level_db / 20))


def _through(
    voice: np.ndarray, intruder: np.ndarray, utterances: Sequence[Utterance], condition: Condition, rng: np.random.Generator
) -> np.ndarray:
    """The voices in their room, over their line."""
    own = [u for u in utterances if u.speaker != INTRUDER]
    said = np.concatenate([np.arange(round(u.start * RATE_HZ), round(u.end * RATE_HZ)) for u in own])
    heard = voice + intruder
    if condition.response is not None:
        heard = reverberate(heard, condition.response)
    if condition.snr_db is not None:
        noise = pink(len(heard), rng) if condition.noise is None else condition.noise
        noise = np.resize(np.roll(noise, rng.integers(len(noise))), len(heard))
        # The level counts where the actor speaks, the noise goes on through the pauses.
        louder = np.sqrt(np.mean(heard[said] ** 2) / max(np.mean(heard**2), 1e-12))
        heard = with_noise(heard, noise, condition.snr_db - 20 * np.log10(louder))
    if condition.loudest is not None:
        heard = np.clip(heard / max(float(np.quantile(np.abs(heard[said]), condition.loudest)), 1e-6), -1, 1)
    if condition.telephone:
        level = np.sqrt(max(np.mean(heard[said] ** 2), 1e-12))
        heard = telephone_call(heard * 10 ** (_LINE_DB / 20) / level)
    return np.clip(heard, -1, 1).astype(np.float32)
