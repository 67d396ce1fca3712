"""How everybody in a conversation sounds: each utterance described, and compared with the same speaker's earlier ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import pairwise

import numpy as np

from convemo.audio import Audio
from convemo.features.voice import VoiceHistory, describe
from convemo.results import mean_voice
from convemo.types import TELEPHONE_HZ, Dialogue, Utterance

LONGEST_S = 30.0
"""Longer utterances are described in equal parts of at most this, whose numbers are averaged: memory stays flat."""
SHORTEST_S = 0.1
"""Below it there is no syllable."""


def describe_voices(
    dialogue: Dialogue, audio: Audio, visible: Collection[int], progress: Callable[[float, float], None] | None = None
) -> Dialogue:
    """The dialogue with `voice` and `voice_deviation` of every utterance that has sound; of the others both are ``None``.

    A speaker who has an audio channel of their own is heard on it. Causal: later utterances change nothing.

    Args:
        dialogue: who spoke when.
        audio: the sound.
        visible: indices of the utterances that may be described, from `convemo.policy.Policy.visible`.
        progress: told how many utterances are done, of how many.
    """
    channel_of = {s.id: s.channel if s.channel is not None and s.channel < audio.channels else None for s in dialogue.speakers}
    history, utterances = VoiceHistory(), list(withhold_voices(dialogue, ()))
    for done, index in enumerate(sorted(visible), 1):
        utterance = utterances[index]
        words = None if dialogue.translated_from else _count_words(utterance)  # of a translation nobody has said the words
        voice = _describe(audio, utterance, channel_of[utterance.speaker], words)
        if voice is not None:
            deviation = history.deviation(utterance.speaker, voice)
            history.update(utterance.speaker, voice)
            utterances[index] = replace(utterance, voice=voice, voice_deviation=deviation)
        if progress is not None:
            progress(done, len(visible))
    return replace(dialogue, utterances=tuple(utterances))


def withhold_voices(dialogue: Dialogue, visible: Collection[int]) -> Dialogue:
    """The dialogue without the voices that it came with, but for these utterances."""
    shown = set(visible)
    kept = (u if i in shown or u.voice is None else replace(u, voice=None, voice_deviation=None) for i, u in enumerate(dialogue))
    return replace(dialogue, utterances=tuple(kept))


def _count_words(utterance: Utterance) -> int | None:
    return len(utterance.words) or len((utterance.text or "").split()) or None


def _describe(audio: Audio, utterance: Utterance, channel: int | None, words: int | None) -> dict[str, float | None] | None:
    """The description of one utterance; ``None`` if it has no sound."""
    if utterance.start is None or utterance.end is None:
        return None
    start, end = max(utterance.start, 0.0), min(utterance.end, audio.duration_s)
    if end - start < SHORTEST_S:
        return None
    count = math.ceil((end - start) / LONGEST_S)
    borders = np.linspace(start, end, count + 1).tolist()
    # One short word gives no evidence of its line, but the sampling rate bounds it.
    telephone = utterance.evidence.bandwidth == "telephone" or audio.recording.rate_hz <= 2 * TELEPHONE_HZ
    parts = (describe(audio.read(a, b, channel=channel), words and words / count, telephone) for a, b in pairwise(borders))
    known = [part for part in parts if part is not None]
    return known[0] if len(known) == 1 else mean_voice(known) or None
