"""Azure AI Speech: batch transcription, which counts in ticks of 100 ns, and fast transcription, which counts in milliseconds.

    batch   {"recognizedPhrases": [{"channel", "speaker"?, "offsetInTicks", "durationInTicks", "locale"?,
                                    "nBest": [{"display", "confidence", "displayWords"? or "words"?: […]}]}]}
    fast    {"combinedPhrases": […], "phrases": [{"channel"?, "speaker"?, "text", "offsetMilliseconds", "durationMilliseconds",
                                                  "locale", "confidence", "words": […]}]}

Newer batch files have both units.

https://learn.microsoft.com/azure/ai-services/speech-service/batch-transcription-get, …/fast-transcription-create
"""

from __future__ import annotations

from collections import Counter

from convemo.readers.base import reader
from convemo.readers.json_fields import Fields, words_of
from convemo.readers.json_objects import one_each
from convemo.readers.languages import language_code
from convemo.readers.numbered import Place, numbered
from convemo.readers.shape import Shape, Shapes
from convemo.readers.timeline import in_order, said_by
from convemo.readers.wording import span, tidy
from convemo.types import Transcript, TranscriptSegment, Word

SHAPES = Shapes(
    Shape("Azure batch transcription", marks=("recognizedPhrases",), needs=("recognizedPhrases[].nBest[].display",)),
    Shape(
        "Azure fast transcription",
        marks=("combinedPhrases | phrases[].offsetMilliseconds | phrases[].durationMilliseconds",),
        needs=("phrases[].text",),
    ),
)
_UNITS_S = {"InTicks": 1e-7, "Milliseconds": 1e-3}


@reader(SHAPES, ".json")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every recording's conversation in the file.

    Raises:
        TranscriptError: broken JSON, or a field of a wrong type; names the line or the field.

    >>> phrase = '{"speaker": 1, "offsetInTicks": 5000000.0, "durationInTicks": 7000000.0, "nBest": [{"display": "Hi."}]}'
    >>> t, = read('{"recognizedPhrases": [%s]}' % phrase, "a.json")
    >>> t.segments[0].speaker, t.segments[0].start, t.segments[0].end
    ('speaker 1', 0.5, 1.2)
    """
    return one_each(text, path, "phrases", _transcript)


def _transcript(fields: Fields) -> Transcript:
    batch = fields.has("recognizedPhrases")
    if not batch and not fields.has("phrases", list):
        raise fields.wrong("phrases", "a list, as Azure's fast transcription writes it")
    placed: list[tuple[Place, TranscriptSegment]] = []
    languages = Counter()
    for phrase in fields.items("recognizedPhrases" if batch else "phrases"):
        best = next(iter(phrase.items("nBest")), None) if batch else phrase
        text = tidy(best.text("display" if batch else "text") or "") if best else ""
        if not text:
            continue
        segment = TranscriptSegment(text, *_times(phrase), None, _words(best, text), best.share("confidence"))
        placed.append(((phrase.label("channel"), phrase.label("speaker")), segment))
        languages[language_code(phrase.text("locale"))] += 1
    speakers = numbered(place for place, _ in placed)
    segments = in_order(said_by(segment, speakers[place].id if place in speakers else None) for place, segment in placed)
    return Transcript(segments, tuple(speakers.values()), languages.most_common(1)[0][0] if languages else None, "azure")


def _times(fields: Fields) -> tuple[float | None, float | None]:
    for unit, seconds in _UNITS_S.items():
        offset, duration = fields.number(f"offset{unit}"), fields.number(f"duration{unit}")
        if offset is not None:
            end = None if duration is None else round((offset + max(duration, 0.0)) * seconds, 6)
            return span(round(offset * seconds, 6), end)
    return None, None


def _words(best: Fields, text: str) -> tuple[Word, ...]:
    """The words as they are displayed; plain ones (no capitals, no punctuation) are another text, and left out."""
    return words_of(best, text, None, name="displayWords", written=("displayText",), times=_times, named=False) or words_of(
        best, text, None, written=("text", "word"), times=_times, named=False
    )
