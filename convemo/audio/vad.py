"""Voice activity: where somebody speaks. Silero VAD (https://github.com/snakers4/silero-vad, MIT) by ONNX Runtime.

The network's file comes with the faster-whisper package; that package itself is not imported, which would cost
a second and bring in its transcription engine.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from convemo.audio.resample import RATE_HZ
from convemo.audio.sound import Audio
from convemo.errors import EngineUnavailable
from convemo.weights.network import open_network

FRAME = 512
"""Samples that get one probability: 32 ms."""
FRAME_S = FRAME / RATE_HZ

# Chosen by missed speech and false alarm on simulated scenes, never on the recordings that are reported: see
# benchmarks/voice_activity.py. The network doubts voices over a telephone and across a room: at its authors' 0.5 and 0.35
# most of them are missed, while noise, chords and animals stay below 0.2. The sound goes to it as it is: bringing it to one
# level first, or taking out what is below 80 Hz, was tried, and made no difference or lost the far voices.
ONSET, OFFSET = 0.2, 0.15
MIN_SPEECH_S = 0.1
MIN_SILENCE_S = 0.3
LEAD_S = 0.1  # it is late for soft first sounds; its probability falls slowly, so that nothing need be added at the end

_OFFSET_S = 1.0  # how long a constant offset of the samples is averaged over
_CONTEXT = 64  # samples of the frame before that the network sees too
_WINDOW_S = 256 * FRAME_S  # sound that goes through the network at once: longer is no faster and takes more memory

Intervals = tuple[tuple[float, float], ...]
"""``(start, end)`` pairs in seconds, in order, apart from each other."""


class VoiceDetector:
    """Silero's network and its memory of what it has heard: feed it one voice track, block after block.

    Raises:
        EngineUnavailable: the network's file or ONNX Runtime is not installed.
    """

    def __init__(self):
        self._network = _network()
        self._state = None
        self._before = np.zeros(_CONTEXT, np.float32)
        self._offset = _Offset()

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The probability of voice in each frame of 512 samples; a last, shorter frame is filled with silence.

        Args:
            samples: ``(n,)`` float32 at 16 kHz; every block but the last a multiple of 512 long.
        """
        if len(samples) == 0:
            return np.zeros(0, np.float32)
        centred = self._offset.removed(samples)
        padded = np.concatenate([self._before, centred, np.zeros(-len(samples) % FRAME, np.float32)])
        self._before = padded[-_CONTEXT:].copy()  # a view would keep all of it
        windows = np.lib.stride_tricks.sliding_window_view(padded, FRAME + _CONTEXT)[::FRAME]  # (T, 576)
        probabilities, self._state = self._network(np.ascontiguousarray(windows), self._state)
        return probabilities


class _Offset:
    """The constant that a sound card adds to each sample, followed as it drifts. From 0.1 on the network is deaf to half of the speech.

    It looks back only, so that block after block gives what the whole gives.
    """

    def __init__(self):
        self._heard, self._mean = 0, 0.0

    def removed(self, samples: np.ndarray) -> np.ndarray:
        """The samples ``(n,)`` less their running mean, which moves evenly from one frame's to the next's: steps would click."""
        firsts = np.arange(0, len(samples), FRAME)
        counts = np.diff(np.append(firsts, len(samples)))
        means = [self._mean]
        for mean in np.add.reduceat(samples, firsts, dtype=np.float64) / counts:
            self._heard += 1
            means.append(means[-1] + max(FRAME_S / _OFFSET_S, 1 / self._heard) * (mean - means[-1]))
        self._mean = means[-1]
        if self._heard == len(firsts):
            means[0] = means[1]  # nothing was heard before
        ramp = np.arange(FRAME) / FRAME
        follows = np.array(means[:-1])[:, None] * (1 - ramp) + np.array(means[1:])[:, None] * ramp  # (T, FRAME)
        return (samples - follows.reshape(-1)[: len(samples)]).astype(np.float32)


