"""AssemblyAI's transcripts, whose times are whole milliseconds.

    {"text": "…", "utterances": [{"speaker": "A", "text", "start", "end", "confidence", "words": [{"text", "start", …}]}]}

Without speaker labels ``utterances`` is null, and the words stand by themselves.

https://www.assemblyai.com/docs/api-reference/transcripts/get
"""

from __future__ import annotations

import json

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields, parse_json, words_of
from convemo.readers.languages import language_code
from convemo.readers.names import speakers_of
from convemo.readers.wording import span, tidy
from convemo.types import Transcript, TranscriptSegment

_MS = 1000


def looks_like(text: str) -> float:
    """Sure of utterances (or words) with times in whole milliseconds beside the whole text, or with a confidence."""
    if not text.lstrip().startswith("{") or ('"utterances"' not in text and '"words"' not in text):
        return 0.0
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return 0.0
    for name in ("utterances", "words"):
        items = value.get(name)
        if isinstance(items, list) and items and isinstance(items[0], dict):
            whole = "schema" not in value and "segments" not in value and all(map(_has_whole_times, items))
            beside = isinstance(value.get("text"), str) or "confidence" in items[0]
            return 0.9 if whole and beside and "id" not in items[0] else 0.0
    return 0.0


def _has_whole_times(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("text"), str) and all(type(item.get(t)) is int for t in ("start", "end"))


@reader(looks_like, ".json")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """The one conversation in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> t, = read('{"text": "Hi.", "utterances": [{"speaker": "A", "text": "Hi.", "start": 250, "end": 1500}]}', "a.json")
    >>> t.segments[0].speaker, t.segments[0].start, t.segments[0].end
    ('A', 0.25, 1.5)
    """
    value = parse_json(text, path)
    fields = Fields(value if isinstance(value, dict) else {}, path)
    if not fields.has("utterances", list) and not fields.has("words", list):
        raise fields.wrong("utterances", "a list, as AssemblyAI writes it")
    items = fields.items("utterances") or [fields]
    segments = tuple(segment for item in items if (segment := _segment(item)))
    return (Transcript(segments, speakers_of(segments), language_code(fields.text("language_code")), "assemblyai", fields.label("id")),)


def _segment(fields: Fields) -> TranscriptSegment | None:
    text = tidy(fields.text("text") or "")
    if not text:
        return None
    speaker = fields.label("speaker")
    words = words_of(fields, text, speaker, unit_s=1 / _MS)
    start, end = fields.times(1 / _MS)
    if words and start is None:
        start, end = words[0].start, words[-1].end
    return TranscriptSegment(text, *span(start, end), speaker, words, fields.share("confidence"))
