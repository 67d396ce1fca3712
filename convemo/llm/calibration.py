"""What a model prefers before it has read anything, taken out of its answers.

Averaging over the orders of the options takes out that a model likes some places and letters. It also likes some labels, whatever was
said. Two published ways to take that out, neither of which needs labelled data:

*Null input* (contextual calibration, Zhao et al. 2021, arXiv:2102.09690). The same question about nothing at all, and

.. math:: \\ln q(k) = \\ln p(k \\mid u) - \\ln \\bar p(k \\mid \\text{nothing}) + \\mathrm{const}

*Batch* (batch calibration, Zhou et al. 2023, arXiv:2309.17249). The same with the mean over utterances in the place of the answer to
nothing. Here the mean is causal: over the conversation up to and with the utterance, from equal shares that count for `PRIOR_UTTERANCES`.
It assumes that the labels are equally frequent, which in most conversations they are not.

Both leave the last word to fusion, which learns how sure the result may be from labelled turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

Calibration = Literal["none", "null", "batch"]
CALIBRATIONS: tuple[str, ...] = get_args(Calibration)
PRIOR_UTTERANCES = 10.0
"""What equal shares count for in the mean that batch calibration takes out, so that the first utterances are not judged by themselves."""
FLOOR = -20.0
"""Natural logarithm of the least probability that an answer may give, 2e-9: a model that excludes a label for certain is not believed."""


def normalised(log_probs: np.ndarray) -> np.ndarray:
    """``(…, K)`` log-probabilities that sum to one, none below `FLOOR` before that.

    >>> np.exp(normalised(np.array([0.0, 0.0, -np.inf]))).round(3).tolist()
    [0.5, 0.5, 0.0]
    """
    summed = log_probs - np.logaddexp.reduce(log_probs, axis=-1, keepdims=True)
    floored = np.maximum(summed, FLOOR)
    return floored - np.logaddexp.reduce(floored, axis=-1, keepdims=True)


def pooled(log_probs: Sequence[np.ndarray]) -> np.ndarray:
    """One opinion ``(K,)`` from the answers to the same question in several orders, columns in label order.

    The mean of the logarithms: what a place adds to the log-odds of whatever label stands in it cancels when every label has stood
    in every place, which it does not in a mean of probabilities.

    >>> np.exp(pooled([np.log([0.8, 0.2]), np.log([0.2, 0.8])])).tolist()
    [0.5, 0.5]
    """
    return normalised(np.mean(log_probs, axis=0))


def against_null(log_probs: np.ndarray, null: np.ndarray) -> np.ndarray:
    """An answer ``(K,)`` against the mean probabilities ``(K,)`` of the answers to nothing, given as logarithms."""
    return normalised(log_probs - null)


def against_batch(log_probs: np.ndarray) -> np.ndarray:
    """Each of the ``(N, K)`` opinions of a conversation, in its order, against the mean of those up to and with itself.

    >>> always_joy = np.log([[0.9, 0.1]] * 200)
    >>> np.exp(against_batch(always_joy))[-1].round(2).tolist()
    [0.55, 0.45]
    """
    count, width = np.arange(1, len(log_probs) + 1)[:, None], log_probs.shape[1]
    mean = (np.cumsum(np.exp(log_probs), axis=0) + PRIOR_UTTERANCES / width) / (count + PRIOR_UTTERANCES)
    return normalised(log_probs - np.log(mean))
