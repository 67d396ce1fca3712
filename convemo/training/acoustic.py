"""Trains the acoustic channel on acted speech: ``convemo train acoustic``.

    clips ─► features in five conditions (cached) ─► batches ─► AcousticModel ─► best epoch on dev ─► ONNX, card, figures

The epoch is chosen on dev actors whom the training has not heard; the test actors are scored once, at the end. What is
averaged over the last steps is the weights (EMA), which is what dev, test and the shipped file see.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from convemo.data import nemo, ravdess
from convemo.errors import ConfigError
from convemo.training.acoustic_batches import Augmentation, Batch, Normalisation, batches, measure
from convemo.training.acoustic_clips import Clips, load_clips
from convemo.training.acoustic_scores import score
from convemo.training.run import Progress, RunLog, provenance, read_config, seed_everything, write_json

if TYPE_CHECKING:
    import torch

    from convemo.acoustic.model import AcousticModel

Corpus = Literal["ravdess", "nemo"]
CORPORA = {"ravdess": ravdess, "nemo": nemo}


class Network(BaseModel):
    """See `convemo.acoustic.model.ModelConfig`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(96, ge=8)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    hidden: int = Field(256, ge=8)
    dropout: float = Field(0.1, ge=0, lt=0.5)
    conditioning: Literal["concat", "film"] = "concat"
    shrinkage: float = Field(3.0, gt=0)


class AcousticConfig(BaseModel):
    """One training run of the acoustic model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field("convemo-acoustic", min_length=1)
    """What the model is called in provenance."""
    corpora: tuple[Corpus, ...] = Field(min_length=1)
    train_parts: tuple[Literal["train", "test"], ...] = ("train",)
    """Parts trained on. With ``"test"`` among them there are no test figures within the corpus: for runs made to be scored on others."""
    zero_shot: tuple[Corpus, ...] = ()
    """Corpora that the model does not see and is scored on, all their clips."""
    seed: int = 1
    epochs: int = Field(30, ge=1)
    batch: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    warm_up: float = Field(0.1, ge=0, lt=1)
    """Share of the steps in which the learning rate grows; then it falls along a cosine."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Acted labels are what an actor meant, not what was heard, and a softmax sure of them is badly calibrated."""
    average: float = Field(0.99, ge=0, lt=1)
    """Decay of the running mean of the weights, a step."""
    history: int = Field(20, ge=0)
    """Most earlier clips that a clip is compared with in training."""
    network: Network = Network()
    augmentation: Augmentation = Augmentation()
    threads: int = Field(1, ge=1)
    export: bool = False
    """Whether to write the ONNX model, its manifest and card into ``model/`` in the output folder."""

    @model_validator(mode="after")
    def _unseen_is_unseen(self) -> AcousticConfig:
        if seen := set(self.corpora) & set(self.zero_shot):
            raise ValueError(f"{', '.join(sorted(seen))} cannot be both trained on and scored unheard")
        return self


