"""The metrics of the protocol as people read them: a name, which way is better, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from convemo.metrics import Interval


@dataclass(frozen=True, slots=True)
class Measure:
    """How one metric is shown."""

    title: str
    higher_is_better: bool
    percent: bool
    """Whether it is a share, shown times 100."""
    meaning: str
    """One sentence for who has not met it."""

    def show(self, value: float | None, *, signed: bool = False) -> str:
        """The value with the digits that it deserves: one decimal of a percentage, three of anything else.

        >>> MEASURES["weighted_f1"].show(0.61249), MEASURES["nll"].show(-0.0214, signed=True), MEASURES["nll"].show(None)
        ('61.2', '−0.021', '–')
        """
        if value is None or value != value:
            return "–"
        scaled, digits = (100 * value, 1) if self.percent else (value, 3)
        shown = f"{scaled:+.{digits}f}" if signed else f"{scaled:.{digits}f}"
        return (shown if shown.strip("+-0.") else shown.replace("-", "")).replace("-", "−")

    @property
    def unit(self) -> str:
        """What a difference of it is counted in."""
        return "points" if self.percent else ""

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.higher_is_better else "↓"


MEASURES = {
    "weighted_f1": Measure("weighted F1", True, True, "F1 of each emotion, averaged by how often it occurs; the usual figure of papers."),
    "uar": Measure("UAR", True, True, "Recall of each emotion, averaged with equal weight: rare ones count as much as “neutral”."),
    "macro_f1": Measure("macro F1", True, True, "F1 of each emotion, averaged with equal weight."),
    "accuracy": Measure("accuracy", True, True, "Share of utterances whose likeliest label is right."),
    "nll": Measure("NLL", False, False, "Negative log-likelihood in nats: how surprised the probabilities are by the truth."),
    "brier": Measure("Brier", False, False, "Squared distance of the probabilities from the truth, 0 to 2."),
    "ece": Measure("ECE", False, True, "How far confidence is from accuracy on average: 0 if “70 % sure” is right 70 % of the time."),
    "classwise_ece": Measure("classwise ECE", False, True, "The same for the probability of every emotion, averaged."),
    "aurc": Measure("AURC", False, True, "Error rate among the surest, averaged over every share that is answered."),
    "accuracy_at_80": Measure("accuracy at 80 % coverage", True, True, "Accuracy when the least sure fifth goes unanswered."),
    "set_coverage": Measure("set coverage", True, True, "How often the prediction set holds the truth, to be compared with its promise."),
    "set_size": Measure("set size", False, False, "How many labels a prediction set holds; fewer say more."),
    "f1": Measure("F1", True, True, "Harmonic mean of precision and recall of one emotion."),
    "ccc_valence": Measure("valence CCC", True, False, "Concordance of valence with its reference, −1 to 1."),
    "ccc_arousal": Measure("arousal CCC", True, False, "Concordance of arousal with its reference, −1 to 1."),
    "ccc_dominance": Measure("dominance CCC", True, False, "Concordance of dominance with its reference, −1 to 1."),
    "mae_valence": Measure("valence MAE", False, False, "Mean distance of valence from its reference."),
    "mae_arousal": Measure("arousal MAE", False, False, "Mean distance of arousal from its reference."),
    "mae_dominance": Measure("dominance MAE", False, False, "Mean distance of dominance from its reference."),
}
"""Metric → how it is shown, in the order of every table."""


def measure(name: str) -> Measure:
    """How a metric is shown; one that is not known here by its own name.

    >>> measure("top_3").title
    'top 3'
    """
    return MEASURES.get(name) or Measure(name.replace("_", " "), not name.startswith(("mae", "ece", "nll")), False, "")


def interval_text(name: str, value: float | None, low: float | None, high: float | None, *, signed: bool = False) -> str:
    """A figure with its limits, e.g. ``61.2 [59.0, 63.3]``."""
    of = measure(name)
    limits = f" [{of.show(low, signed=signed)}, {of.show(high, signed=signed)}]" if low is not None and high is not None else ""
    return of.show(value, signed=signed) + limits


def verdict(name: str, difference: Mapping[str, float | None]) -> int:
    """1 if a difference is an improvement, -1 if it is the contrary, 0 if the data do not tell.

    They tell where the interval leaves out zero with the digits that it is shown with, and so does the difference: a hundredth of a point
    can be sure and is nothing all the same.

    Args:
        name: the metric.
        difference: ``difference``, ``low`` and ``high``, as ``paired`` of results.json has them.

    >>> def told(name, difference, low, high):
    ...     return verdict(name, {"difference": difference, "low": low, "high": high})
    >>> told("weighted_f1", 0.02, 0.01, 0.03), told("nll", 0.02, 0.01, 0.03), told("nll", 0.01, -0.01, 0.03)
    (1, -1, 0)
    >>> told("uar", -0.0003, -0.0009, -0.0001)  # shown as 0.0 [-0.1, 0.0]
    0
    """
    low, high, of = difference["low"], difference["high"], measure(name)
    shown = [of.show(value).strip("−0.") for value in (low, difference["difference"], high)]
    if low is None or high is None or low * high <= 0 or not all(shown):
        return 0
    return 1 if (low > 0) == of.higher_is_better else -1


def as_record(interval: Interval) -> dict[str, float]:
    """An interval as results.json has it."""
    return {"value": interval.value, "low": interval.low, "high": interval.high}
