"""Whether a probability means what it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convemo.metrics.shapes import checked_probabilities

SMALLEST_PROBABILITY = 1e-12
"""A reference label given probability 0 costs 27.6 nats, not infinity, so one such row does not hide the others."""


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    r"""The mean of :math:`-\ln p(\text{reference})`, in nats.

    A proper score: in expectation only the true probabilities minimise it (Gneiting & Raftery 2007, doi:10.1198/016214506000001437).

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)`` class indices in ``[0, K)``.

    Returns:
        NLL in ``[0, 27.6]``; the uniform guess gives ``ln K``.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, or rows do not sum to 1.

    >>> round(negative_log_likelihood(np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])), 4)
    0.4904
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)).mean()) + 0.0


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    r"""The mean squared distance of the probabilities from the truth, over all classes.

    .. math:: \frac{1}{N} \sum_n \sum_k (p_{nk} - [y_n = k])^2

    Brier's original, many-class form (1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2): twice what is usual for two classes.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)`` class indices in ``[0, K)``.

    Returns:
        Brier score in ``[0, 2]``; 0 is perfect.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, or rows do not sum to 1.

    >>> brier(np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([0, 1]))
    0.25
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    truth = np.eye(probabilities.shape[1])[labels]  # (N, K)
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    r"""How far confidence is from accuracy, on average.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N}\,\lvert \mathrm{acc}_b - \mathrm{conf}_b \rvert

    Bins hold equally many samples, so that the few unsure ones count (Nixon et al. 2019, arXiv:1904.01685).

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)`` class indices in ``[0, K)``.
        bins: number of bins, at least 1.

    Returns:
        ECE in ``[0, 1]``; 0 is perfect.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, rows do not sum to 1, or `bins` is below 1.

    >>> expected_calibration_error(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1]))
    0.0
    >>> expected_calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1]), bins=1)
    0.4
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    return _binned_gap(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


CHANCE_DRAWS = 200
"""Of labels, for the mean of an error that has a standard deviation of about a fifth of itself."""


def calibration_error_by_chance(probabilities: np.ndarray, bins: int = 15) -> float:
    r"""The `expected_calibration_error` that a perfectly calibrated system with these probabilities shows, on average.

    ECE is never negative, so it adds up what is only noise in each bin: with some hundred samples a bin a perfect system has two or three
    percent (Kumar et al. 2019, arXiv:1909.10155, on that bias). An ECE near this one is no sign of miscalibration.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        bins: as there.

    Returns:
        The mean over `CHANCE_DRAWS` draws of labels from these very probabilities; the same at each call.

    Raises:
        ValueError: as `expected_calibration_error`.

    >>> sure = {count: np.linspace(0.5, 1, count) for count in (150, 15_000)}
    >>> [round(calibration_error_by_chance(np.stack([p, 1 - p], axis=1)), 2) for p in sure.values()]
    [0.1, 0.01]
    """
    probabilities, _ = checked_probabilities(probabilities, np.zeros(len(probabilities), dtype=int))
    confidence, random = probabilities.max(axis=1), np.random.default_rng(0)
    return float(np.mean([_binned_gap(confidence, random.random(len(confidence)) < confidence, bins) for _ in range(CHANCE_DRAWS)]))


def classwise_ece(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    r"""The calibration error of each class's own probability, averaged over the classes.

    .. math:: \frac{1}{K} \sum_k \sum_b \frac{n_{bk}}{N}\,\lvert \mathrm{freq}_{bk} - \mathrm{conf}_{bk} \rvert

    Sees what the top label's ECE cannot: a rare class that is always given too little (Kull et al. 2019, arXiv:1910.12656).
    Bins hold equally many samples, as in `expected_calibration_error`.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)`` class indices in ``[0, K)``.
        bins: number of bins, at least 1.

    Returns:
        Classwise ECE in ``[0, 1]``; 0 is perfect. Many easy, rare classes make it small: compare it only at equal `K`.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, rows do not sum to 1, or `bins` is below 1.

    >>> classwise_ece(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1]), bins=1)
    0.0
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    return float(np.mean([_binned_gap(column, labels == k, bins) for k, column in enumerate(probabilities.T)]))


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """One point of a reliability diagram."""

    confidence: float
    """Mean probability of the winning labels."""
    accuracy: float
    """Share of them that are right."""
    count: int


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> list[ReliabilityBin]:
    """Confidence against accuracy in bins of equally many samples: the diagram behind `expected_calibration_error`.

    The mean distance of the two over the bins, weighed by count, is the ECE of as many bins.

    Args:
        probabilities: ``(N, K)``, rows sum to 1.
        labels: ``(N,)`` class indices in ``[0, K)``.
        bins: number of bins, at least 1; empty ones are left out.

    Returns:
        The least sure first (DeGroot & Fienberg 1983, doi:10.2307/2987588).

    Raises:
        ValueError: as `expected_calibration_error`.

    >>> reliability(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1]), bins=1)
    [ReliabilityBin(confidence=0.9, accuracy=0.5, count=2)]
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    confidence, happened = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    parts = _bins(confidence, happened, bins)
    return [ReliabilityBin(float(sure.mean()), float(right.mean()), len(sure)) for sure, right in parts if len(sure)]


def _binned_gap(confidence: np.ndarray, happened: np.ndarray, bins: int) -> float:
    """Mean of ``|how often it happened - how sure we were|`` over bins of equally many samples."""
    return float(sum(abs(outcome.sum() - sure.sum()) for sure, outcome in _bins(confidence, happened, bins)) / len(confidence))


def _bins(confidence: np.ndarray, happened: np.ndarray, bins: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """How sure we were and how often it happened, the least sure first, in `bins` parts of equally many samples."""
    if bins < 1:
        raise ValueError(f"expected at least 1 bin, found {bins}")
    # Samples that are equally sure carry their mean outcome, so that it does not matter which of them falls into which bin.
    _, tied = np.unique(confidence, return_inverse=True)
    outcome = (np.bincount(tied, weights=happened) / np.bincount(tied))[tied]
    order = np.argsort(confidence, kind="stable")
    return [(confidence[part], outcome[part]) for part in np.array_split(order, bins)]
