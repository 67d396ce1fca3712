"""What every metric asks of its input before it computes anything."""

from __future__ import annotations

import numpy as np

ROW_SUM_TOLERANCE = 1e-3
"""Room for probabilities that were saved with five decimals and several classes."""


def checked_classes(predictions: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two equally long, non-empty vectors of class indices.

    Raises:
        ValueError: they are empty, of different shape, not one-dimensional, not whole numbers, or negative.
    """
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.ndim != 1 or predictions.shape != labels.shape or not len(labels):
        raise ValueError(f"expected two equally long, non-empty vectors, found shapes {predictions.shape} and {labels.shape}")
    for name, values in (("predictions", predictions), ("labels", labels)):
        if not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
            raise ValueError(f"expected class indices from 0 in {name}, found {values.dtype} with minimum {values.min()}")
    return predictions, labels


def checked_probabilities(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An ``(N, K)`` matrix whose rows are distributions, and ``(N,)`` class indices below ``K``.

    Raises:
        ValueError: shapes disagree, ``N`` is 0, a row is no distribution, or a label is out of range.
    """
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != (len(probabilities),) or not len(labels):
        raise ValueError(f"expected (N, K) probabilities and (N,) labels with N > 0, found {probabilities.shape} and {labels.shape}")
    if not (probabilities >= 0).all() or not np.allclose(probabilities.sum(axis=1), 1.0, atol=ROW_SUM_TOLERANCE):
        raise ValueError("expected rows of probabilities that are not negative and sum to 1, found others")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"expected class indices in [0, {probabilities.shape[1]}), found {labels.dtype} in [{labels.min()}, {labels.max()}]"
        )
    return probabilities, labels


def checked_values(predictions: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two equally long, non-empty vectors of finite numbers.

    Raises:
        ValueError: they are empty, of different shape, not one-dimensional, or not finite.
    """
    predictions, labels = np.asarray(predictions, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if predictions.ndim != 1 or predictions.shape != labels.shape or not len(labels):
        raise ValueError(f"expected two equally long, non-empty vectors, found shapes {predictions.shape} and {labels.shape}")
    if not (np.isfinite(predictions).all() and np.isfinite(labels).all()):
        raise ValueError("expected finite numbers, found NaN or infinity: leave out what has no reference or no score")
    return predictions, labels
