"""Fine-tunes any Hugging Face checkpoint to tell emotions: the settings and the loop that text and sound share.

The network's last layers are new, for the data's own labels; what is below learns more slowly the lower it lies (Howard and Ruder 2018,
arXiv:1801.06146). The state that is kept is the best on dev. A run that was stopped goes on from its last checkpoint and meets the same
batches as one that was not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.functional import cross_entropy

from convemo.checkpoints.load import HEADS
from convemo.errors import ConfigError
from convemo.metrics.classification import accuracy, macro_f1, unweighted_average_recall, weighted_f1
from convemo.training.run import RunLog, provenance, seed_everything

MAX_GRADIENT_NORM = 1.0
POOL_BATCHES = 50
"""Batches are cut from pools of this many, each sorted by length: little padding, and still well mixed."""
LOG_EVERY = 20
"""Steps."""
_LAYER = re.compile(r"(?:^|\.)layers?\.(\d+)\.")

SELECTION = {"weighted_f1": weighted_f1, "macro_f1": macro_f1, "uar": unweighted_average_recall, "accuracy": accuracy}


class FinetuneConfig(BaseModel):
    """The settings that text and sound share; ``configs/transformers_text.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    init: str | None = None
    corpora: tuple[str, ...] = ()
    seed: int = 1
    epochs: int = Field(3, ge=1)
    batch_size: int = Field(32, ge=1)
    at_once: int = Field(32, ge=1)
    learning_rate: float = Field(3e-5, gt=0, lt=1)
    head_rate: float = Field(10.0, gt=0)
    layer_decay: float = Field(0.9, gt=0, le=1)
    frozen_layers: int = Field(0, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0, lt=1)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    class_weight_power: float = Field(0.0, ge=0, le=1)
    select: Literal[tuple(SELECTION)] = "weighted_f1"
    evaluations: int = Field(2, ge=1)
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(1, ge=1)


class Examples(Protocol):
    """``N`` labelled utterances that a network can be shown."""

    labels: np.ndarray
    """``(N,)`` indices."""
    sizes: np.ndarray
    """``(N,)`` lengths, in whatever unit: those of about one length share a batch."""

    def batch(self, chosen: np.ndarray, rng: np.random.Generator | None) -> Mapping[str, torch.Tensor]:
        """The network's inputs, padded and masked; with chance in them where there is an `rng`."""


