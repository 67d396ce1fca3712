"""What fusion has learned, as JSON that a person can read and check."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from convemo.errors import ConfigError
from convemo.fusion.calibration import Temperature
from convemo.fusion.gating import QUALITY, Gate
from convemo.fusion.history import History, Transitions
from convemo.fusion.pool import PoolWeights

QuantityName = Literal[tuple(QUALITY)]
Probability = Annotated[float, Field(ge=0, le=1)]
DECIMALS = 5
ROW_SUM_TOLERANCE = 1e-3


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ChannelParameters(_Stored):
    """How one channel is calibrated."""

    temperature: float = Field(gt=0)
    model: str = ""
    """Id of the model whose scores these were fitted on; empty if they fit any."""
    gate: dict[QuantityName, Annotated[float, Field(ge=0)]] = {}
    """Quantity of evidence → how strongly the channel's weight follows it, see `convemo.fusion.gating`; empty if it does not."""

    @classmethod
    def of(cls, temperature: Temperature, model: str, gate: Gate) -> ChannelParameters:
        """The stored form of a fitted channel."""
        strengths = {name: rounded for name, weight in gate.weights.items() if (rounded := _rounded(weight)) > 0}
        return cls(temperature=_rounded(temperature.temperature_), model=model, gate=strengths)


class PatternParameters(_Stored):
    """How the channels are pooled where exactly these have scored."""

    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(min_length=1)
    bias: dict[str, float] | None = None
    """Label → what is added to its logit, for how often it occurs."""

    @classmethod
    def of(cls, pool: PoolWeights, labels: Sequence[str]) -> PatternParameters:
        """The stored form of a fitted pool."""
        bias = None if pool.bias is None else {label: _rounded(b) for label, b in zip(labels, pool.bias)}
        return cls(weights={name: _rounded(w) for name, w in pool.weights.items()}, bias=bias)

    def build(self, labels: Sequence[str]) -> PoolWeights:
        """The pool that computes with these."""
        return PoolWeights(self.weights, None if self.bias is None else np.array([self.bias[label] for label in labels]))


class HistoryParameters(_Stored):
    """See `convemo.fusion.history`."""

    own: float = Field(ge=0)
    other: float = Field(ge=0)
    sharpness: float = Field(gt=0)
    sharpness_smoothed: float = Field(gt=0)
    stationary: tuple[float, ...]
    transitions_own: tuple[tuple[float, ...], ...]
    transitions_other: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, history: History) -> HistoryParameters:
        """The stored form of a fitted history."""
        t = history.transitions
        return cls(
            own=_rounded(history.own),
            other=_rounded(history.other),
            sharpness=_rounded(history.sharpness),
            sharpness_smoothed=_rounded(history.sharpness_smoothed),
            stationary=tuple(map(_rounded, t.stationary)),
            transitions_own=tuple(tuple(map(_rounded, row)) for row in t.own),
            transitions_other=tuple(tuple(map(_rounded, row)) for row in t.other),
        )

    def build(self) -> History:
        """The history that computes with these."""
        transitions = Transitions(np.array(self.transitions_own), np.array(self.transitions_other), np.array(self.stationary))
        return History(transitions, self.own, self.other, self.sharpness, self.sharpness_smoothed)


class SetParameters(_Stored):
    """Prediction sets: the least probability with which a label enters, for each pattern of channels."""

    coverage: float = Field(gt=0, lt=1)
    thresholds: dict[str, dict[str, Probability]]


class AbstentionParameters(_Stored):
    """The least confidence at which to answer, for each pattern of channels, so that no more than a share `risk` of answers is wrong."""

    risk: float = Field(gt=0, lt=1)
    thresholds: dict[str, Probability]


class FusionParameters(_Stored):
    """Everything that fusion has learned."""

    version: Literal[1] = 1
    labels: tuple[str, ...] = Field(min_length=2)
    channels: dict[str, ChannelParameters] = Field(min_length=1)
    patterns: dict[str, PatternParameters]
    """``"text+acoustic"`` → how these are pooled."""
    history: HistoryParameters
    sets: SetParameters | None = None
    abstention: AbstentionParameters | None = None
    held_out: dict[str, dict[str, int | float]] = {}
    """Cross-validated figures on the data it was fitted on, for each pattern."""
    fitted_on: str
    """Which data, in words."""
    seed: int = 0

    @model_validator(mode="after")
    def _hangs_together(self) -> FusionParameters:
        labels, count = set(self.labels), len(self.labels)
        if len(labels) != count:
            raise ValueError(f"labels must be distinct, found {list(self.labels)}")
        for pattern, pool in self.patterns.items():
            if pattern.split("+") != list(pool.weights) or not set(pool.weights) <= set(self.channels):
                raise ValueError(f"pattern {pattern!r} must weigh exactly its own, known channels; found {pool.weights}")
        by_label = {f"bias of {name}": pool.bias for name, pool in self.patterns.items() if pool.bias is not None}
        if self.sets:
            by_label |= {f"set thresholds of {name}": row for name, row in self.sets.thresholds.items()}
        for name, row in by_label.items():
            if set(row) != labels:
                raise ValueError(f"{name} must have one number for each label, found {sorted(row)}")
        matrices = {"transitions_own": self.history.transitions_own, "transitions_other": self.history.transitions_other}
        for name, matrix in {**matrices, "stationary": (self.history.stationary,)}.items():
            values = np.array(matrix) if len({len(row) for row in matrix}) == 1 else np.zeros((0, 0))
            if values.shape != (1 if name == "stationary" else count, count):
                raise ValueError(f"history.{name} must have {count} numbers a row, as there are labels")
            if (values <= 0).any() or (abs(values.sum(axis=1) - 1) > ROW_SUM_TOLERANCE).any():
                raise ValueError(f"history.{name} must hold probabilities above 0 that sum to 1 in each row")
        return self

    @classmethod
    def load(cls, path: Path) -> FusionParameters:
        """Reads and checks a ``fusion.json``.

        Raises:
            ConfigError: there is no such file, it is not JSON, or what it says does not hang together.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ConfigError(
                "a fusion.json", f"none that can be read at {path}", "Make one with `convemo train fusion`, or take 'shipped'."
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the file"
            raise ConfigError(f"fusion parameters in {path} that make sense", f"{place}: {first['msg']}", "Fit them again.") from error

    def save(self, path: str | PathLike) -> None:
        """Writes readable JSON: a row of numbers on one line."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False)
        one_line = re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text)
        Path(path).write_text(one_line + "\n", encoding="utf-8")


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
