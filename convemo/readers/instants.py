"""Times as tables and chats write them: seconds or clock times of a recording, or points in time (ISO 8601, Unix)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from convemo.readers.wording import CLOCK, seconds, span

EPOCH_S = 1e8
"""Numbers from here on (March 1973, or three years into a recording) are Unix time: seconds …"""
_EPOCH_MS, _EPOCH_US = 1e11, 1e14
"""… milliseconds, microseconds."""

Instant = tuple[float, bool]
"""A time in seconds, and whether it counts from the Unix epoch rather than from the recording's beginning."""


def instant(written: str) -> Instant | None:
    """What a written time says; ``None`` if it is none.

    >>> instant("1:23,5"), instant("1700000000.000100"), instant("2024-03-01T10:00:00Z"), instant("soon")
    ((83.5, False), (1700000000.0001, True), (1709287200.0, True), None)
    """
    written = written.strip()
    if re.fullmatch(CLOCK, written):
        return seconds(written), False
    try:
        value = float(written.replace(",", ".", 1))
    except ValueError:
        return _date(written)
    if not math.isfinite(value):
        return None
    unit = 1e6 if value >= _EPOCH_US else 1e3 if value >= _EPOCH_MS else 1.0
    return value / unit, value >= EPOCH_S


def _date(written: str) -> Instant | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):  # ISO 8601, RFC 5322
        try:
            point = parse(written)
            return (point if point.tzinfo else point.replace(tzinfo=UTC)).timestamp(), True
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None


def from_zero(spans: Sequence[tuple[Instant | None, Instant | None]]) -> list[tuple[float | None, float | None]]:
    """Points in time counted from the first of them; times of a recording as they are.

    >>> from_zero([((1700000000.0, True), None), ((1700000002.5, True), None), ((3.0, False), (4.0, False))])
    [(0.0, None), (2.5, None), (3.0, 4.0)]
    """
    points = [time[0] for pair in spans for time in pair if time and time[1]]
    origin = min(points, default=0.0)
    return [span(*(None if t is None else round(t[0] - origin, 6) if t[1] else t[0] for t in pair)) for pair in spans]
