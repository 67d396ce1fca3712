"""The report: one HTML file that holds everything, fetches nothing and runs nothing.

sections   what stands on the page
charts     the drawings, SVG made of `draw`'s marks
story      what the figures say, in sentences
robustness the matrix of conditions, where it was drawn
style.css  how it looks: light, dark, narrow, printed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from os import PathLike
from typing import Any

from convemo.evaluation.page import robustness, sections
from convemo.export.atomic import writing

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Even if something foreign found its way into the page, a browser would neither run nor fetch it."""


def write(results: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]], path: str | PathLike) -> None:
    """Writes the page.

    Args:
        results: as results.json has them.
        predictions: the rows of predictions.jsonl; may be empty, then no mistakes are shown.
        path: where; the file is there whole or not at all.

    Raises:
        ResultError: the file cannot be written.
    """
    with writing(path) as file:
        file.write(render(results, predictions))


def render(results: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page as a string."""
    body = [
        sections.headline(results),
        sections.paired(results),
        robustness.matrix(results),
        sections.confusions(results),
        sections.calibration(results),
        sections.risk(results),
        sections.classes(results),
        sections.slices(results),
        sections.mistakes(results, predictions),
        sections.provenance(results),
    ]
    head = sections.header(results)
    title = f"{results['data']['name']}: convemo evaluation"
    return page(title, head, body)


def page(title: str, head: str, body: Sequence[str], navigation: Mapping[str, str] | None = None) -> str:
    """The frame around a header and sections, with links to each section: its id → what the link says."""
    style = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    there = "".join(body)
    leading = {id: name for id, name in (navigation or NAVIGATION).items() if f'<section id="{id}"' in there}
    links = "".join(f'<li><a href="#{id}">{name}</a></li>' for id, name in leading.items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta name="referrer" content="no-referrer"><title>{escape(title)}</title><style>{style}</style></head>\n'
        f'<body><a class="skip" href="#main">To the figures</a>{head}\n<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
        f'<main id="main" tabindex="-1">{"".join(part + chr(10) for part in body if part)}</main>\n'
        f"<footer><p>{_FOOTER}</p></footer></body></html>\n"
    )


NAVIGATION = {
    "headline": "All metrics",
    "paired": "Differences",
    "robustness": "Robustness",
    "confusion": "Confusions",
    "reliability": "Calibration",
    "risk": "Knowing when",
    "classes": "Emotions",
    "slices": "Slices",
    "mistakes": "Mistakes",
    "provenance": "Provenance",
}
_FOOTER = (
    "Emotion here means the emotion expressed, as annotators labelled it, not what anybody felt. "
    "This page holds no script and fetches nothing."
)
