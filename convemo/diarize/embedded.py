"""Who speaks when, by the sound of the voices: shipped with the package, nothing to download.

Silero VAD finds the voices; windows of 1.6 s become speaker embeddings; the graph of their likeness says how many voices there
are and which window is whose; a best path through the recording finds the borders. One voice at a time: where two speak at once,
the louder one has the turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from convemo.audio import Audio
from convemo.diarize.base import Progress, SpeakerBounds
from convemo.diarize.encoder import SpeakerEncoder
from convemo.diarize.resegment import STEP, centroids, resegment
from convemo.diarize.spectral import ALIKE, AT_ONCE, apartness, split
from convemo.diarize.turns import diarization
from convemo.diarize.voiced import Voiced, hear
from convemo.errors import ConfigError
from convemo.features.frames import FRAMES_PER_S
from convemo.registry import Availability
from convemo.types import Diarization

ROUNDS = 6
CONFIDENCE_SLOPE, CONFIDENCE_BIAS = 15.6, 0.62
"""Log-odds that a turn is its speaker's, by how much more alike that voice is than the next (mean difference of cosines over the turn):
fitted on 1,212 turns of simulated conversations."""


class EmbeddedDiarizer:
    """Speakers by their voices, their number found by itself or given.

    Args:
        num_speakers: exactly so many (fewer only where there is not enough speech).
        min_speakers, max_speakers: bounds for the number.
        device: only ``None``, ``"auto"`` and ``"cpu"`` exist.
        offline: it always is.

    Raises:
        ConfigError: the numbers contradict each other, or another device is asked for.
        EngineUnavailable: the weights in the package are damaged.
    """

    id = "embedded"

    def __init__(
        self,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        device: str | None = None,
        offline: bool = True,
    ):
        self._bounds = SpeakerBounds(num_speakers, min_speakers, max_speakers)
        if device not in (None, "auto", "cpu"):
            raise ConfigError("device 'cpu'", repr(device), "The embedded diarizer runs on the processor; 'pyannote' can use a GPU.")
        self._encoder = SpeakerEncoder()

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        return Availability(True)

    def diarize(self, audio: Audio, progress: Progress | None = None) -> Diarization:
        voiced = hear(audio, self._encoder, progress)
        if len(voiced.embeddings) == 0:  # no voice long enough to compare: whoever speaks is one
            return diarization(((start, end, 0) for start, end in voiced.spans), self.id)
        path, scores = speakers(voiced, self._bounds)
        turns = sorted(_turns(voiced, path, scores))
        found = diarization((turn[:3] for turn in turns), self.id)
        if scores.shape[1] == 1:
            return found
        return replace(found, turns=tuple(replace(turn, confidence=c) for turn, (*_, c) in zip(found.turns, turns, strict=True)))


def speakers(voiced: Voiced, bounds: SpeakerBounds) -> tuple[np.ndarray, np.ndarray]:
    """The speaker of each 50 ms of voice, ``(S,)`` from 0, and how alike it is to each of them, ``(S, K)``."""
    some = np.unique(np.linspace(0, len(voiced.embeddings) - 1, min(AT_ONCE, len(voiced.embeddings))).round().astype(int))
    labels = split(voiced.embeddings[some], voiced.seconds[some], bounds.fewest)
    labels = (voiced.embeddings @ centroids(voiced.embeddings[some], labels).T).argmax(axis=1)
    labels = np.unique(labels, return_inverse=True)[1]
    while True:
        count = int(labels.max()) + 1
        labels, path, scores = resegment(voiced, labels, ROUNDS, keep=count <= bounds.fewest)
        count = scores.shape[1]
        apart = apartness(voiced.embeddings[some], labels[some], voiced.seconds[some])
        # Whether there are two was weighed when the graph was cut; of more, some may be pieces of one voice.
        settled = count <= max(bounds.fewest, 2) or apart.min() >= ALIKE
        if count == 1 or (settled and count <= (bounds.most or np.inf)):
            return path, scores
        one, other = np.unravel_index(apart.argmin(), apart.shape)
        labels = np.unique(np.where(labels == other, one, labels), return_inverse=True)[1]


def _turns(voiced: Voiced, path: np.ndarray, scores: np.ndarray) -> Iterator[tuple[float, float, int, float]]:
    """``(start_s, end_s, speaker, confidence)``; a pause within a stretch of speech goes with the voice nearest to it."""
    ordered = np.sort(scores, axis=1)
    margin = ordered[:, -1] - ordered[:, -2] if scores.shape[1] > 1 else np.zeros(len(scores))
    for start, end in voiced.spans:
        times = np.arange(round(start * FRAMES_PER_S), round(end * FRAMES_PER_S))
        if len(times) == 0:
            continue
        after = np.clip(np.searchsorted(voiced.frames, times), 0, len(voiced.frames) - 1)
        before = np.maximum(after - 1, 0)
        steps = np.where(times - voiced.frames[before] < voiced.frames[after] - times, before, after) // STEP
        own_first, own_end = -(-np.searchsorted(voiced.frames, times[[0, -1]] + np.array([0, 1])) // STEP)
        if own_first < own_end:  # a step that began in the stretch before may be another's
            steps = np.clip(steps, own_first, own_end - 1)
        borders = np.concatenate([[0], np.flatnonzero(np.diff(path[steps])) + 1, [len(times)]])
        for first, last in pairwise(borders):
            confidence = 1 / (1 + np.exp(-CONFIDENCE_SLOPE * margin[steps[first:last]].mean() - CONFIDENCE_BIAS))
            yield times[first] / FRAMES_PER_S, (times[last - 1] + 1) / FRAMES_PER_S, int(path[steps[first]]), round(float(confidence), 3)
