"""Genesys Cloud's transcripts of speech and text analytics.

    {"conversationId"?, "communicationId", "mediaType", "transcripts": [{"language"?, "phrases": [
        {"participantPurpose": "external" | "internal", "text"?, "decoratedText"?, "startTimeMs", "offset": {"milliseconds"} | "offsetMs",
         "duration": {"milliseconds"} | "durationMs", "confidence", "words": [{"word", …}], "decoratedWords"?: […]}]}]}

``external`` is the customer, ``internal`` the agent. The decorated text has capitals and punctuation, and is taken where it is there;
some exports have the text only in its words. ``startTimeMs`` is Unix time; an offset counts from the beginning of the recording, and
is taken where there is one transcript. Several transcripts in one object are parts of one conversation.

https://developer.genesys.cloud/analyticsdatamanagement/speechtextanalytics/transcript-url
"""

from __future__ import annotations

from collections import Counter

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields, words_of
from convemo.readers.json_objects import objects_of, one_each
from convemo.readers.languages import language_code
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import counted_from_first, in_order
from convemo.readers.wording import tidy, with_ends
from convemo.types import Role, Speaker, Transcript, TranscriptSegment, Word

SHAPES = Shapes(
    Shape(
        "Genesys Cloud",
        marks=("transcripts[].phrases[].participantPurpose | transcripts[].phrases[].phraseIndex | communicationId",),
        needs=("transcripts[].phrases[].text | transcripts[].phrases[].decoratedText | transcripts[].phrases[].words[].word",),
    )
)
_MS = 1e-3
_ROLES: dict[str, Role] = {"external": "customer", "customer": "customer", "internal": "agent", "agent": "agent", "user": "agent"}
"""By ``participantPurpose``; to Genesys, a user is one of the house."""


@reader(SHAPES, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every conversation in the file: an object is one. Its id is ``conversationId``, or ``communicationId`` where two share that.

    Raises:
        TranscriptError: broken JSON, a field of a wrong type, or two conversations with one id; names the line or the field.

    >>> phrase = '{"participantPurpose": "external", "text": "hello", "startTimeMs": 1700000000500, "durationMs": 700}'
    >>> t, = read('{"communicationId": "c1", "transcripts": [{"phrases": [%s]}]}' % phrase, "a.json")
    >>> t.id, t.segments[0].start, t.segments[0].end, t.speakers[0].role
    ('c1', 0.0, 0.7, 'customer')
    """
    of = "transcripts of phrases"
    shared = Counter(fields.label("conversationId") for _, fields in objects_of(text, path, of))
    return one_each(text, path, of, lambda fields: _transcript(fields, shared))


def _transcript(fields: Fields, shared: Counter) -> Transcript:
    if not fields.has("transcripts", list):
        raise fields.wrong("transcripts", "a list, as Genesys Cloud writes it")
    transcripts = fields.items("transcripts")
    language = next((code for t in transcripts if (code := language_code(t.text("language")))), None)
    read = [s for t in transcripts for phrase in t.items("phrases") if (s := _segment(phrase, offset_first=len(transcripts) == 1))]
    segments = with_ends(in_order(counted_from_first(read)))
    conversation = fields.label("conversationId")
    id = fields.label("communicationId") if conversation is None or shared[conversation] > 1 else conversation
    speakers = tuple(
        Speaker(name, name=name, role=_ROLES.get(name.casefold())) for name in dict.fromkeys(s.speaker for s in segments) if name
    )
    return Transcript(segments, speakers, language, "genesys", id or conversation)


def _segment(phrase: Fields, offset_first: bool) -> TranscriptSegment | None:
    speaker = phrase.label("participantPurpose")
    for written, listed in (("decoratedText", "decoratedWords"), ("text", "words")):
        text = tidy(phrase.text(written) or "") or tidy(" ".join(word.text("word") or "" for word in phrase.items(listed)))
        if text:
            words: tuple[Word, ...] = words_of(
                phrase, text, speaker, name=listed, written=("word",), times=lambda word: _times(word, offset_first), named=False
            )
            return TranscriptSegment(text, *_times(phrase, offset_first), speaker, words, phrase.share("confidence"))
    return None


def _times(fields: Fields, offset_first: bool) -> tuple[float | None, float | None]:
    """In seconds: from the beginning of the recording, or Unix time."""
    offset, epoch = _milliseconds(fields, "offset"), fields.number("startTimeMs")
    start = next((t for t in ((offset, epoch) if offset_first else (epoch, offset)) if t is not None), None)
    if start is None:
        return None, None
    start = max(start * _MS, 0.0)
    duration = _milliseconds(fields, "duration")
    return round(start, 6), None if duration is None else round(start + max(duration * _MS, 0.0), 6)


def _milliseconds(fields: Fields, name: str) -> float | None:
    """``{"offset": {"milliseconds": 5}}`` or ``{"offsetMs": 5}``."""
    inner = fields.inner(name) if fields.has(name) else None
    return fields.number(f"{name}Ms") if inner is None else inner.number("milliseconds")
