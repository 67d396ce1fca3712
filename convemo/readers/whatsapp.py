"""WhatsApp's exported chats, as iOS and Android write them.

    [01/03/2024, 10:00:00] Alice: Where is my order?
    01/03/2024, 10:00 - Alice: Where is my order?

A line without a time stamp goes on with the message before it. What the application writes itself is said by nobody and left
out: lines without a name ("Messages and calls are end-to-end encrypted"), texts that it marks with U+200E ("image omitted"),
and ``<Media omitted>``.

https://faq.whatsapp.com/1180414079177245
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from convemo.errors import TranscriptError
from convemo.readers.base import reader
from convemo.readers.names import speakers_of
from convemo.readers.wording import tidy
from convemo.types import Transcript, TranscriptSegment

_DATE = r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})"
_TIME = r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\s?([AaPp])\.?\s?[Mm]\.?)?"
_STAMP = re.compile(rf"[\u200e\u200f]?(?:\[{_DATE},?\s{_TIME}\]|{_DATE},?\s{_TIME}\s[-–])(?:\s|$)")
_NAME = re.compile(r"([^:\n]{1,60}):(?:\s|$)")
_OWN_TEXT = re.compile(r"\u200e|<Media omitted>$")
_ORDERS = ((2, 1, 0), (2, 0, 1))
"""Which of a date's three numbers are year, month and day: day first, month first."""


def looks_like(text: str) -> float:
    """Sure of a first line with date and time in WhatsApp's form."""
    first = text.lstrip().partition("\n")[0]
    return 0.9 if _STAMP.match(first) else 0.0


@reader(looks_like, ".txt")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """The one conversation in the file. Times count from the first message; a message has a beginning and no end.

    Whether days or months come first is told by the dates themselves: numbers above 12, then the order in which time runs
    forward; where both would do, days.

    Raises:
        TranscriptError: no line has a time stamp, or a date or time does not exist; names the line.

    >>> t, = read("01/03/2024, 10:00 - Alice: Where is\\nmy order?\\n01/03/2024, 10:02 - Bob: Lost.\\n", "a.txt")
    >>> [(s.speaker, s.text, s.start) for s in t.segments]
    [('Alice', 'Where is my order?', 0.0), ('Bob', 'Lost.', 120.0)]
    """
    stamps: list[tuple[int, Sequence[str]]] = []
    bodies: list[list[str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if match := _STAMP.match(line):
            stamps.append((number, match.groups()[:7] if match[1] else match.groups()[7:]))
            bodies.append([line[match.end() :]])
        elif bodies:
            bodies[-1].append(line)
        elif line.strip():
            raise _no_stamp(path, number, line)
    if not stamps:
        raise _no_stamp(path, 1, "")
    times = _times(stamps, path)
    said = [(*message, at) for message, at in zip(map(_message, bodies), times) if message]
    first = min((at for _, _, at in said), default=0.0)
    segments = tuple(TranscriptSegment(words, round(at - first, 3), None, name) for name, words, at in said)
    return (Transcript(segments, speakers_of(segments), source="whatsapp"),)


def _no_stamp(path: str, line: int, found: str) -> TranscriptError:
    expected = "a message such as [01/03/2024, 10:00:00] Alice: Hello"
    return TranscriptError(path, line=line, expected=expected, found=repr(found[:60]), hint="Export the chat again, without media.")


def _message(body: Sequence[str]) -> tuple[str, str] | None:
    """Who says what; ``None`` for what the application writes itself."""
    match = _NAME.match(body[0])
    if match is None:
        return None
    first = body[0][match.end() :]
    words = tidy(" ".join(["" if _OWN_TEXT.match(first) else first, *body[1:]]).replace("\u200e", ""))
    name = tidy(match[1].strip("\u200e\u200f\u202a\u202c ~"))
    return (name, words) if name and words else None


def _times(stamps: Sequence[tuple[int, Sequence[str]]], path: str) -> list[float]:
    """Every stamp in seconds, under the order of day and month that fits best."""
    readings, refused = [], 0
    for order in _ORDERS:
        times = []
        for number, groups in stamps:
            at = _seconds(groups, order)
            if at is None:
                refused = max(refused, number)
                break
            times.append(at)
        else:
            readings.append(times)
    if not readings:
        raise TranscriptError(path, line=refused, expected="a date and a time of day", found="one that no calendar has")
    return min(readings, key=lambda times: sum(later < earlier for earlier, later in pairwise(times)))


def _seconds(groups: Sequence[str], order: tuple[int, int, int]) -> float | None:
    date = [int(number) for number in groups[:3]]
    year, month, day = date if len(groups[0]) == 4 else (date[i] for i in order)
    hour, minute, second = (int(number or 0) for number in groups[3:6])
    if groups[6]:
        hour = hour % 12 + 12 * (groups[6] in "Pp")
    try:
        return (datetime(year + 2000 * (year < 100), month, day, hour, minute, second) - datetime(1970, 1, 1)).total_seconds()
    except ValueError:
        return None
