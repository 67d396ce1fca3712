"""A decision rule, for when not every mistake counts alike: what is made of probabilities before the largest is taken.

The label with the largest probability is right most often, but a rare label then hardly ever comes first. Where recall or F1 of every label
is to count, the best choice is the largest ``scale · p + shift`` (Narasimhan et al. 2015, "Consistent multiclass algorithms for complex
performance measures", ICML; for one label it is the threshold at half the F1 of Lipton et al. 2014, arXiv:1402.1892). What comes out
sums to 1 again, but no longer says how often a label is right: a fusion should start from the probabilities before the rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

import numpy as np

from convemo.metrics import weighted_f1

Aim = Literal["probability", "weighted_f1", "uar"]
ROUNDS = 60
"""The rule depends on the F1 that it gives, so both are found in turns; they settle within twenty."""
STEP = 0.1
"""How much of each turn's finding enters."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``(K,)`` numbers each, the same for every utterance."""

    scale: np.ndarray
    shift: np.ndarray
    """At least 0."""

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """``(…, K)``, rows summing to 1 as they did.

        >>> Rule(np.array([1.0, 9.0]), np.zeros(2))(np.array([[0.9, 0.1]])).tolist()
        [[0.5, 0.5]]
        """
        moved = probabilities * self.scale + self.shift
        return moved / moved.sum(axis=-1, keepdims=True)


def rule_for(aim: Aim, probabilities: np.ndarray, labels: np.ndarray) -> Rule:
    """The rule that serves an aim, as probabilities on utterances that the model was not trained on show it.

    Args:
        aim: ``"probability"``: none; ``"uar"``: each label as if all were equally frequent; ``"weighted_f1"``: the largest weighted F1.
        probabilities: ``(N, K)``.
        labels: ``(N,)`` class indices.

    >>> rule_for("uar", np.array([[0.9, 0.1]] * 4), np.array([0, 0, 0, 1])).scale.tolist()
    [0.5, 1.5]
    """
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    share = np.maximum(counts, 1) / len(labels)
    even = Rule(1 / share / (1 / share).mean(), np.zeros(len(share)))
    if aim == "probability":
        return _none(len(share))
    return even if aim == "uar" else _for_weighted_f1(probabilities, labels, counts, Rule(share**-0.5, even.shift))


def _none(labels: int) -> Rule:
    return Rule(np.ones(labels), np.zeros(labels))


def _for_weighted_f1(probabilities: np.ndarray, labels: np.ndarray, counts: np.ndarray, start: Rule) -> Rule:
    """Each label's gain for one more utterance given to it: right ones add, all of them divide."""
    chosen, gain, cost = start(probabilities).argmax(axis=1), None, None
    best, found = max(
        ((rule, weighted_f1(rule(probabilities).argmax(axis=1), labels)) for rule in (_none(len(counts)), start)), key=itemgetter(1)
    )
    for _ in range(ROUNDS):
        given = np.bincount(chosen, minlength=len(counts))
        right = np.bincount(chosen[chosen == labels], minlength=len(counts))
        reach = np.maximum(counts + given, 1)
        f1_gain, f1_cost = 2 * counts / len(labels) / reach, 2 * counts / len(labels) * right / reach**2
        gain = f1_gain if gain is None else (1 - STEP) * gain + STEP * f1_gain
        cost = f1_cost if cost is None else (1 - STEP) * cost + STEP * f1_cost
        rule = Rule(gain / gain.mean(), (cost.max() - cost) / gain.mean())
        chosen = rule(probabilities).argmax(axis=1)
        if (f1 := weighted_f1(chosen, labels)) > found:
            best, found = rule, f1
    return best
