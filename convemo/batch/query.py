"""SQL over a folder of results: the one module that imports duckdb."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from convemo.batch import parquet
from convemo.batch.layout import TABLES, Layout
from convemo.batch.rows import Columns
from convemo.errors import ConfigError, EngineUnavailable, ResultError

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_ONCE = 1024
_HARMLESS = "SELECT"  # EXPLAIN ANALYZE would run whatever stands behind it
_OPTIONAL = ("alerts",)
"""Tables that results of older versions do not have: empty there."""


class Query:
    """The answer to one question in SQL.

    The views ``utterances``, ``calls`` and ``alerts`` are all there is: the engine is cut off from files and network before it sees the
    question.

    Args:
        results: the folder that a batch has written.
        sql: one SELECT statement.

    Raises:
        ResultError: there are no results in the folder.
        ConfigError: the SQL makes no sense, or would do more than read.
        EngineUnavailable: duckdb or pyarrow is not installed.

    >>> Query("results", "SELECT call FROM calls").columns                # doctest: +SKIP
    ['call']
    """

    def __init__(self, results: str | PathLike, sql: str):
        try:
            import duckdb
            import pyarrow.dataset  # noqa: F401
        except ImportError as error:
            raise EngineUnavailable("duckdb and pyarrow", f"no {error.name}", "Install them: pip install 'convemo[batch]'.") from error
        layout = Layout(results)
        self._duckdb = duckdb
        # DuckDB may read and write in its temporary directory, whatever else is forbidden: so it gets one of its own.
        self._spill = tempfile.TemporaryDirectory()
        self._db = duckdb.connect(config={"temp_directory": self._spill.name, "python_enable_replacements": False})
        for table in TABLES:
            self._db.register(table, _rows_of(layout, table))
        self._db.execute("SET enable_external_access = false")
        self._db.execute("SET lock_configuration = true")
        try:
            statements = self._db.extract_statements(sql)
            kinds = [statement.type.name for statement in statements]
            if kinds != [_HARMLESS]:
                found = ", ".join(kind.lower() for kind in kinds) or "none"
                raise ConfigError(
                    "one SELECT statement", found, "Results are only read here; the Parquet files are yours to open elsewhere."
                )
            self._answer = self._db.execute(statements[0])
        except duckdb.Error as error:
            raise _refused(error) from error
        self.columns = _distinct(name for name, *_ in self._answer.description)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        try:
            while rows := self._answer.fetchmany(_ROWS_AT_ONCE):
                yield from rows
        except self._duckdb.Error as error:
            raise _refused(error) from error


def _rows_of(layout: Layout, table: str) -> Any:
    """A table as Arrow has it. One that an older version has written reads as today's: what that version did not write is null."""
    import pyarrow as pa
    import pyarrow.dataset as datasets

    today = parquet.schema(Columns().of(table))
    files = sorted(layout.table(table).glob("*.parquet"))
    if not files:
        if table in _OPTIONAL:
            return today.empty_table()
        raise ResultError(layout.out, "the results of convemo batch", f"no {table} in it", "Name the folder given with --out.")
    paths = [str(file) for file in files]
    found = datasets.dataset(paths, format="parquet").schema
    missing = [column for column in today if column.name not in found.names]
    return datasets.dataset(paths, pa.schema([*found, *missing]), format="parquet")


def _distinct(names: Iterable[str]) -> list[str]:
    """Names of columns, each once.

    >>> _distinct(["call", "label", "call"])
    ['call', 'label', 'call_2']
    """
    found: list[str] = []
    for name in names:
        number, given = 1, name
        while given in found:
            number += 1
            given = f"{name}_{number}"
        found.append(given)
    return found


def _refused(error: duckdb.Error) -> ConfigError:
    told = " ".join(str(error).partition("\n\nLINE ")[0].split())  # one line: without the query, which they have before them
    return ConfigError(
        "SQL that DuckDB understands", told, "The tables are utterances, calls and alerts; docs/batch.md lists their columns."
    )


def shown(value: Any) -> Any:
    """A cell for people: numbers to four digits, lists in one line.

    >>> [shown(value) for value in (0.123456, ["joy", "anger"], None, 3)]
    ['0.1235', 'joy anger', '', '3']
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
