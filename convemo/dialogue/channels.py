"""Calls with one speaker on each audio channel: transcribed apart and put together, or matched with a transcript with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convemo.audio import Audio
from convemo.types import Dialogue, Speaker, Transcript

CLEARLY_LOUDER_DB = 6.0
"""A channel carries a speaker alone if it is twice the amplitude of any other: cross-talk on telephone lines lies well below that."""

_LONGEST_LISTEN_S = 10.0
"""Seconds of each utterance that are listened to; the level of a voice is known long before."""
_LISTENED_UTTERANCES = 40
"""Utterances of each speaker that are listened to, the longest first: enough for a median, however long the call."""
_SILENCE = 1e-10
"""Power below which a channel is silent (-100 dBFS)."""


def interleave(parts: Sequence[tuple[Speaker, Transcript]]) -> Transcript:
    """One transcript of a call whose channels were transcribed one by one.

    Args:
        parts: for each speaker, what was heard on their channel; every segment has a beginning.

    Returns:
        All segments in order of time, each with its speaker on it and on its words. The language is the parts' own if they agree;
        a note that is not on all of them says whose words it is about.

    Raises:
        ValueError: a segment has no beginning, so that there is no order.

    >>> from convemo.types import TranscriptSegment
    >>> agent, customer = (Transcript((TranscriptSegment(text, at, at + 1),)) for text, at in (("Hello?", 0.0), ("Hi!", 1.5)))
    >>> [(s.speaker, s.text) for s in interleave([(Speaker("customer"), customer), (Speaker("agent"), agent)]).segments]
    [('agent', 'Hello?'), ('customer', 'Hi!')]
    """
    segments = []
    for speaker, transcript in parts:
        for segment in transcript.segments:
            if segment.start is None:
                raise ValueError(f"interleave needs times; a segment of {speaker.id!r} has none")
            words = tuple(replace(word, speaker=speaker.id) for word in segment.words)
            segments.append(replace(segment, speaker=speaker.id, words=words))
    languages = {transcript.language for _, transcript in parts if transcript.language is not None}
    sure = [transcript.language_confidence for _, transcript in parts if transcript.language_confidence is not None]
    return Transcript(
        segments=tuple(sorted(segments, key=lambda segment: segment.start)),
        speakers=tuple(speaker for speaker, _ in parts),
        language=languages.pop() if len(languages) == 1 else None,
        source=" + ".join(dict.fromkeys(transcript.source for _, transcript in parts if transcript.source)),
        language_confidence=min(sure, default=None),
        translated_from=next((transcript.translated_from for _, transcript in parts if transcript.translated_from), None),
        notes=tuple(
            dict.fromkeys(
                note if all(note in other.notes for _, other in parts) else f"{speaker.name or speaker.id}: {note}"
                for speaker, transcript in parts
                for note in transcript.notes
            )
        ),
    )


def channel_of_speakers(dialogue: Dialogue, audio: Audio) -> Dialogue:
    """The dialogue with each speaker's own audio channel filled in, where there is one.

    A speaker gets the channel that is louder than every other by `CLEARLY_LOUDER_DB` or more in the median of their utterances,
    unless another speaker has the same one. A channel that is already known stays.
    """
    if audio.channels < 2:
        return dialogue
    louder = {speaker.id: _channel_of(dialogue, audio, speaker) for speaker in dialogue.speakers}
    taken = list(louder.values())
    speakers = tuple(
        replace(speaker, channel=louder[speaker.id]) if speaker.channel is None and taken.count(louder[speaker.id]) == 1 else speaker
        for speaker in dialogue.speakers
    )
    return replace(dialogue, speakers=speakers)


def _channel_of(dialogue: Dialogue, audio: Audio, speaker: Speaker) -> int | None:
    """The channel that is clearly the loudest while this speaker speaks, or the one already known."""
    if speaker.channel is not None:
        return speaker.channel
    own = [u for u in dialogue if u.speaker == speaker.id and u.duration_s]
    own = sorted(own, key=lambda u: -u.duration_s)[:_LISTENED_UTTERANCES]
    levels = [_levels_db(audio, u.start, min(u.end, u.start + _LONGEST_LISTEN_S)) for u in own]
    if not levels:
        return None
    table = np.stack(levels)  # (utterances, channels)
    loudest = int(np.argmax(np.median(table, axis=0)))
    margin = np.median(table[:, loudest] - np.delete(table, loudest, axis=1).max(axis=1))
    return loudest if margin >= CLEARLY_LOUDER_DB else None


def _levels_db(audio: Audio, start: float, end: float) -> np.ndarray:
    """Mean power of each channel in a stretch, in dB; ``(channels,)``."""
    powers = []
    for channel in range(audio.channels):
        samples = np.asarray(audio.read(start, end, channel=channel), dtype=np.float64)
        powers.append(np.mean(samples**2) if samples.size else 0.0)
    return 10 * np.log10(np.maximum(powers, _SILENCE))
