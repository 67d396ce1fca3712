"""The metrics of `convemo.metrics` on every draw of a bootstrap at once: the same numbers, a hundred times faster.

A draw is how often each row is in it (`bootstrap.draw_counts`). What adds up over rows is a matrix product with these counts; what sorts
the rows sorts them once, since a draw leaves their order alone, and walks along the counts. The pure functions are the reference: the
tests hold every function here against them.

Every function takes ``counts``, ``(R, N)`` whole numbers, and returns ``(R,)``.
"""

from __future__ import annotations

import numpy as np

from convemo.metrics.calibration import SMALLEST_PROBABILITY

_CELLS = 4_000_000  # numbers that are held at a time by what works draw by draw


def confusion_matrices(counts: np.ndarray, predictions: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """``(R, K, K)``: reference by prediction, as `classification.confusion_matrix`.

    >>> confusion_matrices(np.array([[1, 2]]), np.array([0, 1]), np.array([1, 1]), 2).tolist()
    [[[0.0, 0.0], [1.0, 2.0]]]
    """
    cell_of_row = np.eye(classes**2)[labels * classes + predictions]  # (N, K·K)
    return (counts @ cell_of_row).reshape(len(counts), classes, classes)


def accuracy(confusions: np.ndarray) -> np.ndarray:
    """From ``(R, K, K)`` confusion matrices."""
    return np.trace(confusions, axis1=1, axis2=2) / confusions.sum(axis=(1, 2))


def unweighted_average_recall(confusions: np.ndarray) -> np.ndarray:
    """From ``(R, K, K)`` confusion matrices; of each draw over the classes that occur in it."""
    support = confusions.sum(axis=2)  # (R, K)
    recall = np.diagonal(confusions, axis1=1, axis2=2) / np.maximum(support, 1)
    return recall.sum(axis=1) / (support > 0).sum(axis=1)


def weighted_f1(confusions: np.ndarray) -> np.ndarray:
    """From ``(R, K, K)`` confusion matrices."""
    scores, support, _ = f1_by_class(confusions)
    return (scores * support).sum(axis=1) / support.sum(axis=1)


def macro_f1(confusions: np.ndarray) -> np.ndarray:
    """From ``(R, K, K)`` confusion matrices; of each draw over the classes that occur in it or are predicted."""
    scores, support, predicted = f1_by_class(confusions)
    return scores.sum(axis=1) / ((support > 0) | (predicted > 0)).sum(axis=1)


def f1_by_class(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From ``(R, K, K)`` confusion matrices: F1, how often each class occurs and how often it is predicted, ``(R, K)`` each."""
    support, predicted = confusions.sum(axis=2), confusions.sum(axis=1)  # (R, K) each
    return 2 * np.diagonal(confusions, axis1=1, axis2=2) / np.maximum(support + predicted, 1), support, predicted


def mean(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mean of ``(N,)`` values: whatever is a mean over rows, such as NLL, Brier score and set size.

    >>> mean(np.array([[1, 1], [0, 2]]), np.array([0.0, 1.0])).tolist()
    [0.5, 1.0]
    """
    return (counts @ values) / counts.sum(axis=1)


def negative_log_likelihood(counts: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """As `calibration.negative_log_likelihood`."""
    given = probabilities[np.arange(len(labels)), labels]
    return mean(counts, -np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)))


def brier(counts: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """As `calibration.brier`."""
    return mean(counts, ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1))


def expected_calibration_error(counts: np.ndarray, probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> np.ndarray:
    """As `calibration.expected_calibration_error`."""
    return _binned_gap(counts, probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


def classwise_ece(counts: np.ndarray, probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> np.ndarray:
    """As `calibration.classwise_ece`."""
    return np.mean([_binned_gap(counts, column, labels == k, bins) for k, column in enumerate(probabilities.T)], axis=0)


def aurc(counts: np.ndarray, confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    r"""As `risk.aurc`.

    Among ``m`` samples of one confidence and error rate ``e``, after ``n`` surer ones with ``E`` errors, the risks sum to
    :math:`\sum_{j=1}^{m} \frac{E + e j}{n + j} = e\,m + (E - e\,n)(H_{n+m} - H_n)` with the harmonic numbers ``H``.
    """
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, counts.sum(axis=1).max() + 1))])
    found = []
    for drawn, errors in _by_confidence(counts, confidence, ~np.asarray(correct, dtype=bool)):
        rate = errors / np.maximum(drawn, 1)
        before, errors_before = np.cumsum(drawn, axis=1) - drawn, np.cumsum(errors, axis=1) - errors
        risks = rate * drawn + (errors_before - rate * before) * (harmonic[before + drawn] - harmonic[before])
        found.append(risks.sum(axis=1) / drawn.sum(axis=1))
    return np.concatenate(found)


def accuracy_at_coverage(counts: np.ndarray, confidence: np.ndarray, correct: np.ndarray, coverage: float = 0.8) -> np.ndarray:
    """As `risk.accuracy_at_coverage`."""
    found = []
    for drawn, errors in _by_confidence(counts, confidence, ~np.asarray(correct, dtype=bool)):
        reached, wrong = _from_zero(drawn), _from_zero(errors)
        answered = np.maximum(1, np.round(coverage * reached[:, -1]))
        found.append([1 - np.interp(a, x, y) / a for a, x, y in zip(answered, reached, wrong)])
    return np.concatenate(found)


def concordance_correlation(counts: np.ndarray, predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """As `dimensions.concordance_correlation`; NaN where it is not defined."""
    x, y = mean(counts, predictions), mean(counts, labels)
    shared = mean(counts, predictions * labels) - x * y
    spread = mean(counts, predictions**2) - x**2 + mean(counts, labels**2) - y**2 + (x - y) ** 2
    return np.where(spread > 1e-15, 2 * shared / np.maximum(spread, 1e-15), np.nan)


def _binned_gap(counts: np.ndarray, confidence: np.ndarray, happened: np.ndarray, bins: int) -> np.ndarray:
    """As `calibration._binned_gap`: along the sorted rows the sum of (outcome - confidence) is piecewise linear in how many have passed."""
    found = []
    levels = np.unique(confidence)[::-1]
    for drawn, hits in _by_confidence(counts, confidence, happened):
        passed, gap = _from_zero(drawn)[:, ::-1], _from_zero(hits - drawn * levels)[:, ::-1]
        passed, gap = passed[:, :1] - passed, gap[:, :1] - gap  # from the least sure on, as the reference cuts its bins
        for x, y in zip(passed, gap):
            size, larger = divmod(int(x[-1]), bins)  # the first bins have one more, as `numpy.array_split` makes them
            borders = np.arange(bins + 1) * size + np.minimum(np.arange(bins + 1), larger)
            found.append(np.abs(np.diff(np.interp(borders, x, y))).sum() / x[-1])
    return np.array(found)


def _by_confidence(counts: np.ndarray, confidence: np.ndarray, happened: np.ndarray):
    """Some draws at a time: how many rows of each distinct confidence are drawn, the surest first, and with how many it happened."""
    order = np.argsort(-confidence, kind="stable")
    firsts = np.flatnonzero(np.r_[True, np.diff(confidence[order]) != 0])
    at_once = max(1, _CELLS // max(1, len(order)))
    for first in range(0, len(counts), at_once):
        drawn = counts[first : first + at_once, order].astype(np.int64)  # (r, N)
        yield np.add.reduceat(drawn, firsts, axis=1), np.add.reduceat(drawn * happened[order], firsts, axis=1)


def _from_zero(values: np.ndarray) -> np.ndarray:
    """Running sums of each row, 0 first."""
    return np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
