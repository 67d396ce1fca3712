"""What is trained on numbers in place of sound: our network, and two plain rivals behind the same door.

Each kind is a function ``(train, dev, seed, settings, …) -> Scorer``; a scorer tells probabilities ``(N, K)`` of the dialogues of a part.
scikit-learn is imported by the rivals alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F

from convemo.acoustic.numbers import Numbers
from convemo.acoustic.numbers_model import NumbersConfig, NumbersModel
from convemo.metrics import negative_log_likelihood
from convemo.training.acoustic_features_data import UNLABELLED, Part, batches, pieces
from convemo.training.average import follow
from convemo.training.run import seed_everything

if TYPE_CHECKING:
    from convemo.training.acoustic_features import FeaturesConfig

Scorer = Callable[[Part], list[np.ndarray]]
"""Probabilities ``(N, K)`` of each dialogue."""
Watch = Callable[[int, float, float], None]
"""Told ``(epoch, loss, dev NLL)``."""
BOOSTING = {
    "learning_rate": 0.04,
    "max_iter": 120,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "max_features": 0.4,
}
"""Chosen by likelihood on held-out training dialogues of MELD."""


def network(train: Part, dev: Part, labels: int, settings: FeaturesConfig, seed: int, watch: Watch) -> NumbersModel:
    """The network at the epoch with the best likelihood on dev, its weights averaged over the last steps."""
    rng = seed_everything(seed)
    columns = train.numbers[0].values.shape[1]
    model = NumbersModel(NumbersConfig(columns, labels, **settings.network.model_dump()))
    every = [np.concatenate([getattr(n, name) for n in train.numbers]) for name in ("values", "missing", "deviations")]
    model.measure(*map(torch.from_numpy, every))
    average = NumbersModel(model.config)
    average.load_state_dict(model.state_dict())
    optimiser = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98))
    found = pieces(train, model.dialogue.context)
    steps = math.ceil(len(found) / settings.batch)
    epochs = max(settings.epochs, math.ceil(settings.least_steps / steps))
    total = epochs * steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, total, settings.warm_up))
    best, kept = math.inf, average.state_dict()
    for epoch in range(epochs):
        losses = []
        model.train()
        for _, batch in batches(train, found, settings.batch, rng, settings.missing):
            losses.append(_step(model, average, optimiser, schedule, batch, settings))
        nll = negative_log_likelihood(dev.pick(score(average, dev)), dev.known)
        watch(epoch, float(np.nanmean(losses)), nll)
        if nll < best:
            best, kept = nll, {name: value.clone() for name, value in average.state_dict().items()}
    average.load_state_dict(kept)
    return average.eval()


def score(model: NumbersModel, part: Part, batch: int = 64) -> list[np.ndarray]:
    """Probabilities ``(N, K)`` of each dialogue."""
    rows = [np.zeros((len(numbers), model.config.labels)) for numbers in part.numbers]
    model.eval()
    with torch.inference_mode():
        for chosen, given in batches(part, pieces(part, model.dialogue.context), batch):
            probabilities = model(*_inputs(given)).softmax(dim=-1).double().numpy()
            for piece, found in zip(chosen, probabilities):
                rows[piece.dialogue][piece.start : piece.end] = found[piece.start - piece.begin : piece.end - piece.begin]
    return rows


def boosting(train: Part, labels: int, seed: int) -> Scorer:
    """Gradient-boosted trees on each utterance's numbers and those of the utterances before it (Ke et al. 2017, in scikit-learn's form)."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(**BOOSTING, random_state=seed).fit(*_table(train, with_gaps=True))

    def score(part: Part) -> list[np.ndarray]:
        return _of_each(part, lambda x: all_labels(model.predict_proba(x), model.classes_, labels), with_gaps=True)

    return score


