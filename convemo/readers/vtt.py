"""WebVTT: Teams, Zoom, YouTube, plain. https://www.w3.org/TR/webvtt1/

Microsoft Teams also exports a variant whose cues hold one JSON object each:
https://learn.microsoft.com/graph/api/calltranscript-get ("metadataContent").
"""

from __future__ import annotations

import re
from collections import Counter

from convemo.errors import TranscriptError
from convemo.readers.base import reader
from convemo.readers.cues import Cue, read_cues
from convemo.readers.json_fields import Fields, parse_json
from convemo.readers.languages import language_code
from convemo.readers.names import speakers_of
from convemo.readers.voices import spoken
from convemo.readers.wording import tidy
from convemo.types import Transcript, TranscriptSegment

_HEADER_LINES = 20


def looks_like(text: str) -> float:
    """Certain of the signature that every WebVTT file begins with."""
    return 1.0 if re.match(r"\s*WEBVTT(?:\s|$)", text) else 0.0


@reader(looks_like, ".vtt")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """The one conversation in a WebVTT file.

    Raises:
        TranscriptError: a cue time is broken, or there are no cues.

    >>> t, = read("WEBVTT\\n\\n0:0:1.0 --> 0:0:2.5\\n<v Jane Doe>Hello\\nthere.</v>\\n", "a.vtt")
    >>> t.segments[0].speaker, t.segments[0].text, t.segments[0].end
    ('Jane Doe', 'Hello there.', 2.5)
    """
    cues = read_cues(text, path, numbered=False)
    if cues and _is_metadata(cues[0]):
        segments, languages = _read_metadata(cues, path)
    else:
        segments, languages = spoken(cues), _header_languages(text)
    language = Counter(languages).most_common(1)[0][0] if languages else None
    return (Transcript(segments, speakers_of(segments), language=language, source="vtt"),)


def _header_languages(text: str) -> list[str]:
    header = text.lstrip().split("\n", _HEADER_LINES)[:_HEADER_LINES]
    header = header[: next((i for i, line in enumerate(header) if not line.strip()), len(header))]
    codes = [language_code(line.partition(":")[2]) for line in header if line.startswith("Language:")]
    return [code for code in codes if code]


def _is_metadata(cue: Cue) -> bool:
    return cue.lines[0].lstrip().startswith("{") and '"spokenText"' in "".join(cue.lines)


def _read_metadata(cues: tuple[Cue, ...], path: str) -> tuple[tuple[TranscriptSegment, ...], list[str]]:
    segments, languages = [], []
    for cue in cues:
        line = cue.line + 1
        value = parse_json("\n".join(cue.lines), path, first_line=line)
        if not isinstance(value, dict):
            found = type(value).__name__
            raise TranscriptError(path, line=line, expected='a JSON object with "spokenText", as in the cues before', found=found)
        fields = Fields(value, path, line=line)
        if said := tidy(fields.text("spokenText") or ""):
            segments.append(TranscriptSegment(said, cue.start, cue.end, tidy(fields.text("speakerName") or "") or None))
        if code := language_code(fields.text("spokenLanguage")):
            languages.append(code)
    return tuple(segments), languages
