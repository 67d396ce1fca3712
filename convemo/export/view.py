"""An analysis for people to read: a table in the terminal, a table in a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from io import StringIO
from shutil import get_terminal_size

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from convemo.results import Analysis, AnalyzedUtterance

COLOURS = {
    "joy": "green",
    "sadness": "blue",
    "anger": "red",
    "fear": "magenta",
    "disgust": "yellow",
    "surprise": "cyan",
}
"""Terminal colours by emotion; any other label is plain."""

_CSS_COLOURS = {
    "joy": "#2e7d32",
    "sadness": "#1565c0",
    "anger": "#c62828",
    "fear": "#7b1fa2",
    "disgust": "#8d6e00",
    "surprise": "#00838f",
}
_NARROWEST = 60
_MOST_ROWS = 1000
"""Rows that are shown; of a longer conversation (hours) the first and the last half as many."""
_LEGEND = (
    "sure: probability of the emotion expressed. ?: too unsure to act on. "
    "because of: what each brought, in natural-log odds over the second likeliest"
)
_PRIOR_LEGEND = "prior: how often emotions occur"
_WORTH_SHOWING = 0.05
"""Natural-log odds; what brought less would be shown as 0.0."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal obeys instead of showing: a transcript must not be able to clear the screen or hide a line."""


def as_text(analysis: Analysis) -> str:
    """The table as plain text, as wide as the terminal."""
    console = Console(file=StringIO(), width=max(_NARROWEST, get_terminal_size((120, 40)).columns), no_color=True, highlight=False)
    console.print(renderable(analysis))
    return console.file.getvalue().rstrip("\n")


def renderable(analysis: Analysis) -> Group:
    """The table and what must be known with it, for a rich console."""
    timed = any(u.start is not None for u in analysis)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    if timed:
        table.add_column("when", justify="right", no_wrap=True)
    table.add_column("who", no_wrap=True, max_width=24)
    table.add_column("what", ratio=3)
    table.add_column("expressed", no_wrap=True)
    table.add_column("sure", justify="right", no_wrap=True)
    table.add_column("rather than", no_wrap=True, style="dim")
    table.add_column("because of", ratio=1, style="dim")
    shown = list(_shown(analysis))
    for u in shown:
        if u is None:
            table.add_row(*["…"] * len(table.columns), style="dim")
            continue
        cells = [_who(u), Text("(no words)", style="dim") if u.text is None else _text(u.text), *_verdict(u), *_reasons(u)]
        table.add_row(*([clock(u.start), *cells] if timed else cells))
    below = [Text(left_out, style="dim")] if (left_out := _left_out(analysis)) else []
    told = f"{_LEGEND}; {_PRIOR_LEGEND}." if any(u and "prior" in _weighty(u) for u in shown) else f"{_LEGEND}."
    below += [Text(told, style="dim")] if len(analysis) else []
    below += [_text(f"Note: {note}", style="yellow") for note in analysis.notes]
    return Group(_text(heading(analysis), style="bold"), Text(""), table, Text(""), *below)


def _shown(analysis: Analysis) -> Iterator[AnalyzedUtterance | None]:
    """The utterances that a table shows; ``None`` for the many in the middle of a long conversation."""
    if len(analysis) <= _MOST_ROWS:
        yield from analysis
        return
    yield from analysis[: _MOST_ROWS // 2]
    yield None
    yield from analysis[-_MOST_ROWS // 2 :]


def _left_out(analysis: Analysis) -> str:
    count = len(analysis) - _MOST_ROWS
    return f"{count} utterances in the middle are not shown; save() keeps them all." if count > 0 else ""


def heading(analysis: Analysis) -> str:
    """One line on the whole: what it is, how long, how many."""
    recording, speakers = analysis.recording, len(analysis.dialogue.speakers)
    length = [f"{clock(recording.duration_s)} long"] if recording is not None else []
    counts = [f"{len(analysis)} utterance{'s' * (len(analysis) != 1)}", f"{speakers} speaker{'s' * (speakers != 1)}"]
    return f"{analysis.dialogue.id}: {', '.join(length + counts)}"


def clock(seconds: float | None) -> str:
    """Seconds as people read them.

    >>> clock(75.25), clock(3675), clock(None)
    ('1:15.2', '1:01:15.0', '')
    """
    if seconds is None:
        return ""
    tenths = int(seconds * 10)
    hours, minutes, rest = tenths // 36_000, tenths // 600 % 60, tenths % 600
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{rest // 10:02d}.{rest % 10}"


def _text(text: str, style: str = "") -> Text:
    return Text(_CONTROL.sub("\ufffd", text), style=style)


def _who(u: AnalyzedUtterance) -> Text:
    """The name, and the role where the name does not already say it; of somebody unknown, the channel that carries them."""
    channel = u.speaker_info.channel
    known = u.role if u.role is not None else f"channel {channel}" if channel is not None else ""
    return _text(u.name if known in u.name.casefold() else f"{u.name} ({known})")


def _verdict(u: AnalyzedUtterance) -> tuple[Text, Text]:
    """Label and confidence; a question mark where the score is too unsure to act on."""
    if u.label is None:
        return Text("-", style="dim"), Text("")
    style = COLOURS.get(u.label, "") + (" dim" if u.abstained else "")
    return Text(u.label + "?" * u.abstained, style=style.strip()), Text(f"{u.confidence:.2f}")


def _weighty(u: AnalyzedUtterance) -> dict[str, float]:
    """What spoke for or against the label, as far as it is shown, strongest first."""
    told = (u.contributions or {}) if u.label is not None else {}
    weighty = {name: value for name, value in told.items() if abs(value) >= _WORTH_SHOWING}
    return dict(sorted(weighty.items(), key=lambda item: -abs(item[1])))


def _reasons(u: AnalyzedUtterance) -> tuple[Text, Text]:
    """The runner-up, and what spoke for or against the label, strongest first; else why there is no score."""
    if u.label is None:
        return Text(""), Text(u.reason or "")
    parts = (f"{name} {value:+.1f}" for name, value in _weighty(u).items())
    heard = (f"{name} {weighting}" for name, weighting in u.weighting.items() if weighting.notable)
    return Text(u.runner_up or ""), Text("; ".join(filter(None, [", ".join(parts), *heard, str(u.disagreement or "")])))


def as_html(analysis: Analysis) -> str:
    """The table for a notebook; every word of the transcript is escaped."""
    head = "".join(
        f"<th style='text-align:left'>{name}</th>" for name in ("when", "who", "what", "expressed", "sure", "rather than", "because of")
    )
    rows = "".join("<tr><td>…</td></tr>" if u is None else _html_row(u) for u in _shown(analysis))
    notes = f"<p>{left_out}</p>" if (left_out := _left_out(analysis)) else ""
    notes += "".join(f"<p><em>{escape(note)}</em></p>" for note in analysis.notes)
    return f"<div><strong>{escape(heading(analysis))}</strong><table><tr>{head}</tr>{rows}</table>{notes}</div>"


def _html_row(u: AnalyzedUtterance) -> str:
    label, sure = (cell.plain for cell in _verdict(u))
    colour = _CSS_COLOURS.get(u.label, "inherit")
    cells = [clock(u.start), _who(u).plain, u.text or "", label, sure, *(cell.plain for cell in _reasons(u))]
    dim = "text-align:left;opacity:.7"
    styles = ["", "", "text-align:left", f"color:{colour}", "text-align:right", dim, dim]
    return "<tr>" + "".join(f"<td style='{style}'>{escape(cell)}</td>" for cell, style in zip(cells, styles)) + "</tr>"
