"""Intercom's conversations. Internal notes are left out, and HTML becomes text.

    {"type": "conversation", "id", "created_at", "source": {"body": "<p>…</p>", "author": {"type", "id", "name", "email"}},
     "conversation_parts": {"conversation_parts": [{"part_type": "comment" | "note" | …, "body", "created_at", "author"}]}}

One conversation, ``{"conversations": […]}``, a list, or one a line. The first message is in `source`; of the parts only comments are
read: notes are for colleagues, and assignments, closings and the like are the system's. Users, leads and contacts are customers; admins,
teams and bots are agents.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io/conversations
"""

from __future__ import annotations

from collections.abc import Iterable

from convemo.readers.base import reader
from convemo.readers.html_text import text_of
from convemo.readers.instants import Instant, from_zero
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import objects_of
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import in_order
from convemo.types import Role, Speaker, Transcript, TranscriptSegment

_PARTS = "conversation_parts.conversation_parts[]"
SHAPES = Shapes(
    Shape(
        "Intercom",
        marks=("conversation_parts | source.author | conversations[].conversation_parts | conversations[].source.author",),
        needs=(f"{_PARTS}.body | source.body | conversations[].{_PARTS}.body | conversations[].source.body",),
    )
)
_ROLES: dict[str, Role] = {
    **dict.fromkeys(("user", "lead", "contact", "visitor"), "customer"),
    **dict.fromkeys(("admin", "team", "bot"), "agent"),
}


@reader(SHAPES, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every conversation in the file. Times count from its first message; a message has a beginning and no end.

    Raises:
        TranscriptError: broken JSON, a field of a wrong type, or two conversations with one id; names the line or the field.

    >>> asked = '{"body": "<p>It <b>broke</b>.</p>", "author": {"type": "user", "id": "u1", "name": "Ana"}}'
    >>> t, = read('{"id": "9", "created_at": 1700000000, "source": %s, "conversation_parts": null}' % asked, "a.json")
    >>> t.id, t.segments[0].text, t.speakers[0].name, t.speakers[0].role
    ('9', 'It broke.', 'Ana', 'customer')
    """
    of = "a conversation"
    found = [
        c for _, fields in objects_of(text, path, of) for c in (fields.items("conversations") if fields.has("conversations") else [fields])
    ]
    transcripts: dict[str | None, Transcript] = {}
    for number, fields in enumerate(found, start=1):
        id = fields.label("id") or (f"{number}" if len(found) > 1 else None)
        if id in transcripts:
            raise fields.wrong("id", f"an id of its own, not {id!r} again")
        transcripts[id] = _transcript(fields, id)
    return tuple(transcripts.values())


def _transcript(fields: Fields, id: str | None) -> Transcript:
    said: list[tuple[str, str | None, Instant | None]] = []
    speakers: dict[str, Speaker] = {}
    notes = 0
    for message, at in _messages(fields):
        if (message.label("part_type") or "").startswith("note"):
            notes += 1
            continue
        if (message.label("part_type") or "comment") == "comment" and (words := text_of(message.text("body") or "")):
            author = _author(message)
            if author:
                speakers.setdefault(author.id, author)
            said.append((words, author and author.id, at))
    times = from_zero([(at, None) for _, _, at in said])
    segments = in_order(TranscriptSegment(words, start, None, author) for (words, author, _), (start, _) in zip(said, times))
    left_out = (f"{notes} internal note{' is' if notes == 1 else 's are'} left out.",) if notes else ()
    return Transcript(segments, tuple(speakers.values()), None, "intercom", id, notes=left_out)


def _messages(fields: Fields) -> Iterable[tuple[Fields, Instant | None]]:
    source = fields.inner("source") or fields.inner("conversation_message")  # as it was called before version 2 of the interface
    if source is not None:
        yield source, fields.moment("created_at")
    if (parts := fields.inner("conversation_parts")) is not None:
        for part in parts.items("conversation_parts"):
            yield part, part.moment("created_at")


def _author(message: Fields) -> Speaker | None:
    """Two kinds of author may share a number, so that a speaker's id is both: ``user u1``."""
    author = message.inner("author")
    if author is None:
        return None
    kind, id = author.label("type"), author.label("id", "email", "name")
    if kind is None and id is None:
        return None
    whole = " ".join(part for part in (kind, id) if part)
    return Speaker(whole, name=author.label("name", "email") or whole, role=_ROLES.get((kind or "").casefold()))
