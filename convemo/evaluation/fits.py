"""What makes a system of channels: a temperature for one alone, a fusion for several, learned where nobody looks at the test.

By a dev part, or out of fold: then whoever judges a dialogue was fitted on all folds but the dialogue's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from convemo.errors import ConfigError
from convemo.evaluation.benchmark import Benchmark
from convemo.evaluation.conditions import Conditions
from convemo.evaluation.lineup import Lineup, Progress, System
from convemo.fusion import Fusion
from convemo.fusion.calibration import Temperature
from convemo.fusion.conformal import ConformalSets, label_sets
from convemo.fusion.examples import MIN_EXAMPLES
from convemo.fusion.fit import FitSettings, fit
from convemo.fusion.fuse import SHIPPED
from convemo.fusion.loglinear import log_softmax
from convemo.scoring import Scored
from convemo.scoring.labels import agree
from convemo.types import LabelSet

COVERAGE = FitSettings().coverage
FIT = "fit"


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What a system says of one dialogue, ``N`` utterances, ``K`` labels."""

    probabilities: np.ndarray  # (N, K), 0 where it has no score
    reasons: tuple[str | None, ...]
    sets: np.ndarray | None  # (N, K) booleans, or nothing is promised
    dimensions: Mapping[str, np.ndarray]  # (N,) each, NaN where there is none


