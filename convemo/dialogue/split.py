"""Where one utterance ends and the next begins.

Emotion is judged for each utterance, so an utterance should be about a sentence: long enough to hear and read something in, short enough
to be of one mood. The turns of IEMOCAP last 4.5 s and hold 11.4 words on average (Busso et al. 2008, doi:10.1007/s10579-008-9076-6).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

import numpy as np

from convemo.dialogue.sentences import ends_sentence
from convemo.dialogue.tokens import CLOSERS, Token


@dataclass(frozen=True, slots=True)
class SplitRules:
    """When words of one speaker stay together.

    >>> SplitRules(pause_s=0.5).max_s
    15.0
    """

    pause_s: float = 0.7
    """A silence this long ends an utterance. Pauses within fluent sentences rarely reach it; those between turns' halves often do."""
    cue_gap_s: float = 1.0
    """The same where times are those of whole cues, which captioning tools pad and round."""
    min_words: int = 3
    """A sentence of fewer words stays with its neighbour: "Yes. I would like that." is one utterance …"""
    min_s: float = 1.0
    """… and so does one shorter than this: below a second there is little voice to judge."""
    max_s: float = 15.0
    """A longer utterance is cut: at a sentence end, else at a pause, a cue's border or a comma, else between words."""
    backchannel_words: int = 2
    """So few words of somebody else ("mm-hm", "oh really") do not break a sentence in two …"""
    backchannel_s: float = 1.0
    """… if they last no longer than this."""
    talk_over_s: float = 0.2
    """Somebody who pauses for less than this while another speaks is talking on, not interrupted: the usual gap between two
    speakers is 0.2 s (Levinson & Torreira 2015, doi:10.3389/fpsyg.2015.00731)."""

    def __post_init__(self):
        if self.max_s <= 0 or min(self.pause_s, self.cue_gap_s, self.min_s, self.backchannel_s, self.talk_over_s) < 0:
            raise ValueError(f"times must not be negative, and max_s must be positive; got {self}")


def split(tokens: Sequence[Token], rules: SplitRules) -> list[list[Token]]:
    """The utterances, each a list of one speaker's tokens, ordered by beginning, then end.

    Without times (a chat) each segment is an utterance: nothing is merged, nothing is cut, and the given order stays.

    Args:
        tokens: all with a speaker, in the transcript's order.
    """
    if not all(token.timed for token in tokens):
        return [list(group) for _, group in groupby(tokens, key=lambda token: (token.segment, token.speaker))]
    interjections = _Interjections(tokens)
    by_speaker: dict[str, list[Token]] = {}
    for token in tokens:
        by_speaker.setdefault(token.speaker, []).append(token)
    pieces = [
        piece
        for own in by_speaker.values()
        for flow in _flows(own, interjections, rules)
        for group in _sentence_groups(flow, rules)
        for piece in _shortened(group, rules)
    ]
    return sorted(pieces, key=span)


def span(tokens: Sequence[Token]) -> tuple[float, float]:
    """Beginning and end of some timed tokens, in seconds."""
    return min([token.start for token in tokens]), max([token.end for token in tokens])


class _Interjections:
    """How much others say between two moments: counts and seconds of tokens that begin there."""

    def __init__(self, tokens: Sequence[Token]):
        self._all = self._index(tokens)
        own: dict[str, list[Token]] = {}
        for token in tokens:
            own.setdefault(token.speaker, []).append(token)
        self._own = {speaker: self._index(members) for speaker, members in own.items()}

    @staticmethod
    def _index(tokens: Sequence[Token]) -> tuple[list[float], list[float]]:
        ordered = sorted((token.start, token.end - token.start) for token in tokens)
        return [start for start, _ in ordered], [0.0, *accumulate(duration for _, duration in ordered)]

    def between(self, earlier: Token, later: Token) -> tuple[int, float]:
        """Number and total seconds of other speakers' tokens that begin in ``[earlier.start, later.start)``."""
        counts, seconds = [], []
        for starts, durations in (self._all, self._own[earlier.speaker]):
            low, high = bisect_left(starts, earlier.start), bisect_left(starts, later.start)
            counts.append(max(0, high - low))
            seconds.append(durations[max(low, high)] - durations[low])
        return counts[0] - counts[1], seconds[0] - seconds[1]


def _flows(own: Sequence[Token], interjections: _Interjections, rules: SplitRules) -> list[list[Token]]:
    """One speaker's tokens, broken at pauses, at interruptions, and at cues that end with a sentence."""
    flows = [[own[0]]]
    for earlier, later in pairwise(own):
        if _breaks(earlier, later, interjections, rules):
            flows.append([])
        flows[-1].append(later)
    return flows


