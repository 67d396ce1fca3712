"""Timed cues, as WebVTT and SubRip share them: a time line, then text until the next one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from convemo.errors import TranscriptError
from convemo.readers.wording import CLOCK, seconds, span

_TIMING = re.compile(rf"\s*({CLOCK})\s*-->\s*({CLOCK})(?:\s.*)?$")
_ALMOST = re.compile(rf"\s*{CLOCK}[^\w<]{{0,4}}-{{1,3}}>|[^<]{{0,20}}-->\s*{CLOCK}\s*$")
_ASIDE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|:|$)")


@dataclass(frozen=True, slots=True)
class Cue:
    """A stretch of time and the lines shown in it, as they stand in the file."""

    line: int
    """Where its time line is, counted from 1."""
    start: float
    end: float
    lines: tuple[str, ...]


def has_cues(text: str) -> bool:
    """Whether a text holds a cue's time line.

    >>> has_cues("1\\n00:00:01,000 --> 00:00:02,500\\nHello"), has_cues("Ana --> Ben")
    (True, False)
    """
    return any("-->" in line and _TIMING.match(line) for line in text.split("\n"))


def read_cues(text: str, path: str, numbered: bool) -> tuple[Cue, ...]:
    """All cues of a file that have any text, in the order of the file.

    A blank line within a cue's text ends nothing here: whatever follows is kept with the cue.

    Args:
        numbered: cue ids are numbers, as in SubRip; else any line before the times may be one, as in WebVTT, and blocks
            that begin with NOTE, STYLE or REGION are left out.

    Raises:
        TranscriptError: a cue's time line is broken, or there are no cues.
    """
    lines = text.split("\n")
    timings = [(i, times) for i, line in enumerate(lines) if (times := _times(line, i + 1, path))]
    if not timings:
        expected = "a cue time such as 00:00:13.130 --> 00:00:16.270"
        raise TranscriptError(path, expected=expected, found=f"none in {len(lines)} lines", hint="Export the transcript again.")
    cues = []
    for (i, times), (stop, _) in zip(timings, [*timings[1:], (len(lines), None)]):
        shown = lines[i + 1 : stop]
        if stop < len(lines):
            shown = _without_id(shown, numbered)
        if not numbered:
            shown = _without_asides(shown)
        shown = [line for line in shown if line.strip()]
        if shown:
            cues.append(Cue(i + 1, *times, tuple(shown)))
    return tuple(cues)


def _times(line: str, number: int, path: str) -> tuple[float, float] | None:
    if "->" not in line:
        return None
    if match := _TIMING.match(line):
        return span(seconds(match[1]), seconds(match[2]))  # type: ignore[return-value]
    if _ALMOST.match(line):
        expected = "a cue time such as 00:00:13.130 --> 00:00:16.270"
        raise TranscriptError(path, line=number, expected=expected, found=repr(line.strip()[:60]), hint="Correct or delete the line.")
    return None


def _without_id(shown: list[str], numbered: bool) -> list[str]:
    """The lines between two time lines, without the second cue's id if there is one."""
    if len(shown) < 2 or not shown[-1].strip():
        return shown
    number = shown[-1].strip().isdecimal()
    return shown[:-1] if number or (not numbered and not shown[-2].strip()) else shown


def _without_asides(shown: list[str]) -> list[str]:
    kept, aside, after_blank = [], False, False
    for line in shown:
        blank = not line.strip()
        if blank:
            aside = False
        elif after_blank and _ASIDE.match(line):
            aside = True
        if not aside:
            kept.append(line)
        after_blank = blank
    return kept
