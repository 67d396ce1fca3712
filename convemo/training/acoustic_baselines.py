"""Plain rivals of the acoustic model, on the same clips and parts: ``convemo train acoustic`` with a ``model`` in its configuration.

    svm               22 functionals, standardised, or `relative` to the speaker; support vectors with a Gaussian kernel, the openSMILE
                      recipe (Schuller et al. 2009, doi:10.21437/Interspeech.2009-103)
    mfcc-cnn          40 MFCC; three convolutions, mean and maximum over time
    bilstm-attention  log-mel, F0 and energy; a bidirectional LSTM and attention over time (Mirsamadi et al. 2017,
                      doi:10.1109/ICASSP.2017.7952552)

No augmentation, and no history unless it is asked for: what one would write first. They give predictions for `convemo eval`, and no
channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from convemo.features.functionals import NAMES
from convemo.training.acoustic_clips import UNLABELLED, Clips
from convemo.training.acoustic_config import AcousticConfig, Corpus
from convemo.training.acoustic_data import gather
from convemo.training.acoustic_scores import Scores, in_order, write_scores
from convemo.training.predictions import FILE as PREDICTIONS
from convemo.training.run import Progress, RunLog, provenance, read_config, write_json

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""``C`` of the support vectors, to choose from."""
PRIOR_CLIPS = 4
"""So many clips of usual spread are taken to have been heard of every speaker before the first."""

Score = Callable[[Clips], np.ndarray]
"""Log-probabilities ``(N, K)`` of clips."""


class BaselineConfig(BaseModel):
    """Every setting of a rival; ``configs/emobox_svm.toml`` and its fellows are the ones reported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["svm", "mfcc-cnn", "bilstm-attention"]
    corpora: tuple[Corpus, ...] = ()
    fold: int = Field(1, ge=1, le=6)
    relative: bool = False
    """Of the SVM: the functionals as they differ from the same speaker's earlier clips, see `against_earlier`, in place of themselves."""
    zero_shot: tuple[Corpus, ...] = ()
    """Corpora that it does not learn from and is scored on, all their clips."""
    choose_on: Corpus | None = None
    """One more of these, to choose by in place of the corpus's own dev part; all parts are then learnt from."""
    seed: int = Field(1, ge=0)
    epochs: int = Field(40, ge=1)
    """The one with the best mean recall on dev counts. The SVM has none."""
    batch: int = Field(32, ge=2)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    width: int = Field(96, ge=4)
    dropout: float = Field(0.3, ge=0, lt=1)
    threads: int = Field(1, ge=1)

    @property
    def unheard(self) -> tuple[Corpus, ...]:
        return (*self.zero_shot, *([self.choose_on] if self.choose_on else []))

    @model_validator(mode="after")
    def _unheard_by_one(self) -> BaselineConfig:
        learnt = {"ravdess" if name == "emobox" else name for name in self.corpora}
        if self.unheard and (len(learnt) != 1 or learnt & set(self.unheard) or "emobox" in self.unheard):
            raise ValueError("zero_shot and choose_on need one corpus to learn from, and name others")
        return self


def train(
    config: Path,
    data: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    seed: int | None = None,
    fold: int | None = None,
) -> dict[str, Any]:
    """Trains on the train part, chooses on dev, scores test once.

    Args:
        config: TOML, see `BaselineConfig`.
        data: as `convemo.training.acoustic.train` takes it.
        out: the run's folder; the features are kept beside it, in ``../cache``, where the acoustic model's are.
        progress: called as ``progress(stage, completed, total)``.
        seed, fold: instead of the config's.

    Returns:
        Figures by part and corpus, as in ``out/figures.json``.

    Raises:
        ConfigError: the configuration is wrong.
        DataError: a corpus is missing or not in its documented layout.
    """
    settings = read_config(config, BaselineConfig, seed=seed, fold=fold)
    log = RunLog(out, progress)
    heard = AcousticConfig(corpora=settings.corpora, fold=settings.fold, conditions=("clean",), zero_shot=settings.unheard)
    material = gather(heard, Path(data), out / "cache" if Path(data).is_file() else out.parent / "cache", progress)
    log.write("start", **provenance(settings))
    figures: dict[str, Any] = {}
    said: dict[str, list[Scores]] = {PREDICTIONS: []}
    for name, clips in material.corpora.items():
        away = material.unheard[settings.choose_on] if settings.choose_on else None
        learnt, dev = (_labelled(clips), _labelled(away)) if away else (_labelled(clips.part("train")), _labelled(clips.part("dev")))
        score = _svm(learnt, dev, settings) if settings.model == "svm" else _network(learnt, dev, settings, log)
        for part in () if away else ("dev", "test"):
            if not (clips.parts == part).any():
                continue
            found = Scores(clips.part(part), score(clips.part(part)))
            figures[f"{part} {name}"] = found.summary(found.clips.present)
            if part == "test" or name != "emobox":  # EmoBox's dev actors are another fold's test
                said[PREDICTIONS].append(found)
        for corpus, theirs in material.unheard.items():
            found = Scores(theirs, score(theirs))
            figures[f"zero-shot {corpus}"] = found.summary(theirs.present & learnt.present)
            said[f"predictions_{corpus}.jsonl"] = [found]
    write_json(out / "figures.json", figures)
    write_scores(out, said)
    rows = [f"| {name} | {f['clips']} | {f['ua']:.3f} | {f['wa']:.3f} | {f['nll']:.3f} |" for name, f in figures.items()]
    table = [f"| {settings.model} | clips | UA | WA | NLL |", "| --- | --- | --- | --- | --- |", *rows]
    files = ", ".join(file for file, scores in said.items() if scores)
    (out / "table.md").write_text("\n".join(table) + f"\n\nPredictions for `convemo eval --channel`: {files}\n", encoding="utf-8")
    log.write("figures", **figures)
    return figures


