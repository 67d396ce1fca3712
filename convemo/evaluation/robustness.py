"""What becomes of every system as conditions get worse: the matrix that ``convemo eval --robustness`` draws.

Punctuation × word errors × missing modality × speaker-label errors, and noise and a telephone line where there is sound. Each cell is what
``convemo eval`` gives under its conditions: the fusion, and the temperature of every channel, are fitted on the dev part (or out of fold)
under the same ones, with nothing missing. What must hold in every cell is that fusing does no harm: on the utterances that a channel
scores, fused is not worse than that channel, within what the data can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from convemo.evaluation.benchmark import Benchmark
from convemo.evaluation.conditions import Conditions
from convemo.evaluation.degrade_text import measured_error_rate
from convemo.evaluation.figures import Figures
from convemo.evaluation.fits import FIT, fit_systems, judgements
from convemo.evaluation.lineup import FUSED, Lineup, Progress
from convemo.evaluation.markdown import markdown_table
from convemo.evaluation.measures import interval_text, measure, verdict
from convemo.evaluation.run import plain
from convemo.metrics.bootstrap import RESAMPLES, difference, draw_counts, limits

METRICS = ("weighted_f1", "nll", "ece")
HELD = ("weighted_f1", "nll")
"""What fused must not be worse in: being right, and being right about how likely. ECE is no proper score, so it is only told."""
TEXTS = ("punctuated", "raw", "asr-noise=0.1", "raw,asr-noise=0.1", "asr-noise=0.3", "raw,asr-noise=0.3")
AUDIOS = ("none", "snr=5", "telephone")
SPEAKERS = ("none", "error=0.2")
SHARE = 0.5
"""Of the utterances, where a channel lacks a part of them."""
FEWEST = 20
"""Utterances below which a comparison says nothing and is left out."""


def conditions_of(benchmark: Benchmark, channels: Sequence[str]) -> list[Conditions]:
    """The cells that make sense for these data and channels.

    Text is degraded where there is text, sound where there are clips, speakers are confused where several speak; a channel is missing where
    there is another. What a missing channel would have read or heard is not degraded as well: that would be the same cell again.
    """
    utterances = [u for d in benchmark.test for u in d]
    texts = TEXTS if "text" in channels and any(u.text for u in utterances) else TEXTS[:1]
    audios = AUDIOS if "acoustic" in channels and any(u.audio is not None for u in utterances) else AUDIOS[:1]
    speakers = SPEAKERS if any(len({u.speaker for u in d}) > 1 for d in benchmark.test) else SPEAKERS[:1]
    lost = [form for name in channels for form in (name, f"{name}={SHARE:g}")] if len(channels) > 1 else []
    return [
        Conditions.parse(text=text, audio=audio, missing=missing, speakers=who)
        for who, text, audio, missing in product(speakers, texts, audios, ("none", *lost))
        if not (missing == "text" and text != TEXTS[0]) and not (missing == "acoustic" and audio != AUDIOS[0])
    ]


def matrix(
    benchmark: Benchmark,
    lineup: Lineup,
    *,
    cells: Sequence[Conditions] | None = None,
    fusion: str = FIT,
    resamples: int = RESAMPLES,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Every cell, as ``robustness`` of results.json has them.

    Channels are asked once for every input that differs, and systems fitted once for every input with nothing missing.

    Args:
        benchmark: the data.
        lineup: the systems; channels that no system is alone are asked all the same.
        cells: the conditions; those of `conditions_of` if not given.
        fusion: as `fits.fit_systems`.
        resamples: draws of the bootstrap.
        progress: told of every cell.

    Raises:
        ConfigError: there is too little to fit on.
        ConvemoError: a channel broke, or a clip cannot be read.
    """
    cells = conditions_of(benchmark, list(lineup.specs)) if cells is None else cells
    fits, rates, found = {}, {}, []
    for done, conditions in enumerate(cells, start=1):
        if progress is not None:
            progress("conditions", done - 1, len(cells))
        inputs = conditions.complete
        if inputs not in fits:
            fits[inputs] = fit_systems(benchmark, lineup, (inputs,), fusion=fusion)
            rates[inputs] = measured_error_rate(benchmark.test, inputs.apply(benchmark.test)) if inputs.text.error_rate else 0.0
        scored = lineup.score(benchmark.split, benchmark.test, conditions)
        said = {system.name: _Said(benchmark, by_seed) for system, by_seed in judgements(lineup, fits[inputs], scored)}
        found.append({"conditions": conditions.described, "word_error_rate": rates[inputs], **_figures(benchmark, said, resamples)})
    return plain(found)


class _Said:
    """What one system says of the ``N`` labelled utterances: ``(S, N, K)``, and ``(N,)`` whether it has a score."""

    def __init__(self, benchmark: Benchmark, by_seed: Sequence[Sequence[Any]]):
        labelled = np.array([u.label is not None for d in benchmark.test for u in d], dtype=bool)
        self.probabilities = np.array([np.concatenate([j.probabilities for j in judged])[labelled] for judged in by_seed])
        scored = [[reason is None for j in judged for reason in j.reasons] for judged in by_seed]
        self.scored = np.logical_and.reduce(np.array(scored, dtype=bool))[labelled]

    def figures(self, rows: np.ndarray, references: np.ndarray) -> Figures:
        return Figures(self.probabilities[:, rows], references[rows], None, {}, {})


