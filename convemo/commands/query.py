"""``convemo query``: a question in SQL, the answer as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import math
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from convemo.batch.query import Query, shown
from convemo.errors import ConfigError
from convemo.export.csv import inert

MOST_SHOWN = 1000
"""Rows of a table for people; CSV and JSON give all."""


def run(sql: str, results: Path, format: str | None) -> None:
    """Prints the answer.

    Raises:
        ConfigError, ResultError, EngineUnavailable: as `Query`; or there is no such format.
    """
    write = {"table": _table, "csv": _csv, "json": _json}.get(format or "table")
    if write is None:
        raise ConfigError("the format table, csv or json", repr(format))
    write(Query(results, sql))


def _table(query: Query) -> None:
    console = Console(highlight=False, **({} if sys.stdout.isatty() else {"width": 200}))
    table = Table(*(Column(_plain(name)) for name in query.columns), box=None, header_style="bold", pad_edge=False)
    rows = iter(query)
    for row in islice(rows, MOST_SHOWN):
        table.add_row(*(_plain(shown(value)) for value in row))
    console.print(table)
    if next(rows, None) is not None:
        print(f"The first {MOST_SHOWN} rows; --format csv gives all.", file=sys.stderr)


def _csv(query: Query) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([inert(name) for name in query.columns])
    for row in query:
        writer.writerow([inert(" ".join(map(str, value)) if isinstance(value, list) else value) for value in row])


def _json(query: Query) -> None:
    """One object a row, a line each."""
    escaped = sys.stdout.encoding.lower() != "utf-8"
    for row in query:
        print(json.dumps(dict(zip(query.columns, map(_finite, row))), ensure_ascii=escaped, default=str))


def _plain(text: str) -> Text:
    """What a transcript holds is neither rich's markup nor a terminal's."""
    return Text("".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text))


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
