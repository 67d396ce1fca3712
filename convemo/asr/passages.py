"""Where the words may be: long sound cut at pauses into passages that a recogniser takes one at a time.

A recogniser is given voices only. In silence Whisper invents sentences (Koenecke et al. 2024, arXiv:2402.08021)
and PocketSphinx words; one channel of a stereo call is silent half the time; and a passage at a time, ten hours
need no more memory than ten minutes. Cutting at pauses, up to what the model hears at once, follows WhisperX
("VAD cut and merge", Bain et al. 2023, arXiv:2303.00747); long pauses are left out, and times are put back after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from convemo.asr.base import Progress
from convemo.audio import Audio
from convemo.types import TranscriptSegment, Word

Stretch = tuple[float, float]
"""``(start, end)`` in seconds of the recording."""

PAD_S = 0.2
"""Sound kept around each stretch of speech: detectors are late for soft onsets and early for released stops."""
PAUSE_S = 2.0
"""Longest pause that stays as it is; of a longer one only the padding is heard."""
PASSAGE_S = 30.0
"""Length aimed at: what Whisper hears at once (Radford et al. 2022, arXiv:2212.04356)."""
UNBROKEN_S = 300.0
"""Speech that long without any pause is cut all the same, to bound memory; it is music or noise."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Stretches of one recording that are recognised together, as if they followed one another.

    >>> passage = Passage(((1.0, 2.0), (10.0, 12.0)))
    >>> passage.duration_s, passage.place(1.25, 1.5)
    (3.0, (10.25, 10.5))
    """

    stretches: tuple[Stretch, ...]

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


def passages(speech: Sequence[Stretch], duration_s: float, length_s: float = PASSAGE_S, pause_s: float = PAUSE_S) -> Iterator[Passage]:
    """Cuts a recording at its pauses.

    Args:
        speech: where voices are, in order, in seconds.
        duration_s: of the recording.
        length_s: a passage is at most this long, unless one stretch alone is longer.
        pause_s: longest pause that stays as it is.

    >>> [p.stretches for p in passages([(1.0, 2.0), (3.0, 5.0), (9.0, 39.0)], duration_s=60.0)]
    [((0.8, 5.2),), ((8.8, 39.2),)]
    """
    held: list[Stretch] = []
    held_s = 0.0
    for start, end in _joined(speech, duration_s, length_s, pause_s):
        if held and held_s + end - start > length_s:
            yield Passage(tuple(held))
            held, held_s = [], 0.0
        held.append((start, end))
        held_s += end - start
    if held:
        yield Passage(tuple(held))


def _joined(speech: Sequence[Stretch], duration_s: float, length_s: float, pause_s: float) -> Iterator[Stretch]:
    """Stretches with padding; neighbours become one across a short pause, while the sum is not too long."""
    current: Stretch | None = None
    for start, end in speech:
        start, end = max(0.0, start - PAD_S), min(duration_s, end + PAD_S)
        if current is not None and start - current[1] <= pause_s - 2 * PAD_S and end - current[0] <= length_s:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield from _cut(current)
            start = max(start, current[1])  # paddings that meet: no sound is heard twice
        current = (start, end) if end > start else None
    if current is not None:
        yield from _cut(current)


def _cut(stretch: Stretch) -> Iterator[Stretch]:
    start, end = stretch
    while end - start > UNBROKEN_S:
        yield start, start + UNBROKEN_S
        start += UNBROKEN_S
    yield start, end


def listen(audio: Audio, parts: Sequence[Passage], progress: Progress | None) -> Iterator[tuple[Passage, np.ndarray]]:
    """Each passage with its sound, one in memory at a time; progress is told when the caller is done with it."""
    for part in parts:
        yield part, part.samples(audio)
        if progress is not None:
            progress(part.end, audio.duration_s)
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
