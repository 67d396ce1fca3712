"""The objects of a JSON file, whether it holds one, a list of them, or one a line (JSONL)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from convemo.errors import TranscriptError
from convemo.readers.json_fields import Fields, parse_json
from convemo.types import Transcript

CONVERSATION = ("dialogue", "conversation", "dialogue_id", "conversation_id")
"""Fields of an utterance or message that may say which conversation it is of."""


def first_value(text: str) -> tuple[bool, Any]:
    """Whether the text is JSONL (more than one line, the first an object by itself), and its first value or all of it.

    Raises:
        ValueError, RecursionError: it is no JSON.

    >>> first_value('{"a": 1}\\n{"a": 2}\\n'), first_value('[{"a": 1}]')
    ((True, {'a': 1}), (False, [{'a': 1}]))
    """
    first, _, rest = text.strip().partition("\n")
    if rest.strip() and (value := _object(first)) is not None:
        return True, value
    return False, json.loads(text)


def objects_of(text: str, path: str, of: str) -> Iterable[tuple[str, Fields]]:
    """The objects of the file, each with its place: ``line-3`` in JSONL, ``3`` in a list.

    Args:
        of: what an object should hold, for messages.

    Raises:
        TranscriptError: broken JSON, or something else than objects.
    """
    try:
        lines, value = first_value(text)
    except (ValueError, RecursionError):
        lines, value = False, parse_json(text, path)  # for its error, which names the line
    if lines:
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield f"line-{number}", _fields(parse_json(line, path, number), path, "", number, of)
    elif isinstance(value, list):
        for i, item in enumerate(parse_json(text, path)):
            yield f"{i + 1}", _fields(item, path, f"[{i}]", None, of)
    else:
        yield "1", _fields(parse_json(text, path), path, "", None, of)


def _object(line: str) -> dict | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _fields(value: Any, path: str, place: str, line: int | None, of: str) -> Fields:
    if isinstance(value, dict):
        return Fields(value, path, place, line)
    found = f"{place} is {json.dumps(value)[:40]}".strip()
    raise TranscriptError(path, line=line, expected=f"an object with {of}", found=found)


def one_each(text: str, path: str, of: str, read: Callable[[Fields], Transcript]) -> tuple[Transcript, ...]:
    """A transcript for each object of the file, by a function from one to the other. One without an id, of several, gets its place as id.

    Raises:
        TranscriptError: as `objects_of` and `read`; or two have one id.
    """
    items = list(objects_of(text, path, of))
    transcripts: dict[str | None, Transcript] = {}
    for place, fields in items:
        transcript = read(fields)
        if transcript.id is None and len(items) > 1:
            transcript = replace(transcript, id=place)
        if transcript.id in transcripts:
            raise fields.wrong("id", f"an id of its own, not {transcript.id!r} again")
        transcripts[transcript.id] = transcript
    return tuple(transcripts.values())