def _breaks(earlier: Token, later: Token, interjections: _Interjections, rules: SplitRules) -> bool:
    gap = later.start - earlier.end
    another_cue = earlier.segment != later.segment
    if another_cue and earlier.voice is not None and later.voice is not None:
        return True  # two voices, whatever the turns say, or voices of two cues, which need not be one person
    if another_cue and (earlier.estimated or later.estimated):
        if gap > rules.cue_gap_s:
            return True
    elif gap >= rules.pause_s:
        return True
    sentence_end = ends_sentence(earlier.text, later.text)
    if another_cue and sentence_end:
        return True
    if not (another_cue or sentence_end or gap >= rules.talk_over_s):
        return False  # whatever others say meanwhile
    count, seconds = interjections.between(earlier, later)
    if count <= 0:
        return False
    backchannel = count <= rules.backchannel_words and seconds <= rules.backchannel_s
    return another_cue or sentence_end or (gap >= rules.talk_over_s and not backchannel)


def _sentence_groups(flow: Sequence[Token], rules: SplitRules) -> list[list[Token]]:
    """A flow cut at its sentence ends, where a sentence too short to stand alone joins the next one (the last joins the one before)."""
    sentences: list[list[Token]] = [[]]
    for token, following in zip(flow, [*flow[1:], None]):
        sentences[-1].append(token)
        if following is not None and ends_sentence(token.text, following.text):
            sentences.append([])
    groups: list[list[Token]] = []
    for sentence in sentences:
        last = sentence is sentences[-1]
        joins = groups and (_too_short(groups[-1], rules) or (last and _too_short(sentence, rules)))
        if joins and _duration([*groups[-1], *sentence]) <= rules.max_s:
            groups[-1] = [*groups[-1], *sentence]
        else:
            groups.append(sentence)
    return groups


def _too_short(tokens: Sequence[Token], rules: SplitRules) -> bool:
    return len(tokens) < rules.min_words or _duration(tokens) < rules.min_s


def _duration(tokens: Sequence[Token]) -> float:
    start, end = span(tokens)
    return end - start


def _shortened(group: list[Token], rules: SplitRules) -> list[list[Token]]:
    """A group in pieces of at most `max_s`, as far as there are borders to cut at."""
    if len(group) < 2 or _duration(group) <= rules.max_s:
        return [group]
    borders = _Borders(group)
    pieces, waiting = [], [(0, len(group))]
    while waiting:  # a stack, not recursion: a ten-hour cue must not exhaust Python's
        first, last = waiting.pop()
        if last - first < 2 or borders.duration(first, last) <= rules.max_s:
            pieces.append(group[first:last])
            continue
        cut = borders.best(first, last)
        waiting += [(cut, last), (first, cut)]
    return pieces


class _Borders:
    """Where a group may be cut, all borders at once: a cue of a hundred thousand words is cut twelve times deep."""

    def __init__(self, group: Sequence[Token]):
        self._starts, self._ends = (np.array([getattr(token, name) for token in group]) for name in ("start", "end"))  # (N,)
        segments = np.array([token.segment for token in group])
        commas = [(token.text or "").strip().rstrip(CLOSERS).endswith(_COMMAS) for token in group]
        # Border i lies before token i; border 0 is none.
        pauses = np.round(np.maximum(0.0, self._starts[1:] - self._ends[:-1]), 2)
        self._merits = [np.append(0.0, values) for values in (pauses, segments[1:] != segments[:-1], commas[:-1])]
        self._places = np.append(0.0, (self._ends[:-1] + self._starts[1:]) / 2)

    def duration(self, first: int, last: int) -> float:
        return float(self._ends[first:last].max() - self._starts[first:last].min())

    def best(self, first: int, last: int) -> int:
        """Index of the token to cut before: in the middle half of the time, by the longest pause, then cue border, then comma, then
        nearness to the middle."""
        start, end = self._starts[first:last].min(), self._ends[first:last].max()
        distances = np.abs(self._places[first + 1 : last] - (start + end) / 2)
        chosen = np.flatnonzero(distances <= (end - start) / 4)
        for merit in self._merits if len(chosen) else ():
            values = merit[first + 1 : last][chosen]
            chosen = chosen[values == values.max()]
        if not len(chosen):
            chosen = np.arange(len(distances))
        return first + 1 + int(chosen[np.argmin(distances[chosen])])


_COMMAS = (",", ";", ":", "—", "–", "、", "，", "；", "：")
