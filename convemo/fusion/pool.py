"""Many channels' opinions as one: a log-linear pool whose weights depend on which channels have spoken.

.. math:: \\ln p(k) = \\beta_P(k) + \\sum_{c \\in P} w_{P,c} \\ln p_c(k) + \\mathrm{const}

with one set of weights for each pattern ``P`` of available channels, so that a missing channel leaves the others calibrated
(Genest & Zidek 1986, doi:10.1214/ss/1177013825; the weights need not sum to 1). The bias, where there is one, sets right how often each
label occurs. A channel trained on acted clips does not know that people are mostly neutral, and needs to be told; two channels that both
know tell it twice. In the first case the bias is the logarithm of the labels' shares, in the second (channels that are independent given
the label) it is that times minus one: so a single number times that logarithm does for both, and a free number for each label is rarely
worth having.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

import numpy as np

from convemo.fusion.loglinear import fit_weights
from convemo.types import PRIOR_WEIGHT


class Bias(Enum):
    """How much a pool may learn about how often labels occur, from little to much."""

    NONE = "none"
    SHARES = "shares"
    """One number, times the logarithm of the labels' shares."""
    FREE = "free"
    """A number for each label."""


@dataclass(frozen=True, slots=True, eq=False)
class PoolWeights:
    """How one pattern of channels is pooled."""

    weights: Mapping[str, float]
    """Channel → how much it counts, not below 0."""
    bias: np.ndarray | None = None
    """``(K,)`` what is added for each label, or nothing."""

    def towards(self, anchor: PoolWeights, trust: float) -> PoolWeights:
        """The pool whose logits lie between the anchor's (trust 0) and these (trust 1)."""
        weights = {n: trust * w + (1 - trust) * anchor.weights.get(n, 0.0) for n, w in self.weights.items()}
        if self.bias is None and anchor.bias is None:
            return PoolWeights(weights)
        ours, theirs = (0.0 if bias is None else bias for bias in (self.bias, anchor.bias))
        return PoolWeights(weights, np.asarray(trust * ours + (1 - trust) * theirs))

    def logits(self, log_probs: np.ndarray) -> np.ndarray:
        """``(N, K)`` from this pattern's ``(C, N, K)`` calibrated log-probabilities, in the order of `weights`."""
        pooled = np.einsum("c,cnk->nk", np.array(list(self.weights.values())), log_probs)
        return pooled if self.bias is None else pooled + self.bias


Fitted = Mapping[frozenset[str], PoolWeights]
"""The pool of each pattern that somebody has fitted."""


def pattern_name(channels: Iterable[str]) -> str:
    """How a pattern is written in the stored parameters.

    >>> pattern_name(["text", "acoustic"])
    'text+acoustic'
    """
    return "+".join(channels)


def patterns(channels: Sequence[str]) -> list[tuple[str, ...]]:
    """Every non-empty choice of channels, in their order, the small ones first.

    >>> patterns(["text", "acoustic"])
    [('text',), ('acoustic',), ('text', 'acoustic')]
    """
    return [choice for size in range(1, len(channels) + 1) for choice in combinations(channels, size)]


def weights_for(available: Iterable[str], fitted: Fitted) -> tuple[PoolWeights, bool]:
    """How to pool these channels, and whether somebody has fitted exactly this pattern.

    Where nobody has, the largest fitted part of the pattern keeps its weights and every other channel joins with `PRIOR_WEIGHT`;
    if no part is fitted, the channels count equally and their weights sum to 1.

    >>> fitted = {frozenset(["text"]): PoolWeights({"text": 0.9})}
    >>> [weights_for(names, fitted)[0].weights for names in (["text"], ["text", "llm"], ["llm"])]
    [{'text': 0.9}, {'text': 0.9, 'llm': 0.3}, {'llm': 1.0}]
    """
    available = list(available)
    if frozenset(available) in fitted:
        return fitted[frozenset(available)], True
    for part in reversed(patterns(available)):
        if frozenset(part) in fitted:
            known = fitted[frozenset(part)]
            return PoolWeights({name: known.weights.get(name, PRIOR_WEIGHT) for name in available}, known.bias), False
    return PoolWeights(dict.fromkeys(available, 1.0 / len(available))), False


