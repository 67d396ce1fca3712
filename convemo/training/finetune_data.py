"""Where a fine-tuning begins: settings, checkpoint, utterances; and where what it made goes: the model's folder and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from convemo import registry
from convemo.checkpoints.folder import SETTINGS, UNKNOWN_LICENCE, Checkpoint, CheckpointSettings, find
from convemo.checkpoints.load import Task
from convemo.checkpoints.spec import PREFIX, CheckpointSpec
from convemo.data import jsonl
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError, DataError
from convemo.scoring import labels as label_sets
from convemo.training.card import Card, Figures, Source, write_card
from convemo.training.finetune import FinetuneConfig
from convemo.training.finetune_figures import TITLES, cells, judge, publish
from convemo.training.run import RunLog, read_config, write_json
from convemo.types import Dialogue, LabelSet

PARTS = ("train", "dev", "test")
OWN_DATA = "LicenseRef-own-data"

Corpus = Mapping[str, tuple[Dialogue, ...]]
"""Part → its dialogues."""
Config = TypeVar("Config", bound=FinetuneConfig)


def begin(config: Path, kind: type[Config], init: str | None, seed: int | None) -> tuple[Config, Checkpoint]:
    """The settings, with what was given instead of the config's, and the checkpoint to start from.

    Raises:
        ConfigError: a setting is not as expected, or no checkpoint is named.
        EngineUnavailable: the checkpoint is not here.
    """
    settings = read_config(config, kind, init=init, seed=seed)
    if not (settings.init or "").startswith(PREFIX):
        expected = "--init transformers:PATH_OR_ID, or init in the config"
        raise ConfigError(expected, repr(settings.init), "Name the checkpoint to start from.")
    spec = CheckpointSpec.parse(settings.init.removeprefix(PREFIX))
    return settings.model_copy(update={"init": spec.name}), find(spec.name, pickle=spec.pickle)


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
    judged, said = judge(task, channel, parts, labels, log)
    figures = {part: found.figures() for part, found in judged.items()}
    publish(out, figures, said, log)
    write_card(out / "model", _card(task, settings, origin, labels, figures))
    return figures


def _card(task: Task, settings: FinetuneConfig, origin: Checkpoint, labels: Sequence[str], figures: Mapping[str, Any]) -> Card:
    licence = OWN_DATA if origin.licence == UNKNOWN_LICENCE else f"{origin.licence} AND {OWN_DATA}"
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
                ("part", "utterances", *TITLES),
                [(part, told["utterances"], *cells(told)) for part, told in figures.items()],
                "Not calibrated. Intervals by bootstrap over dialogues. dev chose the state that was kept, so only test is a fair figure.",
            )
        ],
        limits=("Its probabilities are not calibrated by themselves: `convemo train fusion --data` does that.",),
    )
