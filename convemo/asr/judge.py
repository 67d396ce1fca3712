"""What a Whisper says of a recording, judged: what is kept, what is doubtful, what is left out, and the sentences that say so."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from convemo.asr.passages import Passage, Stretch, Timeline
from convemo.asr.whisper_rules import Heard, HeardWord, believable, outside_loops
from convemo.types import TranscriptSegment, Word

DOUBTED = 0.5
"""What the confidence of a doubtful word is multiplied by: a choice, not a measurement."""

NEAR_S = 0.2
"""A word so near to a voice counts as said by it: word times are good to a tenth or two of a second."""

UNHEARD_S = 3.0
"""So much voice without a word is told: laughter and fillers are shorter, what a decoder skipped or gave up on is longer."""

_LISTED = 5  # places that a note names


@dataclass
class Judge:
    """Puts what is heard, passage by passage, on the recording's time, and keeps account of what it does not believe.

    Args:
        timeline: of the recording.
        voice: where a voice was detected, as ``(start, end)`` in seconds, in order.
    """

    timeline: Timeline
    voice: Sequence[Stretch]
    _before: list[Word] = field(default_factory=list)
    _left_out: list[float] = field(default_factory=list)
    _loops: list[float] = field(default_factory=list)
    _silent: list[float] = field(default_factory=list)
    _doubted: int = 0
    _words: int = 0

    def segments(self, part: Passage, heard: Sequence[Heard]) -> list[TranscriptSegment]:
        """What is believed of what was heard in one passage; passages come in order."""
        before, self._before, segments, spans = self._before, [], [], []
        for one in heard:
            words = part.own((_placed(part, word) for word in one.words if word.text.strip()), before)
            spans += [(word.start, word.end) for word in words]
            words = self._believed(words, one) if words else []
            if words:
                segments.append(self._segment(words, one))
                self._before += words
        if any(one.text.strip() for one in heard):
            self._silent += self._unheard(part, spans)
        else:
            self._silent.append(part.start)
        return segments

    def _unheard(self, part: Passage, spans: Sequence[Stretch]) -> Iterator[float]:
        """Where a voice goes on for longer than `UNHEARD_S` without any of the words at `spans`."""
        reached, end = max(part.start, part.since), min(part.end, part.until)
        for since, until in (*sorted(spans), (end, end)):
            voice = self._voice_within(reached, since)
            if sum(b - a for a, b in voice) > UNHEARD_S:
                yield voice[0][0]
            reached = max(reached, until)

    def _believed(self, words: Sequence[Word], heard: Heard) -> Sequence[Word]:
        if not believable(heard):
            self._left_out.append(words[0].start)
            return []
        if not heard.repetitive:
            return words
        once = outside_loops([word.text for word in words])
        if len(once) < len(words):
            self._loops.append(words[0].start)
        return [words[i] for i in once]

    def _segment(self, words: Sequence[Word], heard: Heard) -> TranscriptSegment:
        self._words += len(words)
        weighed = []
        for word in words:
            doubtful = heard.improbable or heard.repetitive or not self._voiced(word)
            self._doubted += doubtful
            weighed.append(replace(word, text=word.text.strip(), confidence=word.confidence * (DOUBTED if doubtful else 1.0)))
        return self.timeline.segment("".join(word.text for word in words), weighed)

    def _voiced(self, word: Word) -> bool:
        return bool(self._voice_within(word.start - NEAR_S, word.end + NEAR_S))

    def _voice_within(self, start: float, end: float) -> list[Stretch]:
        first = bisect_left(self.voice, start, key=lambda stretch: stretch[1])
        last = bisect_right(self.voice, end, key=lambda stretch: stretch[0])
        return [(max(a, start), min(b, end)) for a, b in self.voice[first:last]]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the words must know, in sentences; none of the words themselves."""
        notes = []
        if self._left_out:
            why = "improbable where the model hears no speech, repeating itself, or a subtitler's credit"
            notes.append(f"Text was left out as invented at {_places(self._left_out)}: {why}.")
        if self._loops:
            notes.append(f"A phrase that repeated itself without end was kept once at {_places(self._loops)}.")
        if self._silent:
            notes.append(f"A voice was detected, but no words were heard, at {_places(self._silent)}.")
        if self._doubted:
            notes.append(f"{self._doubted} of {self._words} words are doubtful (improbable, repetitive, no voice): less confidence.")
        return tuple(notes)


def _placed(part: Passage, word: HeardWord) -> Word:
    """A word on the recording, with the space before it as Whisper writes it."""
    return Word(word.text, *part.place(word.start, word.end), word.confidence)


def _places(times: Sequence[float]) -> str:
    """Times as people read them, the first few of many.

    >>> _places([31.2, 3725.0])
    '0:31, 1:02:05'
    """
    clock = [(int(t) // 3600, int(t) // 60 % 60, int(t) % 60) for t in times[:_LISTED]]
    named = ", ".join(f"{h}:{m:02}:{s:02}" if h else f"{m}:{s:02}" for h, m, s in clock)
    return named + (f" and {len(times) - _LISTED} more places" if len(times) > _LISTED else "")
