"""One evaluation from beginning to end: score, fit, judge, count."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from convemo import __version__
from convemo.errors import ConfigError
from convemo.evaluation.benchmark import Benchmark
from convemo.evaluation.conditions import Conditions
from convemo.evaluation.figures import Figures, paired
from convemo.evaluation.fits import FIT, Fits, Judgement, fit_systems, judgements
from convemo.evaluation.lineup import Lineup, Progress, System
from convemo.evaluation.slices import MIN_UTTERANCES, slices, values_of
from convemo.metrics.bootstrap import RESAMPLES, draw_counts

SCHEMA = 1
PACKAGES = ("numpy", "onnxruntime", "tokenizers", "soxr", "av", "torch", "transformers")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What came of it."""

    results: dict[str, Any]
    """As results.json: see docs/evaluation.md."""
    predictions: list[dict[str, Any]]
    """One record for each labelled utterance, as predictions.jsonl."""


def evaluate(
    benchmark: Benchmark,
    lineup: Lineup,
    conditions: Conditions | None = None,
    *,
    fits: Fits | None = None,
    fusion: str = FIT,
    resamples: int = RESAMPLES,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Every system of a line-up on the same utterances.

    Args:
        benchmark: the data.
        lineup: the systems; what its channels have said of these data under these conditions before is not asked again.
        conditions: how data reach the channels; as they are if not given.
        fits: systems that were fitted before, by `fit_systems`; if not given they are fitted here, under the same conditions.
        fusion: as `fit_systems`.
        resamples: draws of the bootstrap.
        command: for the record.
        progress: told of every step.

    Raises:
        ConfigError: nothing is scored by all systems, or there is too little to fit on.
        ConvemoError: a channel broke, or a clip cannot be read.
    """
    conditions = conditions or Conditions()
    scored = lineup.score(benchmark.split, benchmark.test, conditions, progress)
    fits = fits or fit_systems(benchmark, lineup, (conditions,), fusion=fusion, progress=progress)
    said = {system.name: _Said.of(system, benchmark, by_seed) for system, by_seed in judgements(lineup, fits, scored)}
    heard = {name: answers for name, answers in said.items() if answers.scored.any()}
    compared = _compared(said, heard)
    units = _units(benchmark)[compared]
    figures = {name: answers.figures(compared) for name, answers in heard.items()}
    draws = _draws(figures, draw_counts(units, resamples), progress)
    results = {
        "schema": SCHEMA,
        "convemo": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "suite": benchmark.suite,
        "data": _data(benchmark, compared),
        "labels": [] if benchmark.dimensional else list(benchmark.labels),
        "conditions": conditions.described,
        "seeds": list(lineup.seeds),
        "resamples": resamples,
        "unit": benchmark.unit,
        "units": len(np.unique(units)),
        "systems": {
            system.name: {
                "models": _models(system, lineup),
                "calibrated": _calibrated(system, fits) if system.name in heard and not benchmark.dimensional else None,
                "scored": int(said[system.name].scored.sum()),
                "reasons": dict(said[system.name].reasons.most_common()),
                **(figures[system.name].summary(draws[system.name], benchmark.labels) if system.name in heard else {"metrics": {}}),
            }
            for system in lineup.systems
        },
        "paired": paired(draws, figures),
        "slices": {} if benchmark.dimensional else _slices(benchmark, figures, heard, compared),
        "fusion": fits.parameters,
        "provenance": _provenance(lineup, fits),
    }
    return Evaluation(plain(results), plain(_predictions(benchmark, said)))


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What one system says of the ``N`` labelled utterances, for ``S`` seeds."""

    probabilities: np.ndarray  # (S, N, K)
    scored: np.ndarray  # (N,)
    reasons: Counter[str]
    sets: np.ndarray | None  # (S, N, K)
    dimensions: Mapping[str, np.ndarray]  # (S, N)
    references: np.ndarray | None  # (N,)
    dimension_references: Mapping[str, np.ndarray]  # (N,)

    @classmethod
    def of(cls, system: System, benchmark: Benchmark, by_seed: Sequence[Sequence[Judgement]]) -> _Said:
        labelled = np.array([benchmark.counts(u) for d in benchmark.test for u in d], dtype=bool)
        references = [u for d in benchmark.test for u in d if benchmark.counts(u)]
        reasons = [[r for judged in judgements for r in judged.reasons] for judgements in by_seed]  # S lists of all utterances
        why_not = [next((r for r in column if r is not None), None) for column in zip(*reasons)]
        why_not = [r for r, there in zip(why_not, labelled) if there]
        names = dict.fromkeys(n for judged in by_seed[0] for n in judged.dimensions)
        promised = all(j.sets is not None for judgements in by_seed for j in judgements if any(r is None for r in j.reasons))

        def stacked(arrays) -> np.ndarray:  # (S, N, …) of the labelled
            return np.array([np.concatenate(of_seed)[labelled] for of_seed in arrays])

        known = dict.fromkeys(n for u in references for n in u.dimensions or ())
        return cls(
            probabilities=stacked([[j.probabilities for j in judgements] for judgements in by_seed]),
            scored=np.array([r is None for r in why_not], dtype=bool),
            reasons=Counter(r for r in why_not if r is not None),
            sets=stacked([[_sets(j) for j in judgements] for judgements in by_seed]) if promised else None,
            dimensions={
                n: stacked([[j.dimensions.get(n, np.full(len(j.reasons), np.nan)) for j in judgements] for judgements in by_seed])
                for n in names
            },
            references=None if benchmark.dimensional else np.array([benchmark.labels.index(u.label) for u in references]),
            dimension_references={n: np.array([(u.dimensions or {}).get(n, np.nan) for u in references]) for n in known},
        )

    def figures(self, rows: np.ndarray) -> Figures:
        """On these rows, all of which it has scored."""
        return Figures(
            self.probabilities[:, rows],
            None if self.references is None else self.references[rows],
            None if self.sets is None else self.sets[:, rows],
            {name: values[:, rows] for name, values in self.dimensions.items()},
            {name: values[rows] for name, values in self.dimension_references.items()},
        )


def _compared(said: Mapping[str, _Said], heard: Mapping[str, _Said]) -> np.ndarray:
    """``(N,)`` which labelled utterances are counted: those that every system scores that scores any.

    Raises:
        ConfigError: there are none.
    """
    compared = np.logical_and.reduce([answers.scored for answers in heard.values()]) if heard else np.zeros(0, bool)
    if not compared.any():
        reasons = "; ".join(f"{name}: {_most_common(s.reasons)}" for name, s in said.items() if not s.scored.all())
        raise ConfigError("utterances that all systems score", f"none ({reasons})", "Leave out a system that cannot score these data.")
    return compared


def _draws(figures: Mapping[str, Figures], counts: np.ndarray, progress: Progress | None) -> dict[str, dict[str, np.ndarray]]:
    """System → metric → ``(R,)``, in each draw of the bootstrap."""
    draws = {}
    for done, (name, figure) in enumerate(figures.items(), 1):
        draws[name] = figure.draws(counts)
        if progress is not None:
            progress("counting", done, len(figures))
    return draws


def _data(benchmark: Benchmark, compared: np.ndarray) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "sha256": benchmark.sha256,
        "split": benchmark.split,
        "dialogues": len(benchmark.test),
        "utterances": sum(map(len, benchmark.test)),
        "labelled": len(compared),
        "compared": int(compared.sum()),
    }


