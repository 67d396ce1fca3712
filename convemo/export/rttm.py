"""RTTM: who speaks when, as diarization tools score it.

One line a turn, ten fields: ``SPEAKER file channel onset duration <NA> <NA> name <NA> <NA>`` (NIST, The 2009 (RT-09) Rich
Transcription Meeting Recognition Evaluation Plan, appendix A). Text and emotions have no place in it.
"""

from __future__ import annotations

import re
from pathlib import Path

from convemo.export.atomic import writing
from convemo.export.lines import timed_lines
from convemo.results import Analysis


def write(analysis: Analysis, path: Path) -> None:
    """Writes a line for each utterance that has times.

    Raises:
        ResultError: no utterance has times, or the file cannot be written.
    """
    lines = timed_lines(analysis, path, "RTTM")
    dialogue = field(analysis.dialogue.id)
    fields = distinct_fields(line.speaker for line in lines)
    with writing(path) as file:
        for line in lines:
            start = max(0.0, line.start)
            duration = max(0.0, line.end - start)
            file.write(f"SPEAKER {dialogue} 1 {start:.3f} {duration:.3f} <NA> <NA> {fields[line.speaker]} <NA> <NA>\n")


def field(text: str) -> str:
    """A name as one field: blanks part the fields, and a line may not begin with the comment sign ``;;``.

    >>> field("Ana Lee"), field(" ")
    ('Ana_Lee', '_')
    """
    return re.sub(r"\s+", "_", text.replace(";", ",")) or "_"


def distinct_fields(names) -> dict[str, str]:
    """Name → field; names that would come out alike are numbered, so that two speakers never become one."""
    fields: dict[str, str] = {}
    for name in names:
        if name in fields:
            continue
        wanted, number = field(name), 2
        chosen = wanted
        while chosen in fields.values():
            chosen, number = f"{wanted}_{number}", number + 1
        fields[name] = chosen
    return fields
