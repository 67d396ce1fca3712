"""Trains the acoustic channel on features that stand in for sound: ``convemo train acoustic`` on data that have them.

    dialogues with features ─► arrays ─► `members` networks, each without a part of the training dialogues ─► their mean ─► ONNX, card
                                              │ what they say of what they left out
                                              └─► a decision rule, if one is wanted

Any names, any label set. The epoch is chosen by likelihood on dev, the decision rule on what was left out and on dev; test is scored once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from convemo.errors import ConfigError
from convemo.metrics import (
    accuracy,
    expected_calibration_error,
    interval,
    macro_f1,
    negative_log_likelihood,
    unweighted_average_recall,
    weighted_f1,
)
from convemo.scoring.labels import of as labels_of
from convemo.training.acoustic_features_data import prepare, read_parts, reader_for
from convemo.training.card import command
from convemo.training.decision import Aim, Rule, rule_for
from convemo.training.predictions import FILE as PREDICTIONS
from convemo.training.predictions import said_of, write_predictions
from convemo.training.run import Progress, RunLog, provenance, read_config, write_json

if TYPE_CHECKING:
    from convemo.acoustic.numbers import Numbers

UNRULED = "probabilities.jsonl"
"""Predictions before the decision rule: the calibrated ones, for a fusion to start from."""


class Network(BaseModel):
    """See `convemo.acoustic.numbers_model.NumbersConfig`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(48, ge=4)
    layers: int = Field(2, ge=1)
    heads: tuple[int, int, int] = (2, 1, 1)
    reach: int = Field(16, ge=1, le=32)
    dropout: float = Field(0.2, ge=0, lt=1)
    bins: int = Field(8, ge=1)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Network:
        if sum(self.heads) < 1 or self.width % sum(self.heads):
            raise ValueError(f"width must be a multiple of the {sum(self.heads)} heads")
        return self


