"""One channel's scores made to mean what they say."""

from __future__ import annotations

import numpy as np

from convemo.fusion.loglinear import fit_weights, log_softmax

SHARPEST, FLATTEST = 0.05, 50.0
"""Bounds of a temperature: beyond the flattest a channel says nothing, and its weight in the pool should say so instead."""


class Temperature:
    r"""Temperature scaling.

    .. math:: \ln p'(k) = \ln \mathrm{softmax}_k\!\left(\ln p(k) / \tau\right)

    Guo et al. 2017, arXiv:1706.04599. A class that never occurs in the labels (a data set that knows no "surprise") takes no part in the
    fit: probability given to it is no mistake that these labels could show. How often each label occurs is not corrected here but once, in
    the pool: corrected in every channel, the shares of the labels would count as often as there are channels.

    Args:
        strength: how many utterances' worth of evidence holds temperature 1 (L2).

    Attributes:
        temperature_: learned, above 0; above 1 the channel was too sure of itself.

    >>> boastful = np.log([[0.9, 0.1]] * 100)
    >>> calibrator = Temperature(strength=0.0).fit(boastful, np.array([0] * 70 + [1] * 30))
    >>> round(calibrator.temperature_, 2), np.exp(calibrator.predict_log_proba(boastful))[0].round(2).tolist()
    (2.59, [0.7, 0.3])
    """

    def __init__(self, *, strength: float = 10.0):
        self.strength = strength
        self.temperature_: float = 1.0

    def fit(self, log_probs: np.ndarray, labels: np.ndarray, sample_weights: np.ndarray | None = None) -> Temperature:
        """Learns from ``(N, K)`` log-probabilities and ``(N,)`` class indices by negative log-likelihood.

        Raises:
            ValueError: there are no rows.
        """
        if not len(labels):
            raise ValueError("expected at least one labelled row, found none")
        occurring, targets = np.unique(labels, return_inverse=True)
        (sharpness,) = fit_weights(
            log_probs[None, :, occurring],
            targets,
            prior=np.ones(1),
            strength=self.strength,
            lower=1 / FLATTEST,
            sample_weights=sample_weights,
        )
        self.temperature_ = float(max(1 / sharpness, SHARPEST))
        return self

    def predict_log_proba(self, log_probs: np.ndarray) -> np.ndarray:
        """``(N, K)`` calibrated log-probabilities, rows normalised.

        >>> np.exp(Temperature().predict_log_proba(np.log([[0.8, 0.2]]))).round(3).tolist()
        [[0.8, 0.2]]
        """
        return log_softmax(log_probs / self.temperature_)
