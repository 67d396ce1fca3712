"""Prediction sets: how often they hold the truth, and how much they leave open."""

from __future__ import annotations

import numpy as np


def set_coverage(sets: np.ndarray, labels: np.ndarray) -> float:
    """The share of prediction sets that hold the reference label.

    Args:
        sets: ``(N, K)`` booleans: whether a label is in the set.
        labels: ``(N,)`` class indices in ``[0, K)``.

    Returns:
        Coverage in ``[0, 1]``, to be compared with the level that the sets promise.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, or a label is out of range.

    >>> set_coverage(np.array([[True, True], [True, False]]), np.array([1, 1]))
    0.5
    """
    sets, labels = _checked_labels(sets, labels)
    return float(sets[np.arange(len(labels)), labels].mean())


def set_coverage_by_class(sets: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The share of prediction sets that hold the reference, for the references of each class apart (class-conditional coverage).

    Sets that keep their promise on average may break it for a rare class (Vovk 2012, arXiv:1209.2673).

    Args:
        sets: ``(N, K)`` booleans: whether a label is in the set.
        labels: ``(N,)`` class indices in ``[0, K)``.

    Returns:
        ``(K,)`` coverage in ``[0, 1]``; NaN for a class that does not occur.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, or a label is out of range.

    >>> set_coverage_by_class(np.array([[True, True], [True, False]]), np.array([1, 1])).tolist()
    [nan, 0.5]
    """
    sets, labels = _checked_labels(sets, labels)
    held = sets[np.arange(len(labels)), labels]
    support = np.bincount(labels, minlength=sets.shape[1])
    return np.where(support > 0, np.bincount(labels, weights=held, minlength=sets.shape[1]) / np.maximum(support, 1), np.nan)


def mean_set_size(sets: np.ndarray) -> float:
    """How many labels a prediction set holds on average.

    Args:
        sets: ``(N, K)`` booleans: whether a label is in the set.

    Returns:
        Size in ``[0, K]``; at equal coverage, smaller says more.

    Raises:
        ValueError: `sets` is no matrix, or ``N`` is 0.

    >>> mean_set_size(np.array([[True, True], [True, False]]))
    1.5
    """
    return float(_checked(sets).sum(axis=1).mean())


def _checked(sets: np.ndarray) -> np.ndarray:
    sets = np.asarray(sets, dtype=bool)
    if sets.ndim != 2 or not len(sets):
        raise ValueError(f"expected (N, K) booleans with N > 0, found shape {sets.shape}")
    return sets


def _checked_labels(sets: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sets, labels = _checked(sets), np.asarray(labels)
    if labels.shape != (len(sets),) or labels.min() < 0 or labels.max() >= sets.shape[1]:
        raise ValueError(f"expected ({len(sets)},) class indices below {sets.shape[1]}, found shape {labels.shape}")
    return sets, labels
