"""The training of the text model itself: settings, the loop, the choice of a checkpoint.

Several corpora are mixed, each with its own number of passes; about half of the examples are read as raw ASR text, so that the model
does without punctuation; labels are learned from soft targets where annotators gave several, dimensions from EmoBank alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.functional import cross_entropy

from convemo.errors import ConfigError, DataError
from convemo.metrics.classification import macro_f1
from convemo.metrics.dimensions import concordance_correlation
from convemo.text.model import TextModel, encoder_folder
from convemo.training.run import RunLog, provenance, seed_everything, write_json
from convemo.training.text_data import (
    DIMENSIONS,
    EXAMPLES,
    Examples,
    concatenate,
    cut_batches,
    draw_mixture,
    load_tokenizer,
    pad,
    thin,
    to_arrays,
)
from convemo.types import LABELS

HEAD_RATE = 5.0
"""The heads start from nothing and take this many times the encoder's learning rate."""
MAX_GRADIENT_NORM = 1.0


class Corpus(BaseModel):
    """One corpus of the mixture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passes: float = Field(gt=0, le=100)
    """How often it is gone through in the whole run."""
    format: Literal[tuple(EXAMPLES)] | None = None
    """How to read it; the corpus's name if absent. ``"jsonl"`` for your own data."""


class TextConfig(BaseModel):
    """Every setting of a text training; ``configs/text.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    corpora: dict[str, Corpus] = Field(min_length=1)
    seed: int = 1
    encoder: str | None = None
    batch_size: int = Field(64, ge=1, le=4096)
    learning_rate: float = Field(2e-4, gt=0, lt=1)
    layer_decay: float = Field(0.9, gt=0, le=1)
    frozen_layers: int = Field(0, ge=0)
    warmup: float = Field(0.06, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    train_tokens: int = Field(64, ge=8, le=512)
    max_tokens: int = Field(128, ge=8, le=512)
    raw_share: float = Field(0.5, ge=0, le=1)
    class_weight_power: float = Field(0.25, ge=0, le=1)
    dimension_loss_weight: float = Field(0.5, ge=0)
    evaluate_every: int = Field(400, ge=1)
    dev_examples: int = Field(1500, ge=1)
    checkpoint_every: int = Field(100, ge=1)
    threads: int = Field(1, ge=1)

    @property
    def formats(self) -> dict[str, str]:
        """Corpus → how to read it."""
        return {name: corpus.format or name for name, corpus in self.corpora.items()}


def fit(settings: TextConfig, data_root: Path, out: Path, log: RunLog) -> None:
    """The training itself, up to ``out/best.pt``; does nothing if that run is finished."""
    torch.set_num_threads(settings.threads)
    rng = seed_everything(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    folder = encoder_folder(settings.encoder)
    corpora = {name: read_corpus(settings, data_root, name, "train", settings.train_tokens) for name in settings.corpora}
    dev = {
        name: thin(read_corpus(settings, data_root, name, "dev", settings.train_tokens), settings.dev_examples) for name in settings.corpora
    }
    examples = concatenate(list(corpora.values()))
    order = draw_mixture([len(c) for c in corpora.values()], [c.passes for c in settings.corpora.values()], rng)
    lengths = np.array([len(ids) for ids in examples.ids])
    batches = cut_batches(order, lengths, settings.batch_size, rng)
    raw = rng.random(len(order)) < settings.raw_share  # by place in the order, so a resumed run reads the same texts

    model = TextModel.from_folder(folder, len(LABELS), len(DIMENSIONS), settings.dropout).to(device)
    freeze(model, settings.frozen_layers)
    set_dimension_statistics(model, examples)
    weights = class_weights(examples.targets[order], settings.class_weight_power).to(device)
    optimizer = torch.optim.AdamW(parameter_groups(model, settings), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, len(batches), settings.warmup))
    begun, best = resume(out, settings, model, optimizer, schedule)
    log.write(
        "start",
        step=begun,
        steps=len(batches),
        examples={n: len(c) for n, c in corpora.items()},
        weights=weights.cpu().numpy(),
        **provenance(settings),
    )

    ends = np.cumsum([len(batch) for batch in batches])
    model.train()
    running: list[float] = []
    for step in range(begun, len(batches)):
        chosen = batches[step]
        picked_raw = raw[ends[step] - len(chosen) : ends[step]]
        loss = loss_of(model, examples, chosen, picked_raw, weights, settings, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        running.append(loss.item())
        done = step + 1
        log.progress("train", done, len(batches))
        if done % 50 == 0 or done == len(batches):
            log.write("step", step=done, loss=float(np.mean(running)), rate=schedule.get_last_lr()[0])
            running.clear()
        if done % settings.evaluate_every == 0 or done == len(batches):
            scores = dev_scores(model, dev, device)
            log.write("dev", step=done, **scores)
            if scores["selection"] > best:
                best = scores["selection"]
                save(out / "best.pt", {"model": model.state_dict(), "step": done, "dev": scores})
        if done % settings.checkpoint_every == 0 or done == len(batches):
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            save(
                out / "checkpoint.pt",
                state | {"step": done, "best": best, "torch_rng": torch.get_rng_state(), "config": settings.model_dump_json()},
            )
    write_json(out / "run.json", {"steps": len(batches), "best_dev": best, **provenance(settings)})


def read_corpus(settings: TextConfig, data_root: Path, name: str, split: str, max_tokens: int) -> Examples:
    """One part of one corpus of the mixture, as arrays.

    Raises:
        DataError: its files are missing or wrong, or the part holds nothing.
    """
    found = list(EXAMPLES[settings.formats[name]](data_root / name, split))
    if not found:
        raise DataError(data_root / name, f"labelled examples in the {split} part", "none", "Check that every line names its split.")
    return to_arrays(found, load_tokenizer(encoder_folder(settings.encoder), max_tokens))


def set_dimension_statistics(model: TextModel, examples: Examples) -> None:
    """Tells the model the mean and spread of the dimensions in the training data, so that its head learns standardised values."""
    judged = examples.dimensions[~np.isnan(examples.dimensions).any(axis=1)]
    if len(judged) > 1:
        model.dimension_mean.copy_(torch.from_numpy(judged.mean(0)))
        model.dimension_scale.copy_(torch.from_numpy(judged.std(0)))


def freeze(model: TextModel, layers: int) -> None:
    """Keeps the embeddings as they are, so that words not met in training keep their place among those that were, and the lowest layers."""
    model.encoder.embeddings.requires_grad_(False)
    for layer in model.encoder.encoder.layer[:layers]:
        layer.requires_grad_(False)


def class_weights(targets: np.ndarray, power: float) -> torch.Tensor:
    """``(K,)`` weights: a class's share to the minus `power`, scaled so that an average example weighs 1.

    A mild power (0.25) helps rare emotions without the distortion that balancing to the full does to probabilities.
    """
    mass = targets.sum(0).astype(np.float64)
    share = np.maximum(mass / mass.sum(), 1e-4)
    weights = share**-power
    return torch.tensor(weights / (share * weights).sum(), dtype=torch.float32)


def parameter_groups(model: TextModel, settings: TextConfig) -> list[dict[str, Any]]:
    """Layer-wise learning rates (Howard and Ruder 2018, arXiv:1801.06146); no decay on biases and norms."""
    layers = len(model.encoder.encoder.layer)
    groups: list[dict[str, Any]] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if ".layer." in name:
            rate = settings.learning_rate * settings.layer_decay ** (layers - 1 - int(name.split(".layer.")[1].split(".")[0]))
        elif name.startswith("encoder."):
            rate = settings.learning_rate * settings.layer_decay**layers
        else:
            rate = settings.learning_rate * HEAD_RATE
        groups.append({"params": [parameter], "lr": rate, "weight_decay": settings.weight_decay if parameter.ndim > 1 else 0.0})
    return groups


def rate_at(step: int, steps: int, warmup: float) -> float:
    """Share of the full learning rate: up in a line, then down in a line to zero.

    >>> [rate_at(s, 10, 0.2) for s in (0, 2, 6, 10)]
    [0.5, 1.0, 0.5, 0.0]
    """
    rising = max(1, round(steps * warmup))
    return (step + 1) / rising if step < rising else max(0.0, (steps - step) / max(1, steps - rising))


def loss_of(
    model: TextModel,
    examples: Examples,
    chosen: np.ndarray,
    raw: np.ndarray,
    weights: torch.Tensor,
    settings: TextConfig,
    device: torch.device,
) -> torch.Tensor:
    """Class-weighted cross-entropy on the labelled examples plus squared error on the judged ones, as shares of the batch."""
    # A text of nothing but punctuation has only [CLS] and [SEP] left when raw; it is then read as written.
    texts = [examples.raw_ids[i] if as_raw and len(examples.raw_ids[i]) > 2 else examples.ids[i] for i, as_raw in zip(chosen, raw)]
    ids, mask = (torch.from_numpy(array).to(device) for array in pad(texts))
    logits, standardised = model(ids, mask)
    targets = torch.from_numpy(examples.targets[chosen]).to(device)
    loss = cross_entropy(logits, targets * weights, reduction="sum") / len(chosen)  # a row of zeros adds nothing
    dimensions = torch.from_numpy(examples.dimensions[chosen]).to(device)
    judged = ~dimensions.isnan().any(1)
    if judged.any():
        wanted = (dimensions[judged] - model.dimension_mean) / model.dimension_scale.clamp(min=1e-6)
        loss = loss + settings.dimension_loss_weight * (standardised[judged] - wanted).square().mean(1).sum() / len(chosen)
    return loss


@torch.no_grad()
def forward_all(model: TextModel, ids: tuple[np.ndarray, ...], device: torch.device, batch_size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities ``(N, K)`` and dimensions in ``[-1, 1]`` ``(N, D)`` of every text, in the given order."""
    was_training = model.training
    model.eval()
    order = np.argsort([len(tokens) for tokens in ids], kind="stable")
    log_probs = np.zeros((len(ids), model.label_head.out_features), dtype=np.float32)
    dimensions = np.zeros((len(ids), len(model.dimension_mean)), dtype=np.float32)
    for batch in np.split(order, range(batch_size, len(order), batch_size)):
        padded, mask = (torch.from_numpy(array).to(device) for array in pad([ids[i] for i in batch]))
        logits, standardised = model(padded, mask)
        log_probs[batch] = logits.log_softmax(-1).cpu().numpy()
        dimensions[batch] = (standardised * model.dimension_scale + model.dimension_mean).clamp(-1, 1).cpu().numpy()
    model.train(was_training)
    return log_probs, dimensions


