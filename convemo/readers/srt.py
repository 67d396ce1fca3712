"""SubRip: numbered cues with comma decimals. Written by Whisper, WhisperX, editors and most transcription services.

Our own export ends a cue with the emotion, ``Ana: I have called twice! [anger 0.72]``; nobody has said that, and it is left out.
"""

from __future__ import annotations

import re
from dataclasses import replace

from convemo.readers.base import reader
from convemo.readers.cues import Cue, has_cues, read_cues
from convemo.readers.names import speakers_of
from convemo.readers.voices import spoken
from convemo.types import Transcript

_EMOTION = re.compile(r"(?:^|\s)\[[^\W\d_][\w -]{0,30}\?? (?:0\.\d\d|1\.00)\]\s*$")
"""As `convemo.export.subtitles` writes it: a label, a question mark where it is unsure, and a confidence."""


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
    segments = spoken(tuple(map(_without_emotion, read_cues(text, path, numbered=True))))
    return (Transcript(segments, speakers_of(segments), source="srt"),)


def _without_emotion(cue: Cue) -> Cue:
    return replace(cue, lines=(*cue.lines[:-1], _EMOTION.sub("", cue.lines[-1])))
