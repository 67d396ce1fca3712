"""Where the words may be: long sound cut at pauses into passages that a recogniser can take.

A recogniser is given voices only. In silence Whisper invents sentences (Koenecke et al. 2024, arXiv:2402.08021)
and PocketSphinx words; one channel of a stereo call is silent half the time; and a few passages at a time, ten hours
need no more memory than ten minutes. Cutting at pauses, up to what the model hears at once, follows WhisperX
("VAD cut and merge", Bain et al. 2023, arXiv:2303.00747); long pauses are left out, and times are put back after.
Where somebody speaks on for longer without a pause, the cut is made where a voice is least likely, and both sides hear
the sound around it: a word belongs to the side that holds its middle, and one that both may have is kept once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf

import numpy as np

from convemo.asr.base import Progress
from convemo.audio import Audio
from convemo.audio.vad import FRAME_S, probabilities
from convemo.types import TranscriptSegment, Word

Stretch = tuple[float, float]
"""``(start, end)`` in seconds of the recording."""

PAD_S = 0.2
"""Sound kept around each stretch of speech: detectors are late for soft onsets and early for released stops."""
PAUSE_S = 1.0
"""Longest pause that stays as it is; of a longer one only the padding is heard.
faster-whisper's own filter keeps 0.8 s of one; 2 s were tried, and cost a window more in nine for silence."""
PASSAGE_S = 30.0
"""Length aimed at: what Whisper hears at once (Radford et al. 2022, arXiv:2212.04356)."""
SEAM_S = 1.0
"""Sound that is heard twice on each side of a cut in unbroken speech: few words are longer than two of these."""
JITTER_S = 0.1
"""Two hearings of one word place its middle so much apart; so near to a seam either side may have it, and one of two equal ones goes."""

CutAt = Callable[[float, float], float]
"""``(earliest, latest) -> instant`` to cut unbroken speech at, in seconds of the recording."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Stretches of one recording that are recognised together, as if they followed one another.

    >>> passage = Passage(((1.0, 2.0), (10.0, 12.0)))
    >>> passage.duration_s, passage.place(1.25, 1.5)
    (3.0, (10.25, 10.5))
    """

    stretches: tuple[Stretch, ...]
    since: float = -inf
    until: float = inf
    """Seams: words whose middle lies between are this passage's; what else it hears belongs to the neighbours."""

    def owns(self, start: float, end: float) -> bool:
        """Whether a word with these times of the recording is this passage's; within `JITTER_S` of a seam it is both neighbours'."""
        return self.since - JITTER_S <= (start + end) / 2 <= self.until + JITTER_S

    def own(self, words: Iterable[Word], before: Sequence[Word]) -> list[Word]:
        """The words that are this passage's, without those that the passage before it, across a seam, has too.

        Args:
            words: with times of the recording.
            before: what `own` gave for the passage before.
        """
        return [w for w in words if self.owns(w.start, w.end) and not any(self._same(w, other) for other in before)]

    def _same(self, word: Word, other: Word) -> bool:
        here, there = (word.start + word.end) / 2, (other.start + other.end) / 2
        near = max(abs(here - self.since), abs(there - self.since), abs(here - there)) <= 2 * JITTER_S
        return near and _spelling(word.text) == _spelling(other.text)

    @property
    def start(self) -> float:
        return self.stretches[0][0]

    @property
    def end(self) -> float:
        return self.stretches[-1][1]

    @property
    def duration_s(self) -> float:
        return sum(end - start for start, end in self.stretches)

    def samples(self, audio: Audio) -> np.ndarray:
        """The sound of the stretches, joined: ``(n,)`` float32 in ``[-1, 1]``, 16 kHz."""
        return np.concatenate([audio.read(start, end) for start, end in self.stretches])

    def place(self, start: float, end: float) -> Stretch:
        """Times within the passage as times of the recording.

        Both ends go to the stretch that holds the middle, so that no word spans a pause that was left out.
        """
        middle = (start + end) / 2
        heard = [0.0, *accumulate(b - a for a, b in self.stretches)]
        index = max(0, min(sum(t <= middle for t in heard) - 1, len(self.stretches) - 1))
        first, last = self.stretches[index]
        shift = first - heard[index]
        return min(max(start + shift, first), last), min(max(end + shift, first), last)


def _spelling(text: str) -> str:
    return text.strip(" .,!?…").casefold()


