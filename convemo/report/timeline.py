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

MOST_BLOCKS = 300
"""Utterances of one speaker that are drawn one by one; of more, each of …"""
PATCHES = 180
"""… so many patches of the axis is drawn as one, so that ten hours can still be read."""
MOST_SIGNS = 60
"""Disagreements of one speaker that are drawn one by one."""
MOST_MOVES = 12
"""Escalations and recoveries of one speaker that are marked, the largest; the transcript marks all."""
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
        ends = [max(u.start, u.end) for u in analysis.dialogue if u.start is not None and u.end is not None]
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
    ticks = [(at, "first" if at < 0.02 else "last" if at > 0.95 else "", name) for at, name in scale.ticks()]
    axis = "".join(f'<text class="tick {where}" x="{_pc(at)}" y="14">{name}</text>' for at, where, name in ticks)
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
    drawn = _blocks(spans, own, css)
    marks = _signs(spans, [u.index for u in own if u.index in apart])
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


def _blocks(spans: Mapping[int, tuple[float, float]], own: Sequence[AnalyzedUtterance], css: Mapping[str, str]) -> str:
    """Each utterance as a block; of a long talk each patch of the axis as a stack, as high as each label's share of it."""
    placed = [u for u in own if u.index in spans]
    if len(placed) <= MOST_BLOCKS:
        return "".join(_block(u, *spans[u.index], css) for u in placed)
    patches: dict[int, dict[str | None, list[AnalyzedUtterance]]] = {}
    for u in placed:
        patches.setdefault(min(int(spans[u.index][0] * PATCHES), PATCHES - 1), {}).setdefault(u.label, []).append(u)
    drawn = []
    for patch, by_label in sorted(patches.items()):
        y, total = float(_TOP), sum(len(members) for members in by_label.values())
        for label in (label for label in (*css, None) if label in by_label):
            members = by_label[label]
            height = _BAR * len(members) / total
            sure = sum(u.confidence or 0.0 for u in members) / len(members)
            look = 'class="none"' if label is None else f'class="{css[label]}" fill-opacity="{0.2 + 0.8 * sure:.2f}"'
            place = f'x="{_pc(patch / PATCHES)}" y="{y:.1f}" width="{_pc(0.9 / PATCHES)}" height="{height:.1f}"'
            drawn.append(f'<rect {look} {place} data-i="{members[0].index}"></rect>')
            y += height
    return "".join(drawn)


def _block(u: AnalyzedUtterance, begin: float, end: float, css: Mapping[str, str]) -> str:
    place = f'x="{_pc(begin)}" y="{_TOP}" width="{_pc(max(end - begin, 0.0012))}" height="{_BAR}" rx="2" data-i="{u.index}"'
    if u.label is None:
        return f'<rect class="none" {place}></rect>'
    return f'<rect class="{css[u.label]}" fill-opacity="{0.2 + 0.8 * u.confidence:.2f}" {place}></rect>'


def _signs(spans: Mapping[int, tuple[float, float]], apart: Sequence[int]) -> str:
    """Where words and voice disagree; of very many, the patches of the axis, the darker the more."""
    middles = {i: sum(spans[i]) / 2 for i in apart if i in spans}
    if len(middles) <= MOST_SIGNS:
        return "".join(f'<text class="against" x="{_pc(x)}" y="9" data-i="{i}">◆</text>' for i, x in middles.items())
    patches: dict[int, list[int]] = {}
    for i, x in middles.items():
        patches.setdefault(min(int(x * PATCHES), PATCHES - 1), []).append(i)
    most = max(map(len, patches.values()))
    return "".join(
        f'<rect class="against" x="{_pc(patch / PATCHES)}" y="3" width="{_pc(0.9 / PATCHES)}" height="5" '
        f'fill-opacity="{len(members) / most:.2f}" data-i="{members[0]}"></rect>'
        for patch, members in sorted(patches.items())
    )


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
        points = " ".join(f"{1000 * x:.1f},{100 * (1 - y):.1f}" for x, y in _thinned(placed))
        lines.append(f'<polyline class="curve {series}" points="{points}"></polyline>')
        largest = sorted(course.movements, key=lambda m: -abs(m.after - m.before))[:MOST_MOVES]
        for move in largest:
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


def _thinned(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Of very many points the mean of each patch of the axis."""
    if len(points) <= MOST_BLOCKS:
        yield from points
        return
    patches: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        patches.setdefault(int(point[0] * PATCHES), []).append(point)
    for _, members in sorted(patches.items()):
        yield sum(x for x, _ in members) / len(members), sum(y for _, y in members) / len(members)


def _moves(analysis: Analysis, course: Course) -> str:
    name = analysis.dialogue.speaker(course.speaker).name or course.speaker
    top = max(p.smoothed for p in course.points)
    told = ", ".join(f"{m.kind} at {clock(m.start) or f'utterance {m.index + 1}'}" for m in course.movements[:MOST_MOVES])
    return f"{name}: at most {percent(top)}" + (f", {told}" if told else "")


def _span(analysis: Analysis, scale: Scale, index: int) -> tuple[float, float] | None:
    u = analysis.dialogue[index]
    return scale.span(index, u.start, u.end)


def _leading(labels: Sequence[str]) -> str:
    return max(dict.fromkeys(labels), key=labels.count, default="")


def _pc(share: float) -> str:
    return f"{100 * share:.3f}%"
