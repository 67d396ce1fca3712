"""Two evaluations of the same data: what got better, what got worse, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convemo.errors import ConfigError, ResultError
from convemo.evaluation.figures import Figures
from convemo.evaluation.measures import verdict
from convemo.evaluation.run import SCHEMA, plain
from convemo.evaluation.slices import MIN_UTTERANCES
from convemo.evaluation.write import PREDICTIONS, load
from convemo.metrics import holm
from convemo.metrics.bootstrap import difference, draw_counts
from convemo.metrics.resampled import confusion_matrices, f1_by_class

LEVEL = 0.05
"""Corrected p-values below it count as told apart."""
RESAMPLES = 5000
"""More than an evaluation draws: a corrected p-value cannot get below 2 tests / draws."""
SLICE_METRIC = "weighted_f1"
METRIC, CLASS, SLICE = "metric", "class", "slice"
_CHUNK = 500  # draws that are held at a time


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One evaluation, read back."""

    path: Path
    results: Mapping[str, Any]
    rows: Mapping[tuple[str, str], Mapping[str, Any]]
    """(dialogue, utterance) → its record in predictions.jsonl."""


def read(path: Path) -> Run:
    """An evaluation's folder, or the results.json in it.

    Raises:
        ResultError: results.json or predictions.jsonl is missing, damaged or of another version.
    """
    path = Path(path)
    results = load(path)
    beside = (path if path.is_dir() else path.parent) / PREDICTIONS
    rows: dict[tuple[str, str], Mapping[str, Any]] = {}
    try:
        lines = beside.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ResultError(beside, "the predictions beside results.json", str(error), "`convemo eval … --out DIR` writes both.") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            rows[row["dialogue"], row["utterance"]] = _checked(row, results)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            expected = "an utterance with its label and a probability of each label for every system"
            raise ResultError(beside, expected, repr(error), "Evaluate again.", line=number) from error
    return Run(path, results, rows)


def _checked(row: Mapping[str, Any], results: Mapping[str, Any]) -> Mapping[str, Any]:
    if row["label"] not in results["labels"] or not isinstance(row["unit"], str):
        raise ValueError(f"label {row['label']!r}, unit {row['unit']!r}")
    for name in results["systems"]:
        p = row["systems"][name]
        if p is not None and np.asarray(p, dtype=np.float64).shape != (len(results["labels"]),):
            raise ValueError(f"{len(p)} probabilities of {name}")
    return row


def compare(first: Run, second: Run, systems: Mapping[str, str] | None = None, *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """The second evaluation against the first, on the utterances that both have scored.

    Every difference is second less first on the same bootstrap draws of whole units, its p-value corrected by Holm's method among the
    metrics, among the classes and among the slices of a system.

    Args:
        first: the old one.
        second: the new one.
        systems: system of the first → system of the second; those of one name if not given.
        resamples: draws of the bootstrap.

    Returns:
        ``first``, ``second`` (path, command, conditions …), ``systems``: for each pair its ``rows`` of kind `METRIC`, `CLASS` or `SLICE`.

    Raises:
        ResultError: the two are of other data, labels or references, or have no utterance in common.
        ConfigError: a system is not there, or none has the same name in both.
    """
    _same_data(first, second)
    pairs = _pairs(first, second, systems)
    return plain(
        {
            "schema": SCHEMA,
            "data": first.results["data"],
            "labels": first.results["labels"],
            "unit": first.results["unit"],
            "resamples": resamples,
            "first": _about(first),
            "second": _about(second),
            "systems": [_compared(first, second, a, b, resamples) for a, b in pairs.items()],
        }
    )


def _same_data(first: Run, second: Run) -> None:
    one, other = first.results, second.results
    hint = "Evaluate both on the same data, with the same --split and --labels."
    if one["data"]["sha256"] != other["data"]["sha256"]:
        expected, found = (f"{d['name']} {d['split']} (sha256 {d['sha256'][:12]}…)" for d in (one["data"], other["data"]))
        raise ResultError(second.path, f"results on the data of {first.path}, {expected}", found, hint)
    for what in ("labels", "unit"):
        if one[what] != other[what]:
            shown = [", ".join(r[what]) if what == "labels" else r[what] for r in (one, other)]
            raise ResultError(second.path, f"the {what} of {first.path}, {shown[0]}", shown[1], hint)
    for key in first.rows.keys() & second.rows.keys():
        if first.rows[key]["label"] != second.rows[key]["label"]:
            labels = [run.rows[key]["label"] for run in (first, second)]
            raise ResultError(second.path, f"the references of {first.path}: {labels[0]} for {' '.join(key)}", labels[1], hint)


def _pairs(first: Run, second: Run, systems: Mapping[str, str] | None) -> dict[str, str]:
    there, here = list(first.results["systems"]), list(second.results["systems"])
    if systems is None:
        systems = {name: name for name in there if name in here}
        if not systems:
            hint = "Say which is which: --system OLD=NEW."
            raise ConfigError("a system of the same name in both", f"{', '.join(there)} against {', '.join(here)}", hint)
    for name, known, run in [(a, there, first) for a in systems] + [(b, here, second) for b in systems.values()]:
        if name not in known:
            raise ConfigError(f"a system of {run.path}: {', '.join(known)}", repr(name))
    return dict(systems)


def _about(run: Run) -> dict[str, Any]:
    return {"path": str(run.path), **{name: run.results[name] for name in ("created", "convemo", "command", "conditions", "seeds")}}


def _compared(first: Run, second: Run, a: str, b: str, resamples: int) -> dict[str, Any]:
    """One system of each."""
    keys = [k for k, row in first.rows.items() if k in second.rows and row["systems"][a] and second.rows[k]["systems"][b]]
    if not keys:
        raise ResultError(second.path, f"utterances that both {a} of {first.path} and {b} have scored", "none")
    labels = first.results["labels"]
    references = np.array([labels.index(first.rows[k]["label"]) for k in keys])
    units = np.array([first.rows[k]["unit"] for k in keys], dtype=str)
    two = [_figures(run, name, keys, references) for run, name in ((first, a), (second, b))]
    slices = _slices(first, keys)
    drawn = _draw(two, references, units, len(labels), slices, resamples)
    rows = []
    for (kind, name, metric), draws in drawn.items():
        draws = draws[np.isfinite(draws)]  # a class or slice may be missing from a draw
        if not len(draws):
            continue
        one, other = (_value(f, kind, name, metric, slices, labels) for f in two)
        d = difference(draws, other - one)
        count = int(slices[name].sum()) if kind == SLICE else int((references == name).sum()) if kind == CLASS else len(keys)
        shown = labels[name] if kind == CLASS else ": ".join(name) if kind == SLICE else name
        told = {"difference": d.value, "low": d.low, "high": d.high, "p_value": d.p_value}
        rows.append({"kind": kind, "name": shown, "metric": metric, "utterances": count, "first": one, "second": other, **told})
    for kind in (METRIC, CLASS, SLICE):
        family = [row for row in rows if row["kind"] == kind]
        for row, corrected in zip(family, holm([row["p_value"] for row in family])):
            row["p_holm"] = corrected
    return {"first": a, "second": b, "utterances": len(keys), "units": len(np.unique(units)), "rows": rows}


def _figures(run: Run, name: str, keys: Sequence[tuple[str, str]], references: np.ndarray) -> Figures:
    p = np.array([run.rows[k]["systems"][name] for k in keys], dtype=np.float64)  # (N, K), saved with five decimals
    return Figures((p / p.sum(axis=1, keepdims=True))[None], references, None, {}, {})


def _slices(first: Run, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], np.ndarray]:
    """(kind, value) → ``(N,)`` booleans, of those that hold enough utterances."""
    kinds = dict.fromkeys(kind for k in keys for kind in first.rows[k].get("slices") or ())
    found = {}
    for kind in kinds:
        of_row = np.array([(first.rows[k].get("slices") or {}).get(kind, "") for k in keys], dtype=str)
        for value in sorted(set(of_row) - {""}):
            if (rows := of_row == value).sum() >= MIN_UTTERANCES:
                found[kind, value] = rows
    return found