def train(config: Path, data_root: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Trains, chooses, scores and, if the config says so, exports.

    A run that was stopped goes on where it was when it is started again with the same `out`.

    Args:
        config: TOML, see `AcousticConfig`; the shipped one is ``convemo/training/configs/acoustic.toml``.
        data_root: holds ``ravdess/``, ``nemo/`` and, if there is one, ``noise/``.
        out: the run's folder. The features are cached beside it, in ``../cache``, for other runs to share.
        progress: called as ``progress(stage, completed, total)``.

    Returns:
        The figures, as in ``out/figures.json``.

    Raises:
        ConfigError: the configuration is wrong, or not the one with which a stopped run was begun.
        DataError: a corpus is missing or not in its documented layout.
    """
    import torch

    settings = read_config(config, AcousticConfig)
    torch.set_num_threads(settings.threads)
    log = RunLog(out, progress)
    corpora = {name: _clips(name, data_root, out.parent / "cache", progress) for name in (*settings.corpora, *settings.zero_shot)}
    parts = {name: _parts(corpora[name]) for name in settings.corpora}
    training = [corpora[name].subset(np.isin(parts[name], settings.train_parts)) for name in settings.corpora]
    dev = [corpora[name].subset(parts[name] == "dev") for name in settings.corpora]
    log.write("start", train=[len(c) for c in training], dev=[len(c) for c in dev], **provenance(settings))
    model = _fit(settings, training, dev, out, log)
    figures = _figures(settings, model, corpora, parts, dev)
    for name in settings.zero_shot:
        found = score(model, corpora[name])
        shared = corpora[name].present & np.any([c.present for c in training], axis=0)
        figures[f"zero-shot {name}"] = found.summary(shared)
        figures[f"zero-shot {name}, no history"] = score(model, corpora[name], session=1).summary(shared)
    write_json(out / "figures.json", figures)
    log.write("figures", **figures)
    if settings.export:
        from convemo.training.acoustic_export import export
        from convemo.training.card import command

        export(model, dev, out, figures, settings, command("acoustic", config))
    return figures


def _clips(name: str, data_root: Path, cache: Path, progress: Progress | None) -> Clips:
    return load_clips(name, CORPORA[name].load(data_root / name), cache / f"{name}.npz", data_root / "noise", progress)


def _parts(clips: Clips) -> np.ndarray:
    """``(N,)``: the part of each clip, by its actor."""
    part_of = {f"{clips.corpus}-{actor}": part for part, actors in CORPORA[clips.corpus].SPLIT.items() for actor in actors}
    return np.array([part_of.get(str(actor), "train") for actor in clips.actors])


def _fit(settings: AcousticConfig, training: list[Clips], dev: list[Clips], out: Path, log: RunLog) -> AcousticModel:
    """The averaged weights of the epoch that was best on dev, by the mean UA of the corpora."""
    import torch

    from convemo.acoustic.model import AcousticModel, ModelConfig

    rng = seed_everything(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    normal = measure(training, rng)
    model = AcousticModel(ModelConfig(**settings.network.model_dump()))
    _normalise(model, normal)
    model.to(device)
    average = AcousticModel(model.config).to(device)
    average.load_state_dict(model.state_dict())
    log.write("model", parameters=sum(p.numel() for p in model.parameters()), device=device)
    optimiser = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
    )
    total = settings.epochs * math.ceil(sum(map(len, training)) / settings.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total, settings.warm_up))
    kept = {"model": model, "average": average, "optimiser": optimiser, "schedule": schedule}
    first, best = _resume(out / "checkpoint.pt", kept, rng, settings)
    for epoch in range(first, settings.epochs):
        loss = 0.0
        for batch in batches(training, settings.augmentation, normal, settings.batch, settings.history, settings.network.shrinkage, rng):
            loss += _step(model, average, optimiser, schedule, batch, settings)
            log.progress("train acoustic", schedule.last_epoch, total)
        found = [score(average, clips).summary(clips.present) for clips in dev]
        ua = float(np.mean([f["ua"] for f in found]))
        log.write(
            "epoch",
            epoch=epoch,
            loss=loss * settings.batch / sum(map(len, training)),
            dev_ua={c.corpus: f["ua"] for c, f in zip(dev, found)},
            ua=ua,
        )
        if ua > best:
            best = ua
            torch.save(average.state_dict(), out / "best.pt")
        _save(out / "checkpoint.pt", kept, rng, epoch + 1, best, settings)
    average.load_state_dict(torch.load(out / "best.pt", weights_only=True))
    return average.eval()


def _step(model: AcousticModel, average: AcousticModel, optimiser: Any, schedule: Any, batch: Batch, settings: AcousticConfig) -> float:
    """One step of the optimiser; the mean loss of the batch."""
    import torch

    device = model.frame_mean.device
    inputs = (batch.frames, batch.functionals, batch.deviations, batch.heard, batch.lengths)
    model.train()
    logits = model(*(torch.from_numpy(x).to(device) for x in inputs))
    loss = _loss(logits, torch.from_numpy(batch.labels).to(device), torch.from_numpy(batch.allowed).to(device), settings.label_smoothing)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    schedule.step()
    decay = min(settings.average, (1 + schedule.last_epoch) / (10 + schedule.last_epoch))  # young averages forget quickly
    with torch.no_grad():
        for mean, parameter in zip(average.parameters(), model.parameters()):
            mean.lerp_(parameter, 1 - decay)
    return float(loss.detach())


def _loss(logits: torch.Tensor, labels: torch.Tensor, allowed: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Cross-entropy among the labels that each clip's corpus has, smoothed over these."""
    log_probs = logits.masked_fill(~allowed, -1e9).log_softmax(dim=-1)
    right = log_probs.gather(1, labels[:, None])[:, 0]
    spread = log_probs.masked_fill(~allowed, 0.0).sum(dim=-1) / allowed.sum(dim=-1)
    return -((1 - smoothing) * right + smoothing * spread).mean()


def _rate(step: int, total: int, warm_up: float) -> float:
    """Share of the full learning rate: a ramp, then half a cosine down to a hundredth."""
    ramp = max(1, int(warm_up * total))
    if step < ramp:
        return (step + 1) / ramp
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - ramp) / max(1, total - ramp)))


