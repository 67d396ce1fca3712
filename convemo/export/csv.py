r"""CSV for spreadsheets and statistics: RFC 4180, UTF-8, one row an utterance, and nothing in it that a spreadsheet would run.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return is a formula to a spreadsheet, and a transcript is written
by strangers (OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection). Such text gets an apostrophe in front; so does
such a sign after a semicolon, tab or line break, where a spreadsheet with other separators would begin a cell. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from convemo.export import table
from convemo.export.atomic import writing
from convemo.results import Analysis

_CELL_THAT_RUNS = re.compile(r"(?:^|(?<=[;\t\r\n]))(?=[=+\-@\t\r＝＋－＠])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")


def write(analysis: Analysis, path: Path) -> None:
    """Writes a header and a row for each utterance, with the columns of `convemo.export.table`.

    Raises:
        ResultError: the file cannot be written.
    """
    names = table.columns(analysis)
    with writing(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([inert(name) for name in names])
        for row in table.rows(analysis):
            writer.writerow([inert(row[name]) for name in names])


def inert(value: Any) -> Any:
    """The value as a cell: text cannot run, ``None`` is empty, truth is ``true`` or ``false``.

    >>> [inert(value) for value in ("=1+1", "-5", "+49 30 1234", "a-b", -0.5, None, True)]
    ["'=1+1", '-5', "'+49 30 1234", 'a-b', -0.5, '', 'true']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return _CELL_THAT_RUNS.sub("'", value)
    return value
