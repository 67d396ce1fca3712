"""Trains the acoustic channel on sound: ``convemo train acoustic``.

    clips ─► features in several conditions (cached) ─► batches ─► AcousticModel ─► best epoch on dev ─► ONNX, card, predictions

The epoch is chosen on dev speakers whom the training has not heard; test is scored once, at the end. What is averaged over the last steps
is the weights (EMA), which is what dev, test and the exported file see.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from convemo.errors import ConfigError
from convemo.training.acoustic_clips import Clips
from convemo.training.acoustic_config import AcousticConfig, Network
from convemo.training.acoustic_data import CORPORA, Material, gather
from convemo.training.acoustic_scores import Scores, score, write_scores
from convemo.training.predictions import FILE as PREDICTIONS
from convemo.training.run import Progress, RunLog, provenance, read_config, write_json
from convemo.weights import MANIFEST

if TYPE_CHECKING:
    from convemo.acoustic.model import AcousticModel

ALONE = "predictions_alone.jsonl"
"""What is said of every test clip by itself, without its speaker's history: what published figures are of."""


def train(
    config: Path,
    data_root: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    init: str | None = None,
    seed: int | None = None,
    fold: int | None = None,
) -> dict[str, Any]:
    """Trains, chooses, scores and, if the config says so, exports.

    A run that was stopped goes on where it was when it is started again with the same `out`. Dev and test are written to
    ``out/predictions.jsonl``; of a fold (EmoBox) only test is, since its dev actors are another fold's test. ``predictions_alone.jsonl``
    is of test without history, ``predictions_CORPUS.jsonl`` of a corpus that was not heard.

    Args:
        config: TOML, see `AcousticConfig`; the shipped one is ``convemo/training/configs/acoustic.toml``.
        data_root: a folder of data sets (``ravdess/``, ``nemo/`` …, and ``noise/`` if there is one), or one ``.jsonl`` file in our form,
            whose utterances name their ``audio``; any labels.
        out: the run's folder. The features are kept beside it, in ``../cache``, for other runs to share; those of a file, inside it.
        progress: called as ``progress(stage, completed, total)``.
        init: ``"default"`` for the shipped model, or a model folder, to start from, in its shape where the config does not ask for
            another; then only the head is new where labels are.
        seed: instead of the config's.
        fold: of EmoBox, instead of the config's.

    Returns:
        The figures, as in ``out/figures.json``.

    Raises:
        ConfigError: the configuration is wrong, or not the one with which a stopped run was begun.
        DataError: a corpus is missing or not in its documented layout.
    """
    import torch

    settings = read_config(config, AcousticConfig, seed=seed, fold=fold)
    start = None if init is None else _start(init)
    if start is not None:
        settings = settings.model_copy(update={"network": _network_of(start, settings.network)})
    torch.set_num_threads(settings.threads)
    log = RunLog(out, progress)
    data_root = Path(data_root)
    material = gather(settings, data_root, out / "cache" if data_root.is_file() else out.parent / "cache", progress)
    training = [_heard(clips.part(*settings.train_parts), settings) for clips in material.corpora.values()]
    dev = [] if "dev" in settings.train_parts else [clips.part("dev") for clips in material.corpora.values()]
    log.write("start", train=[len(c) for c in training], dev=[len(c) for c in dev], **provenance(settings))

    from convemo.training.acoustic_fit import fit

    model = fit(settings, training, dev, out, log, start)
    figures, said = _figures(settings, model, material, dev)
    write_json(out / "figures.json", figures)
    write_scores(out, said)
    log.write("figures", **figures)
    if settings.export:
        from convemo.training.acoustic_export import export
        from convemo.training.card import command

        actors = {name: _actors(clips, settings) for name, clips in material.corpora.items()}
        export(model, dev or training, out, figures, settings, data_root.name, actors, command("acoustic", config))
    return figures


def _start(init: str) -> Path:
    from convemo.weights import ROOT

    return ROOT / "acoustic" if init == "default" else Path(init)


def _network_of(folder: Path, asked: Network) -> Network:
    """The shape of the model in a folder, with what the configuration asks for in its place; that alone where the manifest does not say.

    Raises:
        ConfigError: the manifest says what is no shape.
    """
    from convemo.weights import read_manifest

    theirs = read_manifest(folder).manifest.get("network") or {}
    try:
        return Network(**{**theirs, **asked.model_dump(exclude_unset=True)})
    except (TypeError, ValidationError) as error:
        raise ConfigError(f"a network's shape in {folder / MANIFEST}", repr(theirs), "Name a [network] in the configuration.") from error


def _actors(clips: Clips, settings: AcousticConfig) -> str:
    """What the speakers of a corpus were used for, for the card: ``"16 actors train, 4 dev, 4 test"``."""
    counts = {"train": len(np.unique(clips.part(*settings.train_parts).speakers))}
    counts |= {part: len(np.unique(clips.part(part).speakers)) for part in ("dev", "test") if part not in settings.train_parts}
    said = [f"{count} {part}" for part, count in counts.items() if count]
    return ", ".join([said[0].replace(" ", " actors ", 1), *said[1:]])


def _heard(clips: Clips, settings: AcousticConfig) -> Clips:
    """The clips in the conditions that are trained on, without those that are only scored."""
    from dataclasses import replace

    count = len(settings.conditions)
    arrays = {name: getattr(clips, name)[:count] for name in ("descriptions", "frames", "starts", "ends")}
    return replace(clips, conditions=clips.conditions[:count], **arrays)


def _figures(
    settings: AcousticConfig, model: AcousticModel, material: Material, dev: list[Clips]
) -> tuple[dict[str, Any], dict[str, list[Scores]]]:
    """Dev and test figures of every corpus trained on, on its own labels, with history, without, and in other conditions; zero-shot.

    Returns:
        The figures by name, and the scores that go into each file of predictions.
    """
    figures: dict[str, Any] = {}
    said: dict[str, list[Scores]] = {PREDICTIONS: [], ALONE: []}
    for clips in dev:
        found = score(model, clips, session=settings.session)
        figures[f"dev {clips.corpus}"] = found.summary(clips.present)
        figures[f"dev {clips.corpus}, no history"] = score(model, clips, session=1).summary(clips.present)
        if "emobox" not in settings.corpora:
            said[PREDICTIONS].append(found)
    for name, clips in material.corpora.items():
        last = "test" if "test" not in settings.train_parts and (clips.parts == "test").any() else "dev"
        if last in settings.train_parts:
            continue
        part = clips.part(last)
        if last == "test":
            found = score(model, part, session=settings.session)
            said[PREDICTIONS].append(found)
            figures[f"test {name}"] = found.summary(part.present)
            if not part.present.all():
                figures[f"test {name}, all labels open"] = found.summary()
            alone = score(model, part, session=1)
            said[ALONE].append(alone)
            figures[f"test {name}, no history"] = alone.summary(part.present)
        for condition in settings.scored_conditions:
            figures[f"{last} {name}, {condition}"] = score(model, part, condition, settings.session).summary(part.present)
    known = [clips.part(*settings.train_parts).present for clips in material.corpora.values()]
    for name, clips in material.unheard.items():
        shared = clips.present & sum(known).astype(bool)
        found = score(model, clips, session=settings.session)
        said[f"predictions_{name}.jsonl"] = [found]  # each in a file of its own, as an evaluation of that corpus takes it
        figures[f"zero-shot {name}"] = found.summary(shared)
        figures[f"zero-shot {name}, no history"] = score(model, clips, session=1).summary(shared)
    return figures, said


__all__ = ["CORPORA", "AcousticConfig", "ConfigError", "train"]
