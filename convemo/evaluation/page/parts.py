"""What the sections are built of. Whatever comes from data is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from convemo.evaluation.measures import measure

SYMBOLS = "●■◆▲"
"""The shapes of `draw.mark`: colour is never the only thing that tells two systems apart."""


def section(id: str, title: str, *body: str) -> str:
    """A part of the page that the navigation leads to; nothing if there is nothing in it."""
    inner = "".join(body)
    return f'<section id="{id}" aria-labelledby="{id}-title"><h2 id="{id}-title">{escape(title)}</h2>{inner}</section>' if inner else ""


def table(name: str, heads: Iterable[str], rows: Sequence[str], kind: str = "") -> str:
    """A table that scrolls in itself where the page is narrow, by keyboard too.

    Args:
        name: for who cannot see it.
        heads: HTML of the column headings.
        rows: each made by `row`.
        kind: class in the style sheet.
    """
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    inner = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="scroll" role="region" aria-label="{escape(name)}" tabindex="0">{inner}</div>' if rows else ""


def row(head: str, *cells: str) -> str:
    """A row with its heading; cells are HTML, made by `cell`."""
    return f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>'


def cell(inner: str, kind: str = "") -> str:
    return f'<td class="{kind}">{inner}</td>' if kind else f"<td>{inner}</td>"


def figure(caption: str, chart: str, aside: str = "") -> str:
    beside = f" <span>{escape(aside)}</span>" if aside else ""
    return f"<figure><figcaption>{caption}{beside}</figcaption>{chart}</figure>"


def panels(figures: Iterable[str]) -> str:
    """Figures beside each other as far as there is room."""
    inner = "".join(figures)
    return f'<div class="panels">{inner}</div>' if inner else ""


def folded(summary: str, *body: str, open: bool = False) -> str:
    """Something that opens when it is asked for; print shows it open."""
    return f"<details{' open' if open else ''}><summary>{summary}</summary>{''.join(body)}</details>"


def note(words: str) -> str:
    return f'<p class="note">{escape(words)}</p>'


def pairs(facts: Mapping[str, Any], kind: str) -> str:
    inner = "".join(f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts.items())
    return f'<dl class="{kind}">{inner}</dl>'


def system(systems: Iterable[str], name: str) -> str:
    """A system's name behind its mark, in its colour."""
    place = numbers(systems).get(name, 7)
    symbol = f'<span class="s{place % 8}" aria-hidden="true">{SYMBOLS[place % 4]}</span>'
    return f'<span class="system">{symbol} {escape(name)}</span>'


def numbers(systems: Iterable[str]) -> dict[str, int]:
    """System → its place, which its colour and shape follow."""
    return {name: place for place, name in enumerate(systems)}


def percent(value: float | None) -> str:
    return measure("accuracy").show(value)


def plural(unit: str) -> str:
    """More than one of what is drawn again."""
    return unit if unit.endswith("s") else f"{unit}s"
