"""The results as a table: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convemo.evaluation.markdown import markdown_table
from convemo.evaluation.measures import MEASURES, interval_text, measure, verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

FIRST = ("weighted_f1", "uar", "accuracy", "nll", "ece", "accuracy_at_80")
DIMENSIONAL = ("ccc_valence", "ccc_arousal", "ccc_dominance", "mae_valence", "mae_arousal", "mae_dominance")
"""The metrics that fit a terminal; the others are in table.md."""
TOLD = ("weighted_f1", "uar", "nll", "ece")
"""The metrics whose differences are told."""


def renderable(results: Mapping[str, Any]) -> RenderableType:
    """What the terminal shows: the systems, what tells them apart, and what a reader must know."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    wanted = FIRST if results["labels"] else DIMENSIONAL
    shown = [name for name in wanted if any(name in s["metrics"] for s in results["systems"].values())]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("")
    for name in shown:
        table.add_column(_title(name), justify="right")
    for system, told in results["systems"].items():
        cells = [told["metrics"].get(name) for name in shown]
        table.add_row(system, *(_two_lines(name, cell) for name, cell in zip(shown, cells)))
    lines = [Text(line) for line in [*differences(results), *notes(results)]]
    return Group(Text(heading(results), style="bold"), "", table, "", *lines)


def markdown(results: Mapping[str, Any]) -> str:
    """table.md: every metric with its interval, every difference that is told, every note."""
    shown = [name for name in MEASURES if any(name in s["metrics"] for s in results["systems"].values())]
    systems = results["systems"]
    rows = [["", *systems]]
    for name in shown:
        cells = [s["metrics"].get(name) for s in systems.values()]
        rows.append([_title(name), *(interval_text(name, c["value"], c["low"], c["high"]) if c else "–" for c in cells)])
    if any("by_chance" in s["metrics"].get("ece", {}) for s in systems.values()):
        chance = [s["metrics"].get("ece", {}).get("by_chance") for s in systems.values()]
        rows.append(["ECE % of a perfectly calibrated system", *(measure("ece").show(value) for value in chance)])
    rows.append(["utterances scored", *(str(s["scored"]) for s in systems.values())])
    rows.append(["calibrated on", *(s["calibrated"] or "nothing" for s in systems.values())])
    parts = [f"# {heading(results)}", markdown_table(rows)]
    for block in (differences(results), notes(results)):
        if block:
            parts.append("\n".join(f"- {line}" for line in block))
    if held := _sets_by_label(results):
        parts.append(held)
    by_slice = _slices(results)
    if by_slice:
        parts.append(by_slice)
    if results["command"]:
        parts.append(f"```\n{results['command']}\n```")
    return "\n\n".join(parts) + "\n"


def heading(results: Mapping[str, Any]) -> str:
    """What was evaluated, in one line."""
    data, under = results["data"], conditions(results)
    part = "" if data["split"] == "all" else f" {data['split']}"
    labels = f", {len(results['labels'])} labels" if results["labels"] else ", dimensions only"
    return f"{data['name']}{part}: {data['compared']} utterances of {data['dialogues']} dialogues{labels}{f', {under}' if under else ''}"


def conditions(results: Mapping[str, Any]) -> str:
    """What was done to the data, in words; nothing if nothing was."""
    usual = {"text": "punctuated", "audio": "none", "missing": "none", "speakers": "none"}
    return ", ".join(f"{name} {value}" for name, value in results["conditions"].items() if value != usual.get(name))


def differences(results: Mapping[str, Any]) -> list[str]:
    """Every pair of systems in a sentence: by how much, how sure, and whether that is better."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for row in results["paired"]:
        if row["metric"] in TOLD or not results["labels"]:
            better = verdict(row["metric"], row)
            mark = {1: " better", -1: " worse", 0: ""}[better]
            text = f"{measure(row['metric']).title} {interval_text(row['metric'], row['difference'], row['low'], row['high'], signed=True)}"
            pairs.setdefault((row["a"], row["b"]), []).append(text + mark)
    return [f"{a} against {b}: {'; '.join(told)}" for (a, b), told in pairs.items()]


def notes(results: Mapping[str, Any]) -> list[str]:
    """What a reader must know to read the figures right."""
    data, seeds = results["data"], results["seeds"]
    told = [f"95 % intervals from {results['resamples']} draws of {results['units']} {_units(results['unit'])}."]
    if results["units"] < 10:
        told.append(f"So few ({results['units']}) make intervals too narrow: read them as a lower bound of the doubt.")
    if seeds:
        told.append(f"Means over seeds {', '.join(map(str, seeds))}.")
    if data["compared"] < data["labelled"]:
        left_out = data["labelled"] - data["compared"]
        told.append(f"{left_out} of {data['labelled']} labelled utterances are not compared: not all systems scored them.")
    for name, system in results["systems"].items():
        if system["scored"] < data["labelled"]:
            why = "; ".join(f"{reason} ({count})" for reason, count in list(system["reasons"].items())[:3])
            told.append(f"{name} scored {system['scored']} of {data['labelled']}: {why}.")
    return told + list(results["provenance"]["notes"])


def _title(name: str) -> str:
    of = measure(name)
    return f"{of.title}{' %' if of.percent and '%' not in of.title else ''} {of.arrow}"


def _units(unit: str) -> str:
    return {"dialogue": "dialogues", "speaker": "speakers"}.get(unit, f"values of {unit}")


def _two_lines(name: str, cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "–"
    of = measure(name)
    return f"{of.show(cell['value'])}\n[dim]{of.show(cell['low'])} – {of.show(cell['high'])}[/dim]"


SLICE_METRIC = "weighted_f1"


def _sets_by_label(results: Mapping[str, Any]) -> str:
    """How often the sets hold the truth, for each label by itself, as they promise."""
    classes_of = {name: s.get("classes", {}) for name, s in results["systems"].items()}
    promising = {name: classes for name, classes in classes_of.items() if any("set_coverage" in c for c in classes.values())}
    rows = [["set coverage %", "occurs", *promising]]
    for label in results["labels"] if promising else ():
        found = [classes[label] for classes in promising.values()]
        rows.append([label, str(found[0]["support"]), *(measure("set_coverage").show(c.get("set_coverage")) for c in found)])
    return markdown_table(rows) if promising else ""


def _slices(results: Mapping[str, Any]) -> str:
    """Weighted F1 of every slice."""
    systems = [name for name, s in results["systems"].items() if s["metrics"]]
    rows = [[f"{measure(SLICE_METRIC).title} %", "", "utterances", *systems], *_slice_rows(results["slices"], systems)]
    return markdown_table(rows, left=(0, 1)) if len(rows) > 1 else ""


def _slice_rows(slices: Mapping[str, Any], systems: Sequence[str]) -> Iterator[list[str]]:
    for kind, values in slices.items():
        for value, told in values.items():
            figures = [told["systems"].get(name, {}).get(SLICE_METRIC) for name in systems]
            yield [kind, value, str(told["utterances"]), *(measure(SLICE_METRIC).show(figure) for figure in figures)]
