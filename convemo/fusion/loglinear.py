"""The one fit behind calibration, pool and history: which weights of given terms predict the labels best.

All three are conditional logit models (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"): the
logits are linear in a handful of weights, so the negative log-likelihood is convex and Newton's method needs some ten steps.
"""

from __future__ import annotations

import numpy as np

STEPS = 200
TOLERANCE = 1e-8
"""Change of the objective, relative to its size, below which the fit has arrived."""


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logits ``(…, K)`` as normalised log-probabilities of the same shape.

    >>> np.exp(log_softmax(np.array([0.0, 0.0]))).tolist()
    [0.5, 0.5]
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def fit_weights(
    terms: np.ndarray,
    labels: np.ndarray,
    *,
    prior: np.ndarray,
    strength: float | np.ndarray = 10.0,
    lower: float | np.ndarray = 0.0,
    sample_weights: np.ndarray | None = None,
) -> np.ndarray:
    r"""The weights :math:`\theta` under which :math:`\mathrm{softmax}(\sum_f \theta_f x_f)` predicts the labels best.

    .. math:: \min_{\theta \ge l}\; -\sum_n v_n \ln p_\theta(y_n) + \sum_f \frac{s_f}{2} (\theta_f - \theta^0_f)^2

    Projected Newton steps with an active set for the bounds (Bertsekas 1982, doi:10.1137/0320018).

    Args:
        terms: ``(F, N, K)`` what each weight multiplies.
        labels: ``(N,)`` class indices in ``[0, K)``.
        prior: ``(F,)`` the weights that are assumed where there is no data.
        strength: how many labelled utterances' worth of curvature the prior holds, for each weight or for all.
        lower: least value of each weight, or of all.
        sample_weights: ``(N,)`` how much each row counts; 1 if ``None``.

    Returns:
        ``(F,)`` weights.

    >>> terms = np.log([[[0.9, 0.1]] * 10])  # says 90 %, and is right 7 times in 10
    >>> weight = fit_weights(terms, np.array([0] * 7 + [1] * 3), prior=np.ones(1), strength=0.0)
    >>> np.exp(log_softmax(weight[0] * terms[0, 0])).round(3).tolist()
    [0.7, 0.3]
    """
    count, length, _ = terms.shape
    lower = np.broadcast_to(np.asarray(lower, dtype=np.float64), (count,))
    strength = np.broadcast_to(np.asarray(strength, dtype=np.float64), (count,))
    rows = np.ones(length) if sample_weights is None else sample_weights
    weights = np.maximum(np.asarray(prior, dtype=np.float64), lower)

    def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
        log_p = log_softmax(np.einsum("f,fnk->nk", theta, terms))
        penalty = 0.5 * strength @ (theta - prior) ** 2
        return float(penalty - rows @ log_p[np.arange(length), labels]), np.exp(log_p)

    now, p = cost(weights)
    for _ in range(STEPS):
        expected = np.einsum("nk,fnk->fn", p, terms)
        gradient = (expected - terms[:, np.arange(length), labels]) @ rows + strength * (weights - prior)
        curvature = np.einsum("n,nk,fnk,gnk->fg", rows, p, terms, terms, optimize=True) - (expected * rows) @ expected.T + np.diag(strength)
        free = (weights > lower) | (gradient < 0)
        step = np.zeros(count)
        ridge = 1e-9 * (1 + np.trace(curvature)) * np.eye(count)
        step[free] = -np.linalg.solve((curvature + ridge)[np.ix_(free, free)], gradient[free])
        before, (now, weights, p) = now, _line_search(cost, weights, step, lower, now, p)
        if before - now <= TOLERANCE * (1 + abs(now)):
            break
    return weights


def _line_search(cost, weights, step, lower, now, p):
    """Halves the step until the cost falls; stays where it is if it never does."""
    for halvings in range(40):
        candidate = np.maximum(weights + 0.5**halvings * step, lower)
        then, p_then = cost(candidate)
        if then < now:
            return then, candidate, p_then
    return now, weights, p
