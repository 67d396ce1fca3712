"""Fits the fusion that is shipped, on composed dialogues (`compose`): ``convemo train fusion fusion.toml --data ROOT --out DIR``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from convemo.data import emorynlp, jsonl
from convemo.errors import EngineUnavailable
from convemo.fusion.fit import FitSettings, fit
from convemo.fusion.fuse import FILE, TRAINED
from convemo.training.compose import compose, read_clips, read_texts, split_actors
from convemo.training.fusion_figures import publish, report
from convemo.training.run import Progress, RunLog, provenance, write_json
from convemo.training.scores import READINGS, ROOMS
from convemo.types import ChannelResult, Dialogue, ModelInfo
from convemo.weights import ROOT, read_manifest

REPORTED = {"as written": ("written", "recorded"), "as raw ASR": ("raw", "recorded"), "misheard, bad sound": ("misheard", "degraded")}
"""How the text was read, and in which room the clips, if there are any, were heard; see `scores`. The fit has every reading in every room,
so that neither tells of the other."""
TEXT_ONLY = (
    "EmoryNLP dev and the dev part of support conversations of ours, each counting alike, a third each as written, as raw ASR and with "
    "simulated ASR errors (shares and order of labels also from their train parts)"
)
ACOUSTIC_TOO = (
    f"composed dialogues: turns, words and labels of {TEXT_ONLY}; every labelled utterance with the acoustic scores of an acted clip of "
    "the same label, by models trained on nEMO and scored on RAVDESS, and the reverse; in half of the dialogues the clips are degraded at "
    "random"
)
VARIANTS: dict[str, dict[str, Any]] = {"as shipped": {}, "no gates": {"gating": False}, "full trust": {"trust": 1.0}}
"""What is fitted side by side: changes of the settings."""


class FusionConfig(BaseModel):
    """Every setting of the shipped fusion's fit; ``configs/fusion.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    text_dev: Path
    text_test: Path
    support: Path | None = None
    clips: Path | None = None
    compositions: int = Field(4, ge=1, le=100)
    seed: int = 1
    trust: float = Field(0.5, ge=0, le=1)
    strength: float = Field(10.0, ge=0)
    folds: int = Field(5, ge=2)
    coverage: float = Field(0.9, gt=0, lt=1)
    risk: float = Field(0.3, gt=0, lt=1)
    resamples: int = Field(1000, ge=1)

    def fit_settings(self) -> FitSettings:
        """What `fit` takes of these."""
        return FitSettings(
            trust=self.trust, coverage=self.coverage, risk=self.risk, strength=self.strength, folds=self.folds, seed=self.seed
        )


def train(settings: FusionConfig, config: Path, data_root: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Fits on composed dialogues of EmoryNLP dev and of support conversations, reports on those of EmoryNLP's test part, and writes a model
    folder.

    Args:
        settings: what is fitted on what; paths in it count from the working folder.
        config: the file that they come from, for the card.
        data_root: holds ``emorynlp/``.
        out: gets a log and ``model/`` with ``fusion.json``, ``model.json``, ``figures.json`` and ``CARD.md``.
        progress: told of every stage.

    Returns:
        The figures that are also in ``figures.json``.

    Raises:
        DataError: scores or dialogues are missing or not in their form.
    """
    log, folder = RunLog(Path(out), progress), Path(out) / TRAINED
    folder.mkdir(exist_ok=True)
    emory = Path(data_root) / "emorynlp"
    theirs, ours = ([emorynlp.load(emory, part), support(settings, part)] for part in ("train", "dev"))
    conditions = product(READINGS, ROOMS if settings.clips else ROOMS[:1])
    dev = composed([d for corpus in ours for d in corpus], settings.text_dev, conditions, settings, known=True)
    weights = alike(theirs) | alike(ours)
    fusions = {}
    for name, changes in VARIANTS.items():
        log.progress("fit", len(fusions), len(VARIANTS))
        chosen = replace(settings.fit_settings(), **changes)
        fitted_on = ACOUSTIC_TOO if settings.clips else TEXT_ONLY
        fusions[name] = fit(
            *dev, settings=chosen, label_sequences=[d for corpus in theirs for d in corpus], weights=weights, fitted_on=fitted_on
        )
    fusion = fusions["as shipped"]
    fusion.parameters.save(folder / FILE)
    figures: dict[str, Any] = {f"held out on dev, {name}": variant.parameters.held_out for name, variant in fusions.items()}
    figures["test"] = {}
    for name, condition in REPORTED.items():
        log.progress("report", len(figures["test"]), len(REPORTED))
        test = composed(emorynlp.load(emory, "test"), settings.text_test, [condition], settings, known=False)
        figures["test"][name if settings.clips else name.partition(",")[0]] = report(fusions, *test, settings.resamples)
    write_json(folder / "figures.json", figures)
    publish(fusion, figures, settings, config, folder)
    log.write("done", **provenance(settings))
    return figures


def support(settings: FusionConfig, part: str) -> tuple[Dialogue, ...]:
    """A part of the support conversations, if there are any: what the fusion is for, though EmoryNLP has six times as much."""
    return jsonl.load(settings.support, part) if settings.support else ()


def alike(corpora: Sequence[Sequence[Dialogue]]) -> dict[str, float]:
    """Dialogue → how much it counts, so that every corpus counts as much as the largest, by labelled utterances.

    >>> from convemo.types import Speaker, Utterance
    >>> talk = Dialogue("d", tuple(Utterance(f"u{i}", "ana", label="joy") for i in range(2)), (Speaker("ana"),))
    >>> alike([[talk, replace(talk, id="e")], [replace(talk, id="f")]])
    {'d': 1.0, 'e': 1.0, 'f': 2.0}
    """
    sizes = [sum(u.label is not None for d in corpus for u in d) for corpus in corpora]
    return {d.id: max(sizes) / size for corpus, size in zip(corpora, sizes) for d in corpus}


def composed(
    dialogues: Sequence[Dialogue], texts: Path, conditions: Iterable[tuple[str, str]], settings: FusionConfig, *, known: bool
) -> tuple[list[Dialogue], list[Mapping[str, ChannelResult]]]:
    """Every dialogue in each of these conditions, in as many compositions as the settings say.

    Args:
        dialogues: turns and labels.
        texts: the file of their readings.
        conditions: a reading and a room each.
        settings: say how often, and where the clips are.
        known: whether to draw from the half of the actors that the fit knows, or from the other.
    """
    models = shipped_models()
    performed: list[Dialogue] = []
    results: list[Mapping[str, ChannelResult]] = []
    for place, (reading, room) in enumerate(conditions):
        halves = split_actors(read_clips(settings.clips, room) if settings.clips else [], settings.seed)
        readings = read_texts(texts, reading)
        for i in range(settings.compositions):
            seed = 10_000 * settings.seed + 100 * place + i
            some, channels = compose(dialogues, readings, halves[0 if known else 1], seed=seed, models=models)
            performed += some
            results += channels
    return performed, results


def shipped_models() -> dict[str, ModelInfo]:
    """The models in whose name the scores are entered: the calibration is meant for these, though the acoustic scores come from others."""
    models = {}
    for name in ("text", "acoustic"):
        try:
            shipped = read_manifest(ROOT / name)
        except EngineUnavailable:
            continue  # fitted for any model of this name
        models[name] = ModelInfo(shipped.id)
    return models
