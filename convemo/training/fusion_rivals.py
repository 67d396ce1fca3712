"""Other ways to fuse text and voice, built with care, to be compared with `fusion` on the same utterances (`benchmarks/fusion_rivals.py`).

Each is a function from what it may learn on to ``(N, K)`` probabilities of the test part. The simple ones learn on the dev part, from what
the channels say, as the fusion does; those with a network of their own learn on the train part, from text vectors and acoustic features,
and the dev part stops them and sets their temperature. None sees a label of the test part.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from convemo.fusion.calibration import Temperature
from convemo.fusion.loglinear import log_softmax
from convemo.types import ChannelResult, Dialogue

REACH = 8
"""Earlier utterances that the networks see."""
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse strengths of regularisation that stacking chooses from."""
EPOCHS, PATIENCE, BATCH = 40, 6, 16  # dialogues a batch
FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of a data set: its dialogues one after the other, ``N`` utterances, ``C`` channels, ``K`` labels."""

    log_probs: np.ndarray  # (C, N, K), of the channels as they come; text first
    available: np.ndarray  # (C, N)
    labels: np.ndarray  # (N,), -1 without
    lengths: np.ndarray  # (D,) utterances of each dialogue
    vectors: np.ndarray  # (N, W) of the texts
    features: np.ndarray  # (N, 2 F) raw and as deviations from the speaker's earlier utterances, 0 where unknown, standardised

    @property
    def dialogues(self) -> np.ndarray:
        """``(N,)`` the number of each row's dialogue."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def part_of(
    dialogues: Sequence[Dialogue],
    results: Sequence[Mapping[str, ChannelResult]],
    labels: Sequence[str],
    vectors: np.ndarray,
    names: Sequence[str],
    scale: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[Part, tuple[np.ndarray, np.ndarray]]:
    """A part as arrays, and the mean and spread of its features: those of the train part are the scale of the others.

    Args:
        dialogues: the part.
        results: what the channels said; empty mappings for the train part, of which nothing held out is known.
        labels: the ``K`` labels.
        vectors: ``(N, W)``.
        names: the features that are used.
        scale: of the train part; ``None`` for the train part itself.
    """
    channels = list(results[0])
    log_probs = np.array([np.concatenate([r[c].log_probs for r in results]) for c in channels])
    available = np.array([np.concatenate([r[c].valid for r in results]) for c in channels], dtype=bool)
    raw = [_with_deviations(d, names) for d in dialogues]
    stacked = np.concatenate(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that nobody has
        mean, spread = scale or (np.nanmean(stacked, axis=0), np.nanstd(stacked, axis=0) + 1e-6)
    references = np.array([-1 if u.label is None else list(labels).index(u.label) for d in dialogues for u in d])
    features = np.nan_to_num((stacked - mean) / spread)
    return Part(log_probs, available, references, np.array([len(d) for d in dialogues]), vectors, features), (mean, spread)


def _with_deviations(dialogue: Dialogue, names: Sequence[str]) -> np.ndarray:
    """``(N, 2 F)``: features, and how far each is from the mean of the speaker's earlier ones; NaN where unknown."""
    rows, heard = [], {}
    for u in dialogue:
        x = np.array([(u.features or {}).get(name, np.nan) for name in names], dtype=float)
        total, count = heard.get(u.speaker, (np.zeros(len(names)), np.zeros(len(names))))
        rows.append(np.r_[x, x - np.divide(total, count, out=np.full(len(names), np.nan), where=count > 0)])
        there = np.isfinite(x)
        heard[u.speaker] = total + np.where(there, x, 0.0), count + there
    return np.array(rows)


# On what the channels say, fitted on dev ------------------------------------------------------------------------------


def averaging(dev: Part, test: Part) -> np.ndarray:
    """The mean of the calibrated probabilities of the channels that have spoken."""
    p = np.exp(_calibrated(dev, test)) * test.available[..., None]
    return p.sum(axis=0) / test.available.sum(axis=0)[:, None]


def product_of_experts(dev: Part, test: Part) -> np.ndarray:
    """The product of the calibrated probabilities, normalised: every channel counts in full (Hinton 2002,
    doi:10.1162/089976602760128018)."""
    return np.exp(log_softmax((_calibrated(dev, test) * test.available[..., None]).sum(axis=0)))


def stacking(dev: Part, test: Part) -> np.ndarray:
    """Logistic regression on all channels' log-probabilities (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1), its penalty chosen by
    likelihood on folds of the dev dialogues."""
    from sklearn.linear_model import LogisticRegression

    x, y, fold = _said(dev), dev.labels, dev.dialogues % FOLDS
    known = y >= 0

    def fitted(penalty: float, rows: np.ndarray) -> LogisticRegression:
        return LogisticRegression(C=penalty, max_iter=2000).fit(x[rows], y[rows])

    def cost(penalty: float) -> float:
        total = 0.0
        for f in range(FOLDS):
            inside, outside = known & (fold != f), known & (fold == f)
            log_p = np.log(_over_all(fitted(penalty, inside), x[outside], dev.log_probs.shape[2]) + 1e-12)
            total -= log_p[np.arange(outside.sum()), y[outside]].sum()
        return total

    return _over_all(fitted(min(PENALTIES, key=cost), known), _said(test), dev.log_probs.shape[2])


def early_fusion_of_scores(dev: Part, test: Part, seeds: Sequence[int] = (1, 2, 3)) -> np.ndarray:
    """A small network over the text's log-probabilities and the raw acoustic features, fitted on the dev part; its width and weight
    decay chosen, and its epochs counted, on folds of the dev dialogues. The mean over seeds."""
    from sklearn.neural_network import MLPClassifier

    def inputs(part: Part) -> np.ndarray:
        return np.concatenate([part.log_probs[0], part.features], axis=1)

    x, y, fold, classes = inputs(dev), dev.labels, dev.dialogues % FOLDS, dev.log_probs.shape[2]
    known = y >= 0

    def fitted(setting: tuple[int, float], rows: np.ndarray, seed: int) -> MLPClassifier:
        width, decay = setting
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it stops before it has converged, on purpose
            network = MLPClassifier((width,), alpha=decay, learning_rate_init=2e-3, max_iter=30, random_state=seed, batch_size=64)
            return network.fit(x[rows], y[rows])

    def cost(setting: tuple[int, float]) -> float:
        total = 0.0
        for f in range(FOLDS):
            inside, outside = known & (fold != f), known & (fold == f)
            log_p = np.log(_over_all(fitted(setting, inside, 1), x[outside], classes) + 1e-12)
            total -= log_p[np.arange(outside.sum()), y[outside]].sum()
        return total

    best = min([(width, decay) for width in (8, 32) for decay in (0.1, 1.0, 10.0)], key=cost)
    return np.mean([_over_all(fitted(best, known, seed), inputs(test), classes) for seed in seeds], axis=0)


def _calibrated(dev: Part, test: Part) -> np.ndarray:
    """``(C, N, K)`` log-probabilities of the test part, each channel at its temperature on the dev part."""
    calibrated = []
    for c in range(len(dev.log_probs)):
        rows = dev.available[c] & (dev.labels >= 0)
        calibrated.append(Temperature().fit(dev.log_probs[c, rows], dev.labels[rows]).predict_log_proba(test.log_probs[c]))
    return np.array(calibrated)


def _said(part: Part) -> np.ndarray:
    """``(N, C (K + 1))``: every channel's log-probabilities, and whether it has scored."""
    return np.concatenate([np.c_[x, there] for x, there in zip(part.log_probs, part.available)], axis=1)


def _over_all(model, x: np.ndarray, classes: int) -> np.ndarray:
    """``(N, K)`` probabilities of a scikit-learn model that may not have met every label."""
    p = np.zeros((len(x), classes))
    p[:, model.classes_] = model.predict_proba(x)
    return p


# On vectors and features, trained on train, stopped on dev ------------------------------------------------------------


def early_fusion(train: Part, dev: Part, test: Part, seeds: Sequence[int] = (1, 2, 3)) -> list[np.ndarray]:
    """One network over the text's vectors (this utterance's, and the mean of the last `REACH`) beside the acoustic features."""
    return [_trained(lambda w, f, k: _EarlyFusion(w, f, k), train, dev, test, seed) for seed in seeds]


def cross_modal_attention(train: Part, dev: Part, test: Part, seeds: Sequence[int] = (1, 2, 3)) -> list[np.ndarray]:
    """Each modality attends to the other over the last `REACH` utterances (Tsai et al. 2019, arXiv:1906.00295), with modality dropout
    (Neverova et al. 2016, arXiv:1501.00102): in training, each modality of an utterance is hidden one time in five, never both."""
    return [_trained(lambda w, f, k: _CrossModalAttention(w, f, k), train, dev, test, seed) for seed in seeds]


class _EarlyFusion(nn.Module):
    def __init__(self, text_width: int, feature_width: int, classes: int, width: int = 128):
        super().__init__()
        inputs = 2 * text_width + feature_width
        self.net = nn.Sequential(nn.LayerNorm(inputs), nn.Dropout(0.3), nn.Linear(inputs, width), nn.GELU(), nn.Dropout(0.3))
        self.head = nn.Linear(width, classes)

    def forward(self, text: Tensor, features: Tensor, padding: Tensor) -> Tensor:
        """``(B, N, W)`` vectors, ``(B, N, F)`` features, ``(B, N)`` padding → ``(B, N, K)`` logits."""
        window = _window(text.shape[1]).to(text).masked_fill(torch.eye(text.shape[1], dtype=torch.bool), 0.0)  # (N, N), the past
        past = window @ text / window.sum(dim=1, keepdim=True).clamp(min=1)
        return self.head(self.net(torch.cat([text, past, features], dim=-1)))


class _CrossModalAttention(nn.Module):
    def __init__(self, text_width: int, feature_width: int, classes: int, width: int = 96, heads: int = 4, hidden: float = 0.2):
        super().__init__()
        self.hidden = hidden
        self.text, self.voice = nn.Linear(text_width, width), nn.Linear(feature_width, width)
        self.no_text, self.no_voice = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))
        self.from_voice, self.from_text, self.own_text, self.own_voice = (
            nn.MultiheadAttention(width, heads, dropout=0.1, batch_first=True) for _ in range(4)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.read = nn.Sequential(nn.LayerNorm(2 * width), nn.Dropout(0.3), nn.Linear(2 * width, width), nn.GELU())
        self.head = nn.Linear(width, classes)

    def forward(self, text: Tensor, features: Tensor, padding: Tensor) -> Tensor:
        """As `_EarlyFusion.forward`."""
        t, v = self.text(text), self.voice(features)  # (B, N, D)
        if self.training:
            chance = torch.rand(t.shape[:2])[..., None]
            t = torch.where(chance < self.hidden, self.no_text, t)
            v = torch.where(chance > 1 - self.hidden, self.no_voice, v)
        mask = _window(t.shape[1]) == 0  # (N, N), True where not to look
        far = {"attn_mask": mask, "need_weights": False}
        t = t + self.own_text(n := self.norms[0](t), n, n, **far)[0]
        v = v + self.own_voice(n := self.norms[1](v), n, n, **far)[0]
        to_text, to_voice = self.norms[2](t), self.norms[3](v)
        t = t + self.from_voice(to_text, to_voice, to_voice, **far)[0]
        v = v + self.from_text(to_voice, to_text, to_text, **far)[0]
        return self.head(self.read(torch.cat([t, v], dim=-1)))


def _window(length: int) -> Tensor:
    """``(N, N)`` of 0 and 1: each row sees itself and the `REACH` before it. Padding lies after all that is judged, so nobody sees it."""
    i = torch.arange(length)
    back = i[:, None] - i[None, :]
    return ((back >= 0) & (back <= REACH)).float()


def _trained(build: Callable[[int, int, int], nn.Module], train: Part, dev: Part, test: Part, seed: int, rate: float = 1e-3) -> np.ndarray:
    """Probabilities of the test part by the epoch with the best likelihood on the dev part, at the temperature that suits it there."""
    torch.manual_seed(seed)
    classes = dev.log_probs.shape[2]
    model = build(train.vectors.shape[1], train.features.shape[1], classes)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    rng, best, waited, kept = np.random.default_rng(seed), np.inf, 0, {}
    for _ in range(EPOCHS):
        model.train()
        order = rng.permutation(len(train.lengths))
        for start in range(0, len(order), BATCH):
            text, features, padding, labels = _batch(train, order[start : start + BATCH])
            loss = nn.functional.cross_entropy(model(text, features, padding).flatten(0, 1), labels.flatten(), ignore_index=-1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        log_p = _log_probs(model, dev)
        rows = dev.labels >= 0
        cost = -log_p[rows, dev.labels[rows]].mean()
        waited += 1
        if cost < best:
            best, waited, kept = cost, 0, {name: value.clone() for name, value in model.state_dict().items()}
        if waited >= PATIENCE:
            break
    model.load_state_dict(kept)
    calibrator = Temperature().fit(_log_probs(model, dev)[dev.labels >= 0], dev.labels[dev.labels >= 0])
    return np.exp(calibrator.predict_log_proba(_log_probs(model, test)))


def _log_probs(model: nn.Module, part: Part) -> np.ndarray:
    model.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(part.lengths), 64):
            text, features, padding, _ = _batch(part, np.arange(start, min(start + 64, len(part.lengths))))
            found.append(model(text, features, padding).log_softmax(dim=-1)[~padding].numpy())
    return np.concatenate(found).astype(np.float64)


def _batch(part: Part, chosen: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Dialogues side by side: ``(B, N, W)``, ``(B, N, F)``, ``(B, N)`` True where there is none, ``(B, N)`` labels, -1 without."""
    starts, longest = np.cumsum(np.r_[0, part.lengths]), part.lengths[chosen].max()
    shape = len(chosen), longest
    text, features = (np.zeros((*shape, x.shape[1]), np.float32) for x in (part.vectors, part.features))
    padding, labels = np.ones(shape, bool), np.full(shape, -1)
    for row, d in enumerate(chosen):
        here = slice(starts[d], starts[d + 1])
        n = part.lengths[d]
        text[row, :n], features[row, :n], padding[row, :n], labels[row, :n] = (
            part.vectors[here],
            part.features[here],
            False,
            part.labels[here],
        )
    return tuple(map(torch.from_numpy, (text, features, padding, labels)))
