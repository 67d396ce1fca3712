"""Messages as JSON: assistants (OpenAI and alike), Slack, Telegram, and chats of other services that look like them.

    [{"role": "user", "content": "…"}, …]                     a list of messages, or one a line (JSONL)
    {"messages": [{"from": "Ana", "text": "…", "ts": 0}, …]}  a conversation, a list of them, or one a line

    speaker   from, sender, author, user, username, name, speaker, participant: a text, or an object with a name; else role
    text      text, content, body, message: a text, or a list of parts, of which the texts are taken
    time      ts, timestamp, created_at, sent_at, date, time, start: seconds, [hh:]mm:ss, ISO 8601, RFC 5322 or Unix time

What nobody says is left out: messages of the roles system, developer, tool and function, Slack's notices that somebody joined
or left, and messages without text. A message has a beginning, and no end unless it has a field ``end``.

https://platform.openai.com/docs/api-reference/chat, https://api.slack.com/reference/surfaces/formatting,
https://core.telegram.org/import-export
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from convemo.readers.base import reader
from convemo.readers.instants import Instant, from_zero
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import CONVERSATION, first_value, objects_of
from convemo.readers.languages import language_code
from convemo.readers.names import role_of
from convemo.readers.wording import tidy
from convemo.types import Speaker, Transcript, TranscriptSegment

_SPEAKER = ("from", "sender", "author", "user", "username", "name", "speaker", "participant")
_NAME = ("name", "display_name", "real_name", "username", "id")
"""Fields of a speaker that is an object."""
_TEXT = ("text", "content", "body", "message")
_TIME = ("ts", "timestamp", "created_at", "createdAt", "sent_at", "date", "time", "start")
_NOBODY = ("system", "developer", "tool", "function")
_NOTICES = ("channel_", "group_")
"""Beginnings of Slack's ``subtype`` of messages that it writes itself."""


def looks_like(text: str) -> float:
    """Sure of an object with ``messages``; rather sure of messages by themselves that name their speaker as our utterances do not."""
    if not text.lstrip().startswith(("{", "[")):
        return 0.0
    try:
        lines, value = first_value(text)
    except (ValueError, RecursionError):
        return 0.0
    listed = isinstance(value, list)
    items = [item for item in (value if listed else [value]) if isinstance(item, dict)]
    messages = items[0].get("messages") if items else None
    if isinstance(messages, list):
        return 0.9 if any(_is_message(message) for message in messages) else 0.0
    first = next((item for item in items if _is_message(item)), None)
    if first is None or not (listed or lines) or not {"utterances", "segments", "start"}.isdisjoint(first):
        return 0.0
    named = any(name in first for name in (*_SPEAKER, "role"))
    ours = {"speaker", "text"} <= first.keys() and not any(name in first for name in _TIME)
    return 0.7 if named and not ours else 0.0


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(value.get(name), str | list) for name in _TEXT)


@reader(looks_like, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every conversation in the file. Points in time count from the conversation's first; newest-first lists are turned round.

    Raises:
        TranscriptError: broken JSON, a field of a wrong type, or two conversations with one id; names the line or the field.

    >>> t, = read('[{"role": "user", "content": "It broke."}, {"role": "assistant", "content": "I am sorry."}]', "c.json")
    >>> [(s.speaker, s.text) for s in t.segments], [s.role for s in t.speakers]
    ([('user', 'It broke.'), ('assistant', 'I am sorry.')], ['customer', 'agent'])
    """
    items = list(objects_of(text, path, "a message or a list of messages"))
    if not any(fields.has("messages") for _, fields in items):
        of: dict[str | None, list[Fields]] = {}
        for _, fields in items:
            of.setdefault(fields.label(*CONVERSATION), []).append(fields)
        return tuple(_transcript(messages, id, None) for id, messages in of.items())
    transcripts: dict[str | None, Transcript] = {}
    for place, fields in items:
        if not fields.has("messages"):
            raise fields.wrong("messages", "a list")
        id = fields.label("id", *CONVERSATION) or (place if len(items) > 1 else None)
        if id in transcripts:
            raise fields.wrong("id", f"an id of its own, not {id!r} again")
        transcripts[id] = _transcript(fields.items("messages"), id, language_code(fields.text("language")))
    return tuple(transcripts.values())


def _transcript(messages: Iterable[Fields], id: str | None, language: str | None) -> Transcript:
    said: list[tuple[str, str | None, tuple[Instant | None, Instant | None]]] = []
    speakers: dict[str, Speaker] = {}
    for fields in messages:
        text = tidy(fields.prose(*_TEXT) or "")
        speaker, name = _speaker(fields)
        role = fields.label("role")
        if not text or _is_notice(fields, role or speaker):
            continue
        if speaker:
            known = speakers.get(speaker)
            role_known = (known and known.role) or role_of(role) or role_of(speaker)
            speakers[speaker] = Speaker(speaker, name=(known and known.name) or name, role=role_known)
        said.append((text, speaker, (fields.moment(*_TIME), fields.moment("end"))))
    if _newest_first([start for _, _, (start, _) in said]):
        said.reverse()
    times = from_zero([at for _, _, at in said])
    segments = tuple(TranscriptSegment(text, *at, speaker) for (text, speaker, _), at in zip(said, times))
    listed: tuple[Speaker, ...] = tuple(speakers[id] for id in dict.fromkeys(s.speaker for s in segments if s.speaker))
    return Transcript(segments, listed, language, "chat", id)


def _speaker(fields: Fields) -> tuple[str | None, str | None]:
    """A message's speaker, as id and name for people to read."""
    for field in _SPEAKER:
        if fields.has(field, dict):
            inner = fields.inner(field)
            id = inner.label(*_NAME) or inner.label("role")
        else:
            id = fields.label(field)
        if id:
            profile = fields.inner("user_profile") if fields.has("user_profile", dict) else None  # Slack's exports
            return id, (profile and profile.label("display_name", "real_name", "name")) or id
    role = fields.label("role")
    return role, role


def _is_notice(fields: Fields, who: str | None) -> bool:
    subtype = fields.label("subtype") or ""
    return (who or "").casefold() in _NOBODY or subtype.startswith(_NOTICES)


def _newest_first(times: Sequence[Instant | None]) -> bool:
    """Whether messages' times run backwards throughout, as Slack's programming interface lists them."""
    if len(times) < 2 or any(time is None for time in times):
        return False
    return times[0] > times[-1] and all(a >= b for a, b in pairwise(times))
