"""Sets of labels that hold the truth as often as promised, and silence where errors would be too many."""

from __future__ import annotations

import math

import numpy as np

CONFIDENCE_Z = 1.645
"""One-sided 95 %: how sure to be that the risk is kept before an answer is given."""


class ConformalSets:
    """Class-conditional split-conformal prediction sets.

    A label is in the set if its probability is no lower than what all but one in ten calibration utterances *of that label* had. Sets of
    exchangeable data then hold the truth with at least the chosen coverage for every label, not just on average (Vovk 2012,
    arXiv:1209.2673; Mondrian). The winning label is always in, so no set is empty. Labels with fewer than `fewest` examples share the
    threshold that they have together (as Ding et al. 2023 do with clusters of classes, arXiv:2306.09335); if together, too, they are
    too few, that of all labels, which promises nothing for them.

    Args:
        coverage: promised share of sets that hold the truth, in ``(0, 1)``.

    Attributes:
        thresholds_: ``(K,)`` least probability with which each label enters.

    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]])
    >>> sets = ConformalSets(coverage=0.5).fit(p, np.array([0, 0, 0, 1]))
    >>> sets.predict(np.array([[0.65, 0.35], [0.1, 0.9]])).tolist()
    [[True, False], [False, True]]
    """

    def __init__(self, *, coverage: float = 0.9):
        self.coverage = coverage
        self.thresholds_: np.ndarray = np.zeros(0)

    def fit(self, probabilities: np.ndarray, labels: np.ndarray, repeats: int = 1) -> ConformalSets:
        """Learns from ``(N, K)`` probabilities and ``(N,)`` class indices that took no part in the training of the scores.

        Args:
            probabilities: held-out posteriors.
            labels: the references.
            repeats: how often each utterance occurs in them (random compositions of one dialogue are not new evidence).
        """
        given = probabilities[np.arange(len(labels)), labels]
        counts, least = np.bincount(labels, minlength=probabilities.shape[1]), fewest(self.coverage) * repeats
        rare = counts < least
        among_rare = rare[labels] if counts[rare].sum() >= least else slice(None)
        self.thresholds_ = np.full(probabilities.shape[1], _threshold(given[among_rare], self.coverage, repeats))
        for k in np.flatnonzero(~rare):
            self.thresholds_[k] = _threshold(given[labels == k], self.coverage, repeats)
        return self

    def predict(self, probabilities: np.ndarray) -> np.ndarray:
        """``(N, K)`` booleans: the labels in each row's set."""
        return label_sets(probabilities, self.thresholds_)


def fewest(coverage: float) -> int:
    """The fewest calibration examples from which a coverage can be promised: with fewer, even their least probability is too high.

    >>> fewest(0.9), fewest(0.95)
    (9, 19)
    """
    return math.ceil(round(coverage / (1 - coverage), 9))


def label_sets(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """``(N, K)`` booleans: labels at or above their threshold, and always the winning one.

    >>> label_sets(np.array([[0.5, 0.3, 0.2]]), np.array([0.6, 0.25, 0.25])).tolist()
    [[True, True, False]]
    """
    winning = np.eye(probabilities.shape[1], dtype=bool)[probabilities.argmax(axis=1)]
    return (probabilities >= thresholds) | winning


def _threshold(given: np.ndarray, coverage: float, repeats: int) -> float:
    """The probability that all but ``1 - coverage`` of the true labels reach, with the correction for a finite sample; 0 if too few."""
    distinct = len(given) // repeats
    rank = math.ceil((distinct + 1) * coverage)  # how many of `distinct` must be in
    if rank > distinct:
        return 0.0
    descending = np.sort(given)[::-1]
    return float(descending[min(rank * repeats, len(descending)) - 1])


def abstention_threshold(confidence: np.ndarray, correct: np.ndarray, risk: float, repeats: int = 1) -> float:
    """The least confidence at which to answer, so that at most a share `risk` of the answers is wrong.

    Goes from the surest down and takes the largest coverage at which the upper limit of the error rate (Wilson 1927,
    doi:10.1080/01621459.1927.10502953, one-sided 95 %) is within the risk, in the spirit of Geifman & El-Yaniv 2017 (arXiv:1705.08500).

    Args:
        confidence: ``(N,)`` held-out probability of the winning label.
        correct: ``(N,)`` booleans.
        risk: greatest share of wrong answers, in ``(0, 1)``.
        repeats: how often each utterance occurs.

    Returns:
        A threshold in ``[0, 1]``. 1 if the risk is kept nowhere: then only certainty is answered.

    >>> confidence = np.linspace(0, 1, 1001)
    >>> 0.3 < abstention_threshold(confidence, confidence > 0.4, risk=0.1) < 0.4
    True
    """
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1) / repeats
    errors = np.cumsum(~np.asarray(correct, dtype=bool)[order]) / np.arange(1, len(order) + 1)
    z2 = CONFIDENCE_Z**2
    spread = CONFIDENCE_Z * np.sqrt(errors * (1 - errors) / answered + z2 / (4 * answered**2))
    upper = (errors + z2 / (2 * answered) + spread) / (1 + z2 / answered)
    kept = np.flatnonzero(upper <= risk)
    return float(confidence[order[kept[-1]]]) if len(kept) else 1.0
