"""What the figures say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convemo.evaluation.measures import MEASURES, measure, verdict

FUSED = "fused"
LEADING = ("weighted_f1", "nll", "ece")
"""Whether it is right, whether its probabilities are, and whether its confidence is: what the first sentences speak of."""


def find(paired: Sequence[Mapping[str, Any]], a: str, b: str, metric: str) -> dict[str, Any] | None:
    """The paired difference of a less b, whichever way round it was computed."""
    for row in paired:
        if row["metric"] == metric and (row["a"], row["b"]) == (a, b):
            return dict(row)
        if row["metric"] == metric and (row["a"], row["b"]) == (b, a):
            turned = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
            return {**row, "a": a, "b": b, **turned}
    return None


def pairs(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every pair once: fused against each other system first, then the others as they were computed."""
    names, seen = list(results["systems"]), set()
    found = [(FUSED, name) for name in names if FUSED in names and name != FUSED]
    found += [(row["a"], row["b"]) for row in results["paired"]]
    kept = []
    for a, b in found:
        if frozenset((a, b)) not in seen and any(find(results["paired"], a, b, metric) for metric in metrics(results)):
            seen.add(frozenset((a, b)))
            kept.append((a, b))
    return kept


def headline(results: Mapping[str, Any]) -> list[str]:
    """What a reader takes away if they read nothing else, a sentence each."""
    systems, labels = results["systems"], results["labels"]
    said = []
    ranked = _best(systems, "weighted_f1")
    if ranked is not None:
        top = systems[ranked]["metrics"]["weighted_f1"]
        said.append(
            f"{ranked} is the most often right of {_count(len(systems), 'system')}: weighted F1 {_with_limits('weighted_f1', top)} "
            f"over {len(labels)} emotions."
        )
    rival = _best({name: s for name, s in systems.items() if name != FUSED}, "weighted_f1")
    if FUSED in systems and rival is not None:
        parts = [_clause(metric, found) for metric in LEADING if (found := find(results["paired"], FUSED, rival, metric))]
        if parts:
            said.append(f"Against {rival}, the best single channel, fusion is {'; '.join(parts)}.")
    named = FUSED if FUSED in systems else ranked
    ece = systems[named]["metrics"].get("ece") if named else None
    if ece and ece["value"] is not None:
        said.append(f"The confidence of {named} is off by {MEASURES['ece'].show(ece['value'])} % on average (ECE).")
    return [sentence(words) for words in said]


def comparison(results: Mapping[str, Any], a: str, b: str) -> str:
    """One pair of systems in one sentence."""
    outcome: dict[int, list[str]] = {1: [], 0: [], -1: []}
    for metric in metrics(results):
        if found := find(results["paired"], a, b, metric):
            outcome[verdict(metric, found)].append(measure(metric).title)
    parts = [f"{word} in {_listed(outcome[sign])}" for sign, word in ((1, "better"), (-1, "worse")) if outcome[sign]]
    if not parts:
        return f"No metric tells {a} and {b} apart on these data."
    untold = f" They are not told apart by {_listed(outcome[0])}." if outcome[0] else ""
    return sentence(f"{a} is {', and '.join(parts)} than {b}.{untold}")


def _clause(metric: str, found: Mapping[str, Any]) -> str:
    of = measure(metric)
    outcome = {1: "better", -1: "worse", 0: "not told apart"}[verdict(metric, found)]
    unit = f" {of.unit}" if of.unit else ""
    limits = f"{of.show(found['low'], signed=True)} to {of.show(found['high'], signed=True)}"
    return f"{outcome} in {of.title} ({of.show(found['difference'], signed=True)}{unit}, {limits})"


def metrics(results: Mapping[str, Any]) -> Iterator[str]:
    """The metrics that any system has, in the order of every table."""
    present = dict.fromkeys(metric for s in results["systems"].values() for metric in s["metrics"])
    yield from (metric for metric in MEASURES if metric in present)
    yield from (metric for metric in present if metric not in MEASURES)


def sentence(words: str) -> str:
    """With a capital, whatever the system that it begins with is called."""
    return words[:1].upper() + words[1:]


def _best(systems: Mapping[str, Any], metric: str) -> str | None:
    values = {name: found["value"] for name, s in systems.items() if (found := s["metrics"].get(metric)) and found["value"] is not None}
    if not values:
        return None
    return max(values, key=values.get) if measure(metric).higher_is_better else min(values, key=values.get)


def _with_limits(metric: str, found: Mapping[str, Any]) -> str:
    of = measure(metric)
    return f"{of.show(found['value'])} ({of.show(found['low'])} to {of.show(found['high'])})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
