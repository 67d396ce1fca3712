"""What Whisper and its relatives write: JSON (openai-whisper, WhisperX, OpenAI's verbose_json) and TSV.

    JSON   {"segments": [{"start", "end", "text", "speaker"?, "avg_logprob"?, "words"?: [{"word", "start"?, "end"?, …}]}], "language"?}
    TSV    start, end (milliseconds), text

https://github.com/openai/whisper/blob/main/whisper/utils.py, https://github.com/m-bain/whisperX
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter

from convemo.errors import TranscriptError
from convemo.readers.base import reader
from convemo.readers.json_fields import Fields, parse_json, words_of
from convemo.readers.languages import language_code
from convemo.readers.names import speakers_of
from convemo.readers.wording import span, tidy
from convemo.types import Transcript, TranscriptSegment

_TSV_HEADER = "start\tend\ttext"
_TSV_ROW = re.compile(r"(-?\d{1,12})\t(-?\d{1,12})(?:\t(.*))?$")


def looks_like(text: str) -> float:
    """Certain of a JSON object with Whisper's segments, or of the TSV header with whole milliseconds below it."""
    if text.lstrip().startswith("{") and '"segments"' in text:
        try:
            segments = json.loads(text).get("segments")
        except (ValueError, RecursionError):
            return 0.0
        return 1.0 if isinstance(segments, list) and all(_is_segment(s) for s in segments[:1]) else 0.0
    header, _, rest = text.lstrip().partition("\n")
    first_row = rest.lstrip("\n").partition("\n")[0]
    return 1.0 if header.rstrip() == _TSV_HEADER and _TSV_ROW.match(first_row) else 0.0


def _is_segment(value: object) -> bool:
    return isinstance(value, dict) and ("text" in value or "words" in value) and "start" in value


@reader(looks_like, ".json", ".tsv")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """The one conversation in a Whisper or WhisperX file.

    A word without a speaker is its segment's; a segment without one is whoever says most of its words.
    A segment's confidence is the geometric mean of its tokens' probabilities, exp(``avg_logprob``).

    Raises:
        TranscriptError: it is neither such JSON nor such a TSV; names the line or the field.

    >>> t, = read('{"segments": [{"start": 0.5, "end": 1, "text": " Hello."}], "language": "en"}', "a.json")
    >>> t.segments[0].text, t.segments[0].start, t.language
    ('Hello.', 0.5, 'en')
    """
    if not text.lstrip().startswith("{"):
        return (_read_tsv(text, path),)
    value = parse_json(text, path)
    fields = Fields(value, path)
    if not isinstance(value.get("segments"), list):
        raise fields.wrong("segments", "a list, as Whisper writes it")
    segments = tuple(segment for item in fields.items("segments") if (segment := _segment(item)))
    return (Transcript(segments, speakers_of(segments), language_code(fields.text("language")), source="whisper"),)


def _segment(fields: Fields) -> TranscriptSegment | None:
    text = tidy(fields.text("text") or "") or tidy(" ".join(word.text("word", "text") or "" for word in fields.items("words")))
    if not text:
        return None
    spoken_by = Counter(name for word in fields.items("words") if (name := word.label("speaker")))
    speaker = fields.label("speaker") or (spoken_by.most_common(1)[0][0] if spoken_by else None)
    log_probability = fields.number("avg_logprob")
    confidence = None if log_probability is None else round(math.exp(min(log_probability, 0.0)), 5)
    return TranscriptSegment(text, *fields.times(), speaker, words_of(fields, text, speaker), confidence)


def _read_tsv(text: str, path: str) -> Transcript:
    segments, header = [], True
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or (header and line.strip() == _TSV_HEADER):
            header = header and not line.strip()
            continue
        row = _TSV_ROW.match(line)
        if row is None:
            expected = "start and end in whole milliseconds and a text, with tabs between"
            raise TranscriptError(path, line=number, expected=expected, found=repr(line[:60]), hint="Correct the row.")
        if said := tidy(row[3] or ""):
            segments.append(TranscriptSegment(said, *span(int(row[1]) / 1000, int(row[2]) / 1000)))
    return Transcript(tuple(segments), source="whisper")
