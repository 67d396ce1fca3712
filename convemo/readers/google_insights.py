"""Google's Contact Center AI (CX) Insights: the conversations that it takes in, and gives out.

    {"entries": [{"start_timestamp_usec": 1700000000000000, "text", "role": "AGENT" | "AUTOMATED_AGENT" | "CUSTOMER" | "END_USER",
                  "user_id": 1}],
     "conversation_info"?: {"conversation_id"?}}

Times are Unix time in microseconds, as numbers or texts. An automated agent counts as agent.

https://cloud.google.com/contact-center/insights/docs/conversation-data-format
"""

from __future__ import annotations

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import one_each
from convemo.readers.names import role_of
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import counted_from_first, in_order
from convemo.readers.wording import tidy, with_ends
from convemo.types import Speaker, Transcript, TranscriptSegment

SHAPES = Shapes(
    Shape(
        "Google CX Insights",
        marks=("entries[].start_timestamp_usec | entries[].startTimestampUsec | entries[].role",),
        needs=("entries[].text",),
    )
)
_US = 1e-6


@reader(SHAPES, ".json")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every conversation in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> t, = read('{"entries": [{"start_timestamp_usec": "1700000000000000", "text": "Hi.", "role": "END_USER", "user_id": 2}]}', "a.json")
    >>> t.segments[0].start, t.speakers[0].id, t.speakers[0].role
    (0.0, 'END_USER', 'customer')
    """
    return one_each(text, path, "entries", _transcript)


def _transcript(fields: Fields) -> Transcript:
    if not fields.has("entries", list):
        raise fields.wrong("entries", "a list, as Google CX Insights writes it")
    said = [(entry, words) for entry in fields.items("entries") if (words := tidy(entry.text("text") or ""))]
    users: dict[str, set[str | None]] = {}
    for entry, _ in said:
        users.setdefault(entry.label("role") or "", set()).add(entry.label("user_id", "userId"))
    segments, speakers = [], {}
    for entry, words in said:
        role, user = entry.label("role"), entry.label("user_id", "userId")
        id = f"{role} {user}" if role and user and len(users[role]) > 1 else role or user
        if id:
            speakers.setdefault(id, Speaker(id, name=id, role=role_of(role)))
        at = entry.number("start_timestamp_usec", "startTimestampUsec")
        segments.append(TranscriptSegment(words, None if at is None else max(at * _US, 0.0), None, id))
    info = fields.inner("conversation_info")
    id = info.label("conversation_id") if info else None
    return Transcript(with_ends(in_order(counted_from_first(segments))), tuple(speakers.values()), None, "google_insights", id)
