"""The tables once more as one CSV or JSONL file each, for whoever does not read Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from convemo.batch import parquet
from convemo.batch.database import Database
from convemo.batch.layout import TABLES, Layout
from convemo.batch.parts import Parts
from convemo.batch.rows import Columns
from convemo.errors import ConfigError
from convemo.export.atomic import writing
from convemo.export.csv import inert
from convemo.export.json import dumps

FORMATS = ("parquet", "csv", "jsonl")


def checked(formats: str | Sequence[str]) -> tuple[str, ...]:
    """
    Raises:
        ConfigError: one is unknown.

    >>> checked("csv,jsonl")
    ('csv', 'jsonl')
    """
    names = formats.split(",") if isinstance(formats, str) else formats
    wanted = tuple(dict.fromkeys(name.strip().lower() for name in names if name.strip()))
    if unknown := [name for name in wanted if name not in FORMATS]:
        raise ConfigError(f"formats of {', '.join(FORMATS)}", ", ".join(map(repr, unknown)))
    return wanted


def write(layout: Layout, ledger: Database, settings: str, formats: Sequence[str]) -> None:
    """Writes the files that were asked for, now or by an earlier run (none grows old), unless they hold what the tables hold already.

    Raises:
        ResultError: one cannot be written.
    """
    saved = ledger.fact(f"columns {settings}")
    columns = Columns.from_dict(json.loads(saved)) if saved else Columns()
    parts = [part.name for part in Parts(ledger, settings).all()]
    state = json.dumps([settings, parts, saved, ledger.fact(f"generation {settings}")])
    for form in FORMATS[1:]:
        files = [layout.out / f"{table}.{form}" for table in TABLES]
        before = ledger.fact(f"flat {form}")
        if form not in formats and (before is None or not any(file.is_file() for file in files)):
            continue
        if before == state and all(file.is_file() for file in files):
            continue
        for table, file in zip(TABLES, files):
            paths = [layout.part(table, part) for part in parts]
            if form == "csv":
                _write_csv(file, _rows(paths), parquet.names(paths[0]) if paths else list(columns.of(table)))
            else:
                _write_jsonl(file, _rows(paths))
        ledger.state(f"flat {form}", state)


def _rows(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for batch in parquet.batches(path):
            yield from batch.to_pylist()


def _write_csv(path: Path, rows: Iterator[dict[str, Any]], columns: Sequence[str]) -> None:
    with writing(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([inert(name) for name in columns])
        for row in rows:
            writer.writerow([inert(" ".join(value) if isinstance(value, list) else value) for value in row.values()])


def _write_jsonl(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with writing(path) as file:
        for row in rows:
            file.write(dumps(row, path) + "\n")
