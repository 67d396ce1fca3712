"""Twilio's sentences (Voice Intelligence), whose numbers are texts.

    {"sentences": [{"media_channel": 1, "sentence_index": 0, "start_time": "0.24", "end_time": "2.4", "confidence": "0.98",
                    "transcript", "sid", "words": [{"word", "start_time", "end_time"}]}]}

Nobody has a role here, but everybody a channel. Twilio counts channels from 1, we from 0: ``--role channel:0=agent`` gives it to Twilio's
channel 1.

https://www.twilio.com/docs/voice/intelligence/api/transcript-sentence-resource
"""

from __future__ import annotations

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields, words_of
from convemo.readers.json_objects import one_each
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import in_order
from convemo.readers.wording import tidy
from convemo.types import Speaker, Transcript, TranscriptSegment

SHAPES = Shapes(Shape("Twilio", marks=("sentences[].media_channel | sentences[].sentence_index",), needs=("sentences[].transcript",)))


@reader(SHAPES, ".json")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every call in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> sentence = '{"media_channel": 2, "start_time": "0.25", "end_time": "1.5", "confidence": "0.9", "transcript": "Hi."}'
    >>> t, = read('{"sentences": [%s]}' % sentence, "a.json")
    >>> t.segments[0].start, t.segments[0].confidence, t.speakers[0].id, t.speakers[0].channel
    (0.25, 0.9, 'media_channel 2', 1)
    """
    return one_each(text, path, "sentences", _transcript)


def _transcript(fields: Fields) -> Transcript:
    if not fields.has("sentences", list):
        raise fields.wrong("sentences", "a list, as Twilio writes it")
    segments, channels = [], {}
    for sentence in fields.items("sentences"):
        text = tidy(sentence.text("transcript") or "")
        if not text:
            continue
        number = sentence.number("media_channel")
        if number is not None and (number < 0 or number != int(number)):
            raise sentence.wrong("media_channel", "the whole number of a channel")
        speaker = None if number is None else f"media_channel {int(number)}"
        if speaker:
            channels[speaker] = int(number)
        words = words_of(sentence, text, speaker, written=("word",), times=_times, named=False)
        segments.append(TranscriptSegment(text, *_times(sentence), speaker, words, sentence.share("confidence")))
    first = min(channels.values(), default=1) and 1  # one that is called 0 shows that they are counted from 0
    speakers = tuple(Speaker(id, name=id, channel=number - first) for id, number in channels.items())
    sid = fields.label("transcript_sid") or next((sid for s in fields.items("sentences") if (sid := s.label("transcript_sid"))), None)
    return Transcript(in_order(segments), speakers, None, "twilio", sid)


def _times(fields: Fields) -> tuple[float | None, float | None]:
    return fields.times(start="start_time", end="end_time")
