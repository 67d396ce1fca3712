"""Scores utterances by named numbers that stand in for their sound: one ONNX network, no sound, no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convemo.acoustic.numbers import NumberReader, Numbers
from convemo.audio import Audio
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo
from convemo.weights import ShippedModel, load_manifest
from convemo.weights.network import open_network

FILE = "model.onnx"
AT_ONCE = 256
"""Utterances scored together: attention grows with the square of what it sees."""


def reads_numbers(model: ShippedModel) -> bool:
    """Whether a model folder holds a network of this kind."""
    return model.manifest.get("input") == "features"


class NumbersChannel:
    """The acoustic channel for data that come with features instead of sound, see `convemo.dialogue.channel.Channel`.

    Args:
        argument: a model folder made by ``convemo train acoustic`` from such data.
        threads: as `AcousticChannel` takes it; the network is too small to share out.

    Raises:
        EngineUnavailable: onnxruntime or the folder is missing, or a file of it is damaged.
    """

    name = "acoustic"

    def __init__(self, argument: str, *, threads: int | None = None):
        model = load_manifest(Path(argument))
        self.labels: LabelSet = model.labels
        self.model: ModelInfo = model.info(FILE)
        self.reader = NumberReader(
            tuple(model.manifest["features"]), model.manifest["floors"], model.manifest["timing"], model.manifest["shrinkage"]
        )
        self._context = int(model.manifest["context"])
        self._session = open_network(model.path(FILE))

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Scores the utterances from index `since` on, from `Utterance.features` and who speaks when.

        Args:
            dialogue: what is known of each utterance; those without features are not scored.
            audio: not listened to.
            since: index of the first utterance to score. The rows are those that scoring from 0 gives.

        Returns:
            ``len(dialogue) - since`` rows of uncalibrated log-probabilities.
        """
        numbers = self.reader.read(dialogue)
        parts = [self._score(numbers, start, min(start + AT_ONCE, len(numbers))) for start in range(since, len(numbers), AT_ONCE)]
        log_probs = np.concatenate([np.zeros((0, len(self.labels))), *parts])
        return ChannelResult(self.name, self.labels, log_probs, numbers.reasons[since:], model=self.model)

    def _score(self, numbers: Numbers, start: int, end: int) -> np.ndarray:
        begin = max(0, start - self._context)
        (rows,) = self._session.run(["log_probs"], numbers.inputs(begin, end))
        return rows[0, start - begin :]
