"""SubRip: numbered cues with comma decimals. Written by Whisper, WhisperX, editors and most transcription services."""

from __future__ import annotations

from convemo.readers.base import reader
from convemo.readers.cues import has_cues, read_cues
from convemo.readers.names import speakers_of
from convemo.readers.voices import spoken
from convemo.types import Transcript


def looks_like(text: str) -> float:
    """Rather sure of anything with cue times; WebVTT's signature is surer."""
    return 0.9 if has_cues(text) else 0.0


@reader(looks_like, ".srt")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """The one conversation in a SubRip file; WebVTT without its signature is read as well.

    Raises:
        TranscriptError: a cue time is broken, or there are no cues.

    >>> t, = read("1\\n00:00:01,000 --> 00:00:02,500\\n[SPEAKER_00]: <i>Hello.</i>\\n", "a.srt")
    >>> t.segments[0].speaker, t.segments[0].text
    ('SPEAKER_00', 'Hello.')
    """
    segments = spoken(read_cues(text, path, numbered=True))
    return (Transcript(segments, speakers_of(segments), source="srt"),)
