"""``convemo query``: a question in SQL, the answer as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

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
    table = Table(*query.columns, box=None, header_style="bold", pad_edge=False)
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
        print(json.dumps(dict(zip(query.columns, row)), ensure_ascii=escaped, default=str))


def _plain(text: str) -> str:
    """Brackets in a transcript are not rich's markup."""
    return text.replace("[", "\\[")