def dev_scores(model: TextModel, dev: Mapping[str, Examples], device: torch.device) -> dict[str, Any]:
    """Macro F1 on each labelled corpus and CCC on each judged one; every other text is read raw. Their mean F1 selects."""
    scores: dict[str, Any] = {}
    f1s = []
    for name, examples in dev.items():
        mixed = tuple(raw if i % 2 and len(raw) > 2 else ids for i, (ids, raw) in enumerate(zip(examples.ids, examples.raw_ids)))
        log_probs, dimensions = forward_all(model, mixed, device)
        single = examples.labels >= 0
        if single.any():
            labels = examples.labels[single]
            scores[f"{name}_macro_f1"] = macro_f1(log_probs[single].argmax(1), labels)
            scores[f"{name}_nll"] = float(-log_probs[single][np.arange(len(labels)), labels].mean())
            f1s.append(scores[f"{name}_macro_f1"])
        judged = ~np.isnan(examples.dimensions).any(1)
        for column, dimension in enumerate(DIMENSIONS if judged.any() else ()):
            scores[f"{name}_{dimension}_ccc"] = concordance_correlation(dimensions[judged, column], examples.dimensions[judged, column])
    if not f1s:
        raise DataError(Path("."), "a corpus with emotion labels in the mixture", f"only {', '.join(dev)}")
    return scores | {"selection": float(np.mean(f1s))}


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a checkpoint beside the old one, then takes its place."""
    beside = path.with_suffix(".part")
    torch.save(dict(state), beside)
    beside.replace(path)


def resume(out: Path, settings: TextConfig, model: TextModel, optimizer: torch.optim.Optimizer, schedule: Any) -> tuple[int, float]:
    """Steps done and best dev score of the run in this folder, its state loaded; ``(0, -inf)`` for a new one.

    Raises:
        ConfigError: the run in this folder began with other settings.
    """
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
