"""The drawings of a call: who expressed what when, and how each speaker's curve went. Positions are shares of the width, so that text keeps
its size on any screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convemo.alerts import Alert
from convemo.dialogue.trajectory import Course
from convemo.disagreement import Disagreement
from convemo.export.view import clock
from convemo.report.page import line, percent, text
from convemo.results import Analysis, AnalyzedUtterance

MOST_MARKS = 1500
"""Blocks that are drawn for one speaker, and points of one curve: of a day-long call neighbours are drawn as one."""
_LANE = 46
_TOP, _BAR = 12, 26
_CURVES = 150


@dataclass(frozen=True, slots=True)
class Scale:
    """Where on the axis an utterance lies: by time, or by its number in a chat."""

    length: float
    timed: bool

    @classmethod
    def of(cls, analysis: Analysis) -> Scale:
        ends = [u.end for u in analysis.dialogue if u.start is not None and u.end is not None]
        if not ends:
            return cls(max(len(analysis), 1), timed=False)
        recorded = 0.0 if analysis.recording is None else analysis.recording.duration_s
        return cls(max(*ends, recorded, 0.1), timed=True)

    def span(self, index: int, start: float | None, end: float | None) -> tuple[float, float] | None:
        """Beginning and end in ``[0, 1]``; ``None`` for an utterance without a place."""
        if not self.timed:
            return index / self.length, (index + 0.92) / self.length
        if start is None or end is None:
            return None
        return max(start, 0.0) / self.length, max(end, start, 0.0) / self.length

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Places and names of at most eight marks at round numbers."""
        steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400) if self.timed else (1, 2, 5)
        step = next((s for s in steps if self.length / s <= 7), None) or 10 ** int(np.ceil(np.log10(self.length / 7)))
        for at in np.arange(0, self.length, step):
            yield float(at / self.length), clock(float(at))[:-2] if self.timed else str(int(at) + 1)


def timeline(
    analysis: Analysis, css: Mapping[str, str], courses: Mapping[str, Course], alerts: Sequence[Alert], apart: Mapping[int, Disagreement]
) -> str:
    """Lanes, curves and axis.

    Args:
        css: label → class.
        apart: index of an utterance → how its words and its voice disagree.
    """
    scale = Scale.of(analysis)
    lanes = "".join(_lane(analysis, speaker, css, scale, alerts, apart) for speaker in dict.fromkeys(u.speaker for u in analysis.dialogue))
    axis = "".join(f'<text class="tick" x="{_pc(at)}" y="14">{name}</text>' for at, name in scale.ticks())
    unit = "Time" if scale.timed else "Utterance"
    return (
        f'<div class="tracks" id="tracks">{lanes}{_curves(analysis, courses, scale)}'
        f'<div class="who axis">{unit}</div><svg class="track axis" height="20" aria-hidden="true">{axis}</svg>'
        '<div class="head" id="head" hidden></div></div>'
    )


def _lane(
    analysis: Analysis, speaker: str, css: Mapping[str, str], scale: Scale, alerts: Sequence[Alert], apart: Mapping[int, Disagreement]
) -> str:
    own = [u for u in analysis if u.speaker == speaker]
    info = analysis.dialogue.speaker(speaker)
    spans = {u.index: span for u in own if (span := scale.span(u.index, u.start, u.end)) is not None}
    blocks = [(*spans[u.index], u.index, u.label, u.confidence or 0.0) for u in own if u.index in spans]
    drawn = "".join(_block(block, css) for block in _merged(blocks))
    marks = "".join(
        f'<text class="against" x="{_pc(sum(spans[u.index]) / 2)}" y="9" data-i="{u.index}">◆</text>'
        for u in own
        if u.index in spans and u.index in apart
    )
    flags = "".join(_flag(alert, own, spans) for alert in alerts if alert.speaker == speaker)
    scored = [u for u in own if u.label is not None]
    leading = _leading([u.label for u in scored])
    role = f"{info.role}, " if info.role and info.role not in (info.name or speaker).casefold() else ""
    told = f"{role}{len(own)} utterance{'s' * (len(own) != 1)}"
    label = line(f"{info.name or speaker}: {told}, mostly {leading}" if leading else f"{info.name or speaker}: {told}, none scored")
    return (
        f'<div class="who"><b>{text(info.name or speaker)}</b><small>{told}</small></div>'
        f'<svg class="track" height="{_LANE}" role="img" aria-label="{label}">'
        f'<rect class="rail" x="0" y="{_TOP}" width="100%" height="{_BAR}" rx="3"></rect>{drawn}{flags}{marks}</svg>'
    )


def _block(block: tuple[float, float, int, str | None, float], css: Mapping[str, str]) -> str:
    begin, end, index, label, confidence = block
    place = f'x="{_pc(begin)}" y="{_TOP}" width="{_pc(max(end - begin, 0.0012))}" height="{_BAR}" rx="2" data-i="{index}"'
    if label is None:
        return f'<rect class="none" {place}></rect>'
    return f'<rect class="{css[label]}" fill-opacity="{0.2 + 0.8 * confidence:.2f}" {place}></rect>'


