"""What the acoustic model is trained on and scored on: the corpora of a config, or a file of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convemo.data import SPLITS, emobox, emodb, jsonl, nemo, ravdess
from convemo.errors import ConfigError, DataError
from convemo.scoring import labels
from convemo.training.acoustic_clips import Clips, Progress, load_clips
from convemo.training.acoustic_config import AcousticConfig
from convemo.types import LABELS, Dialogue, LabelSet

CORPORA = {"ravdess": ravdess, "nemo": nemo, "emodb": emodb, "emobox": emobox}
FOLDER = {"emobox": "ravdess"}
"""Under which name the clips of a corpus are kept, where it is not its own."""


@dataclass(frozen=True)
class Material:
    """Everything that one training needs to hear."""

    label_set: LabelSet
    corpora: dict[str, Clips]
    """Trained on, in all parts."""
    unheard: dict[str, Clips]
    """Scored without having been heard."""


def gather(settings: AcousticConfig, data: Path, cache: Path, progress: Progress | None = None) -> Material:
    """The clips of the config's corpora in the folder `data`, or those of the file `data`.

    Args:
        settings: names the corpora, the fold and the conditions.
        data: a folder of data sets, or one ``.jsonl`` in our form whose lines name their ``split``.
        cache: where features are kept.
        progress: told of every clip.

    Raises:
        ConfigError: a folder and no corpora, or a file and corpora.
        DataError: data are missing, or a part that is needed is empty.
    """
    if data.is_file():
        if settings.corpora or settings.zero_shot:
            raise ConfigError("a configuration without corpora for a file of data", f"{', '.join(settings.corpora + settings.zero_shot)}")
        parts = {data.stem: _own_parts(data)}
    elif not settings.corpora:
        raise ConfigError("corpora in the configuration, or --data FILE.jsonl", f"neither; --data is the folder {data}")
    else:
        parts = {name: _parts(name, data, settings) for name in settings.corpora}
    unheard = {name: {"test": CORPORA[name].load(data / name)} for name in settings.zero_shot}
    label_set = labels.of(d for theirs in parts.values() for dialogues in theirs.values() for d in dialogues)
    if not data.is_file() and set(label_set) <= set(LABELS):
        label_set = LABELS  # a corpus without disgust still makes a channel that other channels can be fused with

    def clips(name: str, theirs: Mapping[str, tuple[Dialogue, ...]], conditions: Iterable[str]) -> Clips:
        return load_clips(FOLDER.get(name, name), theirs, label_set, tuple(conditions), cache, settings.noise or data / "noise", progress)

    heard = (*settings.conditions, *(c for c in settings.scored_conditions if c not in settings.conditions))
    return Material(
        label_set,
        {name: clips(name, theirs, heard) for name, theirs in parts.items()},
        {name: clips(name, theirs, ("clean",)) for name, theirs in unheard.items()},
    )


def _parts(name: str, data: Path, settings: AcousticConfig) -> dict[str, tuple[Dialogue, ...]]:
    options: dict[str, Any] = {"fold": settings.fold} if name == "emobox" else {}
    return {part: CORPORA[name].load(data / name, part, **options) for part in SPLITS}


def _own_parts(file: Path) -> dict[str, tuple[Dialogue, ...]]:
    parts = {part: jsonl.load(file, part, labels=None) for part in SPLITS}
    for part in ("train", "dev"):
        if not any(u.label is not None and u.audio is not None for d in parts[part] for u in d):
            raise DataError(file, f'dialogues with "split": "{part}", and labels and audio in them', "none", "See docs/acoustic.md.")
    return {part: dialogues for part, dialogues in parts.items() if dialogues}
