"""Gong's call transcripts: several calls in a file, milliseconds, and the parties if they were exported too.

    {"callTranscripts": [{"callId", "transcript": [{"speakerId", "topic", "sentences": [{"start": 460230, "end", "text"}]}],
                          "parties"?: […]}],
     "parties"?: [{"speakerId", "name", "emailAddress", "affiliation": "Internal" | "External"}],
     "calls"?: [{"metaData": {"id"}, "parties": […]}]}

The parties are another call of Gong's programming interface (``/v2/calls/extensive``); put beside the transcripts in any of these three
places, they give names and roles: ``Internal`` is the agent, ``External`` the customer. Calls may also be a list, or one a line.

https://help.gong.io/docs/retrieve-transcripts-of-calls-by-date-or-callids-v2callstranscript
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import objects_of
from convemo.readers.names import role_of
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import in_order
from convemo.readers.wording import tidy
from convemo.types import Speaker, Transcript, TranscriptSegment

SHAPES = Shapes(
    Shape(
        "Gong",
        marks=("callTranscripts | transcript[].sentences",),
        needs=("callTranscripts[].transcript[].sentences[].text | transcript[].sentences[].text",),
    )
)
_MS = 1e-3

_Parties = Mapping[str, Fields]


@reader(SHAPES, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every call in the file.

    Raises:
        TranscriptError: broken JSON, a field of a wrong type, or two calls with one id; names the line or the field.

    >>> said = '{"speakerId": "7", "sentences": [{"start": 500, "end": 1250, "text": "Hi."}]}'
    >>> t, = read('{"callTranscripts": [{"callId": "c1", "transcript": [%s]}]}' % said, "a.json")
    >>> t.id, t.segments[0].speaker, t.segments[0].end
    ('c1', '7', 1.25)
    """
    transcripts: dict[str | None, Transcript] = {}
    items = [call for _, fields in objects_of(text, path, "callTranscripts") for call in _calls(fields)]
    for number, (call, parties) in enumerate(items, start=1):
        id = call.label("callId", "id") or (f"{number}" if len(items) > 1 else None)
        if id in transcripts:
            raise call.wrong("callId", f"an id of its own, not {id!r} again")
        transcripts[id] = _transcript(call, parties, id)
    return tuple(transcripts.values())


def _calls(fields: Fields) -> Iterable[tuple[Fields, _Parties]]:
    """Each call of an object with the parties that are known of it."""
    if not fields.has("callTranscripts"):
        yield fields, _parties(fields)
        return
    by_call = {}
    for call in fields.items("calls"):
        metadata = call.inner("metaData")
        by_call[metadata.label("id") if metadata else call.label("id")] = _parties(call)
    shared = _parties(fields)
    for call in fields.items("callTranscripts"):
        yield call, ChainMap(_parties(call), by_call.get(call.label("callId"), {}), shared)


def _parties(fields: Fields) -> dict[str, Fields]:
    return {id: party for party in fields.items("parties") if (id := party.label("speakerId", "id"))}


def _transcript(call: Fields, parties: _Parties, id: str | None) -> Transcript:
    if not call.has("transcript", list):
        raise call.wrong("transcript", "a list of monologues, as Gong writes it")
    segments, speakers = [], {}
    for monologue in call.items("transcript"):
        speaker = monologue.label("speakerId")
        for sentence in monologue.items("sentences"):
            if said := tidy(sentence.text("text") or ""):
                segments.append(TranscriptSegment(said, *sentence.times(_MS), speaker))
                if speaker and speaker not in speakers:
                    speakers[speaker] = _speaker(speaker, parties.get(speaker))
    return Transcript(in_order(segments), tuple(speakers.values()), None, "gong", id)


def _speaker(id: str, party: Fields | None) -> Speaker:
    if party is None:
        return Speaker(id, name=id)
    return Speaker(id, name=party.label("name", "emailAddress") or id, role=role_of(party.label("affiliation")))
