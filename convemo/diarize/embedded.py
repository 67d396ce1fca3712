"""Who speaks when, by the sound of the voices alone: nothing to download, numpy only.

Silero VAD finds the speech, cepstra describe it, it is cut where the sound of the voice changes, the pieces are
clustered by the Bayesian information criterion, and the borders are found again with the voices known. It is the
classic system of the years before neural embeddings (Barras et al. 2006, https://doi.org/10.1109/TASL.2006.878261),
and about as good: expect errors where voices are alike, where one voice changes much, or with short turns.
"""

from __future__ import annotations

import numpy as np

from convemo.audio import Audio
from convemo.audio.vad import speech
from convemo.diarize.base import Progress
from convemo.diarize.bic import Voices, cluster
from convemo.diarize.resegment import resegment
from convemo.diarize.turns import diarization
from convemo.errors import ConfigError
from convemo.features.mel import log_mel_db
from convemo.registry import Availability
from convemo.types import Diarization

# Tuned by confusion on the clips that benchmarks/diarization.py was run on: six of 30 s, and composed dialogues of acted speech.
ONSET, OFFSET, MIN_SILENCE_S = 0.2, 0.1, 0.5  # a quiet far voice counts; pauses in a turn are kept
CEPSTRA = 15  # without the zeroth, which is loudness
BAND_RANGE_DB = 50.0  # bands so far below the strongest hold no voice (a telephone's upper half)
CHANGE_FRAMES = 200  # sound on either side of a possible change of voice: 2 s
MIN_FRAMES = 100  # two changes are at least so far apart
PENALTY = 2.25  # λ of the criterion
CHANGE_COST, PAUSE_COST = 200.0, 60.0  # nats that a change of voice costs within speech, and at a pause
ROUNDS = 3
LEAST_SHARE = 0.02  # of all speech; what makes up a smaller cluster is a ring tone or a cough more often than a person

_FRAMES_PER_S = 100
_STEP = 10  # frames between two places that are tried as a change of voice