def _draw(
    two: Sequence[Figures],
    references: np.ndarray,
    units: np.ndarray,
    classes: int,
    slices: Mapping[tuple[str, str], np.ndarray],
    resamples: int,
) -> dict[tuple[str, Any, str], np.ndarray]:
    """(kind, name, metric) → the difference on each draw; a chunk of draws at a time, so that memory stays small."""
    chunks: dict[tuple[str, Any, str], list[np.ndarray]] = {}
    for seed, size in enumerate(_sizes(resamples)):
        counts = draw_counts(units, size, seed)
        sides = [dict(_of_draws(figures, counts, references, classes, slices)) for figures in two]
        for key in sides[0]:
            chunks.setdefault(key, []).append(sides[1][key] - sides[0][key])
    return {key: np.concatenate(parts) for key, parts in chunks.items()}


def _of_draws(
    figures: Figures, counts: np.ndarray, references: np.ndarray, classes: int, slices: Mapping[tuple[str, str], np.ndarray]
) -> Iterator[tuple[tuple[str, Any, str], np.ndarray]]:
    for metric, draws in figures.draws(counts).items():
        yield (METRIC, metric, metric), draws
    won = figures.probabilities[0].argmax(axis=1)
    by_class, support, _ = f1_by_class(confusion_matrices(counts, won, references, classes))  # (R, K) each
    for label in np.unique(references):
        yield (CLASS, label, "f1"), np.where(support[:, label] > 0, by_class[:, label], np.nan)
    for name, rows in slices.items():
        scores, support, _ = f1_by_class(confusion_matrices(counts[:, rows], won[rows], references[rows], classes))
        total = support.sum(axis=1)
        yield (SLICE, name, SLICE_METRIC), np.where(total > 0, (scores * support).sum(axis=1) / np.maximum(total, 1), np.nan)


def _sizes(resamples: int) -> Iterator[int]:
    for done in range(0, resamples, _CHUNK):
        yield min(_CHUNK, resamples - done)


def _value(
    figures: Figures, kind: str, name: Any, metric: str, slices: Mapping[tuple[str, str], np.ndarray], labels: Sequence[str]
) -> float:
    if kind == METRIC:
        return float(figures.values[metric].mean())
    if kind == SLICE:
        return figures.among(slices[name])[SLICE_METRIC]
    whole = np.ones((1, len(figures.references)), dtype=np.int64)
    won = figures.probabilities[0].argmax(axis=1)
    return float(f1_by_class(confusion_matrices(whole, won, figures.references, len(labels)))[0][0, name])


def outcome(row: Mapping[str, Any]) -> int:
    """1 if the second is better, -1 if it is worse, 0 if that cannot be told (`measures.verdict`) once the number of tests is reckoned
    with."""
    return verdict(row["metric"], row) if row["p_holm"] < LEVEL else 0
