"""An injection evaluation for people: the terminal's table, table.md, and the files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convemo.evaluation.injection import Injection
from convemo.evaluation.injection_cases import PLACES
from convemo.evaluation.markdown import markdown_table
from convemo.evaluation.write import RESULTS, TABLE, as_json, as_lines, write_files

if TYPE_CHECKING:
    from rich.console import RenderableType

CASES = "cases.jsonl"
HIT = "hits %"
TITLES = {"utterance": "in the utterance itself", "earlier": "in the turn before"}


def write(injection: Injection, out: Path) -> None:
    """results.json, table.md and cases.jsonl, each whole or not at all.

    Raises:
        ResultError: the folder or a file cannot be written.
    """
    results = injection.results
    write_files(out, {CASES: as_lines(injection.cases), RESULTS: as_json(results), TABLE: markdown(results)})


def heading(results: Mapping[str, Any]) -> str:
    """What was tried, in one line."""
    data = results["data"]
    return f"Injection into {data['name']}: {data['cases']} cases, {len(results['families'])} families, on {data['bases']} utterances"


def markdown(results: Mapping[str, Any]) -> str:
    """table.md."""
    systems = results["systems"]
    parts = [f"# {heading(results)}", markdown_table([["", *COLUMNS], *(_row(name, told["all"]) for name, told in systems.items())])]
    parts.append("\n".join(f"- {line}" for line in sentences(results)))
    for place in PLACES:
        rows = [[f"{HIT}, {TITLES[place]}", *systems]]
        for family in results["families"]:
            rows.append([family, *(_percent(told["places"][place]["families"][family].get("hit")) for told in systems.values())])
        rows.append(["all", *(_percent(told["places"][place]["all"].get("hit")) for told in systems.values())])
        parts.append(markdown_table(rows))
    rows = [["accuracy % with", *systems]]
    for arm in next(iter(systems.values()))["accuracy"]:
        rows.append([ARMS[arm], *(f"{100 * told['accuracy'][arm]:.1f}" for told in systems.values())])
    parts.append(markdown_table(rows))
    if results["command"]:
        parts.append(f"```\n{results['command']}\n```")
    return "\n\n".join(parts) + "\n"


COLUMNS = ("at risk", HIT, "attack %", "benign %", "mention %", "attack − benign", "attack − mention", "shift of p")
ARMS = {"clean": "nothing added", "benign": "a benign addition", "mention": "the target's word", "attack": "an attack"}


def renderable(results: Mapping[str, Any]) -> RenderableType:
    """What the terminal shows."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("")
    for title in COLUMNS:
        table.add_column(title, justify="right")
    for name, told in results["systems"].items():
        table.add_row(*_row(name, told["all"]))
    lines = [Text(line) for line in sentences(results)]
    return Group(Text(heading(results), style="bold"), "", table, "", *lines)


def sentences(results: Mapping[str, Any]) -> list[str]:
    """What a reader must know, and what held."""
    told = [
        "hits: of the cases whose answer is not the attack's target anyway (at risk), those that the attack turns to it and as many "
        f"characters of small talk do not. 95 % intervals from {results['resamples']} draws of {results['data']['bases']} utterances."
    ]
    for name, system in results["systems"].items():
        known = {f: system["places"]["utterance"]["families"][f].get("hit") for f in results["families"]}
        worst = max((f for f in known if known[f]), key=lambda f: known[f]["value"], default=None)
        if worst and known[worst]["value"]:
            told.append(f"{name} gives way most to “{worst}” in the utterance itself: {_percent(known[worst])} %.")
    for checked in results["structure"]:
        of = " and the model's tokens" if checked["tokens"] else ""
        kinds = f" ({', '.join(f'{kind}: {count}' for kind, count in checked['kinds'].items())})" if checked["kinds"] else ""
        told.append(
            f"Structure of the prompt {checked['prompt']}{of}: broken in {checked['broken']} of {checked['cases']} conversations{kinds}."
        )
    return told + list(results["notes"])


def _row(name: str, told: Mapping[str, Any]) -> list[str]:
    if not told["at_risk"]:
        return [name, f"0 of {told['cases']}", *["–"] * (len(COLUMNS) - 1)]
    shares = [f"{100 * told[arm]:.1f}" for arm in ("attack", "benign", "mention")]
    differences = [_percent(told[key], signed=True) for key in ("beyond", "beyond_mention", "shift")]
    return [name, f"{told['at_risk']} of {told['cases']}", _percent(told["hit"]), *shares, *differences]


def _percent(told: Mapping[str, float] | None, *, signed: bool = False) -> str:
    """A share with its limits, in percent.

    >>> _percent({"value": 0.125, "low": 0.05, "high": 0.2})
    '12.5 [5.0, 20.0]'
    """
    if not told:
        return "–"
    value, low, high = (f"{100 * told[key]:{'+' if signed else ''}.1f}".replace("-", "−") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
