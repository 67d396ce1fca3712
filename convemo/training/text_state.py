"""What a text training keeps on disk and beside the model: checkpoints, the best weights, their running average."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from convemo.errors import ConfigError
from convemo.text.model import TextModel
from convemo.training.average import decay_at
from convemo.training.text_config import TextConfig

BEST = "best.safetensors"
CHECKPOINT = "checkpoint.pt"


class Average:
    """The running average of a model's trained weights (Polyak and Juditsky 1992): what is evaluated and kept where `decay` is not 0.

    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> average = Average(layer, 0.5)
    >>> with torch.no_grad():
    ...     start = layer.weight.item()
    ...     _ = layer.weight.add_(4.0)
    >>> for step in range(100, 101):
    ...     average.update(step)
    >>> with average.in_place():
    ...     round(layer.weight.item() - start, 3)
    2.0
    """

    def __init__(self, model: torch.nn.Module, decay: float):
        self.decay = decay
        self._live = {name: p for name, p in model.named_parameters() if p.requires_grad} if decay else {}
        self.weights = {name: p.detach().clone() for name, p in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights of a step."""
        for name, parameter in self._live.items():
            self.weights[name].lerp_(parameter, 1 - decay_at(step, self.decay))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the model has the averaged weights."""
        live = {name: p.detach().clone() for name, p in self._live.items()}
        self._set(self.weights)
        try:
            yield
        finally:
            self._set(live)

    @torch.no_grad()
    def _set(self, weights: Mapping[str, torch.Tensor]) -> None:
        for name, parameter in self._live.items():
            parameter.copy_(weights[name])


class RunState:
    """The checkpoints in a run's folder.

    Args:
        out: the folder.
        settings: those of this run; a checkpoint made by others is refused.
        began_from: what its weights were at first.
    """

    def __init__(self, out: Path, settings: TextConfig, began_from: str):
        self.out, self._signature = out, f"{began_from} {settings.model_dump_json()}"

    def resume(self, model: TextModel, optimizer: torch.optim.Optimizer, schedule: Any, average: Average) -> tuple[int, float]:
        """Steps done and best dev score of the run in this folder, its state loaded; ``(0, -inf)`` for a new one.

        Raises:
            ConfigError: the run in this folder began with other settings.
        """
        path = self.out / CHECKPOINT
        if not path.is_file():
            return 0, -math.inf
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["signature"] != self._signature:
            hint = "Name another output folder, or empty this one."
            raise ConfigError(f"the settings that the run in {self.out} began with", "others", hint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        for name, weight in state["average"].items():
            average.weights[name].copy_(weight)
        torch.set_rng_state(state["torch_rng"])
        return state["step"], state["best"]

    def save(self, model: TextModel, optimizer: torch.optim.Optimizer, schedule: Any, average: Average, step: int, best: float) -> None:
        """All that it takes to go on, written beside the old one, then in its place."""
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
        state |= {"average": average.weights, "step": step, "best": best, "signature": self._signature}
        beside = self.out / f"{CHECKPOINT}.part"
        torch.save(state | {"torch_rng": torch.get_rng_state()}, beside)
        beside.replace(self.out / CHECKPOINT)

    def save_best(self, model: TextModel) -> None:
        """The weights that dev likes best so far."""
        from safetensors.torch import save_file

        beside = self.out / f"{BEST}.part"
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, str(beside))
        beside.replace(self.out / BEST)

    def load_best(self, model: TextModel) -> TextModel:
        """The model with those weights."""
        from safetensors.torch import load_file

        model.load_state_dict(load_file(str(self.out / BEST)))
        return model
