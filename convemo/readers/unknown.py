"""What to say of a text that no reader knows: what it looks like, and what is missing."""

from __future__ import annotations

import re

from convemo.errors import TranscriptError
from convemo.readers.json_fields import parse_json
from convemo.readers.table import without_text_column

_KEYS_SHOWN = 6


def describe(text: str, path: str, known: tuple[str, ...]) -> TranscriptError:
    """The error for a text that no reader recognises.

    Args:
        known: the names of the formats that are read.

    >>> print(describe('{"results": {}, "jobName": "j"}', "a.json", ("vtt", "srt")))
    a.json: expected a transcript in a known form, found a JSON object that no reader knows, with the keys results, jobName.
    Formats that are read: vtt, srt. docs/transcripts.md shows what each looks like.
    """
    try:
        found = _what_it_is(text, path)
    except TranscriptError as broken:
        return broken
    if (table := without_text_column(text, path)) is not None:
        return table
    hint = f"Formats that are read: {', '.join(known)}. docs/transcripts.md shows what each looks like."
    return TranscriptError(path, expected="a transcript in a known form", found=found, hint=hint)


def _what_it_is(text: str, path: str) -> str:
    start = text.lstrip()
    if start.startswith("{\\rtf"):
        return "a rich-text document"
    if re.match(r"[\[{]\s*[\[{\"\]}]", start):
        value = parse_json(text, path)
        if not isinstance(value, dict):
            return "a JSON list of something else than utterances, messages or dialogues"
        keys = ", ".join(str(key)[:40] for key in list(value)[:_KEYS_SHOWN]) or "none"
        return f"a JSON object that no reader knows, with the keys {keys}"
    if start.startswith("<"):
        return "an HTML or XML page"
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    return f"{lines} line{'s' * (lines != 1)} of text without cue times, a table header or 'Name: text'"
