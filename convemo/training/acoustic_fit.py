"""The loop that fits the acoustic model: steps, averaged weights, the best epoch on dev, checkpoints to go on from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.errors import ConfigError
from convemo.training.acoustic_batches import Batch, Normalisation, batches, measure
from convemo.training.acoustic_clips import UNLABELLED, Clips
from convemo.training.acoustic_config import AcousticConfig, Loss
from convemo.training.acoustic_scores import score
from convemo.training.run import RunLog, seed_everything

if TYPE_CHECKING:
    import torch

    from convemo.acoustic.model import AcousticModel


def fit(
    settings: AcousticConfig, training: Sequence[Clips], dev: Sequence[Clips], out: Path, log: RunLog, start: Path | None = None
) -> AcousticModel:
    """The averaged weights of the epoch that was best on dev, by the mean UA of the corpora; of the last epoch without dev.

    Args:
        settings: of the run.
        training: the clips to learn from.
        dev: those to choose by; may be empty.
        out: the run's folder; ``checkpoint.pt`` in it is where a stopped run goes on.
        log: gets a line an epoch.
        start: a model folder to begin with, see `warm_start`.
    """
    import torch

    from convemo.acoustic.model import AcousticModel, ModelConfig

    rng = seed_everything(settings.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    normal = measure(training, rng)
    label_set = training[0].label_set
    model = AcousticModel(ModelConfig(**settings.network.model_dump(), labels=len(label_set)))
    _normalise(model, normal)
    if start is not None:
        warm_start(model, list(label_set), start)
        normal = Normalisation(**{name: getattr(model, name).numpy() for name in asdict(normal)})
    model.to(device)
    average = AcousticModel(model.config).to(device)
    average.load_state_dict(model.state_dict())
    log.write("model", parameters=sum(p.numel() for p in model.parameters()), device=device)
    optimiser = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98), fused=True
    )
    total = settings.epochs * math.ceil(sum(np.sum(c.labels != UNLABELLED) for c in training) / settings.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total, settings.warm_up))
    kept = {"model": model, "average": average, "optimiser": optimiser, "schedule": schedule}
    first, best = _resume(out / "checkpoint.pt", kept, rng, settings)
    weights = torch.from_numpy(label_weights(training, settings.loss.weighting)).to(device)
    for epoch in range(first, settings.epochs):
        losses = []
        for batch in batches(training, settings.augmentation, settings.sampling, normal, settings.batch, settings.network.shrinkage, rng):
            losses.append(_step(model, average, optimiser, schedule, batch, weights, settings))
            log.progress("train acoustic", schedule.last_epoch, total)
        found = {c.corpus: score(average, c, session=settings.session).uar() for c in dev}
        ua = float(np.mean(list(found.values()))) if found else float(epoch)
        log.write("epoch", epoch=epoch, loss=float(np.mean(losses)), dev_ua=found)
        if ua > best:
            best = ua
            torch.save(average.state_dict(), out / "best.pt")
        _save(out / "checkpoint.pt", kept, rng, epoch + 1, best, settings)
    average.load_state_dict(torch.load(out / "best.pt", weights_only=True))
    return average.eval()


def _step(
    model: AcousticModel,
    average: AcousticModel,
    optimiser: Any,
    schedule: Any,
    batch: Batch,
    weights: torch.Tensor,
    settings: AcousticConfig,
) -> float:
    """One step of the optimiser; the loss of the batch."""
    import torch

    from convemo.training.average import follow

    device = model.frame_mean.device
    half = settings.bfloat16 and device.type == "cpu"
    inputs = (batch.frames, batch.descriptions, batch.deviations, batch.heard, batch.lengths)
    targets, allowed = torch.from_numpy(batch.targets).to(device), torch.from_numpy(batch.allowed).to(device)
    model.train()
    with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
        joint, *alone = model.branches(*(torch.from_numpy(x).to(device) for x in inputs))
    loss = emotion_loss(joint, targets, allowed, settings.loss, weights)
    loss = loss + settings.loss.branches * sum(emotion_loss(logits, targets, allowed, settings.loss, weights) for logits in alone)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimiser.step()
    schedule.step()
    follow(average, model, schedule.last_epoch, settings.average)
    return float(loss.detach())


def emotion_loss(logits: torch.Tensor, targets: torch.Tensor, allowed: torch.Tensor, config: Loss, weights: torch.Tensor) -> torch.Tensor:
    """Cross-entropy among the labels that each clip's corpus has, smoothed over these; weighted and focal if the config says so.

    Args:
        logits: ``(B, K)``.
        targets: ``(B, K)``, rows sum to 1.
        allowed: ``(B, K)`` booleans.
        config: smoothing and focus.
        weights: ``(K,)``, see `label_weights`.
    """
    log_probs = logits.float().masked_fill(~allowed, -1e9).log_softmax(dim=-1)
    smoothed = (1 - config.smoothing) * targets + config.smoothing * allowed / allowed.sum(dim=-1, keepdim=True)
    costs = -(smoothed * log_probs.masked_fill(~allowed, 0.0)).sum(dim=-1)  # (B,)
    if config.focus:
        right = (targets * log_probs.exp()).sum(dim=-1)
        costs = costs * (1 - right) ** config.focus
    return (costs * (targets * weights).sum(dim=-1)).mean()


def label_weights(training: Sequence[Clips], weighting: float) -> np.ndarray:
    """``(K,)`` float32: ``n ** -weighting``, scaled so that the mean over the training clips is 1; 1 for a label without clips."""
    labels = np.concatenate([c.labels[c.labels != UNLABELLED] for c in training])
    counts = np.bincount(labels, minlength=len(training[0].label_set))
    weights = np.maximum(counts, 1) ** -float(weighting)
    weights = np.where(counts > 0, weights * len(labels) / (weights * counts).sum(), 1.0)
    return weights.astype(np.float32)


def warm_start(model: AcousticModel, labels: list[str], folder: Path) -> None:
    """Puts the weights of a trained model into a new one, its normalisation too; of the heads only the rows of labels that both have.

    Raises:
        ConfigError: the folder has no weights to go on with, or they are of another shape.
    """
    from safetensors.torch import load_file

    from convemo.weights import read_manifest

    manifest, path = read_manifest(folder), folder / "model.safetensors"
    if not path.is_file():
        raise ConfigError(
            "a model folder with model.safetensors to start from", f"none in {folder}", "Train one with `convemo train acoustic`."
        )
    theirs, stored = list(manifest.labels or ()), load_file(path)
    ours = model.state_dict()
    for name, value in ours.items():
        if not value.is_floating_point():  # how many batches a norm has seen
            continue
        found = stored.get(name)
        if found is None or (found.shape[1:] != value.shape[1:] if _is_head(name) else found.shape != value.shape):
            raise ConfigError(
                f"weights of this configuration's shape in {path}", f"{name}: {None if found is None else tuple(found.shape)}"
            )
        if not _is_head(name):
            value.copy_(found)
            continue
        for row, label in enumerate(labels):
            if label in theirs:
                value[row] = found[theirs.index(label)].to(value.dtype)
    model.load_state_dict(ours)


def _is_head(name: str) -> bool:
    """Whether a parameter has a row a label: the last layers of the three judgements."""
    return name.rpartition(".")[0] in ("head.3", "by_description", "by_sound.1")


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