def _labelled(clips: Clips) -> Clips:
    return clips.subset(clips.labels != UNLABELLED)


def against_earlier(clips: Clips, spread: np.ndarray) -> np.ndarray:
    """``(N, 22)``: how far each clip's functionals lie from the mean of the same speaker's earlier clips, in their spread; causal.

    While little has been heard, the mean counts by ``n / (n + 1)`` and the spread is drawn to `spread` ``(22,)``.
    """
    values = clips.descriptions[0][:, : len(NAMES)].astype(np.float64)
    found = np.zeros_like(values)
    for mine in in_order(clips):
        for n in range(1, len(mine)):
            before = values[mine[:n]]
            own = (n * before.var(axis=0) + PRIOR_CLIPS * spread**2) / (n + PRIOR_CLIPS)
            found[mine[n]] = (values[mine[n]] - before.mean(axis=0)) * n / (n + 1) / np.sqrt(own)
    return found


def _svm(learnt: Clips, dev: Clips, settings: BaselineConfig) -> Score:
    """Log-probabilities ``(N, K)`` of clips; the SVM's ``C`` is the best of six on dev."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from convemo.metrics import unweighted_average_recall
    from convemo.training.acoustic_features_fit import all_labels, as_probabilities, distances, places_of, sharpness_for

    within = [learnt.descriptions[0][learnt.speakers == s, : len(NAMES)].var(axis=0) for s in np.unique(learnt.speakers)]
    spread = np.sqrt(np.mean(within, axis=0)) + 1e-3

    def functionals(of: Clips) -> np.ndarray:
        return against_earlier(of, spread) if settings.relative else of.descriptions[0][:, : len(NAMES)]

    machines = [
        make_pipeline(StandardScaler(), SVC(C=strength, class_weight="balanced", random_state=settings.seed)).fit(
            functionals(learnt), learnt.labels
        )
        for strength in STRENGTHS
    ]
    machine = max(machines, key=lambda m: unweighted_average_recall(m.predict(functionals(dev)), dev.labels))
    sharpness = sharpness_for(distances(machine, functionals(dev)), places_of(dev.labels, machine.classes_))

    def score(of: Clips) -> np.ndarray:
        found = as_probabilities(distances(machine, functionals(of)), sharpness)
        return np.log(all_labels(found, machine.classes_, len(learnt.label_set)))

    return score


def _network(learnt: Clips, dev: Clips, settings: BaselineConfig, log: RunLog) -> Score:
    """Log-probabilities ``(N, K)`` of clips, by the network at its best epoch on dev."""
    import torch
    from torch.nn import functional as F

    from convemo.training.acoustic_baseline_networks import NETWORKS, log_probs
    from convemo.training.run import seed_everything

    torch.set_num_threads(settings.threads)
    rng = seed_everything(settings.seed)
    model = NETWORKS[settings.model](len(learnt.label_set), settings.width, settings.dropout)
    model.measure(np.concatenate([learnt.clip_frames(0, i) for i in range(len(learnt))]))
    optimiser = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    best, kept = -math.inf, model.state_dict()
    for epoch in range(settings.epochs):
        model.train()
        order = rng.permutation(len(learnt))
        for start in range(0, len(order) - 1, settings.batch):
            rows = order[start : start + settings.batch]
            if len(rows) < 2:  # batch normalisation needs two
                continue
            loss = F.cross_entropy(model.of(learnt, rows), torch.from_numpy(learnt.labels[rows]))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        schedule.step()
        ua = Scores(dev, log_probs(model, dev)).uar()
        log.write("epoch", epoch=epoch, loss=float(loss.detach()), dev_ua=ua)
        log.progress(f"train {settings.model}", epoch + 1, settings.epochs)
        if ua > best:
            best, kept = ua, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
    return lambda of: log_probs(model, of)