def fit(settings: FinetuneConfig, model: Any, train: Examples, dev: Examples, labels: Sequence[str], out: Path, log: RunLog) -> Any:
    """The training: gives the model back as it was where it was best on dev.

    Raises:
        ConfigError: the run in this folder began with other settings.
    """
    torch.set_num_threads(settings.threads)
    seed_everything(settings.seed)
    device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if settings.device == "auto" else settings.device)
    model.to(device)
    freeze(model, settings.frozen_layers)
    weights = class_weights(train.labels, len(labels), settings.class_weight_power).to(device)
    optimizer = torch.optim.AdamW(parameter_groups(model, settings), fused=True)
    a_pass = math.ceil(len(train.labels) / settings.batch_size)
    steps, every = settings.epochs * a_pass, max(math.ceil(a_pass / settings.evaluations), 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps, settings.warmup))
    begun, best = _resume(out, settings, model, optimizer, schedule)
    counts = np.bincount(train.labels, minlength=len(labels)).tolist()
    log.write("start", step=begun, steps=steps, train=dict(zip(labels, counts)), dev=len(dev.labels), **provenance(settings))
    batches: list[np.ndarray] = []
    running: list[float] = []
    for step in range(begun, steps):
        if not batches or step % a_pass == 0:
            batches = cut_batches(train.sizes, settings.batch_size, np.random.default_rng([settings.seed, step // a_pass]))
        model.train()
        running.append(_step(model, train, batches[step % a_pass], weights, settings, np.random.default_rng([settings.seed, 1, step])))
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        done = step + 1
        log.progress("train", done, steps)
        if done % LOG_EVERY == 0 or done == steps:
            log.write("step", step=done, loss=float(np.mean(running)), rate=max(schedule.get_last_lr()))
            running.clear()
        if done % every == 0 or done == steps:
            chosen = predict(model, dev, settings).argmax(axis=1)
            scores = {name: metric(chosen, dev.labels) for name, metric in SELECTION.items()}
            log.write("dev", step=done, **scores)
            if scores[settings.select] > best:
                best = scores[settings.select]
                _save(out / "best.pt", {"step": done, "model": model.state_dict()})
            kept = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            chance = {"torch_rng": torch.get_rng_state(), "config": settings.model_dump_json()}
            _save(out / "checkpoint.pt", kept | chance | {"step": done, "best": best})
    model.load_state_dict(torch.load(out / "best.pt", map_location=device, weights_only=True)["model"])
    return model.eval()


def _step(
    model: Any, train: Examples, chosen: np.ndarray, weights: torch.Tensor, settings: FinetuneConfig, rng: np.random.Generator
) -> float:
    """Gradients of one batch, `at_once` examples at a time; the mean loss."""
    total = 0.0
    for part in np.split(chosen, range(settings.at_once, len(chosen), settings.at_once)):
        logits = _logits(model, train.batch(part, rng), settings)
        targets = torch.from_numpy(train.labels[part]).to(logits.device)
        loss = cross_entropy(logits, targets, weights, label_smoothing=settings.label_smoothing, reduction="sum") / len(chosen)
        loss.backward()
        total += float(loss.detach())
    return total


def _logits(model: Any, inputs: Mapping[str, torch.Tensor], settings: FinetuneConfig) -> torch.Tensor:
    """``(B, K)`` float32."""
    device = model.device
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        logits = model(**{name: value.to(device) for name, value in inputs.items()}).logits
    return logits.float()


@torch.no_grad()
def predict(model: Any, examples: Examples, settings: FinetuneConfig) -> np.ndarray:
    """Logits ``(N, K)`` of every example, in order."""
    model.eval()
    order = np.argsort(examples.sizes, kind="stable")
    logits = np.zeros((len(order), model.config.num_labels), dtype=np.float32)
    for batch in np.split(order, range(settings.at_once, len(order), settings.at_once)):
        logits[batch] = _logits(model, examples.batch(batch, None), settings).cpu().numpy()
    return logits


def cut_batches(sizes: np.ndarray, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """One pass over the examples, in batches of about one length, in random order.

    >>> sorted(sorted(batch.tolist()) for batch in cut_batches(np.array([5, 1, 5, 1, 9]), 2, np.random.default_rng(0)))
    [[0, 2], [1, 3], [4]]
    """
    drawn = rng.permutation(len(sizes))
    batches: list[np.ndarray] = []
    for pool in np.split(drawn, range(batch_size * POOL_BATCHES, len(drawn), batch_size * POOL_BATCHES)):
        pool = pool[np.argsort(sizes[pool], kind="stable")]
        cut = np.split(pool, range(batch_size, len(pool), batch_size))
        batches += [cut[i] for i in rng.permutation(len(cut))]
    return batches


def class_weights(labels: np.ndarray, classes: int, power: float) -> torch.Tensor:
    """``(K,)`` weights: a class's share to the minus `power`, scaled so that an average example weighs 1; a class never met weighs 1.

    >>> class_weights(np.array([0, 0, 0, 1]), 2, 1.0).tolist()
    [0.666..., 2.0]
    """
    share = np.bincount(labels, minlength=classes) / len(labels)
    weights = np.where(share > 0, np.maximum(share, 1e-4) ** -power, 0.0)
    weights /= (share * weights).sum()
    return torch.tensor(np.where(share > 0, weights, 1.0), dtype=torch.float32)


def freeze(model: Any, layers: int) -> None:
    """Keeps the lowest layers, and the embeddings below them, as they are."""
    if layers == 0:
        return
    for name, parameter in model.named_parameters():
        found = _LAYER.search(name)
        if (found and int(found[1]) < layers) or (not found and not set(name.split(".")) & set(HEADS)):
            parameter.requires_grad_(False)


def parameter_groups(model: Any, settings: FinetuneConfig) -> list[dict[str, Any]]:
    """Learning rates layer by layer; no decay on biases and norms."""
    names = [name for name, _ in model.named_parameters()]
    depth = 1 + max((int(found[1]) for name in names if (found := _LAYER.search(name))), default=0)
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        found = _LAYER.search(name)
        if set(name.split(".")) & set(HEADS):
            rate = settings.learning_rate * settings.head_rate
        else:
            rate = settings.learning_rate * settings.layer_decay ** (depth - 1 - int(found[1]) if found else depth)
        groups.setdefault((rate, settings.weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return [{"params": found, "lr": rate, "weight_decay": decay} for (rate, decay), found in groups.items()]


def _rate(step: int, steps: int, warmup: float) -> float:
    """Share of the full learning rate: up in a line, then down in a line to zero."""
    rising = max(1, round(steps * warmup))
    return (step + 1) / rising if step < rising else max(0.0, (steps - step) / max(1, steps - rising))


def _save(path: Path, state: Mapping[str, Any]) -> None:
    beside = path.with_suffix(".part")
    torch.save(dict(state), beside)
    beside.replace(path)


def _resume(out: Path, settings: FinetuneConfig, model: Any, optimizer: torch.optim.Optimizer, schedule: Any) -> tuple[int, float]:
    """Steps done and best dev score of the run in this folder, its state loaded; ``(0, -inf)`` for a new one."""
    path = out / "checkpoint.pt"
    if not path.is_file():
        return 0, -math.inf
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["config"] != settings.model_dump_json():
        raise ConfigError(f"the settings that the run in {out} began with", "others", "Name another output folder, or empty this one.")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["torch_rng"])
    return state["step"], state["best"]
