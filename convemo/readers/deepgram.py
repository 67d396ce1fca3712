"""Deepgram's JSON, with ``utterances`` or without.

    {"metadata": {"request_id"}, "results": {
        "utterances"?: [{"start", "end", "confidence", "channel", "transcript", "speaker"?: 0, "words": […]}],
        "channels": [{"detected_language"?, "alternatives": [{"transcript", "words": [{"word", "punctuated_word"?, "start", "end",
                                                                                      "confidence", "speaker"?}]}]}]}}

https://developers.deepgram.com/docs/utterances, https://developers.deepgram.com/docs/diarization
"""

from __future__ import annotations

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields, words_of
from convemo.readers.json_objects import one_each
from convemo.readers.languages import language_code
from convemo.readers.numbered import Place, numbered
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import in_order, runs, said_by
from convemo.readers.wording import tidy
from convemo.types import Transcript, TranscriptSegment, Word

SHAPES = Shapes(
    Shape(
        "Deepgram",
        marks=("results.channels[].alternatives | results.utterances",),
        needs=("results.utterances[].transcript | results.channels[].alternatives[].words | results.channels[].alternatives[].transcript",),
    )
)
_WRITTEN = ("punctuated_word", "word")


@reader(SHAPES, ".json")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every recording's conversation in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> said = '{"start": 0.5, "end": 1, "channel": 0, "speaker": 1, "transcript": "Hi.", "confidence": 0.9}'
    >>> t, = read('{"results": {"utterances": [%s]}}' % said, "a.json")
    >>> t.segments[0].text, t.segments[0].speaker
    ('Hi.', 'speaker 1')
    """
    return one_each(text, path, "Deepgram's results", _transcript)


def _transcript(fields: Fields) -> Transcript:
    results = fields.inner("results")
    if results is None or not (results.has("utterances", list) or results.has("channels", list)):
        raise (results or fields).wrong("channels" if results else "results", "as Deepgram writes it")
    channels = results.items("channels")
    placed = _utterances(results) or [part for number, channel in enumerate(channels) for part in _channel(number, channel)]
    speakers = numbered(place for place, _ in placed)
    segments = in_order(said_by(segment, speakers[place].id if place in speakers else None) for place, segment in placed)
    language = next((code for c in channels if (code := language_code(c.text("detected_language")))), None)
    metadata = fields.inner("metadata")
    id = metadata.label("request_id") if metadata else None
    return Transcript(segments, tuple(speakers.values()), language, "deepgram", id)


def _utterances(results: Fields) -> list[tuple[Place, TranscriptSegment]]:
    placed = []
    for fields in results.items("utterances"):
        if text := tidy(fields.text("transcript") or ""):
            words = words_of(fields, text, None, written=_WRITTEN, named=False)
            segment = TranscriptSegment(text, *fields.times(), None, words, fields.share("confidence"))
            placed.append(((fields.label("channel"), fields.label("speaker")), segment))
    return placed


def _channel(number: int, channel: Fields) -> list[tuple[Place, TranscriptSegment]]:
    """What is said on a channel: its words in sentences; without words, its text as a whole."""
    best = next(iter(channel.items("alternatives")), None)
    if best is None:
        return []
    words = tuple(
        Word(said, *fields.times(), fields.share("confidence"), fields.label("speaker"))
        for fields in best.items("words")
        if (said := tidy(fields.text(*_WRITTEN) or ""))
    )
    whole = tidy(best.text("transcript") or "")
    segments = runs(words) or ((TranscriptSegment(whole),) if whole else ())
    return [((str(number), segment.speaker), segment) for segment in segments]
