"""FunASR's results with sentences, whose times are milliseconds.

    [{"key", "text", "sentence_info": [{"text" or "sentence", "start": 380, "end": 1240, "spk"?: 0}]}]

One result, a list of them, or one a line.

https://github.com/modelscope/FunASR
"""

from __future__ import annotations

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields
from convemo.readers.json_objects import one_each
from convemo.readers.numbered import numbered
from convemo.readers.shape import Shape, Shapes
from convemo.readers.wording import tidy
from convemo.types import Transcript, TranscriptSegment

SHAPES = Shapes(Shape("FunASR", marks=("sentence_info",), needs=("sentence_info[].sentence | sentence_info[].text",)))
_MS = 1e-3


@reader(SHAPES, ".json", ".jsonl")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every recording's conversation in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> t, = read('[{"key": "k", "sentence_info": [{"text": "你好。", "start": 380, "end": 1240, "spk": 0}]}]', "a.json")
    >>> t.id, t.segments[0].text, t.segments[0].start, t.segments[0].speaker
    ('k', '你好。', 0.38, 'speaker 0')
    """
    return one_each(text, path, "sentence_info", _transcript)


def _transcript(fields: Fields) -> Transcript:
    if not fields.has("sentence_info", list):
        raise fields.wrong("sentence_info", "a list, as FunASR writes it")
    said = [(item, text) for item in fields.items("sentence_info") if (text := tidy(item.text("sentence", "text") or ""))]
    speakers = numbered((None, item.label("spk", "speaker")) for item, _ in said)
    segments = []
    for item, text in said:
        speaker = speakers.get((None, item.label("spk", "speaker")))
        segments.append(TranscriptSegment(text, *item.times(_MS), speaker and speaker.id))
    return Transcript(tuple(segments), tuple(speakers.values()), None, "funasr", fields.label("key"))
