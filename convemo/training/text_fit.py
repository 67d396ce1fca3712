"""The training of the text model itself: the loop, the loss, the choice of a checkpoint.

Several corpora are mixed, each with its own number of passes; about half of the examples are read as raw ASR text, so that the model
does without punctuation; labels are learned from soft targets where annotators gave several, dimensions where they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convemo.data import as_raw_asr
from convemo.metrics.classification import macro_f1, weighted_f1
from convemo.metrics.dimensions import concordance_correlation
from convemo.text.model import TextModel
from convemo.text.reading import TokenReader
from convemo.training.mishear import mishear, vocabulary
from convemo.training.run import RunLog, provenance, seed_everything, write_json
from convemo.training.text_batches import Batch, Collator, cut_batches, draw_mixture, rarity, units_of
from convemo.training.text_config import TextConfig
from convemo.training.text_data import DIMENSIONS, Examples, Turn, concatenate, label_set, read_turns, thin, to_arrays
from convemo.training.text_init import Start
from convemo.training.text_state import Average, RunState
from convemo.types import LabelSet

HEAD_RATE = 5.0
"""The heads start from nothing and take this many times the encoder's learning rate."""
MAX_GRADIENT_NORM = 1.0
ROWS = 8
"""Sizes of a batch are rounded up to multiples of this: oneDNN compiles a product anew for every shape it has not met, which on short
texts takes as long as the training itself."""
METRICS = {"macro_f1": macro_f1, "weighted_f1": weighted_f1}