def pool_terms(names: Sequence[str], log_probs: np.ndarray, available: np.ndarray, fitted: Fitted) -> tuple[np.ndarray, np.ndarray]:
    """What every channel, and the bias, adds to the logits of every utterance.

    Args:
        names: the ``C`` channels.
        log_probs: ``(C, N, K)`` calibrated log-probabilities.
        available: ``(C, N)`` booleans: who has scored what.
        fitted: the pool of each fitted pattern.

    Returns:
        ``(C + 1, N, K)``, the bias last, 0 where there is nothing to add; ``(N,)`` booleans: whether the row's pattern is a fitted one.
    """
    terms = np.zeros((log_probs.shape[0] + 1, *log_probs.shape[1:]))
    known = np.zeros(available.shape[1], dtype=bool)
    for chosen, here in rows_by_pattern(names, available):
        pool, known[here] = weights_for(chosen, fitted)
        for c, name in enumerate(names):
            if name in pool.weights:
                terms[c, here] = pool.weights[name] * log_probs[c, here]
        if pool.bias is not None:
            terms[-1, here] = pool.bias
    return terms, known


def rows_by_pattern(names: Sequence[str], available: np.ndarray) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    """Each pattern that occurs, with ``(N,)`` booleans saying in which rows; rows without any channel are in none.

    >>> [(names, rows.tolist()) for names, rows in rows_by_pattern(["text", "acoustic"], np.array([[1, 1, 0], [0, 1, 0]], bool))]
    [(('text',), [True, False, False]), (('text', 'acoustic'), [False, True, False])]
    """
    if not available.size:
        return
    columns, pattern_of_row = np.unique(available, axis=1, return_inverse=True)
    for index, column in enumerate(columns.T):
        if column.any():
            yield tuple(name for name, there in zip(names, column) if there), pattern_of_row.ravel() == index


def fit_pattern(
    log_probs: np.ndarray,
    labels: np.ndarray,
    *,
    names: Sequence[str],
    prior: np.ndarray,
    strength: float,
    bias: Bias = Bias.NONE,
    sample_weights: np.ndarray | None = None,
) -> PoolWeights:
    """The pool of one pattern of channels by negative log-likelihood.

    Args:
        log_probs: ``(C, N, K)`` calibrated, of rows where all these channels have scored.
        labels: ``(N,)`` class indices; classes that never occur take no part, as in `calibration.Temperature`. Their bias is that of the
            rarest: what a data set had no name for is assumed to be as rare as the rarest that it had.
        names: the ``C`` channels.
        prior: ``(C,)`` weights to be shrunk to.
        strength: how many utterances' worth of evidence holds the weights at their prior, and the bias at 0.
        bias: of what kind.
        sample_weights: ``(N,)`` how much each row counts.
    """
    occurring, targets = np.unique(labels, return_inverse=True)
    counts = np.bincount(targets, weights=sample_weights)
    terms = log_probs[:, :, occurring]  # (C, N, S)
    further = _bias_terms(bias, counts)  # (B, S)
    if len(further):
        terms = np.concatenate([terms, np.broadcast_to(further[:, None, :], (len(further), *terms.shape[1:]))])  # (C + B, N, S)
    theta = fit_weights(
        terms,
        targets,
        prior=np.r_[prior, np.zeros(len(further))],
        strength=strength,
        lower=np.r_[np.zeros(len(names)), np.full(len(further), -np.inf)],
        sample_weights=sample_weights,
    )
    weights = dict(zip(names, theta[: len(names)].tolist()))
    if not len(further):
        return PoolWeights(weights)
    fitted = theta[len(names) :] @ further
    by_label = np.full(log_probs.shape[2], fitted[counts.argmin()])
    by_label[occurring] = fitted
    return PoolWeights(weights, by_label)


def _bias_terms(bias: Bias, counts: np.ndarray) -> np.ndarray:
    """``(B, S)`` what the ``B`` numbers of a bias multiply, from the counts of the ``S`` labels that occur."""
    if bias is Bias.NONE:
        return np.zeros((0, len(counts)))
    if bias is Bias.FREE:
        return np.eye(len(counts))
    return np.log((counts + 1) / (counts + 1).sum())[None]
