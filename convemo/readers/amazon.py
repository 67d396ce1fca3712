"""Amazon Transcribe's results: words and punctuation as items, whose numbers are texts.

    {"jobName", "results": {"items": [{"type": "pronunciation" | "punctuation", "start_time": "4.87", "end_time", "speaker_label"?,
                                       "alternatives": [{"confidence": "1.0", "content"}]}],
                            "speaker_labels"?: {"segments": [{"items": [{"start_time", "speaker_label"}]}]},
                            "channel_labels"?: {"channels": [{"channel_label": "ch_0", "items": […]}]}}}

Older jobs name a word's speaker only in ``speaker_labels``, by its time. Words that the service took out stay in the text as it marks
them (``[PII]``); how sure it was of taking them out is no confidence of a word, and is not read.

https://docs.aws.amazon.com/transcribe/latest/dg/how-input.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import one_each
from convemo.readers.languages import language_code
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import glued, in_order, runs
from convemo.readers.wording import tidy
from convemo.types import Speaker, Transcript, TranscriptSegment, Word

SHAPES = Shapes(
    Shape(
        "Amazon Transcribe",
        marks=(
            "results.items[].alternatives | results.channel_labels.channels[].items[].alternatives"
            " | results.speaker_labels | results.channel_labels | results.transcripts",
        ),
        needs=(
            "results.items[].alternatives[].content | results.channel_labels.channels[].items[].alternatives[].content"
            " | results.transcripts[].transcript",
        ),
    )
)


@reader(SHAPES, ".json")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every job's conversation in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> hi = '{"type": "pronunciation", "start_time": "0.5", "end_time": "1.0", "alternatives": [{"content": "Hi"}]}'
    >>> t, = read('{"results": {"items": [%s, {"type": "punctuation", "alternatives": [{"content": "."}]}]}}' % hi, "a.json")
    >>> t.segments[0].text, t.segments[0].start
    ('Hi.', 0.5)
    """
    return one_each(text, path, "Amazon Transcribe's results", _transcript)


def _transcript(fields: Fields) -> Transcript:
    results = fields.inner("results")
    if results is None:
        raise fields.wrong("results", "an object, as Amazon Transcribe writes it")
    labels = results.inner("channel_labels")
    channels = labels.items("channels") if labels else []
    if channels:
        segments = in_order(segment for channel in channels for segment in runs(_words(channel, {}, channel.label("channel_label"))))
    else:
        segments = runs(_words(results, _speakers_by_time(results), None)) or _whole(results)
    speakers = tuple(Speaker(id, name=id, channel=_channel(id)) for id in dict.fromkeys(s.speaker for s in segments) if id)
    language = language_code(results.text("language_code") or fields.text("language_code"))
    return Transcript(segments, speakers, language, "amazon", fields.label("jobName"))


def _whole(results: Fields) -> tuple[TranscriptSegment, ...]:
    """The text alone, where the items were taken out."""
    texts = (tidy(whole.text("transcript") or "") for whole in results.items("transcripts"))
    return tuple(TranscriptSegment(text) for text in texts if text)


def _words(fields: Fields, by_time: Mapping[float, str], channel: str | None) -> tuple[Word, ...]:
    parts: list[tuple[Word, bool]] = []
    for item in fields.items("items"):
        best = next(iter(item.items("alternatives")), None)
        said = tidy(best.text("content") or "") if best else ""
        if not said:
            continue
        start, end = item.times(start="start_time", end="end_time")
        speaker = channel or item.label("speaker_label") or by_time.get(start)
        is_mark = item.text("type") == "punctuation"
        parts.append((Word(said, start, end, best.share("confidence"), speaker), is_mark))
    return glued(parts)


def _speakers_by_time(results: Fields) -> dict[float, str]:
    """When a word begins → who says it, as ``speaker_labels`` has it."""
    labels, found = results.inner("speaker_labels"), {}
    for segment in labels.items("segments") if labels else ():
        for item in segment.items("items"):
            start, speaker = item.number("start_time"), item.label("speaker_label") or segment.label("speaker_label")
            if start is not None and speaker:
                found[max(start, 0.0)] = speaker
    return found


def _channel(label: str) -> int | None:
    match = re.fullmatch(r"ch_(\d{1,3})", label)
    return int(match[1]) if match else None