class FeaturesConfig(BaseModel):
    """Every setting of such a training; ``configs/acoustic_features_own.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Literal["features"] = "features"
    id: str = Field("own-acoustic-features", min_length=1)
    corpora: tuple[str, ...] = ()
    model: Literal["transformer", "gradient-boosting", "svm"] = "transformer"
    seed: int = 1
    members: int = Field(5, ge=1)
    decide: Aim = "probability"
    timing: bool = True
    shrinkage: float = Field(3.0, gt=0)
    missing: float = Field(0.05, ge=0, lt=1)
    epochs: int = Field(16, ge=1)
    least_steps: int = Field(400, ge=1)
    batch: int = Field(32, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    warm_up: float = Field(0.1, ge=0, lt=1)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    average: float = Field(0.98, ge=0, lt=1)
    network: Network = Network()
    threads: int = Field(1, ge=1)


def train(config: Path, data: Path, out: Path, progress: Progress | None = None, seed: int | None = None) -> dict[str, Any]:
    """Trains, chooses, scores and exports.

    A run that was stopped goes on with the next member when it is started again with the same `out`.

    Args:
        config: TOML, see `FeaturesConfig`.
        data: a ``.jsonl`` file in our form or a folder of them; with `corpora`, the folder of data sets.
        out: the run's folder.
        progress: called as ``progress(stage, completed, total)``.
        seed: in place of the config's.

    Returns:
        The figures, as in ``out/figures.json``.

    Raises:
        ConfigError: the configuration is wrong, or not the one with which a stopped run was begun.
        DataError: the data are not there or not in their form, or lack a part or features.
    """
    settings = read_config(config, FeaturesConfig)
    settings = settings if seed is None else settings.model_copy(update={"seed": seed})
    log = RunLog(out, progress)
    parts = read_parts(data, settings.corpora)
    labels = labels_of(dialogue for dialogues in parts.values() for dialogue in dialogues)
    reader = reader_for(parts["train"], settings.timing, settings.shrinkage)
    ready = {name: prepare(dialogues, reader, labels) for name, dialogues in parts.items()}
    _claim(out, settings)
    log.write(
        "data",
        columns=reader.columns,
        logarithms=sorted(reader.floors),
        labels=labels,
        **{name: len(part.known) for name, part in ready.items()},
    )
    from convemo.training.acoustic_features_members import train_members

    members = train_members(ready["train"], ready["dev"], len(labels), settings, out, log)
    judged = {name: members.score(part) for name, part in ready.items() if name != "train"}
    held_out = [(members.left_out, ready["train"].known)] if members.left_out is not None else []
    held_out.append((ready["dev"].pick(judged["dev"]), ready["dev"].known))
    probabilities, known = (np.concatenate(both) for both in zip(*held_out))
    rule = rule_for(settings.decide, probabilities, known)
    figures = {"rule": {"scale": rule.scale, "shift": rule.shift}, "left out": _figures(probabilities, known, rule, None)}
    ruled = {name: [rule(rows) for rows in found] for name, found in judged.items()}
    for name, part in ready.items():
        if name != "train" and len(part.known):
            figures[name] = _figures(part.pick(judged[name]), part.known, rule, part.owners)
            log.write(name, **{key: value for key, value in figures[name].items() if isinstance(value, float)})
    for file, found in ((PREDICTIONS, ruled), (UNRULED, judged)):
        dialogues = [d for name in found for d in ready[name].dialogues]
        rows = [_unscored_as_nan(row, numbers) for name in found for row, numbers in zip(found[name], ready[name].numbers)]
        write_predictions(out / file, said_of(dialogues, labels, rows))
    write_json(out / "figures.json", {**provenance(settings), "figures": figures})
    (out / "table.md").write_text(_table(figures, settings), encoding="utf-8")
    if settings.model == "transformer":
        from convemo.training.acoustic_features_export import export

        export(members.networks, rule, reader, labels, ready["dev"], out, figures, settings, command("acoustic", config))
    return figures


def _table(figures: dict[str, Any], settings: FeaturesConfig) -> str:
    """What came out, for people to read at once."""
    columns = ("accuracy", "uar", "weighted_f1", "macro_f1", "nll", "ece")
    lines = [f"| {settings.model} | utterances | {' | '.join(columns)} |", "| --- " * (len(columns) + 2) + "|"]
    for part in ("left out", "dev", "test"):
        if part in figures:
            numbers = " | ".join(f"{figures[part][column]:.3f}" for column in columns)
            lines.append(f"| {part} | {figures[part]['utterances']} | {numbers} |")
    return "\n".join(lines) + "\n"


def _claim(out: Path, settings: FeaturesConfig) -> None:
    """Marks the folder as this run's.

    Raises:
        ConfigError: it is another's.
    """
    path, mine = out / "settings.json", settings.model_dump_json()
    if path.is_file() and path.read_text(encoding="utf-8") != mine:
        raise ConfigError(f"the settings with which {out} was begun", "other ones", "Choose another output folder, or delete this one.")
    path.write_text(mine, encoding="utf-8")


def _unscored_as_nan(rows: np.ndarray, numbers: Numbers) -> np.ndarray:
    return np.where(np.array([reason is None for reason in numbers.reasons])[:, None], rows, np.nan)


def _figures(probabilities: np.ndarray, known: np.ndarray, rule: Rule, owners: np.ndarray | None) -> dict[str, Any]:
    """With the decision rule; the likelihood and the calibration error of the probabilities before it."""
    chosen = rule(probabilities).argmax(axis=1)
    figures: dict[str, Any] = {
        "utterances": len(known),
        "accuracy": accuracy(chosen, known),
        "uar": unweighted_average_recall(chosen, known),
        "weighted_f1": weighted_f1(chosen, known),
        "macro_f1": macro_f1(chosen, known),
        "weighted_f1_by_probability": weighted_f1(probabilities.argmax(axis=1), known),
        "nll": negative_log_likelihood(probabilities, known),
        "ece": expected_calibration_error(probabilities, known),
    }
    if owners is not None:
        sure = interval(weighted_f1, owners, chosen, known)
        figures["weighted_f1_95"] = [sure.low, sure.high]
    return figures