def _merged(blocks: list[tuple[float, float, int, str | None, float]]) -> Iterator[tuple[float, float, int, str | None, float]]:
    """At most `MOST_MARKS`: where more lie on a patch of the axis, the longest label of the patch stands for them."""
    if len(blocks) <= MOST_MARKS:
        yield from blocks
        return
    patches: dict[int, list[tuple[float, float, int, str | None, float]]] = {}
    for block in blocks:
        patches.setdefault(int(block[0] * MOST_MARKS), []).append(block)
    for members in patches.values():
        seconds: dict[str | None, float] = {}
        for begin, end, _, label, _ in members:
            seconds[label] = seconds.get(label, 0.0) + end - begin
        foremost = max(seconds, key=seconds.get)
        same = [b for b in members if b[3] == foremost]
        yield members[0][0], max(b[1] for b in members), same[0][2], foremost, sum(b[4] for b in same) / len(same)


def _flag(alert: Alert, own: Sequence[AnalyzedUtterance], spans: Mapping[int, tuple[float, float]]) -> str:
    cited = [spans[u.index] for u in own if u.id in alert.utterances and u.index in spans]
    if not cited:
        return ""
    begin, end = cited[0][0], cited[-1][1]
    y = _TOP + _BAR + 5
    return f'<line class="alert" x1="{_pc(begin)}" x2="{_pc(max(end, begin + 0.003))}" y1="{y}" y2="{y}"></line>'


def _curves(analysis: Analysis, courses: Mapping[str, Course], scale: Scale) -> str:
    """P(negative), smoothed, by speaker."""
    if not courses:
        return ""
    lines, marks, legend = [], [], []
    for number, (speaker, course) in enumerate(courses.items()):
        series = f"s{number % 6}"
        placed = [(sum(span) / 2, p.smoothed) for p in course.points if (span := _span(analysis, scale, p.index)) is not None]
        step = -(-len(placed) // MOST_MARKS)
        points = " ".join(f"{1000 * x:.1f},{100 * (1 - y):.1f}" for x, y in _thinned(placed, step))
        lines.append(f'<polyline class="curve {series}" points="{points}"></polyline>')
        for move in course.movements:
            if (span := _span(analysis, scale, move.index)) is not None:
                y, mark = 5 + (_CURVES - 10) * (1 - move.after), "▲" if move.kind == "escalation" else "▼"
                below = 18 if y < 20 else -7
                marks.append(
                    f'<text class="move {series}" x="{_pc(sum(span) / 2)}" y="{y + below:.0f}" data-i="{move.index}">{mark}</text>'
                )
        info = analysis.dialogue.speaker(speaker)
        key = f'<svg class="key" width="20" height="8" aria-hidden="true"><line class="curve {series}" x2="20" y1="4" y2="4"></line></svg>'
        legend.append(f"<li>{key}{text(info.name or speaker)}</li>")
    grid = "".join(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"></line>' for y in (5, _CURVES // 2, _CURVES - 5))
    names = "".join(
        f'<text class="level" x="100%" y="{y}">{name}</text>' for y, name in ((16, "1"), (_CURVES // 2 - 3, "½"), (_CURVES - 9, "0"))
    )
    words = "; ".join(line(_moves(analysis, course)) for course in courses.values())
    return (
        f'<div class="who"><b>Negative</b><small>smoothed</small><ul class="lines">{"".join(legend)}</ul></div>'
        f'<svg class="track" height="{_CURVES}" role="img" aria-label="Smoothed probability of a negative emotion. {words}">{grid}{names}'
        f'<svg y="5" width="100%" height="{_CURVES - 10}" viewBox="0 0 1000 100" preserveAspectRatio="none">{"".join(lines)}</svg>'
        f"{''.join(marks)}</svg>"
    )


def _thinned(points: Sequence[tuple[float, float]], step: int) -> Iterator[tuple[float, float]]:
    """The lowest and the highest of every few: a peak is never lost."""
    if step <= 1:
        yield from points
        return
    for first in range(0, len(points), 2 * step):
        some = points[first : first + 2 * step]
        yield from sorted({min(some, key=lambda p: p[1]), max(some, key=lambda p: p[1])})


def _moves(analysis: Analysis, course: Course) -> str:
    name = analysis.dialogue.speaker(course.speaker).name or course.speaker
    top = max(p.smoothed for p in course.points)
    told = ", ".join(f"{m.kind} at {clock(m.start) or f'utterance {m.index + 1}'}" for m in course.movements)
    return f"{name}: at most {percent(top)}" + (f", {told}" if told else "")


def _span(analysis: Analysis, scale: Scale, index: int) -> tuple[float, float] | None:
    u = analysis.dialogue[index]
    return scale.span(index, u.start, u.end)


def _leading(labels: Sequence[str]) -> str:
    return max(dict.fromkeys(labels), key=labels.count, default="")


def _pc(share: float) -> str:
    return f"{100 * share:.3f}%"
