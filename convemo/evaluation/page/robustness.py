"""The matrix of conditions on the page: a grid to see it at a glance, a table to read it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from convemo.evaluation.measures import measure, verdict
from convemo.evaluation.page.parts import cell, folded, note, row, section, system, table
from convemo.evaluation.page.story import sentence
from convemo.evaluation.robustness import HELD, METRICS, sentences, worst

Cell = Mapping[str, Any]
_KINDS = {1: "better", 0: "unclear", -1: "worse"}
_WORDS = {1: "better", 0: "not told apart", -1: "worse"}


def matrix(results: Mapping[str, Any]) -> str:
    """The section; nothing where no matrix was drawn."""
    cells = results.get("robustness") or []
    if not cells:
        return ""
    told = "".join(f"<p>{escape(sentence(words))}</p>" for words in sentences(cells))
    grids = "".join(_grid(cells, metric) for metric in HELD if any(c["against"] for c in cells))
    words = (
        "Large: fused. Small: what it gains on the channel that it gains least on, by a paired difference on the utterances that that "
        "channel scores. Green: better than every channel. Grey: not told apart from the best. Red: worse than one. Each cell is what "
        "convemo eval gives under its conditions, fitted on the dev part under the same ones with nothing missing. Where a channel is "
        "missing for all, degrading what it would have read is not another cell."
    )
    told = f'<div class="told">{told}</div>'
    return section("robustness", "When conditions get worse", told, grids, note(words), _details(results, cells))


def _grid(cells: Sequence[Cell], metric: str) -> str:
    """Rows: how words, sound and speakers reach the channels; columns: what is missing."""
    of = measure(metric)
    missing = list(dict.fromkeys(c["conditions"]["missing"] for c in cells))
    inputs = list(dict.fromkeys(_inputs(c) for c in cells))
    by_place = {(_inputs(c), c["conditions"]["missing"]): c for c in cells}
    rows = [row(_input_title(place, cells), *(_grid_cell(by_place.get((place, lost)), metric) for lost in missing)) for place in inputs]
    heads = (
        f"{escape(of.title)}{', %' if of.percent else ''} {of.arrow}",
        *("nothing missing" if lost == "none" else f"without {escape(_share(lost))}" for lost in missing),
    )
    return table(f"{of.title} in every condition", heads, rows, "grid")


def _grid_cell(found: Cell | None, metric: str) -> str:
    if found is None or metric not in (found["systems"].get("fused") or {}):
        return cell("", "none")
    of, least = measure(metric), worst(found, metric)
    value = f"<b>{of.show(found['systems']['fused'][metric]['value'])}</b>"
    if least is None:
        return cell(value)
    name, d = least
    outcome = verdict(metric, d)
    title = f"{of.show(d['difference'], signed=True)} against {name}, {of.show(d['low'], signed=True)} to {of.show(d['high'], signed=True)}"
    said = f'<small title="{escape(title)}">{of.show(d["difference"], signed=True)} <span>{_WORDS[outcome]}</span></small>'
    return cell(value + said, _KINDS[outcome])


def _details(results: Mapping[str, Any], cells: Sequence[Cell]) -> str:
    names = [name for name in results["systems"] if any(name in c["systems"] for c in cells)]
    rows = []
    for found in cells:
        under = found["conditions"]
        head = escape(f"{_input_words(_inputs(found))}; missing: {_share(under['missing'])}")
        figures = [(found["systems"].get(name) or {}).get(metric) for metric in METRICS for name in names]
        shown = [measure(metric) for metric in METRICS for _ in names]
        cells_ = [
            cell(f"<b>{of.show(f['value'])}</b><small>{of.show(f['low'])} – {of.show(f['high'])}</small>" if f else "–")
            for of, f in zip(shown, figures)
        ]
        rows.append(row(head, *cells_))
    heads = ["conditions", *(f"{escape(measure(m).title)}<br>{system(results['systems'], name)}" for m in METRICS for name in names)]
    return folded(
        "Every system in every condition, with intervals", table("Every system in every condition", heads, rows, "conditions-table")
    )


def _inputs(found: Cell) -> tuple[str, str, str]:
    return tuple(found["conditions"][kind] for kind in ("text", "audio", "speakers"))


def _input_title(place: tuple[str, str, str], cells: Sequence[Cell]) -> str:
    rate = next((c["word_error_rate"] for c in cells if _inputs(c) == place), None)
    measured = f"<small>{100 * rate:.0f} % of words wrong</small>" if rate else ""
    return f"{escape(_input_words(place))}{measured}"


def _input_words(place: tuple[str, str, str]) -> str:
    text, audio, speakers = place
    said = [text] + [audio] * (audio != "none") + [f"speakers {speakers}"] * (speakers != "none")
    return "; ".join(said)


def _share(missing: str) -> str:
    """``acoustic=0.5`` as people say it."""
    if missing == "none":
        return "nothing"
    parts = (re.fullmatch(r"(.*)=([\d.]+)", part) for part in missing.split(","))
    return ", ".join(f"{100 * float(m[2]):.0f} % of {m[1]}" if m else part for m, part in zip(parts, missing.split(",")))