@dataclass(frozen=True, slots=True)
class Material:
    """All that a training reads from disk."""

    labels: LabelSet
    train: tuple[Examples, ...]
    """One a corpus, in the config's order."""
    dev: Mapping[str, Examples]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Those that somebody judged."""
        return DIMENSIONS if any(examples.judged.any() for examples in self.train) else ()


def read_material(settings: TextConfig, data: Path, reader: TokenReader) -> Material:
    """The train and dev parts of every corpus of the mixture; the labels are those of the train parts.

    Raises:
        DataError: files are missing or wrong, a part holds nothing that is labelled, or dev has a label that train lacks.
    """
    train = {name: read_turns(settings, data, name, "train") for name in settings.corpora}
    labels = label_set((turns for dialogues in train.values() for turns in dialogues), data)
    dev = {name: thin(read_turns(settings, data, name, "dev"), settings.dev_examples) for name in settings.corpora}
    rng = np.random.default_rng(settings.seed)
    return Material(
        labels,
        tuple(
            to_arrays(turns, reader, labels, data, _misheard(turns, settings, rng), settings.train_tokens - 2) for turns in train.values()
        ),
        {name: to_arrays(turns, reader, labels, data, None, settings.train_tokens - 2) for name, turns in dev.items()},
    )


def _misheard(dialogues: list[list[Turn]], settings: TextConfig, rng: np.random.Generator) -> dict[int, str]:
    """Some utterances, counted through, as a recogniser might get them wrong."""
    if settings.misheard_share == 0.0:
        return {}
    texts = [turn.example.text for dialogue in dialogues for turn in dialogue]
    words = vocabulary(texts)
    chosen = np.flatnonzero(rng.random(len(texts)) < settings.misheard_share) if words else []
    heard = {int(i): as_raw_asr(mishear(texts[i], settings.word_error_rate, words, rng)[0]) for i in chosen}
    return {i: text for i, text in heard.items() if text}


def fit(settings: TextConfig, data: Path, out: Path, log: RunLog, start: Start) -> tuple[TextModel, LabelSet]:
    """The training itself, up to ``out/best.safetensors``; gives the model that is stored there, and its labels.

    A run that is finished is only loaded; one that was interrupted goes on.

    Raises:
        ConfigError: the run in this folder began with other settings.
        DataError: see `read_material`.
    """
    torch.set_num_threads(settings.threads)
    rng = seed_everything(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reader = TokenReader(start.tokenizer(), settings.reading)
    material = read_material(settings, data, reader)
    examples = concatenate(material.train)
    together = settings.context == "dialogue"
    corpora = [units_of(part, together) for part in material.train]
    offsets = np.cumsum([0, *map(len, material.train)])
    units = [rows + offset for corpus, offset in zip(corpora, offsets) for rows in corpus]
    rare = [rarity(part.targets, corpus, settings.oversample_power) for part, corpus in zip(material.train, corpora)]
    order = draw_mixture([len(corpus) for corpus in corpora], [settings.passes_of(name) for name in settings.corpora], rng, rare)
    lengths = np.array([max(len(examples.ids[i]) for i in rows) for rows in units])
    batches = cut_batches(order, lengths, np.array([len(rows) for rows in units]), settings.batch_size, rng)
    collator = Collator(examples, reader, settings, start.mask_id())

    model = start.model(settings, material.labels, material.dimensions).to(device)
    freeze(model, settings.frozen_layers)
    if not start.knows_dimensions(material.dimensions):
        set_dimension_statistics(model, examples)
    drawn = np.concatenate([units[i] for i in order])
    weights = class_weights(examples.targets[drawn], settings.class_weight_power).to(device)
    optimizer = torch.optim.AdamW(parameter_groups(model, settings), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, len(batches), settings.warmup))
    average = Average(model, settings.ema)
    run = RunState(out, settings, start.id)
    begun, best = run.resume(model, optimizer, schedule, average)
    taught = {name: int(part.taught.sum()) for name, part in zip(settings.corpora, material.train)}
    described = {"labels": list(material.labels), "weights": weights.cpu().numpy(), "examples": taught, "from": start.id}
    log.write("start", step=begun, steps=len(batches), **described, **provenance(settings))

    model.train()
    losses: list[float] = []
    for step in range(begun, len(batches)):
        # Everything drawn for a step comes from its number, so that a resumed run reads the same.
        batch = collator.training([units[i] for i in batches[step]], np.random.default_rng([settings.seed, step]))
        with autocast(settings, device):
            logits, standardised = forward(model, batch, examples, device)
        loss = loss_of(logits.float(), standardised.float(), batch, examples, weights, model, settings)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        average.update(step)
        losses.append(loss.item())
        done, last = step + 1, step + 1 == len(batches)
        log.progress("train", done, len(batches))
        if done % 50 == 0 or last:
            log.write("step", step=done, loss=float(np.mean(losses)), rate=schedule.get_last_lr()[0])
            losses.clear()
        if done % settings.evaluate_every == 0 or last:
            with average.in_place():
                scores = dev_scores(model, material, reader, settings, device)
                log.write("dev", step=done, **scores)
                if scores["selection"] > best:
                    best = scores["selection"]
                    run.save_best(model)
        if done % settings.checkpoint_every == 0 or last:
            run.save(model, optimizer, schedule, average, done, best)
    write_json(out / "run.json", {"steps": len(batches), "best_dev": best, **provenance(settings)})
    return run.load_best(model).cpu().eval(), material.labels


def autocast(settings: TextConfig, device: torch.device) -> AbstractContextManager:
    """Half as many bits where the config says so; some processors multiply these twice as fast."""
    return torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16")


def forward(model: TextModel, batch: Batch, examples: Examples, device: torch.device) -> tuple[Tensor, Tensor]:
    """Logits ``(M, K)`` and standardised dimensions ``(M, D)`` of a batch, in the order of its rows."""
    parts = [
        model.encode(
            *(None if array is None else torch.from_numpy(rounded(array)).to(device) for array in (group.ids, group.mask, group.target))
        )[: len(group.rows)]
        for group in batch.groups
    ]
    back = np.argsort(np.concatenate([group.rows for group in batch.groups]))
    vectors = torch.cat(parts)[torch.from_numpy(back).to(device)]  # (M, W)
    if batch.place is not None:
        dialogue, place = torch.from_numpy(batch.place).to(device).T
        shape = _rounded(int(dialogue.max()) + 1, ROWS), _rounded(int(place.max()) + 1, ROWS)
        laid = vectors.new_zeros(*shape, vectors.shape[-1]).index_put((dialogue, place), vectors)  # (B, N, W)
        speakers = torch.zeros(shape, dtype=torch.int64, device=device)
        speakers[dialogue, place] = torch.from_numpy(examples.speaker[batch.rows]).to(device)
        padding = torch.ones(shape, dtype=torch.bool, device=device)
        padding[dialogue, place] = False
        vectors = model.converse(laid, speakers, padding)[dialogue, place]
    return model.read(vectors)


def rounded(array: np.ndarray) -> np.ndarray:
    """``(B, T)`` with rows and columns of zeros behind it, up to multiples of `ROWS`.

    >>> rounded(np.ones((3, 9))).shape
    (8, 16)
    """
    return np.pad(array, [(0, _rounded(size, ROWS) - size) for size in array.shape])


def _rounded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def loss_of(
    logits: Tensor, standardised: Tensor, batch: Batch, examples: Examples, weights: Tensor, model: TextModel, settings: TextConfig
) -> Tensor:
    """The mean over what is taught of `label_loss`, and of the squared error of the dimensions."""
    targets = torch.from_numpy(examples.targets[batch.rows]).to(logits.device)
    count = max(1, int(examples.taught[batch.rows].sum()))
    loss = label_loss(logits, targets, weights, settings.focal_gamma, settings.label_smoothing).sum() / count
    judged = examples.judged[batch.rows]
    if standardised.shape[1] and judged.any():
        dimensions = torch.from_numpy(examples.dimensions[batch.rows[judged]]).to(logits.device)
        wanted = (dimensions - model.dimension_mean) / model.dimension_scale.clamp(min=1e-6)
        found = standardised[torch.from_numpy(judged).to(logits.device)]
        loss = loss + settings.dimension_loss_weight * (found - wanted).square().mean(1).sum() / count
    return loss


def label_loss(logits: Tensor, targets: Tensor, weights: Tensor, gamma: float = 0.0, smoothing: float = 0.0) -> Tensor:
    r"""Cross-entropy ``(M,)`` against soft targets, weighted, smoothed and focal; 0 for a row without a target.

    .. math:: -\sum_k w_k\, t_k (1 - p_k)^\gamma \log p_k,\quad t = (1 - \epsilon)\,t^\mathrm{given} + \epsilon / K

    Focal: Lin et al. 2017, arXiv:1708.02002; smoothing: Szegedy et al. 2016, arXiv:1512.00567.

    Args:
        logits: ``(M, K)``.
        targets: ``(M, K)``, rows sum to 1, or to 0 where nobody judged.
        weights: ``(K,)`` of the classes.
        gamma: 0 is no focus; the larger, the less counts what is already right.
        smoothing: share of every target that is spread over all classes.

    >>> label_loss(torch.zeros(2, 2), torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.ones(2)).round(decimals=4).abs()
    tensor([0.6931, 0.0000])
    """
    log_p = logits.log_softmax(-1)
    given = targets.sum(-1, keepdim=True)
    wanted = (1 - smoothing) * targets + smoothing * given / logits.shape[-1]
    focus = (1 - log_p.exp()) ** gamma if gamma else 1.0
    return -(weights * wanted * focus * log_p).sum(-1)


def set_dimension_statistics(model: TextModel, examples: Examples) -> None:
    """Tells the model the mean and spread of the dimensions in the training data, so that its head learns standardised values."""
    judged = examples.dimensions[examples.judged]
    if len(judged) > 1 and len(model.dimension_mean):
        model.dimension_mean.copy_(torch.from_numpy(judged.mean(0)))
        model.dimension_scale.copy_(torch.from_numpy(judged.std(0)))


def freeze(model: TextModel, layers: int) -> None:
    """Keeps the embeddings as they are, so that words not met in training keep their place among those that were, and the lowest layers."""
    model.encoder.embeddings.requires_grad_(False)
    for layer in model.encoder.encoder.layer[:layers]:
        layer.requires_grad_(False)


def class_weights(targets: np.ndarray, power: float) -> Tensor:
    """``(K,)`` weights: a class's share to the minus `power`, scaled so that an average example weighs 1.

    A mild power (0.25) helps rare emotions without the distortion that balancing to the full does to probabilities.
    """
    mass = targets.sum(0).astype(np.float64)
    share = np.maximum(mass / max(mass.sum(), 1e-12), 1e-4)
    weights = share**-power
    return torch.tensor(weights / (share * weights).sum(), dtype=torch.float32)


def parameter_groups(model: TextModel, settings: TextConfig) -> list[dict[str, Any]]:
    """Layer-wise learning rates (Howard and Ruder 2018, arXiv:1801.06146); no decay on biases and norms."""
    layers = len(model.encoder.encoder.layer)
    groups: list[dict[str, Any]] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith("encoder.") and ".layer." in name:
            rate = settings.learning_rate * settings.layer_decay ** (layers - 1 - int(name.split(".layer.")[1].split(".")[0]))
        elif name.startswith("encoder."):
            rate = settings.learning_rate * settings.layer_decay**layers
        elif name.startswith("dialogue."):
            rate = settings.learning_rate * settings.dialogue_rate
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


@torch.no_grad()
def forward_all(
    model: TextModel, examples: Examples, reader: TokenReader, settings: TextConfig, raw: bool, device: torch.device | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities ``(N, K)`` and dimensions in ``[-1, 1]`` ``(N, D)`` of every utterance; zeros where nothing is taught."""
    device = device or torch.device("cpu")
    was_training = model.training
    model.eval()
    units = units_of(examples, settings.context == "dialogue")
    order = np.argsort([max(len(examples.ids[i]) for i in rows) for rows in units], kind="stable")
    collator = Collator(examples, reader, settings, 0)
    log_probs = np.zeros((len(examples), model.label_head.out_features), dtype=np.float32)
    dimensions = np.zeros((len(examples), len(model.dimension_mean)), dtype=np.float32)
    for chosen in _filled(order, [len(units[i]) for i in order], 64):
        batch = collator.evaluation([units[i] for i in chosen], raw)
        with autocast(settings, device):
            logits, standardised = forward(model, batch, examples, device)
        log_probs[batch.rows] = logits.float().log_softmax(-1).cpu().numpy()
        dimensions[batch.rows] = (standardised.float() * model.dimension_scale + model.dimension_mean).clamp(-1, 1).cpu().numpy()
    model.train(was_training)
    return log_probs, dimensions


