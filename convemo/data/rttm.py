"""RTTM, read: reference turns, as diarization corpora come with them. `convemo.export.rttm` writes it.

One line a turn, ten fields: ``SPEAKER file channel onset duration <NA> <NA> name <NA> <NA>`` (NIST, The 2009 (RT-09) Rich
Transcription Meeting Recognition Evaluation Plan, appendix A). Lines of other types and comments (``;;``) are passed over.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path

from convemo.data import read_lines
from convemo.errors import DataError
from convemo.types import Turn


def read_turns(path: str | PathLike) -> dict[str, tuple[Turn, ...]]:
    """The turns of each recording that the file names, in order of time.

    Args:
        path: an RTTM file, of one recording or of many.

    Returns:
        The recording's name (a sound file's, without its suffix) → its turns, which may overlap.

    Raises:
        DataError: there is no such file, it is not UTF-8, or a ``SPEAKER`` line lacks fields or has no times.

    >>> path = getfixture("tmp_path") / "call.rttm"
    >>> _ = path.write_text("SPEAKER call 1 0.50 1.25 <NA> <NA> ana <NA> <NA>")
    >>> read_turns(path)
    {'call': (Turn(start=0.5, end=1.75, speaker='ana', confidence=None),)}
    """
    path = Path(path)
    turns: dict[str, list[Turn]] = {}
    for number, line in enumerate(read_lines(path, "where its recording comes from"), 1):
        if line.split(None, 1)[:1] != ["SPEAKER"]:
            continue
        try:
            _, recording, _, onset, duration, _, _, name, *_ = line.split()
            start, length = float(onset), float(duration)
        except ValueError:
            start = length = math.nan
        if not (0 <= start < math.inf and 0 <= length < math.inf):
            raise DataError(path, "SPEAKER file channel onset duration <NA> <NA> name", repr(line[:120]), line=number)
        turns.setdefault(recording, []).append(Turn(start, round(start + length, 6), name))
    return {recording: tuple(sorted(found)) for recording, found in turns.items()}
