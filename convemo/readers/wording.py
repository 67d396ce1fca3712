"""Text and clock times as transcript files write them, brought into one form."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace

from convemo.types import TranscriptSegment

CLOCK = r"-?\d{1,6}:-?\d{1,6}(?::-?\d{1,6})?(?:[.,]\d{1,9})?"
"""A clock time, ``[hh:]mm:ss[.mmm]``, padded or not; Teams writes some with a minus sign."""

# At most 31 letters (HTML's longest entity name) and 7 digits (Unicode's largest number), so a hostile one is just text.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{0,30});")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def tidy(text: str) -> str:
    r"""One line of text, single spaces, safe to write as UTF-8.

    >>> tidy("  well,\n I  never ")
    'well, I never'
    """
    return _LONE_SURROGATE.sub("\ufffd", " ".join(text.split()))


def letters(text: str) -> str:
    """The text without white space: equal for two texts that hold the same characters, however they are spaced."""
    return "".join(text.split())


def unescape(text: str) -> str:
    """HTML entities decoded.

    >>> unescape("Tom &amp; Ana &#233;")
    'Tom & Ana é'
    """
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)


def seconds(clock: str) -> float:
    """A `CLOCK` in seconds; what lies before the recording began is 0.

    Teams writes negative offsets for words said before the recording began: clamp, never drop the words.

    >>> seconds("1:02:03.5"), seconds("0:0:7,25"), seconds("-00:00:01.000")
    (3723.5, 7.25, 0.0)
    """
    if "-" in clock:
        return 0.0
    total = 0.0
    for part in clock.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return round(total, 6)


def span(start: float | None, end: float | None) -> tuple[float | None, float | None]:
    """Both times at or after 0, and the end at or after the start.

    >>> span(-1.0, 2.0), span(3.0, 2.0), span(None, -2.0)
    ((0.0, 2.0), (3.0, 3.0), (None, 0.0))
    """
    start = None if start is None else max(start, 0.0)
    end = None if end is None else max(end, 0.0 if start is None else start)
    return start, end


def with_ends(segments: Sequence[TranscriptSegment]) -> tuple[TranscriptSegment, ...]:
    """Segments of which only the beginning is known end where the next one begins; the last one's end stays unknown."""
    closed = []
    for segment, following in zip(segments, [*segments[1:], None]):
        known = segment.start is not None and segment.end is None and following is not None and following.start is not None
        closed.append(replace(segment, end=max(segment.start, following.start)) if known else segment)
    return tuple(closed)
