"""What to say of a text that no reader knows: what it looks like, and what is missing."""

from __future__ import annotations

import re
from typing import Any

from convemo import registry
from convemo.errors import ConvemoError, TranscriptError
from convemo.readers.json_fields import parse_json
from convemo.readers.json_objects import first_value
from convemo.readers.shape import Shape, Shapes
from convemo.readers.table import without_text_column

_KEYS_SHOWN = 6
_OTHERS = (
    Shape("Whisper", ("segments[].start",), ("segments[].text | segments[].words[].word",)),
    Shape("AssemblyAI", ("utterances[].confidence",), ("utterances[].text",)),
    Shape("a saved dialogue of convemo", ("utterances[].speaker",), ("utterances[].text",)),
    Shape("a chat", ("messages",), ("messages[].text | messages[].content | messages[].body",)),
    Shape("Teams' transcript metadata", ("speakerName",), ("spokenText",)),
)
"""Forms whose readers tell them by more than their fields."""


def describe(text: str, path: str, known: tuple[str, ...]) -> TranscriptError:
    """The error for a text that no reader recognises.

    Of a service's JSON that lacks what is needed, it names the service, the fields by which it was known, and those that are missing.

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
    if (partial := _recognised(text, path)) is not None:
        return partial
    if (table := without_text_column(text, path)) is not None:
        return table
    hint = f"Formats that are read: {', '.join(known)}. docs/transcripts.md shows what each looks like."
    return TranscriptError(path, expected="a transcript in a known form", found=found, hint=hint)


def _recognised(text: str, path: str) -> TranscriptError | None:
    """The error for JSON that has a service's marks and lacks what is needed."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        _, value = first_value(text)
    except (ValueError, RecursionError):
        return None
    for shape in _shapes():
        marks, missing = shape.marked(value), shape.missing(value)
        if marks and missing:
            found = f"what looks like {shape.service} (it has {', '.join(marks)}), but {_either(missing)} is missing"
            hint = "Export it again with what is missing; docs/transcripts.md shows what is read."
            return TranscriptError(path, expected="a transcript in a known form", found=found, hint=hint)
    return None


def _shapes() -> list[Shape]:
    found: list[Shape] = []
    for name in registry.names("reader"):
        try:
            looks_like: Any = getattr(registry.find("reader", name), "looks_like", None)
        except ConvemoError:  # a third party's that does not import: it is not what is wrong with this file
            continue
        found.extend(looks_like if isinstance(looks_like, Shapes) else ())
    return [*found, *_OTHERS]


def _either(missing: tuple[str, ...]) -> str:
    return ", ".join(need.replace(" | ", " or ") for need in missing)


def _what_it_is(text: str, path: str) -> str:
    start = text.lstrip()
    if start.startswith("{\\rtf"):
        return "a rich-text document"
    if re.match(r"[\[{]\s*[\[{\"\]}]", start):
        try:
            lines, value = first_value(text)
        except (ValueError, RecursionError):
            lines, value = False, parse_json(text, path)  # for its error, which names the line
        if not isinstance(value, dict):
            return "a JSON list of something else than utterances, messages or dialogues"
        keys = ", ".join(str(key)[:40] for key in list(value)[:_KEYS_SHOWN]) or "none"
        objects = "JSON objects, one a line, that no reader knows: the first" if lines else "a JSON object that no reader knows,"
        return f"{objects} with the keys {keys}"
    if start.startswith("<"):
        return "an HTML or XML page"
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    return f"{lines} line{'s' * (lines != 1)} of text without cue times, a table header or 'Name: text'"
