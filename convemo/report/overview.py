"""The page of a batch: what matters first, then every call, sortable, then what failed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from convemo.alerts import Rules
from convemo.batch.layout import Layout
from convemo.errors import ConvemoError
from convemo.export.atomic import writing
from convemo.export.view import clock
from convemo.report import folder as folders
from convemo.report.call import linked, render
from convemo.report.folder import MOST_CALLS, Folder
from convemo.report.page import KNOWN, classes_of, emotion, facts, frame, line, percent, section, table, text
from convemo.report.pages import Pages
from convemo.report.story import counted
from convemo.results import Analysis

NAVIGATION = {
    "worst": "Worst moments",
    "alerts": "Alerts",
    "calls": "All calls",
    "distributions": "Distributions",
    "failures": "Failures",
    "about": "About",
}
PAGES = 100
"""Calls that get a page of their own unless another number is asked for: those with the worst moments."""
_MOMENTS = 8
_FIRST_ROWS = 50
"""Rows that stand in the page itself; the script shows the others, so many at a time."""
_HEAD = ("Call", "Worst moment", "Peak", "Negative", "Trend", "Curve", "Alerts", "Length", "Utterances", "Silence", "Cut in")
_FIELDS = (
    "call",
    "",
    "worst_negative",
    "negative_share",
    "trend",
    "escalation",
    "alerts",
    "duration_s",
    "utterances",
    "silence_share",
    "interruptions",
)


class Link(NamedTuple):
    """The address of a call's page, and where in it certain utterances stand."""

    page: str
    places: Mapping[str, str]
    """Id of an utterance → the fragment of the address: of the worst moment, and of what raised alerts."""


