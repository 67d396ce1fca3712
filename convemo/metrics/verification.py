"""Whether two voices are one: how often a score that should tell is wrong."""

from __future__ import annotations

import numpy as np


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    r"""The share of errors at the threshold where both kinds are equally frequent.

    .. math:: \mathrm{EER} = P(s \ge \theta \mid \text{different}) = P(s < \theta \mid \text{same})

    The usual figure of speaker verification (Martin et al. 1997, "The DET curve in assessment of detection task performance",
    Eurospeech). Between two thresholds the two rates are averaged where they come closest.

    Args:
        scores: ``(N,)``, higher where the two voices are more alike.
        same: ``(N,)`` booleans: whether they are one speaker's.

    Returns:
        0 is perfect, 0.5 is chance.

    Raises:
        ValueError: shapes disagree, or one of the two kinds is missing.

    >>> equal_error_rate(np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, True, False, False]))
    0.0
    >>> equal_error_rate(np.array([0.9, 0.1, 0.8, 0.2]), np.array([True, True, False, False]))
    0.5
    """
    scores, same = np.asarray(scores), np.asarray(same, bool)
    if scores.shape != same.shape or scores.ndim != 1:
        raise ValueError(f"expected two arrays of one length, found {scores.shape} and {same.shape}")
    if same.all() or not same.any():
        raise ValueError("expected pairs of one speaker and pairs of two, found one kind only")
    ranked = same[np.argsort(-scores, kind="stable")]
    false_alarm = np.concatenate([[0.0], np.cumsum(~ranked) / (~same).sum()])
    missed = np.concatenate([[1.0], 1 - np.cumsum(ranked) / same.sum()])
    nearest = np.argmin(np.abs(false_alarm - missed))
    return float((false_alarm[nearest] + missed[nearest]) / 2)
