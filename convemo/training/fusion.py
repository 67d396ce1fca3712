"""Fits the fusion: ``convemo train fusion CONFIG.toml --data ROOT --out DIR``.

The shipped one is fitted on composed dialogues (`compose`). Your own labelled dialogues, with the results of the channels you use, go
straight to `fit`: a few hundred labelled utterances that no channel was trained on are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from convemo.data import emorynlp
from convemo.errors import EngineUnavailable
from convemo.fusion.fit import FitSettings, fit
from convemo.fusion.fuse import FILE
from convemo.training.compose import Clip, compose, read_clips, read_text_scores, split_actors
from convemo.training.fusion_figures import publish, report
from convemo.training.run import Progress, RunLog, provenance, read_config, write_json
from convemo.types import ChannelResult, Dialogue, ModelInfo
from convemo.weights import ROOT, read_manifest

__all__ = ["FusionConfig", "fit", "train"]

CONDITIONS = {"as written": "log_probs", "as raw ASR": "log_probs_raw"}
"""How the text was read, and the field of its scores."""
TEXT_ONLY = "EmoryNLP dev, half as written and half as raw ASR (transitions also from the labels of its train part)"
ACOUSTIC_TOO = (
    f"composed dialogues: turns, words and labels of {TEXT_ONLY}; every labelled utterance with the acoustic scores of an acted clip of "
    "the same label, by models trained on nEMO and scored on RAVDESS, and the reverse"
)


class FusionConfig(BaseModel):
    """Every setting of the shipped fusion's fit; ``configs/fusion.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    text_dev: Path
    text_test: Path
    acoustic: Path | None = None
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


def train(config: Path, data_root: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Fits on composed dialogues of EmoryNLP dev, reports on those of its test part, and writes a model folder.

    Args:
        config: a TOML file with the fields of `FusionConfig`; paths in it count from the working folder.
        data_root: holds ``emorynlp/``.
        out: gets ``fusion.json``, ``model.json``, ``figures.json``, ``CARD.md`` and a log.
        progress: told of every stage.

    Returns:
        The figures that are also in ``figures.json``.

    Raises:
        ConfigError: the configuration is wrong.
        DataError: scores or dialogues are missing or not in their form.
    """
    settings = read_config(Path(config), FusionConfig)
    log = RunLog(Path(out), progress)
    known, new = split_actors(read_clips(settings.acoustic) if settings.acoustic else [], settings.seed)
    emory = Path(data_root) / "emorynlp"
    dialogues, results = composed(emorynlp.load(emory, "dev"), settings.text_dev, CONDITIONS.values(), known, settings)
    fusions = []
    for trust in (settings.trust, 1.0):
        log.progress("fit", len(fusions), 2)
        chosen = replace(settings.fit_settings(), trust=trust)
        fitted_on = ACOUSTIC_TOO if settings.acoustic else TEXT_ONLY
        fusions.append(fit(dialogues, results, settings=chosen, label_sequences=emorynlp.load(emory, "train"), fitted_on=fitted_on))
    fusion, as_fitted = fusions
    fusion.parameters.save(Path(out) / FILE)
    figures: dict[str, Any] = {"held out on dev": fusion.parameters.held_out, "held out on dev, full trust": as_fitted.parameters.held_out}
    figures["test"] = {}
    for condition, field in CONDITIONS.items():
        log.progress("report", len(figures["test"]), len(CONDITIONS))
        test = composed(emorynlp.load(emory, "test"), settings.text_test, [field], new, settings)
        figures["test"][condition] = report(fusion, as_fitted, *test, settings.resamples)
    write_json(Path(out) / "figures.json", figures)
    publish(fusion, figures, settings, Path(config), Path(out))
    log.write("done", **provenance(settings))
    return figures


def composed(
    dialogues: Sequence[Dialogue], text: Path, fields: Iterable[str], clips: Sequence[Clip], settings: FusionConfig
) -> tuple[list[Dialogue], list[Mapping[str, ChannelResult]]]:
    """Every dialogue with the text read in each of these ways, in as many compositions as the settings say (one, if there are no clips)."""
    models = shipped_models()
    results: list[Mapping[str, ChannelResult]] = []
    for place, field in enumerate(fields):
        scores = read_text_scores(text, field)
        for i in range(settings.compositions if clips else 1):
            results += compose(dialogues, scores, clips, seed=10_000 * settings.seed + 100 * place + i, models=models)
    return list(dialogues) * (len(results) // len(dialogues)), results


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
