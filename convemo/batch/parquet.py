"""Rows as Parquet: the one module that imports pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convemo.batch.rows import SCHEMA
from convemo.errors import EngineUnavailable
from convemo.export.atomic import writing_bytes

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 16_384
"""Rows in memory while a table is copied."""
_VERSION = b"convemo.schema"


def require() -> None:
    """
    Raises:
        EngineUnavailable: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise EngineUnavailable("pyarrow for the tables of a batch", "none here", "Install it: pip install 'convemo[batch]'.") from error


def schema(columns: Mapping[str, str]) -> pa.Schema:
    """Column → ``text``, ``texts``, ``int``, ``float`` or ``bool`` as an Arrow schema, with the tables' version in its metadata."""
    import pyarrow as pa

    types = {"text": pa.string(), "texts": pa.list_(pa.string()), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    return pa.schema([(name, types[kind]) for name, kind in columns.items()], metadata={_VERSION: str(SCHEMA)})


def write(path: Path, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """A file of these rows, whole or not at all.

    Raises:
        ResultError: it cannot be written.
    """
    import pyarrow as pa

    form, rows = schema(columns), list(rows)
    arrays = [
        pa.array([_clean(row.get(f.name)) for row in rows] if _holds_text(f) else [row.get(f.name) for row in rows], f.type) for f in form
    ]
    _write(path, form, [pa.Table.from_arrays(arrays, schema=form)])


def copy(sources: Iterable[tuple[str, Path]], path: Path, columns: Mapping[str, str], keep: Callable[[str, pa.Table], pa.Table]) -> None:
    """One file of the rows of several, as much at a time as `ROWS_AT_ONCE`: in these columns (null where one is new).

    Args:
        sources: name and path of each.
        keep: called with a source's name and some of its rows; gives those that shall be kept.

    Raises:
        ResultError: it cannot be written.
    """
    form = schema(columns)
    _write(path, form, (conform(keep(name, rows), form) for name, one in sources for rows in batches(one)))


def batches(path: Path) -> Iterator[pa.Table]:
    """A file's rows, some at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE):
            yield pa.Table.from_batches([batch])


def names(path: Path) -> list[str]:
    """The columns of a file."""
    import pyarrow.parquet as pq

    return pq.read_schema(path).names


def conform(table: pa.Table, form: pa.Schema) -> pa.Table:
    """The table in the columns of a schema, null where it has none."""
    import pyarrow as pa

    columns = [table.column(f.name).cast(f.type) if f.name in table.column_names else pa.nulls(len(table), f.type) for f in form]
    return pa.Table.from_arrays(columns, schema=form)


def _write(path: Path, form: pa.Schema, tables: Iterable[pa.Table]) -> None:
    import pyarrow.parquet as pq

    with writing_bytes(path) as file, pq.ParquetWriter(file, form, compression="zstd") as writer:
        for table in tables:
            if len(table):
                writer.write_table(table)


def _holds_text(field: pa.Field) -> bool:
    return "string" in str(field.type)


def _clean(value: Any) -> Any:
    """Text that UTF-8 can hold: a lone surrogate becomes a question mark, as in every other export."""
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) and not value.isascii() else value
