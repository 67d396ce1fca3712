"""Our own files: dialogues as JSON or JSONL, saved analyses, and bare lists of utterances.

    {"id"?, "language"?, "speakers"?: [{"id", "name"?, "role"?, "channel"?}],
     "utterances": [{"id"?, "speaker"?, "text", "start"?, "end"?, "role"?, "words"?: […]}]}

One such object, one a line (JSONL), or a list of them; or the utterances alone, as a list or one a line. A saved analysis
("schema") has the same shape. Whatever else is there (labels, scores, features) is not read: a transcript is what was said.
"""

from __future__ import annotations

from typing import get_args

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields, words_of
from convemo.readers.json_objects import CONVERSATION, first_value, objects_of
from convemo.readers.languages import language_code
from convemo.readers.names import role_of, speakers_of
from convemo.readers.wording import tidy, with_ends
from convemo.types import Role, Speaker, Transcript, TranscriptSegment

_OTHERS = ("confidence", "channel", "transcript")
"""Fields of an utterance in files of other services, whose times are in other units."""


def looks_like(text: str) -> float:
    """Certain of utterances with ids or a schema, rather sure of utterances that carry no other service's fields."""
    if not text.lstrip().startswith(("{", "[")):
        return 0.0
    try:
        line, value = first_value(text)
    except (ValueError, RecursionError):
        return 0.0
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return 0.0
    holder = value.get("dialogue") if isinstance(value.get("dialogue"), dict) else value
    utterances = holder.get("utterances")
    if not isinstance(utterances, list):
        several = line or text.lstrip().startswith("[")
        bare = isinstance(value.get("text"), str) and "segments" not in value and (several or "speaker" in value)
        return 0.6 if bare else 0.0
    first = next(iter(utterances), {})
    if not isinstance(first, dict):
        return 0.0
    if "schema" in value or "id" in first:
        return 1.0
    return 0.6 if "text" in first and not any(name in first for name in _OTHERS) else 0.0


@reader(looks_like, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every dialogue in the file.

    Utterances without text are left out: they say nothing. A dialogue without an id, in a file of several, gets its
    place as id: ``line-3`` in JSONL, ``3`` in a list.

    Raises:
        TranscriptError: broken JSON, a field of a wrong type, or two dialogues with one id; names the line or the field.

    >>> t, = read('{"id": "d1", "utterances": [{"id": "u1", "speaker": "Ana", "text": "Hi.", "start": 0, "end": 0.4}]}', "d.json")
    >>> t.id, t.segments[0].speaker, t.segments[0].end
    ('d1', 'Ana', 0.4)
    """
    items = list(objects_of(text, path, "a dialogue or an utterance"))
    if all(_is_bare(fields) for _, fields in items):
        return _conversations(items)
    transcripts: dict[str | None, Transcript] = {}
    for place, fields in items:
        transcript = _dialogue(fields, place if len(items) > 1 else None)
        if transcript.id in transcripts:
            raise fields.wrong("id", f"an id of its own, not {transcript.id!r} again")
        transcripts[transcript.id] = transcript
    return tuple(transcripts.values())


def _is_bare(fields: Fields) -> bool:
    return not fields.has("utterances") and not fields.has("dialogue", dict)


def _conversations(items: list[tuple[str, Fields]]) -> tuple[Transcript, ...]:
    """Bare utterances, put together by the conversation that they name."""
    if items and not any(fields.has("text") for _, fields in items):
        raise items[0][1].wrong("utterances", "a list of utterances, or the object to be one with a text")
    of: dict[str | None, list[Fields]] = {}
    for _, fields in items:
        of.setdefault(fields.label(*CONVERSATION), []).append(fields)
    return tuple(_transcript(utterances, None, id, None) for id, utterances in of.items())


def _dialogue(fields: Fields, place: str | None) -> Transcript:
    inner = fields if fields.has("utterances") else fields.inner("dialogue")
    if inner is None or not inner.has("utterances", list):
        raise (inner or fields).wrong("utterances", "a list")
    id = inner.label("id") or fields.label("id") or place
    speakers = inner.items("speakers") or fields.items("speakers")
    return _transcript(inner.items("utterances"), speakers, id, language_code(inner.text("language") or fields.text("language")))


def _transcript(utterances: list[Fields], speakers: list[Fields] | None, id: str | None, language: str | None) -> Transcript:
    segments, roles = [], {}
    for fields in utterances:
        text = tidy(fields.text("text") or "")
        speaker = fields.label("speaker") or fields.label("role")
        if speaker and (role := _role(fields)):
            roles.setdefault(speaker, role)
        if text:
            words = words_of(fields, text, speaker)
            segments.append(TranscriptSegment(text, *fields.times(), speaker, words, _confidence(fields)))
    known = {speaker.id: speaker for speaker in speakers_of(segments, roles)}
    for listed in map(_speaker, speakers or ()):
        if listed is not None:
            known[listed.id] = listed
    return Transcript(with_ends(segments), tuple(known.values()), language, "convemo", id)


def _confidence(fields: Fields) -> float | None:
    """How sure the words are. In a saved analysis ``confidence`` is the emotion's, and the words' is in its evidence."""
    if not fields.has("probabilities"):
        return fields.share("confidence")
    evidence = fields.inner("evidence")
    return evidence.share("asr_confidence") if evidence else None


def _speaker(fields: Fields) -> Speaker | None:
    id = fields.label("id", "name")
    channel = fields.number("channel")
    if channel is not None and (channel < 0 or channel != int(channel)):
        raise fields.wrong("channel", "a channel counted from 0")
    name = tidy(fields.text("name") or "") or None
    return Speaker(id, name or id, _role(fields) or role_of(id), None if channel is None else int(channel)) if id else None


def _role(fields: Fields) -> Role | None:
    stated = fields.label("role")
    return stated if stated in get_args(Role) else role_of(stated)  # type: ignore[return-value]