def _filled(order: np.ndarray, sizes: list[int], most: int) -> Iterator[np.ndarray]:
    filled = (np.cumsum(sizes) - sizes) // most
    yield from np.split(order, np.flatnonzero(np.diff(filled)) + 1)


def dev_scores(model: TextModel, material: Material, reader: TokenReader, settings: TextConfig, device: torch.device) -> dict[str, Any]:
    """F1 and NLL on each labelled corpus, read as written and raw, and CCC on each judged one. The mean F1 over all of them selects."""
    scores: dict[str, Any] = {}
    f1s = []
    for name, examples in material.dev.items():
        for way in ("written", "raw"):
            log_probs, dimensions = forward_all(model, examples, reader, settings, way == "raw", device)
            single = examples.labels >= 0
            if single.any():
                labels = examples.labels[single]
                for metric, function in METRICS.items():
                    scores[f"{name}_{way}_{metric}"] = function(log_probs[single].argmax(1), labels)
                scores[f"{name}_{way}_nll"] = float(-log_probs[single][np.arange(len(labels)), labels].mean())
                f1s.append(scores[f"{name}_{way}_{settings.select}"])
            judged = examples.judged
            for column, dimension in enumerate(material.dimensions if judged.any() else ()):
                concordance = concordance_correlation(dimensions[judged, column], examples.dimensions[judged, column])
                scores[f"{name}_{way}_{dimension}_ccc"] = concordance
    return scores | {"selection": float(np.mean(f1s))}
