"""Who says each token: the transcript's own word, else the turns, else the neighbour.

Giving every word to the turn that covers it makes single words jump to the wrong speaker in mid-sentence, because turn borders are
only good to about a quarter of a second (the usual scoring collar; Fiscus et al. 2006, NIST Rich Transcription). `smoothed` takes such
strays back and leaves true interjections ("Yeah.") alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from convemo.dialogue.presence import Presence
from convemo.dialogue.sentences import ends_sentence
from convemo.dialogue.tokens import Token

NEAREST_TURN_S = 0.5
"""A word outside all turns goes to the nearest one within this distance: twice the scoring collar of 0.25 s."""
STRAY_WORDS = 2
"""A run of at most this many words may be a stray."""
STRAY_S = 1.0
"""… if it lasts no longer than this, in seconds."""
SURE_SHARE = 0.8
"""A speaker who holds at least this share of a run holds it overwhelmingly."""
APART_S = 0.15
"""Pauses that set an interjection apart; shorter silences are stop closures within fluent speech (Campione & Véronis 2002)."""
_TIE_S = 1e-6

FIRST_SPEAKER = "speaker 1"
"""Whoever speaks where nobody knows who."""
VOICE = "voice {}"
"""Whoever is the first, second … of several unnamed voices in a cue: who that is may change from cue to cue."""


def with_speakers(tokens: Sequence[Token], presence: Presence | None) -> list[Token]:
    """Every token with a speaker.

    A speaker whom the transcript names is kept. Otherwise the word goes to the one who holds most of it (of equals, to the one who was
    speaking: in overlapped speech an ASR mostly follows the voice that it was on), else to the nearest turn within `NEAREST_TURN_S`,
    else to the speaker of the nearest word. Without turns, the unnamed voices of a cue are ``"voice 1"``, ``"voice 2"`` …, and what
    nobody is named for goes to no such voice.

    Args:
        tokens: in the transcript's order.
        presence: the turns, if there are any.
    """
    order = sorted(range(len(tokens)), key=lambda i: tokens[i].start) if all(token.timed for token in tokens) else range(len(tokens))
    in_time = [tokens[i] for i in order]
    if presence is not None and presence.speakers:
        found, shares = _by_turns(in_time, presence)
        guessed = _by_neighbours(in_time, found)
    else:
        found, shares = [token.speaker for token in in_time], [1.0] * len(in_time)
        in_time, guessed = _with_voices(in_time, _by_neighbours(in_time, found))
    speakers = smoothed(in_time, guessed, shares)
    named: list[Token] = list(tokens)
    for i, speaker in zip(order, speakers):
        named[i] = tokens[i] if tokens[i].speaker == speaker else replace(tokens[i], speaker=speaker)
    return named


def _with_voices(tokens: Sequence[Token], guessed: Sequence[str]) -> tuple[list[Token], list[str]]:
    """A cue's unnamed voices under names of their own rather than their neighbours', and firm: no smoothing may join them."""
    unnamed = [token.speaker is None and token.voice is not None for token in tokens]
    return (
        [replace(token, firm=True) if alone else token for token, alone in zip(tokens, unnamed)],
        [VOICE.format(token.voice) if alone else speaker for token, alone, speaker in zip(tokens, unnamed, guessed)],
    )


def _by_turns(tokens: Sequence[Token], presence: Presence) -> tuple[list[str | None], list[float]]:
    """Each token's speaker as far as turns tell, and the share of the token that this speaker holds."""
    starts = np.array([token.start if token.timed else np.nan for token in tokens])
    ends = np.array([token.end if token.timed else np.nan for token in tokens])
    held = presence.held(starts, ends)  # (N, S)
    distance = presence.distance(starts, ends)  # (N, S)
    column = {speaker: i for i, speaker in enumerate(presence.speakers)}
    found: list[str | None] = []
    shares: list[float] = []
    previous: int | None = None
    for i, token in enumerate(tokens):
        best = column.get(token.speaker) if token.speaker is not None else None
        if token.speaker is None and token.timed:
            if held[i].max() > _TIE_S:
                best = _best(held[i], previous)
            elif distance[i].min() <= NEAREST_TURN_S:
                best = _best(-distance[i], previous)
        found.append(token.speaker if best is None else presence.speakers[best])
        length = token.end - token.start if token.timed else 0.0
        shares.append(float(held[i, best] / length) if best is not None and length > 0 else 0.0)
        previous = best
    return found, shares


