"""Where a fine-tuning's utterances come from, and where what it made goes: the model's folder, its card, its predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convemo import registry
from convemo.checkpoints.folder import SETTINGS, UNKNOWN_LICENCE, Checkpoint, CheckpointSettings
from convemo.checkpoints.load import Task
from convemo.checkpoints.spec import PREFIX, CheckpointSpec
from convemo.data import jsonl
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError, DataError
from convemo.metrics.bootstrap import interval
from convemo.metrics.calibration import expected_calibration_error, negative_log_likelihood
from convemo.metrics.classification import accuracy, macro_f1, unweighted_average_recall, weighted_f1
from convemo.scoring import labels as label_sets
from convemo.scoring.score import score
from convemo.training.card import Card, Figures, Source, write_card
from convemo.training.finetune import FinetuneConfig
from convemo.training.predictions import FILE as PREDICTIONS
from convemo.training.predictions import Said, write_predictions
from convemo.training.run import RunLog, write_json
from convemo.types import Dialogue, LabelSet

PARTS = ("train", "dev", "test")
OWN_DATA = "LicenseRef-own-data"

Corpus = Mapping[str, tuple[Dialogue, ...]]
"""Part → its dialogues."""


def read_parts(settings: FinetuneConfig, data: Path) -> Corpus:
    """The parts of one file in our form, or of the corpora that the config names in a folder of data sets.

    Raises:
        ConfigError: a folder was given and the config names no corpora.
        DataError: a file is missing or wrong, or there is nothing labelled to train on or to choose by.
    """
    if data.is_dir() and not settings.corpora:
        raise ConfigError("corpora in the config, with a folder of data sets", "none", 'For example: corpora = ["meld"].')
    if data.is_dir():
        loaders = {name: registry.find("data", name) for name in settings.corpora}
        parts = {part: tuple(d for name, load in loaders.items() for d in load(data / name, part)) for part in PARTS}
    else:
        parts = {part: jsonl.load(data, part, labels=None) for part in PARTS}
    for part in ("train", "dev"):
        if not any(u.label for dialogue in parts[part] for u in dialogue):
            hint = 'Each line names its part: "split": "train", "dev" or "test". Keep a tenth of the dialogues for dev.'
            raise DataError(data, f"labelled utterances in the {part} part", "none", hint)
    return parts


def labels_of(parts: Corpus) -> LabelSet:
    """The labels of all parts, ours first."""
    return label_sets.of(dialogue for part in parts.values() for dialogue in part)


def init_spec(settings: FinetuneConfig, init: str | None) -> CheckpointSpec:
    """The checkpoint to start from.

    Raises:
        ConfigError: none is named.
    """
    named = init or settings.init
    if not named or not named.startswith(PREFIX):
        raise ConfigError("--init transformers:PATH_OR_ID, or init in the config", repr(named), "Name the checkpoint to start from.")
    return CheckpointSpec.parse(named.removeprefix(PREFIX))


def write_model(
    folder: Path, settings: FinetuneConfig, model: Any, processor: Any, origin: Checkpoint, labels: LabelSet, **fields: Any
) -> None:
    """The model's folder in Hugging Face form, as safetensors, with the ``convemo.json`` that says how to read it."""
    model.to("cpu").save_pretrained(folder)
    processor.save_pretrained(folder)
    licence = OWN_DATA if origin.licence == UNKNOWN_LICENCE else f"{origin.licence} AND {OWN_DATA}"
    found = CheckpointSettings(id=settings.id, licence=licence, labels={label: label for label in labels}, set=tuple(labels), **fields)
    write_json(folder / SETTINGS, found.model_dump(mode="json", exclude_none=True, exclude_defaults=True))


def conclude(
    task: Task, channel: Channel, parts: Corpus, labels: LabelSet, settings: FinetuneConfig, origin: Checkpoint, out: Path, log: RunLog
) -> dict[str, Any]:
    """Scores dev and test as the channel does in an analysis; writes ``predictions.jsonl``, ``figures.json`` and the card."""
    figures: dict[str, Any] = {}
    said: list[Said] = []
    for part in ("dev", "test"):
        rows, truth, groups = [], [], []
        for scored in score(parts[part], {task: channel}, progress=lambda _, done, total, part=part: log.progress(part, done, total)):
            result = scored.results[task]
            for i, utterance in enumerate(scored.dialogue):
                if (told := result.probabilities(i)) is None:
                    continue
                said.append((scored.dialogue.id, utterance.id, told))
                if utterance.label is not None:
                    rows.append([told[label] for label in labels])
                    truth.append(labels.index(utterance.label))
                    groups.append(scored.dialogue.id)
        if rows:
            figures[part] = _figures(np.array(rows), np.array(truth), np.array(groups))
    write_predictions(out / PREDICTIONS, said)
    log.write("figures", **figures)
    write_json(out / "model" / "figures.json", figures)
    write_card(out / "model", _card(task, settings, origin, labels, figures))
    return figures


def _figures(probabilities: np.ndarray, labels: np.ndarray, dialogues: np.ndarray) -> dict[str, Any]:
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    chosen = probabilities.argmax(axis=1)
    sure = interval(weighted_f1, dialogues, chosen, labels, resamples=300)
    return {
        "utterances": len(labels),
        "accuracy": accuracy(chosen, labels),
        "ua": unweighted_average_recall(chosen, labels),
        "weighted_f1": sure.value,
        "weighted_f1_interval": [sure.low, sure.high],
        "macro_f1": macro_f1(chosen, labels),
        "nll": negative_log_likelihood(probabilities, labels),
        "ece": expected_calibration_error(probabilities, labels),
    }


def _card(task: Task, settings: FinetuneConfig, origin: Checkpoint, labels: Sequence[str], figures: Mapping[str, Any]) -> Card:
    licence = OWN_DATA if origin.licence == UNKNOWN_LICENCE else f"{origin.licence} AND {OWN_DATA}"
    names = ("accuracy", "ua", "weighted_f1", "weighted_f1_interval", "macro_f1", "nll", "ece")
    rows = [
        (part, f["utterances"], *(_limits(f[name]) if name.endswith("interval") else f[name] for name in names))
        for part, f in figures.items()
    ]
    what = ", ".join(settings.corpora) or "data of your own"
    return Card(
        id=settings.id,
        title=f"{origin.name}, fine-tuned",
        summary=f"The {'text' if task == 'text' else 'acoustic'} channel from a {origin.config['model_type']} checkpoint, for "
        f'{", ".join(labels)}. Use it as `{task}="transformers:THIS_FOLDER"`.',
        licence=licence,
        why_licence=f"The checkpoint's own licence is {origin.licence}; what the data allow, only you know.",
        command=f"convemo train {task} CONFIG.toml --data DATA --init transformers:{origin.name} --seed {settings.seed} --out OUT",
        sources=[
            Source(origin.name, origin.licence, "", "the checkpoint that training began from"),
            Source(what, OWN_DATA, "", "train part; dev chose the state that was kept"),
        ],
        figures=[
            Figures(
                "By itself",
                ("part", "utterances", "accuracy", "UA", "weighted F1", "[95 %]", "macro F1", "NLL", "ECE"),
                rows,
                "Not calibrated. Intervals by bootstrap over dialogues. dev chose the state that was kept, so only test is a fair figure.",
            )
        ],
        limits=("Its probabilities are not calibrated by themselves: `convemo train fusion --data` does that.",),
    )


def _limits(limits: Sequence[float]) -> str:
    return f"{limits[0]:.3f} to {limits[1]:.3f}"
