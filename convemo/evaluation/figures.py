"""Every figure of one system on the utterances that are compared: values, and draws for intervals and differences."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from convemo import metrics
from convemo.metrics import resampled
from convemo.metrics.bootstrap import difference, limits

CLASSIFICATION = {
    "accuracy": (metrics.accuracy, resampled.accuracy),
    "uar": (metrics.unweighted_average_recall, resampled.unweighted_average_recall),
    "weighted_f1": (metrics.weighted_f1, resampled.weighted_f1),
    "macro_f1": (metrics.macro_f1, resampled.macro_f1),
}
CALIBRATION = {
    "nll": (metrics.negative_log_likelihood, resampled.negative_log_likelihood),
    "brier": (metrics.brier, resampled.brier),
    "ece": (metrics.expected_calibration_error, resampled.expected_calibration_error),
    "classwise_ece": (metrics.classwise_ece, resampled.classwise_ece),
}
CONFIDENCE = {
    "aurc": (metrics.aurc, resampled.aurc),
    "accuracy_at_80": (metrics.accuracy_at_coverage, resampled.accuracy_at_coverage),
}
SLICED = ("accuracy", "uar", "weighted_f1", "macro_f1", "nll", "ece")
CURVE_POINTS = 100


@dataclass(frozen=True, eq=False)
class Figures:
    """One system. ``S`` seeds (1 if it depends on none), ``N`` utterances, ``K`` labels.

    Where there are several seeds a figure is the mean over them, and so it is within every draw: the interval is that of the mean.
    """

    probabilities: np.ndarray  # (S, N, K)
    references: np.ndarray | None  # (N,); None where only dimensions are known
    sets: np.ndarray | None  # (S, N, K)
    dimensions: Mapping[str, np.ndarray]  # (S, N) each
    dimension_references: Mapping[str, np.ndarray]  # (N,) each

    @cached_property
    def values(self) -> dict[str, np.ndarray]:
        """Metric → ``(S,)``, by the pure functions of `convemo.metrics`."""
        return {name: np.array([value(s) for s in range(len(self.probabilities))]) for name, (value, _) in self._metrics.items()}

    def draws(self, counts: np.ndarray, only: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Metric → ``(R,)``, the mean over seeds on each draw of `bootstrap.draw_counts`; of all metrics, or of those asked for."""
        seeds, wanted = range(len(self.probabilities)), {name: m for name, m in self._metrics.items() if only is None or name in only}
        return {name: np.mean([draw(counts, s) for s in seeds], axis=0) for name, (_, draw) in wanted.items()}

    @cached_property
    def _metrics(self) -> dict[str, tuple[Any, Any]]:
        """Metric → its value for one seed, its draws for one seed."""
        if self.references is None:
            return self._dimension_metrics()
        y, found = self.references, {}
        won = self.probabilities.argmax(axis=2)  # (S, N)
        surest = self.probabilities.max(axis=2)
        confusions: dict[int, np.ndarray] = {}

        def confused(counts: np.ndarray, s: int) -> np.ndarray:
            if s not in confusions:
                confusions[s] = resampled.confusion_matrices(counts, won[s], y, self.probabilities.shape[2])
            return confusions[s]

        for name, (value, draw) in CLASSIFICATION.items():
            found[name] = (lambda s, value=value: value(won[s], y), lambda counts, s, draw=draw: draw(confused(counts, s)))
        for name, (value, draw) in CALIBRATION.items():
            found[name] = (
                lambda s, value=value: value(self.probabilities[s], y),
                lambda counts, s, draw=draw: draw(counts, self.probabilities[s], y),
            )
        for name, (value, draw) in CONFIDENCE.items():
            found[name] = (
                lambda s, value=value: value(surest[s], won[s] == y),
                lambda counts, s, draw=draw: draw(counts, surest[s], won[s] == y),
            )
        if self.sets is not None:
            held, size = self.sets[:, np.arange(len(y)), y].astype(float), self.sets.sum(axis=2).astype(float)  # (S, N) each
            found["set_coverage"] = (lambda s: float(held[s].mean()), lambda counts, s: resampled.mean(counts, held[s]))
            found["set_size"] = (lambda s: float(size[s].mean()), lambda counts, s: resampled.mean(counts, size[s]))
        return found | self._dimension_metrics()

    def _dimension_metrics(self) -> dict[str, tuple[Any, Any]]:
        found = {}
        for name, reference in self.dimension_references.items():
            if name not in self.dimensions:
                continue
            given = self.dimensions[name]  # (S, N)
            there = np.isfinite(reference) & np.isfinite(given).all(axis=0)
            if not there.any():
                continue
            x, y = given[:, there], reference[there]
            found[f"ccc_{name}"] = (
                lambda s, x=x, y=y: metrics.concordance_correlation(x[s], y),
                lambda counts, s, x=x, y=y, there=there: resampled.concordance_correlation(counts[:, there], x[s], y),
            )
            found[f"mae_{name}"] = (
                lambda s, x=x, y=y: metrics.mean_absolute_error(x[s], y),
                lambda counts, s, x=x, y=y, there=there: resampled.mean(counts[:, there], np.abs(x[s] - y)),
            )
        return found

    def summary(self, draws: Mapping[str, np.ndarray], labels: tuple[str, ...]) -> dict[str, Any]:
        """As results.json has a system: metrics with intervals, classes, confusion matrix, reliability, risk and coverage."""
        told = {}
        for name, by_seed in self.values.items():
            low, high = limits(draws[name], float(by_seed.mean()))
            told[name] = {"value": float(by_seed.mean()), "low": low, "high": high, "seeds": by_seed.tolist() if len(by_seed) > 1 else []}
        if self.references is None:
            return {"metrics": told}
        mean, y = self.probabilities.mean(axis=0), self.references
        won, surest = mean.argmax(axis=1), mean.max(axis=1)
        classes = metrics.by_class(won, y, len(labels))
        told["ece"]["by_chance"] = float(np.mean([metrics.calibration_error_by_chance(p) for p in self.probabilities]))
        return {
            "metrics": told,
            "classes": {
                label: {"precision": c.precision, "recall": c.recall, "f1": c.f1, "support": c.support} | self._held(k)
                for k, (label, c) in enumerate(zip(labels, classes))
            },
            "confusion": metrics.confusion_matrix(won, y, len(labels)).tolist(),
            "reliability": [{"confidence": b.confidence, "accuracy": b.accuracy, "count": b.count} for b in metrics.reliability(mean, y)],
            "risk_coverage": metrics.risk_coverage(surest, won == y, CURVE_POINTS).tolist(),
        }

    def _held(self, label: int) -> dict[str, float]:
        """How often the sets of one label's utterances hold it, where sets are promised and there are such utterances."""
        here = self.references == label
        return {} if self.sets is None or not here.any() else {"set_coverage": float(self.sets[:, here, label].mean())}

    def among(self, rows: np.ndarray) -> dict[str, float]:
        """The figures that slices have, on ``(N,)`` booleans or indices of rows; the mean over seeds."""
        p, y = self.probabilities[:, rows], self.references[rows]
        found = {}
        for name in SLICED:
            by_label = name in CLASSIFICATION
            value = (CLASSIFICATION if by_label else CALIBRATION)[name][0]
            found[name] = float(np.mean([value(q.argmax(axis=1) if by_label else q, y) for q in p]))
        return found


def paired(draws: Mapping[str, Mapping[str, np.ndarray]], figures: Mapping[str, Figures]) -> list[dict[str, Any]]:
    """Every later system less every earlier one, on the same draws, for every metric that both have."""
    names = list(figures)
    found = []
    for later in range(1, len(names)):
        for earlier in range(later):
            a, b = names[later], names[earlier]
            for metric in (m for m in figures[a].values if m in figures[b].values):
                value = float(figures[a].values[metric].mean() - figures[b].values[metric].mean())
                d = difference(draws[a][metric] - draws[b][metric], value)
                told = {"difference": d.value, "low": d.low, "high": d.high, "p_value": d.p_value}
                found.append({"a": a, "b": b, "metric": metric} | told)
    return found
