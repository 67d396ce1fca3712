"""A call with one speaker a channel: each channel is transcribed by itself, all in one language."""

from __future__ import annotations

from convemo.asr.base import Progress, Transcriber
from convemo.audio import Audio
from convemo.dialogue.channels import interleave
from convemo.types import Diarization, Transcript


def transcribe_channels(engine: Transcriber, audio: Audio, diarization: Diarization, progress: Progress | None = None) -> Transcript:
    """What was said in the channels that speakers have to themselves, in order of time, each segment with its speaker.

    The channel with most speech goes first: what it is found to be in, the others are taken to be in too. From a few words in a channel
    the language cannot be told.

    Raises:
        EngineFailed: the engine broke; the cause is attached.
    """
    spoken_s = {speaker.id: sum(t.duration_s for t in diarization.turns if t.speaker == speaker.id) for speaker in diarization.speakers}
    own_channel = [speaker for speaker in diarization.speakers if speaker.channel is not None]
    heard: dict[str, Transcript] = {}
    language = None
    for speaker in sorted(own_channel, key=lambda speaker: -spoken_s[speaker.id]):
        heard[speaker.id] = said = engine.transcribe(audio.channel(speaker.channel), progress, language)
        language = language or said.translated_from or said.language
    return interleave([(speaker, heard[speaker.id]) for speaker in own_channel])