def write(
    results: str | os.PathLike,
    path: str | os.PathLike,
    *,
    pages: int = PAGES,
    audio: bool = True,
    rules: Rules | None = None,
    told: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Writes the overview, and beside it ``NAME-calls`` with a page for each of the worst calls, in place of an earlier report's.

    Args:
        results: the folder that a batch has written.
        path: where the overview goes.
        pages: how many calls get a page.
        audio: whether the pages link to the recordings, where these still lie where they lay.
        rules: what raises alerts, here and in the pages; those of the batch if not given.
        told: called after each page with how many are written and how many there will be.

    Returns:
        What went wrong with single pages, in sentences; the others are there.

    Raises:
        ResultError: there are no results in the folder, or a file cannot be written.
        EngineUnavailable: duckdb or pyarrow is not installed.
    """
    path, layout, found = Path(path), Layout(results), folders.read(results)
    if rules is not None:
        found = folders.watched(found, layout, rules)
    made, wrong = Pages(path.parent / f"{path.stem}-calls"), []
    raised = {(alert["call"], alert["utterance"]) for alert in found.alerts}
    links: dict[str, Link] = {}
    chosen = found.calls[: max(pages, 0)]
    made.begin(call["call"] for call in chosen)
    for number, call in enumerate(chosen, start=1):
        try:
            if (page := made.path(call["call"])) is None:
                continue
            analysis = Analysis.load(layout.analysis(call["call"]))
            heard = audio and call["audio"] and Path(call["audio"]).is_file()
            source, back = linked(Path(call["audio"]), page) if heard else None, _relative(path, page)
            with writing(page) as file:
                file.write(render(analysis, source, rules, back))
            made.wrote(call["call"])
            here = raised | {(call["call"], call["worst_utterance"])}
            places = {u.id: f"#u{i}" for i, u in enumerate(analysis.dialogue) if (call["call"], u.id) in here}
            links[call["call"]] = Link(_relative(page, path), places)
        except ConvemoError as error:
            wrong.append(f"{call['call']}: {error}")
        if told is not None:
            told(number, len(chosen))
    with writing(path) as file:
        file.write(page_of(found, links))
    made.end()
    return wrong


def page_of(found: Folder, links: Mapping[str, Link]) -> str:
    """The overview as a string; `links` has the calls that have a page."""
    css = classes_of(list(dict.fromkeys((*KNOWN, *(label for counts in found.emotions.values() for label in counts)))))
    body = [
        section("worst", "Worst moments", _moments(found.calls, links, css), note=_WORST),
        section("alerts", "Alerts", _alerts(found, links)),
        section("calls", "All calls", _calls(found, links, css)),
        section("distributions", "Distributions", _distributions(found, css)),
        section("failures", "Failures", _failures(found)),
        section("about", "About these results", _about(found)),
    ]
    header = f'<header><p class="kicker">convemo · {found.totals["calls"]:,} calls</p><h1>{text(found.name)}</h1>'
    header += f"{_verdict(found)}{facts(_facts(found))}</header>"
    return frame(f"{found.name}: convemo", header, body, "overview.js", _data(found, links, css), navigation=NAVIGATION)


def _verdict(found: Folder) -> str:
    calls, up, down = (int(found.totals[name] or 0) for name in ("calls", "escalated", "recovered"))
    if not calls:
        return '<div class="verdict"><p>There are no calls in these results.</p></div>'
    lead = f"<strong>{up} of {calls} calls escalated</strong>" + (f"; {down} of them had recovered by the end." if up else ".")
    if raised := int(found.totals["alerts"] or 0):
        lead += f" {counted(raised, 'alert')} raised, in {counted(int(found.totals['alerted']), 'call')}."
    rest = f"{found.failed} could not be analysed; see Failures." if found.failed else ""
    if found.run.get("ended") is None and found.run:
        rest += " The batch has not come to its end: these are the calls so far."
    return f'<div class="verdict"><p>{lead}</p>{f"<p>{rest.strip()}</p>" if rest else ""}</div>'


def _facts(found: Folder) -> list[tuple[str, str]]:
    totals, counted = found.totals, sum(sum(counts.values()) for counts in found.emotions.values())
    negative = sum(
        n for counts in found.emotions.values() for label, n in counts.items() if label in ("sadness", "anger", "fear", "disgust")
    )
    pairs = [("calls", f"{totals['calls']:,}"), ("utterances", f"{int(totals['utterances'] or 0):,}")]
    if totals["seconds"]:
        pairs.append(("hours", f"{totals['seconds'] / 3600:,.1f}"))
    if counted:
        pairs.append(("utterances negative", percent(negative / counted)))
    return [*pairs, ("failed", f"{found.failed:,}")]


def _moments(calls: Sequence[Mapping[str, Any]], links: Mapping[str, Link], css: Mapping[str, str]) -> str:
    items = []
    for call in calls[:_MOMENTS]:
        if call["worst_negative"] is None:
            continue
        items.append(
            f'<li><p><q>{text(call["worst_text"] or "(no words)")}</q></p><p class="soft">{_expressed(call, css)} · '
            f"{percent(call['worst_negative'])} negative · {_where(call)} · {_name(call['call'], links, call['worst_utterance'])}</p></li>"
        )
    return f'<ol class="moments">{"".join(items)}</ol>' if items else ""


def _expressed(call: Mapping[str, Any], css: Mapping[str, str]) -> str:
    return emotion(call["worst_label"], css.get(call["worst_label"], ""))


def _where(call: Mapping[str, Any]) -> str:
    when = "" if call["worst_start_s"] is None else f", {clock(call['worst_start_s'])[:-2]}"
    return f"{text(call['worst_speaker'])}{when}"


def _name(call: str, links: Mapping[str, Link], utterance: str = "") -> str:
    if call not in links:
        return text(call)
    page, places = links[call]
    return f'<a href="{escape(page + places.get(utterance, ""))}">{text(call)}</a>'


def _alerts(found: Folder, links: Mapping[str, Link]) -> str:
    if not found.alerts:
        return ""
    rules = ", ".join(f"{text(rule)} {n:,}" for rule, n in found.rules.items())
    items = [
        f'<li><p><q>{text(_short(alert["text"]))}</q></p><p class="soft"><span class="tag red">{text(alert["rule"])}</span> '
        f"{_who(alert)} · up to {percent(alert['peak'])} · {_name(alert['call'], links, alert['utterance'])}</p></li>"
        for alert in found.alerts
    ]
    first, others = "".join(items[:_MOMENTS]), "".join(items[_MOMENTS:])
    total = sum(found.rules.values())
    more = f"{total - _MOMENTS:,} more" + (f", of them the {len(found.alerts) - _MOMENTS} highest" if total > len(found.alerts) else "")
    folded = f'<details><summary>{more}</summary><ol class="moments">{others}</ol></details>' if others else ""
    return f'<p class="soft">By rule: {rules}.</p><ol class="moments">{first}</ol>{folded}'


def _who(alert: Mapping[str, Any]) -> str:
    return text(alert["name"]) + ("" if alert["start_s"] is None else f", {clock(alert['start_s'])[:-2]}")


def _calls(found: Folder, links: Mapping[str, Link], css: Mapping[str, str]) -> str:
    if not found.calls:
        return ""
    rows = (
        (
            _name(call["call"], links), _moment(call, css), percent(call["worst_negative"]), percent(call["negative_share"]),
            _points(call["trend"]), _curve(call), str(call["alerts"] or "–"), clock(call["duration_s"])[:-2] or "–",
            str(call["utterances"]),
            percent(call["silence_share"]), "–" if call["interruptions"] is None else str(call["interruptions"]),
        )
        for call in found.calls[:_FIRST_ROWS]
    )  # fmt: skip
    left = found.totals["calls"] - len(found.calls)
    more = f" The page lists the {MOST_CALLS:,} with the worst moments." if left else ""
    without = f" Without its script this page shows the {_FIRST_ROWS} with the worst moments." if len(found.calls) > _FIRST_ROWS else ""
    tools = (
        '<div class="tools" id="tools" hidden><label>Find <input type="search" id="find" placeholder="call or words"></label>'
        '<label>Show <select id="show"><option value="">all</option><option value="escalated">escalated</option>'
        '<option value="stuck">escalated, not recovered</option><option value="alerts">with alerts</option></select></label>'
        '<output id="found" aria-live="polite"></output></div>'
    )
    note = f'<p class="note">{_CALLS}{more}<span id="static">{without}</span></p>'
    pager = '<div class="pager" id="pager" hidden><button id="before">Before</button><span id="place"></span>'
    pager += '<button id="after">Next</button></div>'
    return tools + table("All calls", _HEAD, rows, "calls") + pager + note


def _moment(call: Mapping[str, Any], css: Mapping[str, str]) -> str:
    if call["worst_label"] is None:
        return "–"
    return f"{text(_short(call['worst_text']))}<small>{_expressed(call, css)} · {_where(call)}</small>"


def _short(said: str | None) -> str:
    said = said or "(no words)"
    return said if len(said) <= _SAID else said[: _SAID - 1] + "…"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.0f}"


def _curve(call: Mapping[str, Any]) -> str:
    if not call["escalated"]:
        return "–"
    return f"▲ {_points(call['escalation'])}{' ▼' if call['recovered'] else ''}"


def _distributions(found: Folder, css: Mapping[str, str]) -> str:
    figures = []
    if any(found.shares):
        figures.append(_histogram("Calls by share of negative utterances", found.shares))
    for role, counts in found.emotions.items():
        total = sum(counts.values())
        largest = max(counts.values())
        ranked = sorted(counts.items(), key=lambda item: -item[1])
        bars = "".join(
            f'<text class="left" x="0" y="{22 * i + 15}">{escape(label)}</text>'
            f'<rect class="{css[label]}" x="28%" y="{22 * i + 5}" width="{52 * n / largest:.2f}%" height="13" rx="2"></rect>'
            f'<text class="count right" x="100%" y="{22 * i + 15}">{percent(n / total)}</text>'
            for i, (label, n) in enumerate(ranked)
        )
        told = line(", ".join(f"{label} {percent(n / total)}" for label, n in ranked))
        figures.append(
            f"<figure><figcaption>{escape(role).capitalize()} <span>{total:,} utterances</span></figcaption>"
            f'<svg height="{22 * len(ranked) + 4}" role="img" aria-label="{told}">{bars}</svg></figure>'
        )
    return f'<div class="panels">{"".join(figures)}</div>' if figures else ""


def _histogram(title: str, tenths: Sequence[int]) -> str:
    top = max(tenths)
    bars = "".join(
        f'<rect class="bar" x="{10 * i + 0.6:.1f}%" y="{116 - 96 * n / top:.1f}" width="8.8%" height="{96 * n / top:.1f}" rx="2"></rect>'
        f'<text class="count" x="{10 * i + 5}%" y="{110 - 96 * n / top:.1f}">{n or ""}</text>'
        for i, n in enumerate(tenths)
    )
    ticks = "".join(
        f'<text x="{10 * i}%" y="134"{css}>{10 * i} %</text>' for i, css in ((0, ' class="left"'), (5, ""), (10, ' class="right"'))
    )
    told = ", ".join(f"{10 * i} to {10 * i + 10} %: {n}" for i, n in enumerate(tenths) if n)
    return (
        f'<figure><figcaption>{title}</figcaption><svg height="140" role="img" aria-label="{told}">{bars}'
        f'<line class="base" x1="0" x2="100%" y1="116" y2="116"></line>{ticks}</svg></figure>'
    )


def _failures(found: Folder) -> str:
    rows = [(text(f.name), escape(f.kind), text(f.error), str(f.attempts)) for f in found.failures]
    more = f'<p class="note">And {found.failed - len(rows):,} more.</p>' if found.failed > len(rows) else ""
    hint = '<p class="note"><code>convemo batch … --retry-failed</code> tries them again.</p>' if rows else ""
    return (table("Failures", ("File", "Kind", "What was wrong", "Attempts"), rows, "failures") if rows else "") + more + hint


def _about(found: Folder) -> str:
    run = found.run
    told = {name: run.get(name) for name in ("purpose", "begun", "ended")} | {"settings": str(run.get("settings_sha256") or "")[:16]}
    rows = "".join(f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in told.items() if value)
    notes = "".join(f"<li>{text(note)}</li>" for note in found.notes)
    return (f'<ul class="notes">{notes}</ul>' if notes else "") + (f'<dl class="provenance">{rows}</dl>' if rows else "")


def _data(found: Folder, links: Mapping[str, Link], css: Mapping[str, str]) -> dict[str, Any]:
    return {"fields": _FIELDS, "page": _FIRST_ROWS, "css": dict(css), "calls": list(_light(found.calls, links))}


_KEPT = (*filter(None, _FIELDS), "worst_label", "worst_speaker", "worst_start_s", "escalated", "recovered")
_SAID = 120
"""Characters of a worst moment in the table."""


def _light(calls: Sequence[Mapping[str, Any]], links: Mapping[str, Link]) -> Iterator[dict[str, Any]]:
    """What the script shows of each, in few bytes."""
    for call in calls:
        kept = {name: round(v, 4) if isinstance(v := call[name], float) else v for name in _KEPT}
        kept |= {"said": (call["worst_text"] or "")[:_SAID], "page": links[call["call"]].page if call["call"] in links else None}
        yield {name: value for name, value in kept.items() if value is not None}


def _relative(target: Path, page: Path) -> str:
    return quote(os.path.relpath(target.resolve(), page.resolve().parent).replace(os.sep, "/"))


_WORST = (
    "The utterances with the highest probability of a negative emotion, one a call: of the customers where roles are known, "
    "else of anybody."
)
_CALLS = (
    "Peak: probability of a negative emotion at the worst moment. Negative: share of the scored utterances. Trend: change of that "
    "probability from the first to the last utterance, in points. Curve: ▲ the smoothed probability rose by 30 points or more, "
    "▼ at least half of that was gone again later, and it did not escalate once more. "
    "Cut in: utterances that begin while another speaker goes on."
)