def probabilities(audio: Audio) -> np.ndarray:
    """``(T,)`` float32: the probability of voice in each frame of 32 ms of the (mixed) sound.

    Computed once for a sound: who speaks when, and how clearly, both begin with it.
    """

    def heard() -> np.ndarray:
        # Room for all at once: a small array kept from each window would lie between the large ones that come and go, and pin them.
        whole, filled, detector = np.empty(math.ceil(round(audio.duration_s * RATE_HZ) / FRAME), np.float32), 0, VoiceDetector()
        for _, samples in audio.windows(_WINDOW_S):
            part = detector.push(samples)
            whole[filled : filled + len(part)] = part
            filled += len(part)
        return whole

    return audio.remember("voice", heard)


def speech(
    audio: Audio,
    onset: float = ONSET,
    offset: float = OFFSET,
    min_speech_s: float = MIN_SPEECH_S,
    min_silence_s: float = MIN_SILENCE_S,
    lead_s: float = LEAD_S,
) -> Intervals:
    """Where somebody speaks, in any channel of the (mixed) sound.

    Whoever asks where a voice is, be it to transcribe, to tell speakers apart or to weigh an utterance, asks here and gets
    the same answer.

    Args:
        onset, offset: speech begins at a probability of `onset` and ends below `offset`, so that it does not flicker.
        min_speech_s: shorter speech is dropped (clicks).
        min_silence_s: shorter silence does not part speech (stops within words).
        lead_s: added before it begins.

    Raises:
        EngineUnavailable: see `VoiceDetector`.

    >>> speech(Audio.from_array(np.zeros(32_000, np.float32), 16_000))
    ()
    """
    return intervals(probabilities(audio), audio.duration_s, onset, offset, min_speech_s, min_silence_s, lead_s)


def intervals(
    probabilities: np.ndarray,
    duration_s: float,
    onset: float = ONSET,
    offset: float = OFFSET,
    min_speech_s: float = MIN_SPEECH_S,
    min_silence_s: float = MIN_SILENCE_S,
    lead_s: float = LEAD_S,
) -> Intervals:
    """Probabilities of frames as stretches of speech; arguments as for `speech`.

    >>> intervals(np.array([0, 0.17, 0.9, 0.17, 0.9, 0.1] + [0] * 9), 0.48, min_speech_s=0.0, lead_s=0.0)
    ((0.064, 0.16),)
    """
    found: list[list[float]] = []
    for begin, end in _runs(probabilities, onset, offset) * FRAME_S:
        if found and begin - lead_s - found[-1][1] < min_silence_s:
            found[-1][1] = end
        else:
            found.append([begin, end])
    return tuple(
        (round(float(max(0.0, begin - lead_s)), 3), round(float(min(end, duration_s)), 3))
        for begin, end in found
        if end - begin >= min_speech_s
    )


def _runs(probabilities: np.ndarray, onset: float, offset: float) -> np.ndarray:
    """``(R, 2)`` first frame and frame after the last, of the stretches that reach `onset` and stay at `offset` or above."""
    loud = np.flatnonzero(np.diff(np.concatenate([[0], probabilities >= offset, [0]]).astype(np.int8)))
    runs = []
    for begin, end in loud.reshape(-1, 2):
        reached = np.flatnonzero(probabilities[begin:end] >= onset)
        if len(reached):
            runs.append((begin + reached[0], end))
    return np.array(runs, dtype=np.int64).reshape(-1, 2)


@lru_cache(maxsize=1)
def _network():
    """``(windows (T, 576), state) -> (probabilities (T,), state)``."""
    spec = find_spec("faster_whisper")
    path = (Path(spec.origin).parent if spec and spec.origin else Path()) / "assets" / "silero_vad_v6.onnx"
    if not path.is_file():
        found = f"none in {path.parent}" if spec else "no faster-whisper package"
        raise EngineUnavailable("the Silero VAD network that faster-whisper brings", found, "pip install 'faster-whisper>=1.2.1'")
    session = open_network(path)

    def run(windows, state):
        hidden, cell = state or (np.zeros((1, 1, 128), np.float32),) * 2
        output, hidden, cell = session.run(None, {"input": windows, "h": hidden, "c": cell})
        return output.reshape(-1), (hidden, cell)

    return run
