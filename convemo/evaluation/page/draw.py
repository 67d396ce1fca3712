"""The few marks that every chart is made of, as SVG text. Colours come from the page's style, so that they follow light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

import numpy as np

WIDTH = 340.0
"""Units of every chart: about as many pixels on a telephone, so that text is never scaled down there."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to places on the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        return self.start + (value - self.low) / span * (self.end - self.start) if span else (self.start + self.end) / 2

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers on the scale."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / max(about, 1)
        power = 10.0 ** floor(log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
        first = np.ceil(self.low / step - 1e-9) * step
        return [round(float(t), 10) + 0.0 for t in np.arange(first, self.high + step * 1e-6, step)]


def around(values: Iterable[float], margin: float = 0.06) -> tuple[float, float]:
    """The ends of a scale that holds all of these with a little room."""
    finite = [v for v in values if v is not None and np.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    room = (high - low) * margin or max(abs(high) * margin, 0.01)
    return low - room, high + room


def svg(title: str, description: str, height: float, marks: Iterable[str], width: float = WIDTH) -> str:
    """A chart with a name and a description for who cannot see it."""
    return (
        f'<svg viewBox="0 0 {n(width)} {n(height)}" role="img" aria-label="{escape(f"{title}. {description}")}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(marks)}</svg>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> str:
    return f'<line class="{kind}" x1="{n(x1)}" y1="{n(y1)}" x2="{n(x2)}" y2="{n(y2)}"/>'


def rect(x: float, y: float, width: float, height: float, kind: str, *, opacity: float | None = None, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    faint = f' fill-opacity="{opacity:.3f}"' if opacity is not None else ""
    return f'<rect class="{kind}" x="{n(x)}" y="{n(y)}" width="{n(max(width, 0))}" height="{n(max(height, 0))}"{faint}>{inner}</rect>'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start", turn: float | None = None) -> str:
    turned = f' transform="rotate({n(turn)} {n(x)} {n(y)})"' if turn is not None else ""
    return f'<text class="{kind}" x="{n(x)}" y="{n(y)}" text-anchor="{anchor}"{turned}>{escape(words)}</text>'


def path(points: Sequence[tuple[float, float]], kind: str) -> str:
    steps = " ".join(f"{'M' if i == 0 else 'L'}{n(x)} {n(y)}" for i, (x, y) in enumerate(points))
    return f'<path class="{kind}" d="{steps}"/>' if points else ""


def mark(x: float, y: float, shape: int, kind: str, size: float = 4.5, title: str = "") -> str:
    """A point whose shape tells its system where its colour does not: circle, square, diamond, triangle in turn."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    if shape % 4 == 0:
        return f'<circle class="{kind}" cx="{n(x)}" cy="{n(y)}" r="{n(size)}">{inner}</circle>'
    corners = {
        1: [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2: [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        3: [(0, -1.25), (1.15, 0.85), (-1.15, 0.85)],
    }[shape % 4]
    points = " ".join(f"{n(x + size * dx)},{n(y + size * dy)}" for dx, dy in corners)
    return f'<polygon class="{kind}" points="{points}">{inner}</polygon>'


def n(value: float) -> str:
    """A coordinate, to a tenth: what an eye can tell.

    >>> n(12.0), n(3.14159)
    ('12', '3.1')
    """
    return f"{value:.1f}".removesuffix(".0")


def shortened(words: str, longest: int) -> str:
    """No longer than that, with an ellipsis where something is left out."""
    return words if len(words) <= longest else words[: longest - 1] + "…"
