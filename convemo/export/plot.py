"""An analysis as a matplotlib figure: above who expressed what, when; below how negative each speaker's curve was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convemo.dialogue.trajectory import courses
from convemo.errors import EngineUnavailable
from convemo.results import Analysis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "neutral": "#8f96a3",
    "joy": "#d99a00",
    "sadness": "#2f6fd0",
    "anger": "#cf3a2b",
    "fear": "#8a49c8",
    "disgust": "#6b7d12",
    "surprise": "#0f8fa0",
}
_UNSCORED = "#b9bec8"
_OTHERS = ("#b04a86", "#4f7a5b", "#7a5c3e", "#56627a")
"""For labels beyond these, in the order of the label set."""


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, always the same for those of the default set."""
    others = [label for label in labels if label not in COLOURS]
    return {label: COLOURS.get(label) or _OTHERS[others.index(label) % len(_OTHERS)] for label in labels}


def plot(analysis: Analysis, axes: Sequence[Axes] | None = None) -> Figure:
    """Draws the analysis.

    Args:
        analysis: what to draw.
        axes: two axes, the upper and the lower; a new figure's if not given.

    Raises:
        EngineUnavailable: matplotlib is not installed.
    """
    try:
        from matplotlib.colors import to_rgba
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
    except ImportError as error:
        hint = "Install it: pip install 'convemo[plot]'."
        raise EngineUnavailable("matplotlib to draw with", f"no {error.name}", hint) from error
    if axes is None:
        height = 1.6 + 0.45 * len(analysis.dialogue.speakers)
        figure = Figure(figsize=(11, height + 2.6), layout="constrained")  # no pyplot: nothing is kept open, and no window is asked for
        axes = figure.subplots(2, 1, sharex=True, height_ratios=(height, 2.6))
    lanes, curves = axes
    timed = any(u.start is not None and u.end is not None for u in analysis)
    rows = {s.id: row for row, s in enumerate(analysis.dialogue.speakers)}
    colours = colours_of(analysis.primary.labels)
    met = {u.label for u in analysis}
    for speaker, row in rows.items():
        own = [u for u in analysis if u.speaker == speaker and not (timed and (u.start is None or u.end is None))]
        spans = [(u.start, max(u.end - u.start, 0.05)) if timed else (u.index, 0.9) for u in own]
        faces = ["none" if u.label is None else to_rgba(colours[u.label], 0.25 + 0.75 * u.confidence) for u in own]
        edges = [_UNSCORED if u.label is None else "none" for u in own]
        lanes.broken_barh(spans, (row - 0.35, 0.7), facecolors=faces, edgecolors=edges, linewidth=0.8)
    lanes.set_ylim(len(rows) - 0.5, -0.5)  # the first speaker on top
    names = {s.id: (s.name or s.id).replace("$", r"\$") for s in analysis.dialogue.speakers}  # "$" would begin mathematics
    lanes.set_yticks(range(len(rows)), [names[id] for id in rows])
    handles = [Patch(color=colours[label], label=label) for label in analysis.primary.labels if label in met]
    if handles:
        lanes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    for speaker, course in courses(analysis).items():
        points = [p for p in course.points if not timed or p.start is not None]
        at = [p.start if timed else p.index for p in points]
        (line,) = curves.plot(at, [p.smoothed for p in points], label=names[speaker])
        for move in course.movements:
            if not timed or move.start is not None:
                marker = "^" if move.kind == "escalation" else "v"
                curves.plot(move.start if timed else move.index, move.after, marker, color=line.get_color(), markersize=9)
    curves.set(ylim=(0, 1), ylabel="P(negative), smoothed", xlabel="seconds" if timed else "utterance")
    if curves.get_lines():
        curves.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    for one in (lanes, curves):
        one.spines[["top", "right"]].set_visible(False)
    return lanes.figure
