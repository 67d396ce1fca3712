"""Any Hugging Face audio classifier as the acoustic channel: ``acoustic="transformers:PATH_OR_ID"``.

wav2vec 2.0, HuBERT, WavLM, Whisper's encoder and whatever else transformers knows as audio classification. An utterance is heard by
itself, without its speaker's history; what is left of a long recording is never in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from convemo.audio import Audio
from convemo.checkpoints.channel import CheckpointChannel
from convemo.types import ChannelResult, Dialogue, Utterance

SHORTEST_S = 0.3
"""A syllable takes about 0.2 s."""
WINDOW_S = 12.0
"""Longer utterances are heard in equal parts of at most this: such models are fine-tuned on clips of a few seconds."""
SILENT_DB = -75.0
"""Mean level, in dB of full scale, below which there is nothing but the noise of 16-bit sound."""
HELD = 64
"""Windows held in memory at once, 3 MB of sound each at the longest."""
FIXED = ("whisper", "audio-spectrogram-transformer")
"""Architectures that hear every sound at one length, to which their feature extractor brings it."""


class TransformersAcoustic(CheckpointChannel):
    """An audio classifier as the acoustic channel; made as a `CheckpointChannel`."""

    name, at_once = "acoustic", 8

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Scores the utterances from index `since` on, each by its own sound.

        Args:
            dialogue: who spoke when; utterances without times are not scored.
            audio: the sound; without it nothing is scored.
            since: index of the first utterance to score.

        Returns:
            ``len(dialogue) - since`` rows of uncalibrated log-probabilities.

        Raises:
            EngineFailed: the network broke.
        """
        utterances = dialogue.utterances[since:]
        channel_of = {speaker.id: speaker.channel for speaker in dialogue.speakers}
        reasons = ["no sound" if audio is None else _why_not(utterance, audio) for utterance in utterances]
        heard = [row for row, reason in enumerate(reasons) if reason is None]
        stretches = (_windows(audio, utterances[row], channel_of.get(utterances[row].speaker)) for row in heard)
        log_probs = np.zeros((len(utterances), len(self.labels)))
        for row, scores in zip(heard, self._pooled(stretches, len(heard))):
            if scores is None:
                reasons[row] = "silent"
            else:
                log_probs[row] = scores
        return ChannelResult(self.name, self.labels, log_probs, tuple(reasons), model=self.model)

    def score(self, sounds: Sequence[np.ndarray]) -> np.ndarray:
        """Log-probabilities ``(N, K)`` of sounds, ``(n,)`` float32 at 16 kHz each, whatever they hold.

        One longer than `WINDOW_S` is heard in parts, and scored by the mean of their log-probabilities (their product of experts).
        """
        found = self._pooled((parts(sound) for sound in sounds), len(sounds), silent=False)
        return np.array(found).reshape(len(sounds), len(self.labels))

    def _pooled(self, stretches: Iterable[Iterable[np.ndarray]], count: int, silent: bool = True) -> list[np.ndarray | None]:
        """One row ``(K,)`` for each stretch of windows; ``None`` where every window is silent."""
        total, windows = np.zeros((count, len(self.labels))), np.zeros(count)
        pairs = ((i, w) for i, stretch in enumerate(stretches) for w in stretch if not (silent and _is_silent(w)))
        while held := list(islice(pairs, HELD)):
            scores = self._together([window for _, window in held])
            np.add.at(total, [i for i, _ in held], scores)
            np.add.at(windows, [i for i, _ in held], 1)
        mean = total / np.maximum(windows, 1)[:, None]
        mean -= np.logaddexp.reduce(mean, axis=1, keepdims=True)
        return [row if n else None for row, n in zip(mean, windows)]

    def _together(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        """Log-probabilities ``(N, K)``."""
        one_length = self._checkpoint.config.get("model_type") in FIXED
        return self._log_probs(windows, np.zeros(len(windows)) if one_length else np.array([len(window) for window in windows]))

    def _inputs(self, windows: Sequence[np.ndarray]) -> dict[str, Any]:
        made = extract(self._processor, windows)
        return {name: x.to(self._model.device, self._model.dtype if x.is_floating_point() else None) for name, x in made.items()}


def extract(extractor: Any, windows: Sequence[np.ndarray], **settings: Any) -> dict[str, Any]:
    """What the network hears of windows ``(n,)`` at 16 kHz, at whatever rate its extractor asks for."""
    rate = int(extractor.sampling_rate)
    if rate != Audio.rate_hz:
        import soxr

        windows = [soxr.resample(window, Audio.rate_hz, rate) for window in windows]
    return dict(extractor(list(windows), sampling_rate=rate, return_tensors="pt", **settings))


def parts(sound: np.ndarray) -> list[np.ndarray]:
    """A sound ``(n,)`` in equal windows of at most `WINDOW_S`; the last samples that do not divide are left out."""
    count = max(math.ceil(len(sound) / (WINDOW_S * Audio.rate_hz) - 1e-9), 1)
    length = len(sound) // count
    return [sound[i * length : (i + 1) * length] for i in range(count)]


def _windows(audio: Audio, utterance: Utterance, channel: int | None) -> Iterator[np.ndarray]:
    """An utterance's sound in equal windows, read one at a time."""
    # A transcript may name a channel that a recording mixed down to mono no longer has.
    channel = channel if channel is not None and channel < audio.channels else None
    start, end = max(utterance.start, 0.0), min(utterance.end, audio.duration_s)
    count = max(math.ceil((end - start) / WINDOW_S - 1e-9), 1)
    length = math.floor((end - start) / count * audio.rate_hz + 1e-6)
    for i in range(count):
        begin = start + i * length / audio.rate_hz
        yield audio.read(begin, begin + length / audio.rate_hz, channel=channel)


def _why_not(utterance: Utterance, audio: Audio) -> str | None:
    if utterance.start is None or utterance.end is None:
        return "no times"
    start, end = max(utterance.start, 0.0), min(utterance.end, audio.duration_s)
    if start >= audio.duration_s:
        return "after the end of the sound"
    return f"{max(end - start, 0.0):.2g} s long; needs {SHORTEST_S:g} s" if end - start < SHORTEST_S - 1e-6 else None


def _is_silent(window: np.ndarray) -> bool:
    return 10 * np.log10(np.mean(np.square(window, dtype=np.float64)) + 1e-12) < SILENT_DB
