"""A checkpoint as a channel: what those of words and those of sound do alike.

Windows of equal length are judged together and none is padded, so that none's score depends on its company.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from convemo.checkpoints.folder import find
from convemo.checkpoints.labels import reading
from convemo.checkpoints.load import Task, availability, load_model, load_processor, place, require_packages
from convemo.checkpoints.spec import CheckpointSpec
from convemo.errors import EngineFailed
from convemo.registry import Availability
from convemo.types import LabelSet, ModelInfo
from convemo.weights import hub


class CheckpointChannel(ABC):
    """A classifier of Hugging Face as a channel.

    Args:
        argument: a folder or an id, and how to read it: see `convemo.checkpoints.spec`.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        offline: whether the network is out of bounds.
        announce: told one sentence before a checkpoint is fetched; ``None`` writes it to standard error.

    Raises:
        ConfigError: the labels cannot be read as ours.
        EngineUnavailable: a package is not installed, or the checkpoint is not here, cannot be fetched or is for something else.
    """

    name: ClassVar[Task]
    at_once: ClassVar[int]
    """Windows in one batch, at most."""

    def __init__(self, argument: str | None = None, *, device: str = "auto", offline: bool = False, announce: hub.Announce | None = None):
        require_packages()
        spec = CheckpointSpec.parse(argument)
        self._checkpoint = find(spec.name, offline=offline, pickle=spec.pickle, announce=announce or hub.to_stderr)
        model = load_model(self._checkpoint, self.name)
        self._reading = reading(self._checkpoint, spec)
        self.labels: LabelSet = self._reading.labels
        self.model: ModelInfo = self._checkpoint.info
        note = self._reading.note(self.name, self.model.id)
        self.notes: tuple[str, ...] = (note,) if note else ()
        self._processor = load_processor(self._checkpoint, self.name)
        self._model = place(model, device, spec.dtype)

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether transformers is installed and, if a checkpoint is named, whether it is here."""
        return availability(cls.name, model, offline)

    @abstractmethod
    def _inputs(self, windows: Sequence[Any]) -> dict[str, Any]:
        """What the network takes, of windows of one length: tensors ``(B, …)``, on its device."""

    def _log_probs(self, windows: Sequence[Any], lengths: np.ndarray) -> np.ndarray:
        """``(N, K)``; only windows of one length share a batch."""
        scores = np.zeros((len(windows), len(self.labels)))
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            for batch in np.split(rows, range(self.at_once, len(rows), self.at_once)):
                scores[batch] = self._reading.log_probs(self._run([windows[i] for i in batch]))
        return scores

    def _run(self, windows: Sequence[Any]) -> np.ndarray:
        """Logits ``(B, M)`` of windows of one length."""
        import torch

        try:
            with torch.inference_mode():
                logits = self._model(**self._inputs(windows)).logits.float().cpu().numpy()
        except Exception as error:  # whatever a foreign architecture raises
            raise EngineFailed(f"{self.model.id} to run", f"{type(error).__name__}: {error}", "Try device='cpu'.") from error
        if not np.isfinite(logits).all():
            raise EngineFailed(f"finite scores from {self.model.id}", "NaN or infinity", "Try ?dtype=float32.")
        return logits
