"""Whether confidence knows when to be silent (selective classification)."""

from __future__ import annotations

import numpy as np


def aurc(confidence: np.ndarray, correct: np.ndarray) -> float:
    r"""Area under the risk-coverage curve: the error rate among the surest *k*, averaged over all *k*.

    .. math:: \mathrm{AURC} = \frac{1}{N} \sum_{k=1}^{N} \frac{1}{k} \sum_{i=1}^{k} [\text{the } i\text{-th surest is wrong}]

    El-Yaniv & Wiener 2010 (jmlr.org/papers/v11/el-yaniv10a); samples that are equally sure count as if in random order.

    Args:
        confidence: ``(N,)`` any score that grows with being sure.
        correct: ``(N,)`` booleans.

    Returns:
        AURC in ``[0, 1]``; lower is better, and the plain error rate is what a random confidence gives.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, or a confidence is not finite.

    >>> round(aurc(np.array([0.9, 0.8, 0.4, 0.3]), np.array([True, True, True, False])), 4)
    0.0625
    """
    return float(_risks(confidence, correct).mean())


def accuracy_at_coverage(confidence: np.ndarray, correct: np.ndarray, coverage: float = 0.8) -> float:
    """Accuracy among the surest part of the samples, when the rest goes unanswered.

    Args:
        confidence: ``(N,)`` any score that grows with being sure.
        correct: ``(N,)`` booleans.
        coverage: the part that is answered, in ``(0, 1]``; at least one sample is.

    Returns:
        Accuracy in ``[0, 1]``.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, a confidence is not finite, or `coverage` is outside ``(0, 1]``.

    >>> accuracy_at_coverage(np.array([0.9, 0.8, 0.4, 0.3]), np.array([True, True, True, False]), coverage=0.75)
    1.0
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"expected a coverage in (0, 1], found {coverage}")
    risks = _risks(confidence, correct)
    answered = max(1, round(coverage * len(risks)))
    return float(1.0 - risks[answered - 1])


def risk_coverage(confidence: np.ndarray, correct: np.ndarray, points: int = 100) -> np.ndarray:
    """The curve under which `aurc` is the area: the error rate among the surest part, against how large that part is.

    Args:
        confidence: ``(N,)`` any score that grows with being sure.
        correct: ``(N,)`` booleans.
        points: at most so many, evenly spaced in coverage; the last is always coverage 1, the plain error rate.

    Returns:
        ``(P, 2)`` coverage in ``(0, 1]`` and risk in ``[0, 1]``, coverage growing.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, a confidence is not finite, or `points` is below 1.

    >>> risk_coverage(np.array([0.9, 0.8, 0.4, 0.3]), np.array([True, True, True, False]), points=2).tolist()
    [[0.5, 0.0], [1.0, 0.25]]
    """
    if points < 1:
        raise ValueError(f"expected at least 1 point, found {points}")
    risks = _risks(confidence, correct)
    points = min(points, len(risks))
    answered = np.arange(1, points + 1) * len(risks) // points
    return np.stack([answered / len(risks), risks[answered - 1]], axis=1)


def _risks(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """``(N,)`` the expected error rate among the surest 1, 2, … N."""
    confidence, correct = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=bool)
    if confidence.ndim != 1 or confidence.shape != correct.shape or not len(correct):
        raise ValueError(f"expected two equally long, non-empty vectors, found shapes {confidence.shape} and {correct.shape}")
    if not np.isfinite(confidence).all():
        raise ValueError("expected finite confidences, found NaN or infinity")
    _, tied = np.unique(-confidence, return_inverse=True)  # groups of equal confidence, the surest first
    error_rate = np.bincount(tied, weights=~correct) / np.bincount(tied)
    errors = error_rate[np.sort(tied)]  # each sample carries the mean of those it is tied with: the order among them is chance
    return np.cumsum(errors) / np.arange(1, len(errors) + 1)