def passages(
    speech: Sequence[Stretch],
    duration_s: float,
    length_s: float = PASSAGE_S,
    pause_s: float = PAUSE_S,
    cut_at: CutAt = lambda earliest, latest: latest,
) -> Iterator[Passage]:
    """Cuts a recording at its pauses, into passages of at most `length_s`.

    Args:
        speech: where voices are, in order, in seconds.
        duration_s: of the recording.
        length_s: what the recogniser hears at once.
        pause_s: longest pause that stays as it is.
        cut_at: where to cut speech that lasts longer without a pause.

    >>> [p.stretches for p in passages([(1.0, 2.0), (2.5, 5.0), (9.0, 38.0)], duration_s=60.0)]
    [((0.8, 5.2),), ((8.8, 38.2),)]
    >>> [(p.stretches, p.since, p.until) for p in passages([(10.0, 50.0)], 60.0, cut_at=lambda earliest, latest: 30.0)]
    [(((9.8, 31.0),), -inf, 30.0), (((29.0, 50.2),), 30.0, inf)]
    """
    held: list[Passage] = []  # of one stretch each
    held_s = 0.0
    for stretch in _padded(speech, duration_s):
        for part in _cut(stretch, length_s, cut_at):
            joins = bool(held) and part.since == -inf and part.start - held[-1].end <= pause_s - 2 * PAD_S
            more_s = part.end - held[-1].end if joins else part.duration_s
            if held and held_s + more_s > length_s:
                yield _together(held)
                held, held_s, joins, more_s = [], 0.0, False, part.duration_s
            if joins:
                before = held.pop()
                part = Passage(((before.start, part.end),), before.since, part.until)
            held.append(part)
            held_s += more_s
    if held:
        yield _together(held)


def _together(parts: Sequence[Passage]) -> Passage:
    # The two sides of a seam never meet here: they hear the sound around it twice, so together they are longer than a passage may be.
    return Passage(tuple(part.stretches[0] for part in parts), parts[0].since, parts[-1].until)


def _padded(speech: Sequence[Stretch], duration_s: float) -> Iterator[Stretch]:
    """Each stretch with the sound around it; in a short pause two paddings meet in the middle, and no sound is heard twice."""
    ends = [-inf, *(end for _, end in speech)]
    starts = [*(start for start, _ in speech), inf]
    for i, (start, end) in enumerate(speech):
        before, after = min(PAD_S, (start - ends[i]) / 2), min(PAD_S, (starts[i + 1] - end) / 2)
        yield max(0.0, start - before), min(duration_s, end + after)


def _cut(stretch: Stretch, length_s: float, cut_at: CutAt) -> Iterator[Passage]:
    (start, end), since = stretch, -inf
    while end - start > length_s:
        seam = cut_at(start + length_s / 2, start + length_s - SEAM_S)
        yield Passage(((start, seam + SEAM_S),), since, seam)
        start, since = seam - SEAM_S, seam
    yield Passage(((start, end),), since)


def least_voiced(audio: Audio) -> CutAt:
    """Cuts where a voice is least likely: at a breath, or at least at a stop consonant ("min-cut" of WhisperX)."""

    def cut_at(earliest: float, latest: float) -> float:
        first = round(earliest / FRAME_S)
        voice = np.convolve(probabilities(audio)[first : round(latest / FRAME_S)], np.full(3, 1 / 3), mode="valid")
        return (first + 1 + int(np.argmin(voice)) + 0.5) * FRAME_S

    return cut_at


def listen(
    audio: Audio, parts: Sequence[Passage], progress: Progress | None, at_once: int = 1
) -> Iterator[list[tuple[Passage, np.ndarray]]]:
    """Passages with their sound, `at_once` in memory at a time; progress is told when the caller is done with them."""
    for first in range(0, len(parts), at_once):
        yield [(part, part.samples(audio)) for part in parts[first : first + at_once]]
        if progress is not None:
            progress(parts[min(first + at_once, len(parts)) - 1].end, audio.duration_s)
    if progress is not None:
        progress(audio.duration_s, audio.duration_s)


class Timeline:
    """Puts words on the recording's time: in order, one after another, inside the sound, whatever the engine says.

    Word times come from attention or from a lattice; they overlap by some hundredths of a second at joints, and
    a model can put a word behind the end of the sound.
    """

    def __init__(self, duration_s: float):
        self.duration_s = int(duration_s * 1000) / 1000  # milliseconds, downwards: no word behind the last sample
        self.reached_s = 0.0

    def segment(self, text: str, words: Iterable[Word]) -> TranscriptSegment | None:
        """A segment of words that carry recording times; ``None`` if there is no word in it."""
        placed = tuple(self._place(word) for word in words if word.text)
        if not placed:
            return None
        sure = [word.confidence for word in placed if word.confidence is not None]
        return TranscriptSegment(
            text=text.strip() or " ".join(word.text for word in placed),
            start=placed[0].start,
            end=placed[-1].end,
            words=placed,
            confidence=round(sum(sure) / len(sure), 4) if sure else None,
        )

    def _place(self, word: Word) -> Word:
        start = min(max(round(float(word.start), 3), self.reached_s), self.duration_s)
        end = min(max(round(float(word.end), 3), start), self.duration_s)
        self.reached_s = end
        return Word(word.text, start, end, None if word.confidence is None else round(min(max(word.confidence, 0.0), 1.0), 4))
