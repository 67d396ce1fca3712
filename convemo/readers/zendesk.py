"""Zendesk's ticket comments. Internal notes are left out.

    {"ticket"?: {"id", "requester_id"}, "users"?: [{"id", "name", "role": "end-user" | "agent" | "admin"}],
     "comments": [{"id", "type": "Comment" | "VoiceComment", "author_id", "body", "html_body", "plain_body", "public": true, "created_at"}]}

A ticket as an object of its own (``{"id", "requester_id", "comments"}``), a list of them, one a line, or the comments alone. Who asked
(``requester_id``) is the customer, everybody else an agent, unless `users` says otherwise; where neither is given, nobody has a role.
A call (``VoiceComment``) is read only where it holds its transcription: its body is the system's account of it.

https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convemo.readers.base import reader
from convemo.readers.html_text import text_of
from convemo.readers.instants import Instant, from_zero
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import objects_of
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import in_order
from convemo.readers.wording import tidy, unescape
from convemo.types import Role, Speaker, Transcript, TranscriptSegment

SHAPES = Shapes(
    Shape(
        "Zendesk",
        marks=("comments[].author_id | author_id", "comments[].public | comments[].html_body | comments[].plain_body | public"),
        needs=("comments[].body | comments[].plain_body | comments[].html_body | body | plain_body | html_body",),
    )
)
_NO = ("false", "0", "no")
"""Some exports write true and false as texts; an internal note must not slip through."""
_ROLES: dict[str, Role] = {"end-user": "customer", "agent": "agent", "admin": "agent"}


@reader(SHAPES, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every ticket in the file. Times count from the ticket's first comment; a comment has a beginning and no end.

    Raises:
        TranscriptError: broken JSON, a field of a wrong type, or two tickets with one id; names the line or the field.

    >>> note = '{"author_id": 2, "public": false, "body": "Careful.", "created_at": "2026-03-08T10:00:00Z"}'
    >>> asked = '{"author_id": 1, "public": true, "body": "It broke.", "created_at": "2026-03-08T09:00:00Z"}'
    >>> t, = read('{"ticket": {"id": 35, "requester_id": 1}, "comments": [%s, %s]}' % (note, asked), "a.json")
    >>> t.id, [(s.text, s.start) for s in t.segments], t.speakers[0].role, t.notes
    ('35', [('It broke.', 0.0)], 'customer', ('1 internal note is left out.',))
    """
    items = list(objects_of(text, path, "comments"))
    if not any(fields.has("comments") for _, fields in items):
        return _bare([comment for _, comment in items])
    transcripts: dict[str | None, Transcript] = {}
    for place, fields in items:
        if not fields.has("comments", list):
            raise fields.wrong("comments", "a list, as Zendesk writes it")
        ticket = fields.inner("ticket") or fields
        id = ticket.label("id") or (place if len(items) > 1 else None)
        if id in transcripts:
            raise ticket.wrong("id", f"an id of its own, not {id!r} again")
        transcripts[id] = _transcript(fields.items("comments"), id, ticket.label("requester_id"), fields.items("users"))
    return tuple(transcripts.values())


def _bare(comments: Iterable[Fields]) -> tuple[Transcript, ...]:
    """Comments without their ticket, put together by the one that they name."""
    of: dict[str | None, list[Fields]] = {}
    for comment in comments:
        of.setdefault(comment.label("ticket_id"), []).append(comment)
    return tuple(_transcript(of_ticket, id, None, ()) for id, of_ticket in of.items())


def _transcript(comments: Sequence[Fields], id: str | None, requester: str | None, users: Iterable[Fields]) -> Transcript:
    known = {user: fields for fields in users if (user := fields.label("id"))}
    said: list[tuple[str, str | None, Instant | None]] = []
    internal = calls = 0
    for comment in comments:
        if str(comment.value("public")).casefold() in _NO:
            internal += 1
        elif words := _words(comment):
            said.append((words, comment.label("author_id"), comment.moment("created_at")))
        else:
            calls += _is_call(comment)
    times = from_zero([(at, None) for _, _, at in said])
    segments = in_order(TranscriptSegment(words, start, None, author) for (words, author, _), (start, _) in zip(said, times))
    speakers = (_speaker(author, requester, known.get(author)) for author in dict.fromkeys(s.speaker for s in segments) if author)
    notes = []
    if internal:
        notes.append(f"{internal} internal note{' is' if internal == 1 else 's are'} left out.")
    if calls:
        notes.append(
            f"{calls} call{' has' if calls == 1 else 's have'} no transcription here, and {'is' if calls == 1 else 'are'} left out."
        )
    return Transcript(segments, tuple(speakers), None, "zendesk", id, notes=tuple(notes))


def _is_call(comment: Fields) -> bool:
    return comment.label("type") == "VoiceComment"


def _words(comment: Fields) -> str:
    if _is_call(comment):
        data = comment.inner("data")
        return tidy((data.text("transcription_text") if data else None) or "")
    plain = tidy(unescape(comment.text("plain_body", "body") or ""))
    return plain or text_of(comment.text("html_body") or "")


def _speaker(author: str, requester: str | None, user: Fields | None) -> Speaker:
    stated = _ROLES.get((user.label("role") or "").casefold()) if user else None
    asked: Role | None = None if requester is None else "customer" if author == requester else "agent"
    return Speaker(author, name=(user.label("name") if user else None) or author, role=stated or asked)
