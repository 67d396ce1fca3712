"""Segments in time: points in time counted from the conversation's first, and voices of several channels in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from convemo.readers.instants import EPOCH_S
from convemo.readers.wording import span
from convemo.types import TranscriptSegment, Word

PAUSE_S = 1.0
"""A silence at which a run of words is cut."""
_SENTENCE_END = re.compile(r"[.?!。？！…][\"'”’)\]]?$")


def counted_from_first(segments: Iterable[TranscriptSegment]) -> tuple[TranscriptSegment, ...]:
    """The segments and their words with points in time (Unix, in seconds) counted from the first; times of a recording as they are.

    >>> [s.start for s in counted_from_first([TranscriptSegment("a", 1.7e9 + 2), TranscriptSegment("b", 1.7e9)])]
    [2.0, 0.0]
    """
    segments = tuple(segments)
    timed = [timed for segment in segments for timed in (segment, *segment.words)]
    points = [t for one in timed for t in (one.start, one.end) if t is not None and t >= EPOCH_S]
    if not points:
        return segments
    first = min(points)

    def moved(one):
        start, end = (t if t is None or t < EPOCH_S else round(t - first, 6) for t in (one.start, one.end))
        return dict(zip(("start", "end"), span(start, end)))

    return tuple(replace(s, **moved(s), words=tuple(replace(w, **moved(w)) for w in s.words)) for s in segments)


def in_order(segments: Iterable[TranscriptSegment]) -> tuple[TranscriptSegment, ...]:
    """By their beginnings, if all are known; else as they come."""
    segments = tuple(segments)
    if any(segment.start is None for segment in segments):
        return segments
    return tuple(sorted(segments, key=lambda segment: segment.start))


def runs(words: Sequence[Word]) -> tuple[TranscriptSegment, ...]:
    """Words as segments, cut where the speaker changes, after the end of a sentence, and at a silence of `PAUSE_S`.

    >>> [s.text for s in runs([Word("Hi.", 0.0, 0.2), Word("So", 0.3, 0.4), Word("what", 2.0, 2.1), Word("now?", 2.1, 2.4)])]
    ['Hi.', 'So', 'what now?']
    """
    segments, run = [], []
    for i, word in enumerate(words):
        run.append(word)
        following = words[i + 1] if i + 1 < len(words) else None
        if following is None or _parted(word, following):
            timed = [t for w in run for t in (w.start, w.end) if t is not None]
            start, end = (min(timed), max(timed)) if timed else (None, None)
            segments.append(TranscriptSegment(" ".join(w.text for w in run), start, end, word.speaker, tuple(run)))
            run = []
    return tuple(segments)


def _parted(word: Word, following: Word) -> bool:
    if word.speaker != following.speaker or _SENTENCE_END.search(word.text):
        return True
    return word.end is not None and following.start is not None and following.start - word.end >= PAUSE_S


def glued(parts: Iterable[tuple[Word, bool]]) -> tuple[Word, ...]:
    """Words with punctuation put to the word before it, where a service lists both; each part with whether it is punctuation.

    >>> [w.text for w in glued([(Word("Well"), False), (Word(","), True), (Word("no"), False), (Word("."), True)])]
    ['Well,', 'no.']
    """
    words: list[Word] = []
    for word, is_mark in parts:
        if is_mark and words:
            words[-1] = replace(words[-1], text=words[-1].text + word.text)
        else:
            words.append(word)
    return tuple(words)


def said_by(segment: TranscriptSegment, speaker: str | None) -> TranscriptSegment:
    """The segment with its words, all of them this speaker's."""
    return replace(segment, speaker=speaker, words=tuple(replace(word, speaker=speaker) for word in segment.words))