def _sets(judged: Judgement) -> np.ndarray:
    return np.zeros(judged.probabilities.shape, bool) if judged.sets is None else judged.sets


def _units(benchmark: Benchmark) -> np.ndarray:
    return np.array([benchmark.unit_of(d, u.speaker) for d in benchmark.test for u in d if benchmark.counts(u)], dtype=object).astype(str)


def _slices(benchmark: Benchmark, figures: Mapping[str, Figures], said: Mapping[str, _Said], compared: np.ndarray) -> dict[str, Any]:
    found: dict[str, Any] = {}
    places = np.cumsum(compared) - 1  # row among all labelled → row among the compared
    for kind, of_row in slices(benchmark).items():
        for value, rows in values_of(of_row, compared):
            systems = {name: figure.among(places[rows]) for name, figure in figures.items()}
            found.setdefault(kind, {})[value] = {"utterances": int(rows.sum()), "systems": systems}
    # Who lacks a score is a slice too, in which only the others can be counted.
    missing: dict[tuple[str, ...], np.ndarray] = {}
    scored = np.array([s.scored for s in said.values()])  # (systems, N)
    for column in np.unique(scored, axis=1).T:
        lacking = tuple(name for name, there in zip(said, column) if not there)
        missing[lacking] = (scored == column[:, None]).all(axis=0)
    for lacking, rows in sorted(missing.items(), key=lambda item: -item[1].sum()):
        if len(missing) > 1 and len(lacking) < len(said) and rows.sum() >= MIN_UTTERANCES:
            systems = {name: s.figures(rows).among(np.arange(rows.sum())) for name, s in said.items() if name not in lacking}
            found.setdefault("missing", {})[", ".join(lacking) or "none"] = {"utterances": int(rows.sum()), "systems": systems}
    return found


def _models(system: System, lineup: Lineup) -> dict[str, Any]:
    """Channel → the model that scored; where there is one a seed, the first, and all under ``seeds``."""
    models = {}
    for name in system.channels:
        seeds = [seed for seed in lineup.seeds if (name, seed) in lineup.channels]
        told = {str(seed): lineup.channel(name, seed).model for seed in seeds or [None]}
        described = {seed: {"id": m.id, "sha256": m.sha256} for seed, m in told.items()}
        models[name] = next(iter(described.values())) | ({"seeds": described} if seeds else {})
    return models


def _calibrated(system: System, fits: Fits) -> str | None:
    """What its probabilities were calibrated on, if on anything."""
    parameters = [judge.parameters for (name, _, _), judge in fits.judges.items() if name == system.name]
    known = all(p.get("temperature") or set(p.get("temperatures", ())) >= set(system.channels) for p in parameters)
    return fits.source if known else None


def _provenance(lineup: Lineup, fits: Fits) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "convemo": __version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "machine": platform.machine(),
        "channels": dict(lineup.specs),
        "notes": [*lineup.notes, *fits.notes],
    }


def _predictions(benchmark: Benchmark, said: Mapping[str, _Said]) -> list[dict[str, Any]]:
    """Mean over seeds, to five decimals; null where a system has no score."""
    means = {name: np.round(s.probabilities.mean(axis=0), 5) for name, s in said.items()}
    labelled = [(d, u) for d in benchmark.test for u in d if benchmark.counts(u)]
    kinds = {} if benchmark.dimensional else slices(benchmark)
    return [
        {
            "dialogue": d.id,
            "utterance": u.id,
            "unit": benchmark.unit_of(d, u.speaker),
            "label": u.label,
            "slices": {kind: str(values[row]) for kind, values in kinds.items() if values[row]},
            "systems": {name: means[name][row].tolist() if said[name].scored[row] else None for name in said},
        }
        for row, (d, u) in enumerate(labelled)
    ]


def _most_common(reasons: Counter[str]) -> str:
    return next((f"{reason} ({count})" for reason, count in reasons.most_common(1)), "no score")


def plain(value: Any) -> Any:
    """As JSON can say it: no NumPy, no NaN (null instead), floats to six digits, which is more than any figure here knows."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
