"""The charts of the page. Each takes parts of results.json and gives SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convemo.evaluation.measures import measure, verdict
from convemo.evaluation.page.draw import WIDTH, Scale, around, line, mark, path, rect, shortened, svg, text

ROW = 26.0  # height of a row of an interval chart
PLOT = (44.0, 14.0, 326.0, 250.0)  # left, top, right and bottom of a square plot


def intervals(metric: str, systems: Mapping[str, Mapping[str, Any]]) -> str:
    """One metric of every system: the value as a mark, its interval as a bar."""
    of = measure(metric)
    rows = [(number, name, found) for number, (name, s) in enumerate(systems.items()) if (found := s["metrics"].get(metric)) is not None]
    shown = [v for _, _, f in rows for v in (f["low"], f["high"], f["value"])]
    names = max((len(shortened(name, 16)) for _, name, _ in rows), default=4)
    left, bottom = 12 + 6.6 * names, 6 + ROW * len(rows)
    scale = Scale(*around(shown), left + 8, WIDTH - 14)
    marks = [
        line(scale(t), 2, scale(t), bottom, "grid") + text(scale(t), bottom + 15, of.show(t), "tick", "middle") for t in scale.ticks(4)
    ]
    for row, (number, name, found) in enumerate(rows):
        y = 6 + ROW * (row + 0.5)
        said = f"{name}: {of.show(found['value'])}"
        marks.append(text(left, y + 4, shortened(name, 16), "label", "end"))
        if found["low"] is not None and found["high"] is not None:
            marks.append(line(scale(found["low"]), y, scale(found["high"]), y, f"interval s{number % 8}"))
            said += f" [{of.show(found['low'])}, {of.show(found['high'])}]"
        if found["value"] is not None:
            marks.append(mark(scale(found["value"]), y, number, f"mark s{number % 8}", title=said))
    described = "; ".join(f"{name} {of.show(f['value'])}" for _, name, f in rows)
    return svg(f"{of.title} with 95 % intervals", described, bottom + 22, marks)


def difference(metric: str, found: Mapping[str, Any], outcome: int | None = None) -> str:
    """One paired difference on a line with zero in its middle, coloured by what it comes to (by its interval if not given)."""
    outcome = verdict(metric, found) if outcome is None else outcome
    width, height = 150.0, 18.0
    reach = max(abs(found["low"]), abs(found["high"]), abs(found["difference"]), 1e-9) * 1.15
    scale = Scale(-reach, reach, 4, width - 4)
    kind = {1: "better", -1: "worse", 0: "unclear"}[outcome]
    marks = [
        line(scale(0), 1, scale(0), height - 1, "zero"),
        line(scale(found["low"]), height / 2, scale(found["high"]), height / 2, f"interval {kind}"),
        mark(scale(found["difference"]), height / 2, 0, f"mark {kind}", 4),
    ]
    return svg(f"difference in {measure(metric).title}", kind, height, marks, width)


def confusion(name: str, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Rows are what was meant, columns what was predicted; shades and numbers are shares of the row."""
    size = len(labels)
    left = 14 + 5.6 * max(len(shortened(label, 12)) for label in labels)
    cell = (WIDTH - left - 4) / size
    top = 4.0
    numbered = size <= 9
    marks = []
    for i, row in enumerate(counts):
        total = sum(row)
        marks.append(text(left - 5, top + cell * (i + 0.5) + 3.5, shortened(labels[i], 12), "tick", "end"))
        for j, count in enumerate(row):
            share = count / total if total else 0.0
            title = f"{labels[i]} predicted as {labels[j]}: {count} of {total}"
            x, y = left + cell * j, top + cell * i
            marks.append(rect(x + 0.5, y + 0.5, cell - 1, cell - 1, "cell", opacity=0.04 + 0.96 * share, title=title))
            if numbered and total:
                kind = "count inverse" if share > 0.7 else "count"
                marks.append(text(x + cell / 2, y + cell / 2 + 3.5, f"{100 * share:.0f}", kind, "middle"))
    bottom = top + cell * size
    for j, label in enumerate(labels):
        marks.append(text(left + cell * (j + 0.5) + 3, bottom + 10, shortened(label, 12), "tick", "end", -45))
    right = sum(row[i] for i, row in enumerate(counts)) / max(1, sum(map(sum, counts)))
    described = f"{100 * right:.1f} % right; the table below gives precision and recall of each emotion"
    return svg(f"Confusion matrix of {name}", described, bottom + 22 + 3.9 * max(len(shortened(label, 12)) for label in labels), marks)


