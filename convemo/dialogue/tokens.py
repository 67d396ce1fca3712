"""A transcript as one list of tokens: what may be given to a speaker, and where an utterance may be cut.

A token is a word of the transcript or, where a segment comes without words, a whitespace-delimited piece of its text. Together the tokens
of a segment hold its whole text, letter for letter, so that cutting it anywhere loses nothing and punctuation stays where it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from convemo.dialogue.presence import Timeline
from convemo.types import Transcript, TranscriptSegment, Turn, Word

CLOSERS = "\"'”’»)]}」』）】"
"""What may stand between a sentence's last mark and the next word."""

_RESYNC_CHARACTERS = 40
"""How much text may be skipped to find the next word where text and words disagree ("25" against "twenty five")."""

_PIECE = re.compile(rf"[^\s。！？]+[。！？]*[{re.escape(CLOSERS)}]*|[。！？]+[{re.escape(CLOSERS)}]*")
_UNSPACED = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")  # CJK punctuation, kana, ideographs, full-width forms


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a piece of text, or (without text) a stretch of voice."""

    text: str | None
    """The token with whatever follows it up to the next one; ``None`` for a stretch of voice."""
    start: float | None
    end: float | None
    """Given, or estimated by `_estimate`; ``None`` where nothing is known. A message that only has a beginning keeps it in `start`."""
    segment: int
    """Index of the segment or turn it came from."""
    speaker: str | None = None
    word: Word | None = None
    """The word exactly as the transcript gave it."""
    estimated: bool = False
    """Whether its times are estimated."""
    firm: bool = False
    """Whether the transcript names the speaker of the whole segment, so that no smoothing may change it."""
    confidence: float | None = None
    voice: int | None = None
    """Which of its cue's unnamed voices says it."""

    @property
    def timed(self) -> bool:
        return self.start is not None and self.end is not None


def tokens_of(transcript: Transcript) -> list[Token]:
    """The tokens of a transcript, segment by segment in order of time (in the given order, if a segment has no times).

    Times that are missing are shared out by number of characters between the known ones around: the words of a segment without word times
    divide the segment's own time. They serve to find speakers and cuts; the words themselves stay as they were given.
    """
    segments = [segment for segment in transcript.segments if segment.text.strip() or segment.words]
    if all(segment.start is not None and segment.end is not None for segment in segments):
        segments.sort(key=lambda segment: segment.start)  # a stable sort: equal beginnings keep the given order
    return [token for index, segment in enumerate(segments) for token in _segment_tokens(segment, index)]


def tokens_of_turns(turns: Sequence[Turn], speech: Sequence[tuple[float, float]] | None, max_s: float) -> list[Token]:
    """Stretches of voice, none longer than `max_s`: each turn, cut where `speech` (spans of voice, seconds) pauses inside it."""
    tokens = []
    voice = Timeline(speech or ())
    for index, turn in enumerate(sorted(turns)):
        if turn.end <= turn.start:
            continue
        for start, end in voice.within(turn.start, turn.end) or [(turn.start, turn.end)]:
            count = max(1, -int(-(end - start) // max_s))
            edges = [start + (end - start) * i / count for i in range(count)] + [end]
            tokens += [Token(None, a, b, index, turn.speaker, firm=True) for a, b in pairwise(edges)]
    return tokens


def joined_text(tokens: Sequence[Token]) -> str | None:
    """The text of some tokens in a row, with single spaces; ``None`` if none of them has text."""
    if all(token.text is None for token in tokens):
        return None
    return " ".join("".join(token.text or "" for token in tokens).split())


def _segment_tokens(segment: TranscriptSegment, index: int) -> list[Token]:
    text = segment.text.strip() or " ".join(word.text.strip() for word in segment.words)
    words: Sequence[Word | None] = segment.words
    if words:
        starts = _word_positions(text, segment.words)
    else:
        starts = [match.start() for match in _PIECE.finditer(text)]
        words = [None] * len(starts)
    slices = [text[a:b] for a, b in zip([0, *starts[1:]], [*starts[1:], len(text)])]
    if not _UNSPACED.match(slices[-1][-1:]):
        slices[-1] += " "
    given = [_given_times(word) for word in words]
    times = _estimate(given, [max(1, len(part.strip())) for part in slices], segment.start, segment.end)
    return [
        Token(
            text=part,
            start=segment.start if start is None else start,
            end=end,
            segment=index,
            speaker=(word.speaker if word else None) or segment.speaker,
            word=word,
            estimated=known is None,
            firm=segment.speaker is not None and (word is None or word.speaker in (None, segment.speaker)),
            confidence=segment.confidence if word is None or word.confidence is None else word.confidence,
            voice=segment.voice,
        )
        for part, word, known, (start, end) in zip(slices, words, given, times)
    ]


def _word_positions(text: str, words: Sequence[Word]) -> list[int]:
    """Where each word begins in the text; one that is not found begins where the search stands, and so owns no letters of its own."""
    lowered = text.lower()
    haystack = lowered if len(lowered) == len(text) else text  # lower-casing may change the length, e.g. of "İ"
    positions, cursor = [], 0
    for word in words:
        needle = word.text.strip().lower() if haystack is lowered else word.text.strip()
        found = haystack.find(needle, cursor, cursor + _RESYNC_CHARACTERS + len(needle)) if needle else -1
        positions.append(cursor if found < 0 else found)
        cursor = cursor if found < 0 else found + len(needle)
    return positions


def _given_times(word: Word | None) -> tuple[float, float] | None:
    if word is None or (word.start is None and word.end is None):
        return None
    start = word.end if word.start is None else word.start
    return start, max(start, start if word.end is None else word.end)


def _estimate(
    given: Sequence[tuple[float, float] | None], weights: Sequence[int], start: float | None, end: float | None
) -> list[tuple[float | None, float | None]]:
    """Every token's times: those given, and between them shares by weight (characters) of the time that is left."""
    if start is None or end is None:
        start = end = None
    times: list[tuple[float | None, float | None]] = list(given)
    first = 0
    while first < len(times):
        if given[first] is not None:
            first += 1
            continue
        last = first
        while last < len(times) and given[last] is None:
            last += 1
        left = given[first - 1][1] if first else start
        right = given[last][0] if last < len(times) else end
        if left is None or right is None:  # only one side is known: the words cling to it
            left = right = left if right is None else right
        if left is None:
            times[first:last] = [(None, None)] * (last - first)
        else:
            share = max(0.0, right - left) / sum(weights[first:last])
            edge, done = left, 0
            for i in range(first, last):
                done += weights[i]
                upper = max(left, right) if i == last - 1 else left + share * done
                times[i], edge = (edge, upper), upper
        first = last
    return times