def _best(scores: np.ndarray, previous: int | None) -> int:
    """The speaker with the highest score; of equals the previous one, then the one who spoke first."""
    best = int(np.argmax(scores))
    return previous if previous is not None and scores[best] - scores[previous] <= _TIE_S else best


def _by_neighbours(tokens: Sequence[Token], found: Sequence[str | None]) -> list[str]:
    """Fills the gaps with the speaker of the word nearest in time, of equals the one before."""
    known = [i for i, speaker in enumerate(found) if speaker is not None]
    if not known:
        return [FIRST_SPEAKER] * len(found)
    filled = []
    after = 0  # index into `known` of the first known token at or after i
    for i, speaker in enumerate(found):
        while after < len(known) and known[after] < i:
            after += 1
        if speaker is None:
            before_i = known[after - 1] if after else None
            after_i = known[after] if after < len(known) else None
            speaker = found[_nearer(tokens, i, before_i, after_i)]
        filled.append(speaker)
    return filled


def _nearer(tokens: Sequence[Token], i: int, before: int | None, after: int | None) -> int:
    if before is None or after is None:
        return after if before is None else before
    if not (tokens[i].timed and tokens[before].timed and tokens[after].timed):
        return before
    return before if tokens[i].start - tokens[before].end <= tokens[after].start - tokens[i].end else after


@dataclass(frozen=True, slots=True)
class _Run:
    speaker: str
    first: int
    last: int  # inclusive

    @property
    def words(self) -> int:
        return self.last - self.first + 1


def smoothed(tokens: Sequence[Token], speakers: Sequence[str], shares: Sequence[float]) -> list[str]:
    """The speakers, with stray words in mid-sentence given back to the speaker around them.

    A stray is a run of at most `STRAY_WORDS` words and `STRAY_S` seconds between words of one other speaker who has at least twice as many.
    It stays where it is if it is a sentence of its own (one ends before it, and one with it), or if its speaker holds `SURE_SHARE` of
    it and pauses of `APART_S` set it apart on both sides, or if the transcript itself names the speaker of that segment.

    Args:
        tokens: in order of time.
        speakers: one for each token.
        shares: how much of each token its speaker holds, in ``[0, 1]``.
    """
    result = list(speakers)
    runs: list[_Run] = []
    for speaker, group in groupby(range(len(result)), key=lambda i: speakers[i]):
        members = list(group)
        runs.append(_Run(speaker, members[0], members[-1]))
    done: list[_Run] = []
    for position, run in enumerate(runs):
        before = done[-1] if done else None
        after = runs[position + 1] if position + 1 < len(runs) else None
        if before and after and before.speaker == after.speaker != run.speaker and _is_stray(tokens, shares, before, run, after):
            result[run.first : run.last + 1] = [before.speaker] * run.words
            run = _Run(before.speaker, run.first, run.last)
        if before and before.speaker == run.speaker:
            done[-1] = _Run(run.speaker, before.first, run.last)
        else:
            done.append(run)
    return result


def _is_stray(tokens: Sequence[Token], shares: Sequence[float], before: _Run, run: _Run, after: _Run) -> bool:
    members = tokens[run.first : run.last + 1]
    if run.words > STRAY_WORDS or before.words + after.words < 2 * run.words or any(token.firm or not token.timed for token in members):
        return False
    if members[-1].end - members[0].start > STRAY_S:
        return False
    earlier, later = tokens[before.last], tokens[after.first]
    if ends_sentence(earlier.text, members[0].text) and ends_sentence(members[-1].text, later.text):
        return False
    if not (earlier.timed and later.timed):
        return True
    apart = members[0].start - earlier.end >= APART_S and later.start - members[-1].end >= APART_S
    share = sum(shares[run.first : run.last + 1]) / run.words
    return not (apart and share >= SURE_SHARE)