def reliability(name: str, number: int, bins: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy against confidence in bins of equally many utterances; the diagonal is honesty."""
    left, top, right, bottom = PLOT
    x, y = Scale(0, 1, left, right), Scale(0, 1, bottom, top)
    marks = _frame(x, y, "confidence", "accuracy")
    marks.append(line(x(0), y(0), x(1), y(1), "ideal"))
    points = [(x(b["confidence"]), y(b["accuracy"])) for b in bins]
    for b, (px, py) in zip(bins, points):
        marks.append(line(px, y(b["confidence"]), px, py, f"gap s{number % 8}"))
    marks.append(path(points, f"curve s{number % 8}"))
    for b, (px, py) in zip(bins, points):
        title = f"{b['count']} utterances: confidence {100 * b['confidence']:.1f} %, accuracy {100 * b['accuracy']:.1f} %"
        marks.append(mark(px, py, number, f"mark s{number % 8}", 3.6, title))
    total = sum(b["count"] for b in bins)
    described = f"{len(bins)} bins of about {total // max(len(bins), 1)} utterances; above the diagonal it is too modest, below too sure"
    return svg(f"Reliability of {name}", described, bottom + 36, marks)


def risk_coverage(curves: Mapping[str, tuple[int, Sequence[Sequence[float]]]]) -> str:
    """Error rate among the surest against how many are answered: system → its place, and its points."""
    left, top, right, bottom = PLOT
    # Below a twentieth of the utterances a single error is a spike that says nothing.
    shown = {name: (place, [point for point in curve if point[0] >= 0.05]) for name, (place, curve) in curves.items()}
    highest = max((risk for _, curve in shown.values() for _, risk in curve), default=0.0)
    x, y = Scale(0, 1, left, right), Scale(0, min(1.0, highest * 1.08) or 1.0, bottom, top)
    marks, said = _frame(x, y, "share that is answered", "error rate"), []
    for name, (place, curve) in shown.items():
        points = [(x(coverage), y(risk)) for coverage, risk in curve]
        marks.append(path(points, f"curve s{place % 8}"))
        if points:
            said.append(f"{name}: {100 * curve[-1][1]:.1f} % wrong if all are answered")
            marks.append(mark(*points[-1], place, f"mark s{place % 8}", 4, said[-1]))
    return svg("Risk–coverage curves", "; ".join(said), bottom + 36, marks)


def bar(value: float | None, number: int, largest: float = 1.0) -> str:
    """A small bar for a table cell."""
    filled = 0.0 if value is None else max(0.0, min(1.0, value / largest)) * 70
    inner = rect(0, 0, 70, 6, "track") + rect(0, 0, filled, 6, f"fill s{number % 8}")
    return f'<svg class="bar" viewBox="0 0 70 6" preserveAspectRatio="none" aria-hidden="true">{inner}</svg>'


def _frame(x: Scale, y: Scale, across: str, upwards: str) -> list[str]:
    marks = []
    for t in x.ticks(5):
        marks += [line(x(t), y.start, x(t), y.end, "grid"), text(x(t), y.start + 15, f"{100 * t:.0f}", "tick", "middle")]
    for t in y.ticks(5):
        marks += [line(x.start, y(t), x.end, y(t), "grid"), text(x.start - 6, y(t) + 3.5, f"{100 * t:.0f}", "tick", "end")]
    middle = (y.start + y.end) / 2
    marks.append(text((x.start + x.end) / 2, y.start + 31, f"{across}, %", "label", "middle"))
    marks.append(text(11, middle, f"{upwards}, %", "label", "middle", -90))
    return marks
