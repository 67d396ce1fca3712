"""WebVTT and SubRip: the conversation as captions, with the emotion expressed.

Sources: WebVTT (W3C, https://www.w3.org/TR/webvtt1/), section 6.3 on voice spans and their classes. SRT has no standard; players agree on
comma decimals, numbered cues and an empty line between them.
"""

from __future__ import annotations

import re
from pathlib import Path

from convemo.export.atomic import writing
from convemo.export.lines import TimedLine, timed_lines
from convemo.results import Analysis


def write_vtt(analysis: Analysis, path: Path) -> None:
    """Writes cues such as ``<v.anger Ana>I have called twice!</v>``: the voice is the speaker, its class the label
    (and ``unsure``, where it is).

    A player can colour them with ``::cue(v.anger)``; one that cannot shows the plain text. Scores are in the JSON and CSV exports.

    Raises:
        ResultError: no utterance has times, or the file cannot be written.
    """
    lines = timed_lines(analysis, path, "WebVTT")
    with writing(path) as file:
        file.write("WEBVTT\n")
        for number, line in enumerate(lines, start=1):
            voice = "v" if line.label is None else f"v.{_class(line.label)}" + ".unsure" * line.unsure
            text = escaped(one_line(line.text or ""))
            file.write(f"\n{number}\n{_times(line, '.')}\n")
            file.write(f"<{voice} {escaped(one_line(line.speaker))}>{text}</v>\n")


def write_srt(analysis: Analysis, path: Path) -> None:
    """Writes cues such as ``Ana: I have called twice! [anger 0.72]``.

    Raises:
        ResultError: no utterance has times, or the file cannot be written.
    """
    lines = timed_lines(analysis, path, "SRT")
    with writing(path) as file:
        for number, line in enumerate(lines, start=1):
            emotion = "" if line.emotion is None else f"[{line.emotion}]"
            parts = (f"{one_line(line.speaker)}:", one_line(line.text or "").replace("-->", "→"), emotion)
            file.write(f"{number}\n{_times(line, ',')}\n")
            file.write(" ".join(part for part in parts if part) + "\n\n")


def _times(line: TimedLine, point: str) -> str:
    """Beginning and end, not before the recording's own. A cue must end after it begins, so the shortest is 1 ms."""
    start = max(0, round(line.start * 1000))
    end = max(start + 1, round(line.end * 1000))
    return f"{clock(start, point)} --> {clock(end, point)}"


def clock(milliseconds: int, point: str) -> str:
    """``00:01:02.500``; hours run on beyond 99.

    >>> clock(3_723_000, "."), clock(360_000_001, ",")
    ('01:02:03.000', '100:00:00,001')
    """
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def one_line(text: str) -> str:
    """A blank line would end the cue; none of Python's line breaks may come through."""
    return " ".join(text.split())


def escaped(text: str) -> str:
    """With ``>`` escaped too, neither a tag nor an arrow can stand in the text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _class(label: str) -> str:
    return re.sub(r"[^\w-]+", "-", label)
