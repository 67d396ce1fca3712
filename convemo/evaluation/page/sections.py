"""The sections of the page: what results.json says, as HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from convemo.evaluation.measures import Measure, measure, verdict
from convemo.evaluation.page import charts, story
from convemo.evaluation.page.parts import cell, figure, folded, note, numbers, pairs, panels, percent, plural, row, section, system, table

Results = Mapping[str, Any]
CHARTED = ("weighted_f1", "nll", "ece")
SLICED = ("weighted_f1", "uar", "accuracy")
VERDICTS = {1: "better", 0: "not told apart", -1: "worse"}
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
_OPEN = 2  # folded parts that are open from the start
_MOST_MISTAKES = 12
_MOST_SLICES = 30
_SLICE_TITLES = {"shift": "emotion shift", "missing": "missing score"}


def header(results: Results) -> str:
    """What this is about, and what a reader takes away if they read nothing else."""
    data = results["data"]
    part = f", {data['split']} part" if data.get("split") not in (None, "all") else ""
    changed = [f"{name}: {value}" for name, value in results["conditions"].items() if value not in (None, "none", "punctuated")]
    under = f'<p class="conditions">Degraded on purpose: {escape("; ".join(changed))}</p>' if changed else ""
    said = "".join(f"<p>{escape(words)}</p>" for words in story.headline(results))
    facts = {
        "utterances": f"{data['utterances']:,}",
        "dialogues": f"{data['dialogues']:,}",
        "with a reference": f"{data['labelled']:,}",
        "labels": len(results["labels"]),
    }
    title = f"<h1>{escape(data['name'] + part)}</h1>"
    return (
        f'<header><p class="kicker">convemo · evaluation</p>{title}{under}<div class="verdict">{said}</div>{pairs(facts, "facts")}</header>'
    )


def headline(results: Results) -> str:
    """Every metric of every system with its interval, the best in each row marked."""
    systems = results["systems"]
    rows = []
    for metric in story.metrics(results):
        of = measure(metric)
        values = {name: s["metrics"].get(metric) for name, s in systems.items()}
        best = None if metric == "set_coverage" else _best(of, values)  # more than was promised is no better
        meaning = f"<small>{escape(of.meaning)}</small>" if of.meaning else ""
        cells = (_figure_cell(of, found, name == best) for name, found in values.items())
        rows.append(row(_titled(of) + meaning, *cells))
    rows.append(row("utterances scored", *(cell(f"{s['scored']:,}") for s in systems.values())))
    charted = [m for m in CHARTED if any(m in s["metrics"] for s in systems.values())]
    figures = (figure(f"<b>{escape(measure(m).title)}</b>", charts.intervals(m, systems), _better(measure(m))) for m in charted)
    count = results["data"].get("compared", results["data"]["labelled"])
    seeds = f"; means over {len(results['seeds'])} seeds" if len(results["seeds"]) > 1 else ""
    return section(
        "headline",
        "All systems, all metrics",
        panels(figures),
        table("All metrics", ["metric", *(system(systems, name) for name in systems)], rows, "figures"),
        note(
            f"All systems on the same {count:,} utterances. Shares are in percent. Small figures are 95 % intervals by bootstrap over "
            f"{plural(results['unit'])} ({results['resamples']:,} draws){seeds}. ↑ higher is better, ↓ lower. The best value of each "
            "row is marked; whether it is really better is told below, by paired differences."
        ),
    )


def paired(results: Results) -> str:
    """Each pair of systems: one sentence, and a row for every metric."""
    systems = results["systems"]
    blocks = []
    for a, b in story.pairs(results):
        rows = [
            _difference_row(metric, found)
            for metric in story.metrics(results)
            if (found := story.find(results["paired"], a, b, metric)) is not None
        ]
        heads = ("metric", "difference", "verdict", "95 % interval", "p", "around zero")
        summary = f'{system(systems, a)} <span class="against">against</span> {system(systems, b)}'
        told = f"<p>{escape(story.comparison(results, a, b))}</p>"
        blocks.append(folded(summary, told, table(f"{a} less {b}", heads, rows, "paired"), open=len(blocks) < _OPEN))
    if not blocks:
        return ""
    words = (
        f"The first less the second, both on the same draws of {plural(results['unit'])}, so that what is hard for both cancels. "
        "“Not told apart” means that the interval holds zero: these data do not say which is better."
    )
    return section("paired", "Which differences are real", *blocks, note(words))


def confusions(results: Results) -> str:
    systems = {name: s for name, s in results["systems"].items() if s.get("confusion")}
    figures = [
        figure(system(results["systems"], name), charts.confusion(name, results["labels"], s["confusion"])) for name, s in systems.items()
    ]
    words = "Rows: the reference. Columns: the prediction. Numbers are percent of the row; the diagonal is recall."
    return section("confusion", "What is taken for what", panels(figures), note(words)) if figures else ""


def calibration(results: Results) -> str:
    """Reliability diagrams side by side."""
    systems = results["systems"]
    figures = [
        figure(
            system(systems, name),
            charts.reliability(name, number, s["reliability"]),
            f"ECE {measure('ece').show((s['metrics'].get('ece') or {}).get('value'))} %",
        )
        for number, (name, s) in enumerate(systems.items())
        if s.get("reliability")
    ]
    words = (
        "Each mark holds equally many utterances. On the dashed diagonal, confidence is what it says; below it a system is too sure of "
        "itself, above it too modest. The stems are what ECE adds up."
    )
    return section("reliability", "Does confidence mean what it says?", panels(figures), note(words)) if figures else ""


def risk(results: Results) -> str:
    """Risk–coverage curves in one plot, and the accuracy that they come to."""
    systems = {name: s for name, s in results["systems"].items() if s.get("risk_coverage")}
    if not systems:
        return ""
    places = numbers(results["systems"])
    legend = "".join(f"<li>{system(results['systems'], name)}</li>" for name in systems)
    chart = charts.risk_coverage({name: (places[name], s["risk_coverage"]) for name, s in systems.items()})
    rows = [
        row(system(results["systems"], name), *(cell(percent(1 - _risk_at(s["risk_coverage"], share))) for share in SHARES))
        for name, s in systems.items()
    ]
    drawn = figure("<b>Risk–coverage</b>", f'{chart}<ul class="legend">{legend}</ul>', "lower is better")
    heads = ("accuracy if the surest are answered", *(f"{100 * share:.0f} %" for share in SHARES))
    words = "How many errors remain if only the surest utterances are answered and the others are left to a person."
    beside = f'<div class="beside">{drawn}<div>{table("Accuracy at a coverage", heads, rows)}{note(words)}</div></div>'
    return section("risk", "Does it know when to be silent?", beside)


def classes(results: Results) -> str:
    """F1 of each label by system, with precision and recall; the most frequent first."""
    systems = {name: s for name, s in results["systems"].items() if s.get("classes")}
    if not systems:
        return ""
    places = numbers(results["systems"])
    first = next(iter(systems.values()))["classes"]

    def of(name: str, found: Mapping[str, float]) -> str:
        below = f"<small>P {percent(found['precision'])} · R {percent(found['recall'])}</small>"
        return cell(f"<b>{percent(found['f1'])}</b>{charts.bar(found['f1'], places[name])}{below}")

    rows = [
        row(escape(label), cell(f"{first[label]['support']:,}"), *(of(name, s["classes"][label]) for name, s in systems.items()))
        for label in sorted(results["labels"], key=lambda name: -first[name]["support"])
    ]
    heads = ("label", "occurs", *(system(results["systems"], name) for name in systems))
    words = "F1 in percent, below it precision (P: of what was called so, how much is) and recall (R: of what is so, how much was found)."
    return section("classes", "Emotion by emotion", table("Figures by label", heads, rows, "bars"), note(words))


def slices(results: Results) -> str:
    blocks = []
    places = numbers(results["systems"])
    for kind, values in (results.get("slices") or {}).items():
        metric = next((m for m in SLICED if any(m in s for v in values.values() for s in v["systems"].values())), None)
        if metric is None:
            continue
        names = [name for name in places if any(name in v["systems"] for v in values.values())]
        title = _SLICE_TITLES.get(kind, kind)
        rows = [
            row(
                escape(str(value)),
                cell(f"{of['utterances']:,}"),
                *(_slice_cell((of["systems"].get(name) or {}).get(metric), places[name]) for name in names),
            )
            for value, of in list(values.items())[:_MOST_SLICES]
        ]
        heads = (escape(title), "utterances", *(system(places, name) for name in names))
        left_out = f" The first {_MOST_SLICES} of {len(values)}." if len(values) > _MOST_SLICES else ""
        words = note(f"{story.sentence(measure(metric).title)}, in percent.{left_out}")
        blocks.append(folded(f"By {escape(title)}", table(f"By {title}", heads, rows, "bars"), words, open=len(blocks) < _OPEN))
    return section("slices", "Where it works and where it does not", *blocks)


def mistakes(results: Results, predictions: Sequence[Mapping[str, Any]]) -> str:
    """The surest errors of fusion (or of the first system): where to look first."""
    name = story.FUSED if story.FUSED in results["systems"] else next(iter(results["systems"]), None)
    labels = results["labels"]
    found = []
    for said in predictions:
        p = said["systems"].get(name)
        if p is None or said.get("label") not in labels:
            continue
        winner, meant = max(range(len(p)), key=p.__getitem__), labels.index(said["label"])
        if winner != meant:
            found.append((-p[winner], said["dialogue"], said["utterance"], said["label"], labels[winner], p[meant]))
    rows = [
        f"<tr>{''.join(map(cell, map(escape, (dialogue, utterance, label, winner, percent(-sure), percent(given)))))}</tr>"
        for sure, dialogue, utterance, label, winner, given in sorted(found)[:_MOST_MISTAKES]
    ]
    heads = ("dialogue", "utterance", "reference", "predicted", "how sure, %", "left for the reference, %")
    words = f"The {len(rows)} surest of {len(found):,} errors of {name}: where to look first, for a wrong model or a wrong reference."
    return section("mistakes", "Its surest mistakes", table("Surest mistakes", heads, rows, "left"), note(words)) if rows else ""


def provenance(results: Results) -> str:
    """How to get the same numbers again."""
    data, systems = results["data"], results["systems"]
    facts = {
        "made": results["created"],
        "convemo": results["convemo"],
        "suite": results.get("suite") or "–",
        "data": f"{data['name']}, part {data.get('split') or 'all'}, sha256 {data.get('sha256') or 'unknown'}",
        "seeds": ", ".join(map(str, results["seeds"])) or "–",
        "drawn again": f"{plural(results['unit'])}, {results['resamples']:,} times",
        **results["conditions"],
    }
    rows = [
        row(system(systems, name), *(cell(escape(str(words))) for words in (channel, model.get("id") or "–", model.get("sha256") or "–")))
        for name, s in systems.items()
        for channel, model in (s.get("models") or {}).items()
    ]
    more = [
        folded(title, f'<pre tabindex="0">{escape(json.dumps(results[key], indent=2, ensure_ascii=False))}</pre>')
        for key, title in (("fusion", "Parameters of the fusion"), ("provenance", "Machine, packages, notes"))
        if results.get(key)
    ]
    command = f'<p>The command that made this page:</p><pre class="command" tabindex="0">{escape(results["command"])}</pre>'
    models = table("Models", ("system", "channel", "model", "sha256"), rows, "left models")
    return section("provenance", "How to get these numbers again", command, pairs(facts, "provenance"), models, *more)


def _titled(of: Measure) -> str:
    return f'<span>{escape(of.title)} <i aria-hidden="true">{of.arrow}</i></span>'


def _difference_row(metric: str, found: Mapping[str, Any]) -> str:
    of, low, high = measure(metric), found["low"], found["high"]
    outcome = VERDICTS[verdict(metric, found)]
    p = "–" if found["p_value"] is None else "&lt;0.001" if found["p_value"] < 0.001 else f"{found['p_value']:.3f}"
    return row(
        _titled(of),
        cell(f"<b>{of.show(found['difference'], signed=True)}</b>"),
        cell(outcome, outcome.split()[0]),
        cell(f"{of.show(low, signed=True)} to {of.show(high, signed=True)}"),
        cell(p),
        cell(charts.difference(metric, found) if low is not None and high is not None else "", "spark"),
    )


def _figure_cell(of: Measure, found: Mapping[str, Any] | None, best: bool) -> str:
    if not found or found["value"] is None:
        return cell("–")
    limits = f"<small>{of.show(found['low'])} – {of.show(found['high'])}</small>" if found.get("low") is not None else ""
    marked = ' class="best" title="best of this row"' if best else ""
    return cell(f"<span{marked}><b>{of.show(found['value'])}</b></span>{limits}")


def _slice_cell(value: float | None, number: int) -> str:
    return cell(f"<b>{percent(value)}</b>{charts.bar(value, number)}")


def _best(of: Measure, values: Mapping[str, Mapping[str, Any] | None]) -> str | None:
    there = {name: found["value"] for name, found in values.items() if found and found["value"] is not None}
    if len(there) < 2 or len({of.show(value) for value in there.values()}) == 1:
        return None
    return (max if of.higher_is_better else min)(there, key=there.__getitem__)


def _risk_at(curve: Iterable[Sequence[float]], coverage: float) -> float:
    return min(curve, key=lambda point: abs(point[0] - coverage))[1]


def _better(of: Measure) -> str:
    return f"{'%, ' if of.percent else ''}{'higher' if of.higher_is_better else 'lower'} is better"
