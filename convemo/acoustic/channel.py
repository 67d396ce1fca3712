"""Scores utterances by their sound: one ONNX network, no torch.

For each utterance in turn: read its sound, compute its features, compare them with the speaker's earlier ones, score it,
and only then add it to what is known of the speaker. One utterance at a time, so memory does not grow with the recording and no
utterance's score depends on which others were scored with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np

from convemo.acoustic.description import DESCRIPTION, describe
from convemo.acoustic.speaker_state import SpeakerState
from convemo.audio import Audio
from convemo.errors import EngineUnavailable
from convemo.features import Features, extract
from convemo.features.functionals import NAMES
from convemo.registry import Availability
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo, Utterance
from convemo.weights import ROOT, load_manifest, read_manifest

WEIGHTS = ROOT / "acoustic"
FILES = ("model.int8.onnx", "model.onnx")
"""The network; which of them there is depends on whether int8 kept its labels."""
SHORTEST_S = 0.3
"""A syllable takes about 0.2 s; below this an F0 contour has no shape."""
WINDOW_S = 12.0
"""Longer utterances are scored in equal parts of at most this: training clips are under 6 s, and work grows with the square."""
SILENT_DB = -75.0
"""Mean level, in dB of full scale, below which there is nothing but the noise of 16-bit sound."""


class AcousticChannel:
    """The acoustic channel, see `convemo.dialogue.channel.Channel`.

    Args:
        argument: a model folder made by ``convemo train acoustic``; ``None`` is the one in this package.
        threads: processor threads of the network, 1 if not given: it is too small to share out.

    Raises:
        EngineUnavailable: onnxruntime or the weights are missing, damaged, or made for other features than these.
    """

    name = "acoustic"

    def __init__(self, argument: str | None = None, *, threads: int | None = None):
        available = self.availability(argument)
        if not available.usable:
            raise EngineUnavailable("a usable acoustic model", available.why, available.mend)
        model = load_manifest(Path(argument) if argument else WEIGHTS)
        self._described = len(model.manifest.get("functionals", ()))  # older models know the functionals alone, not the band levels
        network = next((name for name in FILES if name in model.files), None)
        known = list(DESCRIPTION[: self._described]) == list(model.manifest.get("functionals", ())) and self._described >= len(NAMES)
        if not known or network is None or model.labels is None:
            raise EngineUnavailable(
                f"a model of these {len(NAMES)} functionals and {len(DESCRIPTION) - len(NAMES)} band levels",
                f"other ones in {model.folder}",
                "Train it again with `convemo train acoustic`.",
            )
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 1
        options.inter_op_num_threads = 1
        self.labels: LabelSet = model.labels
        self.model: ModelInfo = model.info(network)
        self._shrinkage = float(model.manifest["shrinkage"])
        self._session = onnxruntime.InferenceSession(str(model.path(network)), options, providers=["CPUExecutionProvider"])

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether it can run here, without loading anything heavy."""
        if find_spec("onnxruntime") is None:
            return Availability(False, "onnxruntime is not installed", "pip install onnxruntime")
        try:
            read_manifest(Path(model) if model else WEIGHTS)
        except EngineUnavailable as error:
            return Availability(False, error.found, error.hint)
        return Availability(True)

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Scores the utterances from index `since` on; those before it count as what their speakers did before.

        Args:
            dialogue: who spoke when; utterances without times are not scored.
            audio: the sound; without it nothing is scored.
            since: index of the first utterance to score. The rows are those that scoring from 0 gives.

        Returns:
            ``len(dialogue) - since`` rows of uncalibrated log-probabilities. No dimensions: acted corpora say what an actor
            meant, not how pleasant or excited it sounded.
        """
        utterances = dialogue.utterances
        channel_of = {speaker.id: speaker.channel for speaker in dialogue.speakers}
        state = SpeakerState(self._shrinkage)
        rows, reasons = [], []
        for index, utterance in enumerate(utterances):
            sound = None if audio is None else _Sound(audio, utterance, channel_of.get(utterance.speaker))
            reason = "no sound" if sound is None else sound.reason
            if reason is None and index < since:
                description = sound.description(self._described)
            elif reason is None:
                row, description = self._score(sound, state, utterance.speaker)
            if reason is None and description is None:
                reason = "silent"
            if reason is None:
                state.update(utterance.speaker, description)
            if index >= since:
                reasons.append(reason)
                rows.append(row if reason is None else np.zeros(len(self.labels)))
        log_probs = np.array(rows).reshape(len(rows), len(self.labels))
        return ChannelResult(self.name, self.labels, log_probs, tuple(reasons), model=self.model)

    def _score(self, sound: _Sound, state: SpeakerState, speaker: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Log-probabilities ``(K,)``, the mean over the windows, renormalised; and the description, ``None`` if it is silent."""
        total, heard_windows, descriptions = np.zeros(len(self.labels)), 0, []
        for features in sound.windows():
            description = describe(features)[: self._described]
            deviation, heard = state.deviation(speaker, description)
            inputs = {
                "frames": features.frames[None],
                "functionals": description[None],
                "deviations": deviation[None],
                "heard": np.array([[heard]], dtype=np.float32),
            }
            total += self._session.run(["log_probs"], inputs)[0][0]
            heard_windows += 1
            descriptions.append(description)
        if not heard_windows:
            return total, None
        mean = total / heard_windows
        return mean - np.logaddexp.reduce(mean), sound.remember(np.mean(descriptions, axis=0))


class _Sound:
    """The sound of one utterance, in windows, never longer than `WINDOW_S` in memory."""

    def __init__(self, audio: Audio, utterance: Utterance, channel: int | None):
        self.audio, self.start, self.end = audio, utterance.start, utterance.end
        # A transcript may name a channel that a recording mixed down to mono no longer has.
        self.channel = channel if channel is not None and channel < audio.channels else None
        self.reason = self._why_not()

    def _why_not(self) -> str | None:
        if self.start is None or self.end is None:
            return "no times"
        self.start, self.end = max(self.start, 0.0), min(self.end, self.audio.duration_s)
        length = self.end - self.start
        if self.start >= self.audio.duration_s:
            return "after the end of the sound"
        return f"{max(length, 0.0):.2g} s long; needs {SHORTEST_S:g} s" if length < SHORTEST_S - 1e-6 else None

    def windows(self) -> Iterator[Features]:
        """The features of each window that is not silent."""
        count = math.ceil((self.end - self.start) / WINDOW_S - 1e-9)
        borders = np.linspace(self.start, self.end, max(count, 1) + 1)
        for start, end in pairwise(borders):
            features = extract(self.audio.read(float(start), float(end), channel=self.channel))
            if features is not None and not _is_silent(features):
                yield features

    def description(self, size: int) -> np.ndarray | None:
        """Its mean over the windows, ``(size,)``; ``None`` if it is silent. Computed once for a sound: a stream asks again and again."""

        def compute() -> np.ndarray | None:
            found = [describe(features)[:size] for features in self.windows()]
            return np.mean(found, axis=0) if found else None

        return self.audio.remember(f"{size} {self._name}", compute)

    def remember(self, description: np.ndarray) -> np.ndarray:
        return self.audio.remember(f"{len(description)} {self._name}", lambda: description)

    @property
    def _name(self) -> str:
        return f"numbers of {self.start!r} to {self.end!r}, channel {self.channel}"


def _is_silent(features: Features) -> bool:
    return bool(features.functionals[NAMES.index("energy_mean_db")] < SILENT_DB)
