"""Voice activity: where somebody speaks. Silero VAD (https://github.com/snakers4/silero-vad, MIT) by ONNX Runtime.

The network's file comes with the faster-whisper package; that package itself is not imported, which would cost
a second and bring in its transcription engine.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from convemo.audio.resample import RATE_HZ
from convemo.audio.sound import Audio
from convemo.errors import EngineUnavailable

FRAME = 512
"""Samples that get one probability: 32 ms."""
FRAME_S = FRAME / RATE_HZ

_CONTEXT = 64  # samples of the frame before that the network sees too
_WINDOW_S = 1875 * FRAME_S  # sound that is in memory at once: a minute

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

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The probability of voice in each frame of 512 samples; a last, shorter frame is filled with silence.

        Args:
            samples: ``(n,)`` float32 at 16 kHz; every block but the last a multiple of 512 long.
        """
        if len(samples) == 0:
            return np.zeros(0, np.float32)
        padded = np.concatenate([self._before, samples, np.zeros(-len(samples) % FRAME, np.float32)])
        self._before = padded[-_CONTEXT:]
        windows = np.lib.stride_tricks.sliding_window_view(padded, FRAME + _CONTEXT)[::FRAME]  # (T, 576)
        probabilities, self._state = self._network(np.ascontiguousarray(windows), self._state)
        return probabilities


def probabilities(audio: Audio) -> np.ndarray:
    """``(T,)`` float32: the probability of voice in each frame of 32 ms of the (mixed) sound.

    Computed once for a sound: who speaks when, and how clearly, both begin with it.
    """

    def heard() -> np.ndarray:
        detector = VoiceDetector()
        return np.concatenate([detector.push(samples) for _, samples in audio.windows(_WINDOW_S)])

    return audio.remember("voice", heard)


def speech(
    audio: Audio, onset: float = 0.5, offset: float = 0.35, min_speech_s: float = 0.25, min_silence_s: float = 0.1, pad_s: float = 0.03
) -> Intervals:
    """Where somebody speaks, in any channel of the (mixed) sound.

    Args:
        onset, offset: speech begins at a probability of `onset` and ends below `offset`, so that it does not flicker.
        min_speech_s: shorter speech is dropped (clicks).
        min_silence_s: shorter silence does not part speech (stops within words).
        pad_s: added on both sides (soft first and last sounds). The defaults are Silero's own.

    Raises:
        EngineUnavailable: see `VoiceDetector`.

    >>> speech(Audio.from_array(np.zeros(32_000, np.float32), 16_000))
    ()
    """
    return intervals(probabilities(audio), audio.duration_s, onset, offset, min_speech_s, min_silence_s, pad_s)


def intervals(
    probabilities: np.ndarray,
    duration_s: float,
    onset: float = 0.5,
    offset: float = 0.35,
    min_speech_s: float = 0.25,
    min_silence_s: float = 0.1,
    pad_s: float = 0.03,
) -> Intervals:
    """Probabilities of frames as stretches of speech; arguments as for `speech`.

    >>> intervals(np.array([0, 0.4, 0.9, 0.4, 0.9, 0.1] + [0] * 9), 0.48, min_speech_s=0.0, pad_s=0.0)
    ((0.064, 0.16),)
    """
    runs: list[list[float]] = []
    for begin, end in _runs(probabilities, onset, offset):
        begin, end = begin * FRAME_S, end * FRAME_S
        if runs and begin - runs[-1][1] < min_silence_s:
            runs[-1][1] = end
        else:
            runs.append([begin, end])
    padded: list[list[float]] = []
    for begin, end in runs:
        if end - begin < min_speech_s:
            continue
        begin, end = max(0.0, begin - pad_s), min(duration_s, end + pad_s)
        if padded and begin < padded[-1][1]:  # two pads meet in the middle of a short silence
            begin = padded[-1][1] = (begin + padded[-1][1]) / 2
        padded.append([begin, end])
    return tuple((round(float(begin), 3), round(float(end), 3)) for begin, end in padded)


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
    """``(windows (T, 576), state) -> (probabilities (T,), state)``, whichever release of faster-whisper is here."""
    spec = find_spec("faster_whisper")
    assets = Path(spec.origin).parent / "assets" if spec and spec.origin else Path()
    if (whole := assets / "silero_vad_v6.onnx").is_file():  # faster-whisper 1.2.1 and later
        return _version_6(_session(whole))
    encoder, decoder = assets / "silero_encoder_v5.onnx", assets / "silero_decoder_v5.onnx"
    if encoder.is_file() and decoder.is_file():  # faster-whisper 1.1.0 to 1.2.0
        return _version_5(_session(encoder), _session(decoder))
    found = f"none in {assets}" if spec else "no faster-whisper package"
    raise EngineUnavailable("the Silero VAD network that faster-whisper brings", found, "pip install 'faster-whisper>=1.1'")


def _session(path: Path):
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineUnavailable("onnxruntime", str(error), "pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena keeps the largest block for ever
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _version_6(session):
    def run(windows, state):
        hidden, cell = state or (np.zeros((1, 1, 128), np.float32),) * 2
        output, hidden, cell = session.run(None, {"input": windows, "h": hidden, "c": cell})
        return output.reshape(-1), (hidden, cell)

    return run


def _version_5(encoder, decoder):
    def run(windows, state):
        state = np.zeros((2, 1, 128), np.float32) if state is None else state
        output = np.empty(len(windows), np.float32)
        for i, code in enumerate(encoder.run(None, {"input": windows})[0].reshape(-1, 1, 128)):
            probability, state = decoder.run(None, {"input": code, "state": state})
            output[i] = probability.item()
        return output, state

    return run