class Judge(Protocol):
    """A system that has learned what it is to learn."""

    def judge(self, scored: Scored) -> Judgement: ...

    @property
    def parameters(self) -> dict[str, Any]:
        """What it has learned, for results.json."""


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """One channel at its temperature, with prediction sets from where that was learned: the fair rival of a fusion."""

    channel: str
    labels: LabelSet
    temperature: float | None = None
    thresholds: np.ndarray | None = None

    def judge(self, scored: Scored) -> Judgement:
        result = agree(scored.results[self.channel], self.labels)
        p = np.where(result.valid[:, None], np.exp(log_softmax(result.log_probs / (self.temperature or 1.0))), 0.0)
        return Judgement(p, result.reasons, None if self.thresholds is None else label_sets(p, self.thresholds), result.dimensions)

    @property
    def parameters(self) -> dict[str, Any]:
        return {"temperature": self.temperature}

    @classmethod
    def fitted(cls, channel: str, labels: LabelSet, scored: Sequence[Scored]) -> Alone:
        """Temperature and thresholds by these dialogues; neither where too few utterances have a reference and a score."""
        plain = cls(channel, labels)
        occurs = Counter(s.dialogue.id for s in scored)  # the same dialogue in several conditions counts once
        log_probs, references, weights = [], [], []
        for s in scored:
            judged = plain.judge(s)
            for u, p, reason in zip(s.dialogue, judged.probabilities, judged.reasons):
                if u.label is not None and reason is None:
                    log_probs.append(np.log(np.maximum(p, 1e-30)))
                    references.append(labels.index(u.label))
                    weights.append(1 / occurs[s.dialogue.id])
        if sum(weights) < MIN_EXAMPLES:
            return plain
        x, y = np.array(log_probs), np.array(references)
        temperature = Temperature().fit(x, y, np.array(weights))
        repeats = max(1, round(len(weights) / sum(weights)))
        sets = ConformalSets(coverage=COVERAGE).fit(np.exp(temperature.predict_log_proba(x)), y, repeats)
        return replace(plain, temperature=temperature.temperature_, thresholds=sets.thresholds_)


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Several channels, fused; or one, with what a fusion that was fitted elsewhere knows of it."""

    channels: tuple[str, ...]
    labels: LabelSet
    fusion: Fusion
    alone: bool = False
    """Whether to calibrate only, without history and pool."""

    def judge(self, scored: Scored) -> Judgement:
        channels = {name: agree(scored.results[name], self.fusion.labels) for name in self.channels}
        if self.alone:
            result, sets = self.fusion.calibrate(self.channels[0], channels[self.channels[0]]), None
        else:
            fused = self.fusion.fuse(scored.dialogue, channels)
            result, sets = fused.result, self._sets(fused.prediction_sets)
        result = agree(result, self.labels)
        p = np.where(result.valid[:, None], np.exp(log_softmax(result.log_probs)), 0.0)
        return Judgement(p, result.reasons, sets, result.dimensions)

    def _sets(self, sets: Sequence[Sequence[str] | None]) -> np.ndarray | None:
        """Booleans over the labels of the data; a set of which nothing is left there holds none."""
        if all(members is None for members in sets):
            return None
        return np.array([[label in (members or ()) for label in self.labels] for members in sets])

    @property
    def parameters(self) -> dict[str, Any]:
        known = self.fusion.parameters
        here = {name: known.channels[name] for name in self.channels if name in known.channels}
        told: dict[str, Any] = {"temperatures": {name: channel.temperature for name, channel in here.items()}}
        if self.alone:
            return told
        told["weights"] = {name: dict(pool.weights) for name, pool in known.patterns.items() if set(pool.weights) <= set(self.channels)}
        told["prior"] = {name: dict(known.patterns[name].bias) for name in told["weights"] if known.patterns[name].bias}
        told["gates"] = {name: dict(channel.gate) for name, channel in here.items() if channel.gate}
        told["history"] = {name: getattr(known.history, name) for name in ("own", "other", "sharpness")}
        return told | {"fitted_on": known.fitted_on}


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """Every system, fitted; made by `fit_systems`."""

    source: str
    """``"dev"``, ``"folds by KEY"``, or the name or path of a fusion that was fitted before."""
    judges: Mapping[tuple[str, int | None, str | None], Judge]
    """(system, seed, fold) → judge."""
    folds: Mapping[str, str] | None = None
    notes: tuple[str, ...] = ()

    def judge(self, system: str, seed: int | None, dialogue: str) -> Judge:
        """Who judges this dialogue."""
        return self.judges[system, seed, None if self.folds is None else self.folds[dialogue]]

    @property
    def parameters(self) -> dict[str, Any]:
        """As results.json has them."""
        systems: dict[str, list[dict[str, Any]]] = {}
        for (system, seed, fold), judge in self.judges.items():
            where = {"seed": seed} if seed is not None else {}
            where |= {"fold": fold} if fold is not None else {}
            systems.setdefault(system, []).append(where | judge.parameters)
        return {"source": self.source, "systems": systems}


def fit_systems(
    benchmark: Benchmark,
    lineup: Lineup,
    conditions: Sequence[Conditions] = (),
    *,
    fusion: str = FIT,
    progress: Progress | None = None,
) -> Fits:
    """Fits every system of a line-up.

    Args:
        benchmark: whose dev part, or folds, are learned from.
        lineup: the systems.
        conditions: under which the channels are asked; under several, each dialogue counts once over all of them.
        fusion: ``"fit"``; or a fusion that was fitted before: ``"shipped"``, ``"shipped-text"``, a folder or a ``fusion.json``.
        progress: told of every fit.

    Raises:
        ConfigError: too little to fit on, or the fusion that was fitted before chooses among other labels.
    """
    learned_from = () if benchmark.dimensional else benchmark.test if benchmark.folds else benchmark.dev
    if fusion != FIT or not learned_from:
        return _before(benchmark, lineup, "shipped" if fusion == FIT else fusion, asked_for=fusion != FIT)
    part = benchmark.split if benchmark.folds else "dev"
    by_condition = [lineup.score(part, learned_from, c.complete, progress) for c in (conditions or (Conditions(),))]
    folds = sorted(set(benchmark.folds.values())) if benchmark.folds else [None]
    judges, notes, done = {}, {}, 0
    for seed in lineup.runs:
        everything = [scored for scores in by_condition for scored in scores[seed]]
        for fold in folds:
            inside = [s for s in everything if fold is None or benchmark.folds[s.dialogue.id] != fold]
            for system in lineup.systems:
                judges[system.name, seed, fold], said = _fitted(system, inside, benchmark)
                notes |= dict.fromkeys(said)
                done += 1
                if progress is not None:
                    progress("fitting", done, len(lineup.runs) * len(folds) * len(lineup.systems))
    source = f"folds by {benchmark.fold_key}" if benchmark.folds else "dev"
    return Fits(source, judges, benchmark.folds, tuple(notes))


def _fitted(system: System, scored: Sequence[Scored], benchmark: Benchmark) -> tuple[Judge, list[str]]:
    labels = benchmark.labels
    if system.alone:
        judge = Alone.fitted(system.channels[0], labels, scored)
        silent = [] if judge.temperature else [f"{system.name} is not calibrated: too few of its scores have a reference to learn from."]
        return judge, silent
    there = [name for name in system.channels if any(s.results[name].valid.any() for s in scored)]
    unfitted = [name for name in system.channels if name not in there]
    if not there:
        hint = "Predictions on disk must cover it too; or fit out of fold: --folds dialogue; or take --fusion shipped."
        raise ConfigError(f"scores of {' or '.join(system.channels)} where the fusion is fitted (dev)", "none", hint)
    notes = [f"{system.name} was fitted without {name}, which scored nothing there." for name in unfitted]
    settings = FitSettings(anchor="text" if "text" in there else there[0])
    results = [{name: agree(s.results[name], labels) for name in there} for s in scored]
    try:
        fused = fit(
            [s.dialogue for s in scored],
            results,
            settings=settings,
            label_sequences=benchmark.train,
            fitted_on=f"{benchmark.name}, {'other folds' if benchmark.folds else 'dev'}",
        )
    except ConfigError as error:
        raise ConfigError(
            f"for the system {system.name!r} {error.expected}", error.found, f"{error.hint} Or take --fusion shipped."
        ) from error
    return Together(system.channels, labels, fused), notes


def _before(benchmark: Benchmark, lineup: Lineup, name: str, *, asked_for: bool) -> Fits:
    """Systems by a fusion that was fitted elsewhere; a channel alone stays as it is where that fusion does not know its labels."""
    fusion = Fusion.load(name)
    hint = "Give the data a dev part, or fit out of fold: --folds dialogue."
    judges: dict[tuple[str, int | None, str | None], Judge] = {}
    notes = []
    lacking = [label for label in benchmark.labels if label not in fusion.labels]
    if lacking and (asked_for or any(not system.alone for system in lineup.systems)):
        raise ConfigError(f"a fusion ({name}) that chooses among {', '.join(benchmark.labels)}", f"none of {', '.join(lacking)}", hint)
    for seed in lineup.runs:
        for system in lineup.systems:
            speaks = all(set(fusion.labels) <= set(lineup.channel(c, seed).labels) for c in system.channels)
            if not lacking and speaks:
                judges[system.name, seed, None] = Together(system.channels, benchmark.labels, fusion, system.alone)
            elif system.alone:
                judges[system.name, seed, None] = Alone(system.channels[0], benchmark.labels)
                notes.append(f"{system.name} is not calibrated: there is no dev part, and no folds.")
            else:
                wanted = f"channels that choose among {', '.join(fusion.labels)}, as the fusion {name!r} does"
                raise ConfigError(wanted, f"others in {system.name}", hint)
    if not asked_for and name in SHIPPED and any(not system.alone for system in lineup.systems):
        why = "" if benchmark.dimensional else f" {hint}"
        notes.append(f"The fusion is the shipped one, for there is nothing here to fit it on.{why}")
    return Fits(name, judges, None, tuple(dict.fromkeys(notes)))


def judgements(lineup: Lineup, fits: Fits, scored: Mapping[int | None, Sequence[Scored]]) -> Iterator[tuple[System, list[list[Judgement]]]]:
    """Every system with its judgement of every dialogue, once for each seed that it depends on."""
    for system in lineup.systems:
        seeds = lineup.runs if lineup.varies(system) else lineup.runs[:1]
        yield system, [[fits.judge(system.name, seed, s.dialogue.id).judge(s) for s in scored[seed]] for seed in seeds]
