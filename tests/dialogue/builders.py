"""Small conversations, written as a test reads."""

from __future__ import annotations

from convemo.types import Diarization, Speaker, Transcript, TranscriptSegment, Turn, Word


def words(*parts: str | float, speaker: str | None = None) -> Transcript:
    """One timed segment: ``words("hello", 0.0, 0.4, "there", 0.5, 0.9)``."""
    given = tuple(Word(text, start, end) for text, start, end in zip(parts[::3], parts[1::3], parts[2::3]))
    text = " ".join(word.text for word in given)
    return Transcript((TranscriptSegment(text, given[0].start, given[-1].end, speaker=speaker, words=given),))


def said(text: str, start: float = 0.0, word_s: float = 0.3, gap_s: float = 0.0, speaker: str | None = None) -> TranscriptSegment:
    """A segment whose words follow each other evenly."""
    given = []
    for i, part in enumerate(text.split()):
        at = start + i * (word_s + gap_s)
        given.append(Word(part, at, at + word_s))
    return TranscriptSegment(text, given[0].start, given[-1].end, speaker=speaker, words=tuple(given))


def cue(
    text: str, start: float | None = None, end: float | None = None, speaker: str | None = None, voice: int | None = None
) -> TranscriptSegment:
    """A segment without words: a VTT cue, or without times a chat message."""
    return TranscriptSegment(text, start, end, speaker=speaker, voice=voice)


def transcript(*segments: TranscriptSegment, speakers: tuple[Speaker, ...] = ()) -> Transcript:
    return Transcript(segments, speakers)


def turns(**spans: tuple[float, float] | list[tuple[float, float]]) -> Diarization:
    """``turns(ana=(0.0, 1.0), ben=[(1.0, 2.0), (3.0, 4.0)])``."""
    found = [Turn(a, b, name) for name, given in spans.items() for a, b in (given if isinstance(given, list) else [given])]
    return Diarization(tuple(sorted(found)), tuple(Speaker(name) for name in spans))


def lines(dialogue) -> list[str]:
    """``["ana: Hello.", …]``."""
    return [f"{u.speaker}: {u.text}" for u in dialogue]