def _figures(benchmark: Benchmark, said: Mapping[str, _Said], resamples: int) -> dict[str, Any]:
    """Each system on what it has scored, and fused against each channel on what both have."""
    labelled = [(d, u) for d in benchmark.test for u in d if u.label is not None]
    references = np.array([benchmark.labels.index(u.label) for _, u in labelled])
    units = np.array([benchmark.unit_of(d, u.speaker) for d, u in labelled], dtype=str)
    systems = {name: _intervals(s, references, units, resamples) for name, s in said.items() if s.scored.sum() >= FEWEST}
    against = {
        name: _differences(said[FUSED], said[name], references, units, resamples)
        for name in systems
        if FUSED in systems and name != FUSED and (said[name].scored & said[FUSED].scored).sum() >= FEWEST
    }
    return {"systems": systems, "against": against}


def _intervals(said: _Said, references: np.ndarray, units: np.ndarray, resamples: int) -> dict[str, Any]:
    rows = said.scored
    figures = said.figures(rows, references)
    draws = figures.draws(draw_counts(units[rows], resamples), METRICS)
    told: dict[str, Any] = {"scored": int(rows.sum())}
    for metric in METRICS:
        value = float(figures.values[metric].mean())
        low, high = limits(draws[metric], value)
        told[metric] = {"value": value, "low": low, "high": high}
    return told


def _differences(fused: _Said, channel: _Said, references: np.ndarray, units: np.ndarray, resamples: int) -> dict[str, Any]:
    """Fused less the channel, on the utterances that both have scored."""
    rows = fused.scored & channel.scored
    counts = draw_counts(units[rows], resamples)
    both = [said.figures(rows, references) for said in (fused, channel)]
    first, second = (figures.draws(counts, METRICS) for figures in both)
    told = {}
    for metric in METRICS:
        value = float(both[0].values[metric].mean() - both[1].values[metric].mean())
        d = difference(first[metric] - second[metric], value)
        told[metric] = {"difference": d.value, "low": d.low, "high": d.high, "p_value": d.p_value}
    return told


def worst(cell: Mapping[str, Any], metric: str) -> tuple[str, Mapping[str, float]] | None:
    """The channel that fusing gains least on (the best that was available, where all score the same), and the paired difference."""
    sign = 1 if measure(metric).higher_is_better else -1
    found = [(name, d[metric]) for name, d in cell["against"].items()]
    return min(found, key=lambda one: (verdict(metric, one[1]), sign * one[1]["difference"])) if found else None


def count(cells: Sequence[Mapping[str, Any]], metric: str) -> dict[str, int]:
    """In how many cells fused is better than every channel, not told apart from the best, or worse than one.

    >>> cell = {"against": {"text": {"nll": {"difference": -0.1, "low": -0.2, "high": -0.05}}}}
    >>> count([cell], "nll")
    {'cells': 1, 'better': 1, 'not told apart': 0, 'worse': 0}
    """
    told = {"cells": 0, "better": 0, "not told apart": 0, "worse": 0}
    for cell in cells:
        if least := worst(cell, metric):
            told["cells"] += 1
            told[{1: "better", 0: "not told apart", -1: "worse"}[verdict(metric, least[1])]] += 1
    return told


def sentences(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Whether fusing ever does harm, counted: one sentence a metric."""
    for metric in HELD:
        told = count(cells, metric)
        if told["cells"]:
            yield (
                f"{measure(metric).title}: fused is not worse than any channel in {told['cells'] - told['worse']} of {told['cells']} cells "
                f"(better than every channel in {told['better']}, worse than one in {told['worse']})."
            )


def markdown(cells: Sequence[Mapping[str, Any]]) -> str:
    """The matrix as a table: a row a cell, for each system weighted F1, NLL and ECE, and what fused gains on the best channel."""
    names = list(dict.fromkeys(name for cell in cells for name in cell["systems"]))
    heads = ["text", "audio", "speakers", "missing", "WER %"]
    heads += [f"{name} {measure(metric).title}" for metric in METRICS for name in names]
    heads += [f"fused − best: {measure(metric).title}" for metric in HELD]
    rows = [heads]
    for cell in cells:
        rate = cell["word_error_rate"]
        row = [cell["conditions"][kind] for kind in ("text", "audio", "speakers", "missing")] + [
            "–" if rate is None else f"{100 * rate:.1f}"
        ]
        for metric in METRICS:
            told = [(cell["systems"].get(name) or {}).get(metric) for name in names]
            row += [interval_text(metric, t["value"], t["low"], t["high"]) if t else "–" for t in told]
        for metric in HELD:
            name, d = worst(cell, metric) or ("", None)
            mark = "" if d is None else {1: " better", 0: "", -1: " **worse**"}[verdict(metric, d)]
            row.append("–" if d is None else f"{interval_text(metric, d['difference'], d['low'], d['high'], signed=True)} ({name}){mark}")
        rows.append(row)
    told = "\n".join(f"- {line}" for line in sentences(cells))
    return f"## Robustness\n\n{told}\n\n{markdown_table(rows, left=range(4))}\n" if cells else ""
