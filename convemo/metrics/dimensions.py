"""Valence, arousal, dominance: how near a number is to the reference."""

from __future__ import annotations

import numpy as np

from convemo.metrics.shapes import checked_values


def concordance_correlation(predictions: np.ndarray, labels: np.ndarray) -> float:
    r"""Agreement of two series in shape, scale and place (CCC).

    .. math:: \rho_c = \frac{2\,\sigma_{xy}}{\sigma_x^2 + \sigma_y^2 + (\mu_x - \mu_y)^2}

    Lin 1989 (doi:10.2307/2532051), with variances over ``N``, as the AVEC challenges use it.

    Args:
        predictions: ``(N,)`` finite numbers.
        labels: ``(N,)`` finite numbers, the reference.

    Returns:
        CCC in ``[-1, 1]``; 1 is perfect. NaN if both series are one and the same constant, where it is not defined.

    Raises:
        ValueError: the vectors are empty, differ in length, or hold NaN or infinity.

    >>> concordance_correlation(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    1.0
    >>> round(concordance_correlation(np.array([0.0, 1.0]), np.array([1.0, 2.0])), 4)
    0.3333
    """
    predictions, labels = checked_values(predictions, labels)
    x, y = predictions - predictions.mean(), labels - labels.mean()
    spread = np.mean(x**2) + np.mean(y**2) + (predictions.mean() - labels.mean()) ** 2
    return float(2 * np.mean(x * y) / spread) if spread > 0 else float("nan")


def mean_absolute_error(predictions: np.ndarray, labels: np.ndarray) -> float:
    """The mean distance of a prediction from its reference, in the unit of both.

    Args:
        predictions: ``(N,)`` finite numbers.
        labels: ``(N,)`` finite numbers, the reference.

    Returns:
        MAE, 0 or more; 0 is perfect.

    Raises:
        ValueError: the vectors are empty, differ in length, or hold NaN or infinity.

    >>> mean_absolute_error(np.array([0.5, -0.5]), np.array([0.0, 0.0]))
    0.5
    """
    predictions, labels = checked_values(predictions, labels)
    return float(np.abs(predictions - labels).mean())
