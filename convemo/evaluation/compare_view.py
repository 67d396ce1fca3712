"""A comparison for people to read: in the terminal, as Markdown, as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convemo.evaluation.compare import CLASS, METRIC, SLICE, outcome
from convemo.evaluation.markdown import markdown_table
from convemo.evaluation.measures import interval_text, measure
from convemo.evaluation.run import plain
from convemo.evaluation.write import write_files

if TYPE_CHECKING:
    from rich.console import RenderableType

RESULTS, TABLE, REPORT = "comparison.json", "comparison.md", "comparison.html"
WORDS = {1: "better", 0: "not told apart", -1: "worse"}
KINDS = {METRIC: "Metrics", CLASS: "Emotions", SLICE: "Slices"}
_STYLES = {1: "green", 0: "dim", -1: "red"}
_HEADS = ("", "first", "second", "difference", "p, Holm", "verdict")


def sentences(comparison: Mapping[str, Any]) -> Iterator[str]:
    """What got better and what got worse: one sentence a system."""
    for pair in comparison["systems"]:
        name = pair["first"] if pair["first"] == pair["second"] else f"{pair['second']} against {pair['first']}"
        told = {sign: [title(row) for row in pair["rows"] if outcome(row) == sign] for sign in (1, -1)}
        parts = [f"{WORDS[sign]} in {_listed(told[sign])}" for sign in (1, -1) if told[sign]]
        counted = f"{pair['utterances']} utterances, {pair['units']} {_units(comparison)}"
        yield f"{name}: {'; '.join(parts) if parts else 'nothing is told apart'} ({counted})."
    yield from notes(comparison)


def notes(comparison: Mapping[str, Any]) -> Iterator[str]:
    """What differs between the two besides the models."""
    one, other = comparison["first"]["conditions"], comparison["second"]["conditions"]
    for kind in one:
        if one[kind] != other.get(kind):
            yield f"Other conditions: {kind} {one[kind]} in the first, {other.get(kind)} in the second."


def title(row: Mapping[str, Any]) -> str:
    """What a row is about."""
    return measure(row["metric"]).title if row["kind"] == METRIC else str(row["name"])


def renderable(comparison: Mapping[str, Any]) -> RenderableType:
    """For a rich console: every metric, class and slice of every system."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    blocks: list[Any] = [Text(heading(comparison), style="bold"), ""]
    for pair in comparison["systems"]:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), title_justify="left")
        for number, head in enumerate((_pair_title(pair), *_HEADS[1:])):
            table.add_column(head, justify="left" if number in (0, 5) else "right", no_wrap=number > 0)
        for kind in KINDS:
            rows = [row for row in pair["rows"] if row["kind"] == kind]
            if rows and kind != METRIC:
                of = measure(rows[0]["metric"])
                table.add_row(Text(f"{KINDS[kind]}: {of.title}", style="bold"))
            for row in rows:
                table.add_row(*(Text(cell) for cell in _cells(row)[:-1]), Text(WORDS[outcome(row)], style=_STYLES[outcome(row)]))
        blocks += [table, ""]
    return Group(*blocks, *(Text(line) for line in sentences(comparison)))


def heading(comparison: Mapping[str, Any]) -> str:
    data = comparison["data"]
    part = "" if data["split"] == "all" else f" {data['split']}"
    return f"{data['name']}{part}: {comparison['second']['path']} against {comparison['first']['path']}"


def markdown(comparison: Mapping[str, Any]) -> str:
    """comparison.md."""
    parts = [f"# {heading(comparison)}", "\n".join(f"- {line}" for line in sentences(comparison))]
    for pair in comparison["systems"]:
        rows = [[_pair_title(pair), *_HEADS[1:]], *map(_cells, pair["rows"])]
        parts.append(markdown_table(rows, left=(0, 5)))
    parts.append(_protocol(comparison))
    return "\n\n".join(parts) + "\n"


def page(comparison: Mapping[str, Any]) -> str:
    """comparison.html: in the manner of the report, with nothing fetched and nothing run."""
    from convemo.evaluation.page import charts, page
    from convemo.evaluation.page.parts import cell, note, row, section, table

    said = "".join(f"<p>{escape(line)}</p>" for line in sentences(comparison))
    data = comparison["data"]
    head = (
        f'<header><p class="kicker">convemo · comparison</p><h1>{escape(data["name"])}</h1>'
        f'<p class="conditions">{escape(heading(comparison))}</p><div class="verdict">{said}</div></header>'
    )
    body = []
    for kind, name in KINDS.items():
        tables = []
        for pair in comparison["systems"]:
            rows = []
            for found in (r for r in pair["rows"] if r["kind"] == kind):
                *cells, verdict = map(escape, _cells(found))
                chart = charts.difference(found["metric"], found, outcome(found))
                rows.append(row(cells[0], *map(cell, cells[1:]), cell(chart, "spark"), cell(verdict, verdict.split()[0])))
            heads = (escape(_pair_title(pair)), *_HEADS[1:-1], "around zero", _HEADS[-1])
            tables.append(table(f"{name} of {_pair_title(pair)}", heads, rows, "paired"))
        body.append(section(kind, name, *tables))
    commands = ""
    for which, about in (("First", comparison["first"]), ("Second", comparison["second"])):
        commands += f"<p>{which}: {escape(about['path'])}, {escape(about['created'])}</p>"
        commands += f'<pre class="command" tabindex="0">{escape(about["command"])}</pre>'
    body.append(section("provenance", "How to get these numbers again", commands, note(_protocol(comparison))))
    return page(f"{data['name']}: convemo comparison", head, body, {**KINDS, "provenance": "Provenance"})


def write(comparison: Mapping[str, Any], out: Path) -> None:
    """Writes all three to a folder, each whole or not at all.

    Raises:
        ResultError: the folder or a file cannot be written.
    """
    plainly = json.dumps(plain(comparison), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_files(out, {RESULTS: plainly, TABLE: markdown(comparison), REPORT: page(comparison)})


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    of, name = measure(row["metric"]), title(row)
    head = f"{name}{' %' if of.percent else ''} {of.arrow}" if row["kind"] == METRIC else f"{name} ({row['utterances']})"
    p = "<0.001" if row["p_holm"] < 0.001 else f"{row['p_holm']:.3f}"
    limits = interval_text(row["metric"], row["difference"], row["low"], row["high"], signed=True)
    return head, of.show(row["first"]), of.show(row["second"]), limits, p, WORDS[outcome(row)]


def _pair_title(pair: Mapping[str, Any]) -> str:
    return pair["first"] if pair["first"] == pair["second"] else f"{pair['first']} → {pair['second']}"


def _protocol(comparison: Mapping[str, Any]) -> str:
    return (
        f"Second less first on the same {comparison['resamples']:,} bootstrap draws of {_units(comparison)}; p-values corrected by Holm's "
        "method among the metrics, among the emotions and among the slices of a system. Emotions are compared by F1, slices by weighted F1."
    )


def _units(comparison: Mapping[str, Any]) -> str:
    return f"{comparison['unit']}s"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
