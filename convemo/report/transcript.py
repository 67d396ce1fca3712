"""The words of a call, a line an utterance; and as numbers what the page shows of the one that is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convemo.alerts import Alert
from convemo.analyzed import NEGATIVE
from convemo.dialogue.trajectory import Course
from convemo.disagreement import Disagreement
from convemo.export.view import clock
from convemo.report.page import emotion, text
from convemo.report.timeline import Scale
from convemo.results import Analysis, AnalyzedUtterance

MOST_ROWS = 20_000
"""Utterances that are listed, far more than a day of talk; the rest stands in the other forms of the results."""


def transcript(
    analysis: Analysis, css: Mapping[str, str], courses: Mapping[str, Course], alerts: Sequence[Alert], apart: Mapping[int, Disagreement]
) -> str:
    """The list, with what finds one's way in it; arguments as for `timeline`."""
    events = events_of(courses, alerts, analysis)
    rows = "".join(_row(u, css, events.get(u.index, ()), apart.get(u.index)) for u in analysis[:MOST_ROWS])
    left = len(analysis) - MOST_ROWS
    more = f'<p class="note">{left} more utterances are not listed here; the other forms of the results have them.</p>' if left > 0 else ""
    return f'{_FILTER}<div class="talk"><ol id="talk">{rows}</ol>{_DETAIL}</div>{more}'


def events_of(courses: Mapping[str, Course], alerts: Sequence[Alert], analysis: Analysis) -> dict[int, list[str]]:
    """Index of an utterance → what happened there, in words."""
    found: dict[int, list[str]] = {}
    where = {(u.speaker, u.id): i for i, u in enumerate(analysis.dialogue)}
    for alert in alerts:
        if (index := where.get((alert.speaker, alert.utterances[-1]))) is not None:
            found.setdefault(index, []).append(f"alert: {alert.rule}")
    for course in courses.values():
        for move in course.movements:
            found.setdefault(move.index, []).append(f"{'▲' if move.kind == 'escalation' else '▼'} {move.kind}")
    return found


def _row(u: AnalyzedUtterance, css: Mapping[str, str], events: Sequence[str], apart: Disagreement | None) -> str:
    tags = [f'<span class="tag{" red" if event.startswith("alert") else ""}">{text(event)}</span>' for event in events]
    tags += [f'<span class="tag against">◆ words {text(apart.words)}, voice {text(apart.voice)}</span>'] if apart is not None else []
    said = f"<q>{text(u.text)}</q>" if u.text else '<q class="soft">(no words)</q>'
    verdict = '<span class="soft">not scored</span>' if u.label is None else f"{emotion(u.label, css[u.label])} <small>{_sure(u)}</small>"
    when = clock(u.start)[:-2] if u.start is not None else str(u.index + 1)
    flags = " ".join(_flags(u, events, apart))
    reached = -1 if u.index else 0  # by Tab only the first; from there on by arrows
    return (
        f'<li id="u{u.index}" data-i="{u.index}" data-f="{flags}" tabindex="{reached}">'
        f'<a class="time" href="#u{u.index}" tabindex="-1">{when}</a>'
        f'<div class="said"><b>{text(u.name)}</b> {said} {" ".join(tags)}</div><div class="verdict-of">{verdict}</div></li>'
    )


def _sure(u: AnalyzedUtterance) -> str:
    return f"{100 * u.confidence:.0f} %" + ("?" if u.abstained else "")


def _flags(u: AnalyzedUtterance, events: Sequence[str], apart: Disagreement | None) -> list[str]:
    """By which the list is filtered."""
    kinds = {"event": bool(events), "negative": u.label in NEGATIVE, "against": apart is not None,
             "unsure": u.abstained and u.label is not None, "none": u.label is None}  # fmt: skip
    return [name for name, true in kinds.items() if true]


def data_of(analysis: Analysis, css: Mapping[str, str], courses: Mapping[str, Course]) -> dict[str, Any]:
    """What the script shows of an utterance: probabilities in thousandths, by channel."""
    relative = {p.index: p.relative for course in courses.values() for p in course.points if p.relative is not None}
    opinions = [(name, result) for name, result in analysis._opinions()]
    return {
        "labels": {name: list(result.labels) for name, result in opinions},
        "css": dict(css),
        "length": Scale.of(analysis).length,
        "rows": [
            {
                "n": u.name,
                "r": u.role or "",
                "s": u.start,
                "e": u.end,
                "l": u.label,
                "c": None if u.confidence is None else round(u.confidence, 3),
                "u": int(u.abstained),
                "w": u.why,
                "set": list(u.prediction_set or ()),
                "d": None if relative.get(u.index) is None else round(relative[u.index], 2),
                "p": {
                    name: None if (p := result.probabilities(u.index)) is None else [round(1000 * v) for v in p.values()]
                    for name, result in opinions
                },
            }
            for u in analysis[:MOST_ROWS]
        ],
    }


_FILTER = """<div class="tools" id="tools" hidden><label>Find <input type="search" id="find" placeholder="words or name"></label>
<label>Show <select id="show"><option value="">everything</option><option value="event">alerts and turns of the curve</option>
<option value="negative">negative emotions</option><option value="against">words against voice</option>
<option value="unsure">too unsure</option><option value="none">not scored</option></select></label><output id="found"></output>
<span class="keys"><kbd>↑</kbd> <kbd>↓</kbd> move <kbd>n</kbd> next mark <span class="sound"><kbd>space</kbd> play</span></span></div>"""
_DETAIL = '<aside id="detail" aria-live="polite" aria-label="The utterance that is looked at"></aside>'