def _normalise(model: AcousticModel, normal: Normalisation) -> None:
    """Puts the corpus statistics into the model's buffers, and so into the graph. Deviations have mean 0 by construction."""
    import torch

    for name, value in asdict(normal).items():
        getattr(model, name).copy_(torch.from_numpy(np.asarray(value, dtype=np.float32)))


def _figures(
    settings: AcousticConfig, model: AcousticModel, corpora: dict[str, Clips], parts: dict[str, np.ndarray], dev: list[Clips]
) -> dict[str, Any]:
    """Dev and test figures of every corpus trained on, on its own labels: as recorded, without history, by telephone, in a noisy room."""
    figures: dict[str, Any] = {}
    for clips in dev:
        figures[f"dev {clips.corpus}"] = score(model, clips).summary(clips.present)
    if "test" in settings.train_parts:
        return figures
    for name in settings.corpora:
        clips = corpora[name].subset(parts[name] == "test")
        figures[f"test {name}"] = score(model, clips).summary(clips.present)
        figures[f"test {name}, all seven labels open"] = score(model, clips).summary()
        figures[f"test {name}, no history"] = score(model, clips, session=1).summary(clips.present)
        for condition in ("telephone", "room"):
            figures[f"test {name}, {condition}"] = score(model, clips, condition).summary(clips.present)
    return figures


def _save(path: Path, kept: dict[str, Any], rng: np.random.Generator, epoch: int, best: float, settings: AcousticConfig) -> None:
    import torch

    state = {name: part.state_dict() for name, part in kept.items()}
    part = path.with_suffix(".part")
    chance = {"rng": rng.bit_generator.state, "torch_rng": torch.get_rng_state()}
    torch.save({**state, **chance, "epoch": epoch, "best": best, "config": settings.model_dump_json()}, part)
    part.replace(path)


def _resume(path: Path, kept: dict[str, Any], rng: np.random.Generator, settings: AcousticConfig) -> tuple[int, float]:
    """The epoch to go on with and the best dev UA so far; ``(0, -1)`` for a run that has not begun."""
    import torch

    if not path.is_file():
        return 0, -1.0
    stored = torch.load(path, weights_only=True, map_location="cpu")
    if stored["config"] != settings.model_dump_json():
        raise ConfigError(f"the settings with which {path} was begun", "other ones", "Choose another output folder, or delete this one.")
    for name, part in kept.items():
        part.load_state_dict(stored[name])
    rng.bit_generator.state = stored["rng"]
    torch.set_rng_state(stored["torch_rng"])
    return stored["epoch"], stored["best"]