def support_vectors(train: Part, dev: Part, labels: int, seed: int) -> Scorer:
    """A support vector machine with a Gaussian kernel; its distances become probabilities as they fit dev."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    best, kept = math.inf, None
    (x, known), learnt = _table(dev), _table(train)
    for strength in (0.1, 1.0, 10.0):
        machine = make_pipeline(StandardScaler(), SVC(C=strength, random_state=seed)).fit(*learnt)
        far = distances(machine, x)
        sharpness = sharpness_for(far, places_of(known, machine.classes_))
        nll = negative_log_likelihood(all_labels(as_probabilities(far, sharpness), machine.classes_, labels), known)
        if nll < best:
            best, kept = nll, (machine, sharpness)
    machine, sharpness = kept

    def score(part: Part) -> list[np.ndarray]:
        return _of_each(part, lambda x: all_labels(as_probabilities(distances(machine, x), sharpness), machine.classes_, labels))

    return score


def _step(model, average, optimiser, schedule, batch, settings: FeaturesConfig) -> float:
    logits = model(*_inputs(batch))
    loss = F.cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(batch["labels"]).flatten(), ignore_index=UNLABELLED, label_smoothing=settings.label_smoothing
    )
    if not torch.isfinite(loss):
        return math.nan  # a batch without a label
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    schedule.step()
    follow(average, model, schedule.last_epoch, settings.average)
    return float(loss.detach())


def _inputs(batch: dict[str, np.ndarray]) -> list[torch.Tensor]:
    return [torch.from_numpy(batch[name]) for name in ("values", "missing", "deviations", "heard", "speakers", "padding")]


def _rate(step: int, total: int, warm_up: float) -> float:
    """Share of the full learning rate: a ramp, then half a cosine down to a hundredth."""
    ramp = max(1, int(warm_up * total))
    if step < ramp:
        return (step + 1) / ramp
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - ramp) / max(1, total - ramp)))


def _row_per_utterance(numbers: Numbers, with_gaps: bool) -> np.ndarray:
    """``(N, …)`` for models that know no dialogues: numbers and deviations; with gaps also the numbers before, anybody's and their own."""
    values = np.where(numbers.missing > 0, np.nan, numbers.values)
    before, own = np.full_like(values, np.nan), np.full_like(values, np.nan)
    last: dict[int, int] = {}
    for i, speaker in enumerate(numbers.speakers):
        if i:
            before[i] = values[i - 1]
        if speaker in last:
            own[i] = values[last[speaker]]
        last[speaker] = i
    if with_gaps:
        return np.concatenate([values, numbers.deviations, numbers.heard, before, own], axis=1)
    return np.concatenate([numbers.values, numbers.missing, numbers.deviations, numbers.heard], axis=1)


def _table(part: Part, with_gaps: bool = False) -> tuple[np.ndarray, np.ndarray]:
    return part.pick([_row_per_utterance(numbers, with_gaps) for numbers in part.numbers]), part.known


def _of_each(part: Part, score: Callable[[np.ndarray], np.ndarray], with_gaps: bool = False) -> list[np.ndarray]:
    rows = [_row_per_utterance(numbers, with_gaps) for numbers in part.numbers]
    found = score(np.concatenate(rows)) if rows else np.zeros((0, 0))
    return np.split(found, np.cumsum([len(row) for row in rows])[:-1]) if rows else []


def all_labels(probabilities: np.ndarray, classes: Sequence[int], labels: int) -> np.ndarray:
    """``(N, K)``, with a column for labels that the training never saw: very unlikely."""
    found = np.full((len(probabilities), labels), 1e-6)
    found[:, classes] = np.maximum(probabilities, 1e-6)
    return found / found.sum(axis=1, keepdims=True)


def distances(machine: Any, x: np.ndarray) -> np.ndarray:
    """``(N, K)`` of the classes that the machine knows: how far an utterance lies on each one's side."""
    found = machine.decision_function(x)
    return np.stack([np.zeros(len(found)), found], axis=1) if found.ndim == 1 else found


def as_probabilities(far: np.ndarray, sharpness: float) -> np.ndarray:
    """Distances as probabilities; the most probable class is the farthest."""
    scores = np.exp(sharpness * (far - far.max(axis=1, keepdims=True)))
    return scores / scores.sum(axis=1, keepdims=True)


def sharpness_for(far: np.ndarray, places: np.ndarray) -> float:
    """The sharpness with the best likelihood on utterances that the machine has not seen: of Platt (1999) what moves no label.

    Args:
        far: ``(N, K)``.
        places: ``(N,)``: which column is right; -1 for a class that the machine does not know.
    """
    known = np.flatnonzero(places >= 0)

    def nll(sharpness: float) -> float:
        return float(-np.log(np.maximum(as_probabilities(far[known], sharpness)[np.arange(len(known)), places[known]], 1e-12)).mean())

    return min(np.geomspace(0.05, 20, 60), key=nll)


def places_of(known: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Where each label stands among a machine's classes, -1 where it does not."""
    return np.array([list(classes).index(label) if label in classes else -1 for label in known])