class EmbeddedDiarizer:
    """Speakers by their cepstra, their number found by itself or given.

    Args:
        num_speakers: exactly so many (fewer only where there is not enough speech).
        min_speakers, max_speakers: bounds for the number.
        device: only ``None``, ``"auto"`` and ``"cpu"`` exist.
        offline: it always is.

    Raises:
        ConfigError: the numbers contradict each other, or another device is asked for.
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
        self._fewest = num_speakers or min_speakers or 1
        self._most = num_speakers or max_speakers
        if self._fewest < 1 or (self._most is not None and self._most < self._fewest):
            raise ConfigError("1 ≤ min_speakers ≤ max_speakers", f"{self._fewest} and {self._most}")
        if device not in (None, "auto", "cpu"):
            raise ConfigError("device 'cpu'", repr(device), "The embedded diarizer runs on the processor; 'pyannote' can use a GPU.")

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        return Availability(True)

    def diarize(self, audio: Audio, progress: Progress | None = None) -> Diarization:
        voiced = speech(audio, ONSET, OFFSET, min_silence_s=MIN_SILENCE_S)
        frames, times = cepstra(audio, voiced, progress)
        if len(frames) == 0:
            return diarization([], self.id)
        borders = change_points(frames, times)
        labels = cluster(Voices.of(frames, borders), PENALTY, self._fewest, self._most)
        labels = without_rare(np.repeat(labels, np.diff(borders)), self._fewest)
        cost = np.where(np.diff(times, prepend=times[0]) > 1, PAUSE_COST, CHANGE_COST)
        labels = resegment(frames, labels, cost, ROUNDS)
        return diarization(stretches(labels, times), self.id)


def cepstra(audio: Audio, voiced: tuple[tuple[float, float], ...], progress: Progress | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Cepstra of the frames in which somebody speaks (Davis and Mermelstein 1980), and their numbers at 100 a second.

    Returns:
        ``(T, CEPSTRA)`` float32 and ``(T,)`` increasing integers.
    """
    keep = np.zeros(int(audio.duration_s * _FRAMES_PER_S) + 1, bool)
    for start, end in voiced:
        keep[round(start * _FRAMES_PER_S) : round(end * _FRAMES_PER_S)] = True
    levels = []
    for start_s, samples in audio.windows(60.0):
        here = keep[round(start_s * _FRAMES_PER_S) :][: len(samples) // 160]
        levels.append(log_mel_db(samples)[: len(here)][here])
        if progress is not None:
            progress(min(start_s + 60.0, audio.duration_s), audio.duration_s)
    mel_db = np.concatenate(levels)
    times = np.flatnonzero(keep)[: len(mel_db)]
    if len(mel_db) == 0:
        return np.zeros((0, CEPSTRA), np.float32), times
    loud = np.percentile(mel_db, 95, axis=0)
    bands = int(np.flatnonzero(loud > loud.max() - BAND_RANGE_DB)[-1]) + 1
    middles = (np.arange(bands) + 0.5) / bands
    cosines = np.cos(np.pi * np.outer(middles, np.arange(1, CEPSTRA + 1))) * np.sqrt(2 / bands)  # (bands, CEPSTRA)
    return (mel_db[:, :bands] * (np.log(10) / 10) @ cosines).astype(np.float32), times


def change_points(frames: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Where the voice may change: at pauses, and where two seconds before and after differ most.

    The difference is that of diagonal Gaussians, squared distance of the means in units of the spreads (Gish and Schmidt 1994).

    Returns:
        Borders ``(K + 1,)`` from 0 to T.
    """
    length = len(frames)
    sums, squares = (np.cumsum(np.pad(frames.astype(np.float64) ** power, ((1, 0), (0, 0))), axis=0) for power in (1, 2))

    def moments(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = (last - first)[:, None]
        mean = (sums[last] - sums[first]) / count
        return mean, (squares[last] - squares[first]) / count - mean**2 + 1e-3

    tried = np.arange(MIN_FRAMES, length - MIN_FRAMES, _STEP)
    before, spread_before = moments(np.maximum(tried - CHANGE_FRAMES, 0), tried)
    after, spread_after = moments(tried, np.minimum(tried + CHANGE_FRAMES, length))
    change = ((before - after) ** 2 / np.sqrt(spread_before * spread_after)).sum(axis=1)
    near = MIN_FRAMES // _STEP
    peaks = [p for i, p in enumerate(tried) if change[i] == change[max(0, i - near) : i + near + 1].max()]
    borders = [0]
    for border in sorted({*(np.flatnonzero(np.diff(times) > 1) + 1), *peaks}):
        if border - borders[-1] >= MIN_FRAMES // 2 and length - border >= MIN_FRAMES // 2:
            borders.append(int(border))
    return np.array([*borders, length])


def without_rare(labels: np.ndarray, fewest: int) -> np.ndarray:
    """The labels ``(T,)`` with those of rare clusters replaced by the nearest before them; at least `fewest` remain.

    >>> without_rare(np.array([0] * 60 + [1] + [2] * 39), 1)[[59, 60, 61]].tolist()
    [0, 0, 2]
    """
    counts = np.bincount(labels)
    kept = np.flatnonzero(counts >= LEAST_SHARE * len(labels))
    if len(kept) < fewest:
        kept = np.argsort(-counts)[:fewest]
    good = np.flatnonzero(np.isin(labels, kept))
    return labels[good[np.maximum(np.searchsorted(good, np.arange(len(labels)), side="right") - 1, 0)]]


def stretches(labels: np.ndarray, times: np.ndarray) -> list[tuple[float, float, int]]:
    """Frames ``(T,)`` with their labels as ``(start_s, end_s, label)``."""
    ends = np.flatnonzero((np.diff(times) > 1) | (np.diff(labels) != 0)) + 1
    firsts, lasts = np.concatenate([[0], ends]), np.concatenate([ends, [len(times)]]) - 1
    return [(times[a] / _FRAMES_PER_S, (times[b] + 1) / _FRAMES_PER_S, int(labels[a])) for a, b in zip(firsts, lasts)]
