"""A dialogue's clips as one recording, so that a channel hears a data set as it hears a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from convemo.audio import Audio, load
from convemo.audio.resample import RATE_HZ
from convemo.audio.vad import speech
from convemo.dialogue.evidence import measure
from convemo.features.energy import active_span, frame_energy_db
from convemo.types import Dialogue, Utterance

PAUSE_S = 0.5
"""Silence between two clips."""

Heard = tuple[Dialogue, Audio | None]
Hear = Callable[[Dialogue], Heard]
Degrade = Callable[[np.ndarray, Utterance], np.ndarray]
"""``(n,)`` float32 at 16 kHz of an utterance → as many, as they sound through a line or in a room."""


def hear(dialogue: Dialogue, degrade: Degrade | None = None) -> Heard:
    """The dialogue with the times and the evidence that its clips give, and their sound.

    The clips (`Utterance.audio`) follow each other in the dialogue's order, with a pause between two; an utterance lasts from the first to
    the last sound of its clip, as a transcript would have it. Utterances without a clip have no times then, for theirs were of
    another recording. A dialogue without any clip comes back as it is.

    Args:
        dialogue: its clips are read here.
        degrade: what happens to each clip, half the pause before it and half that after it included: a room is not silent between two.

    Raises:
        AudioError: a clip cannot be read.
    """
    if all(utterance.audio is None for utterance in dialogue):
        return dialogue, None
    half_a_pause = round(PAUSE_S / 2 * RATE_HZ)
    sound, utterances, at = [], [], 0
    for utterance in dialogue:
        if utterance.audio is None:
            utterances.append(replace(utterance, start=None, end=None))
            continue
        with load(utterance.audio) as clip:
            samples = clip.read()
        first, last = active_span(frame_energy_db(samples))
        if last <= first:  # silent: let the channel say so
            first, last = 0, len(samples)
        start, end = ((at + half_a_pause + min(place, len(samples))) / RATE_HZ for place in (first, last))
        utterances.append(replace(utterance, start=start, end=end))
        samples = np.pad(samples, half_a_pause)
        sound.append(samples if degrade is None else degrade(samples, utterance))
        at += len(samples)
    audio = Audio.from_array(np.clip(np.concatenate(sound), -1, 1).astype(np.float32), RATE_HZ)
    heard = replace(dialogue, utterances=tuple(utterances))
    return measure(heard, audio, speech(audio)), audio
