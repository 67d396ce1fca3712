"""The tables, in parts: each part complete or absent, no call in two, small ones put together without a moment in which any is missing.

A part is one file in each table, ``utterances/part-000017.parquet``, ``calls/part-000017.parquet`` and so on. The ledger announces it, they
are written, the ledger says that it is live: killed in between, the next run finds the announcement and either all files or none of use. To
put parts together, a second folder is made beside each table, with links to the parts that stay and new files for those that are merged;
one commit in the ledger decides, and the folders change places.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convemo.batch import parquet
from convemo.batch.database import Database
from convemo.batch.lacking import lacking
from convemo.batch.layout import MARK, TABLES, Layout, mark
from convemo.batch.parts import Part, Parts
from convemo.batch.rows import SCHEMA, CallRows, Columns, rows_of
from convemo.errors import ResultError
from convemo.export.atomic import sync_folder
from convemo.policy import Policy
from convemo.results import Analysis

if TYPE_CHECKING:
    import pyarrow as pa

PART_CALLS, PART_ROWS = 512, 40_000
"""A part is written when so many calls or utterances have come together: some tens of MB in memory."""
SMALL_CALLS = 256
"""Parts of fewer calls are put together …"""
MERGED_CALLS = 4096
"""… into parts of at most so many."""
MOST_SMALL = 32
"""So many small parts are put together at once, and not only at the end of a run."""


class Tables:
    """The tables of a results folder under certain settings.

    Args:
        layout, ledger: of the folder, whose lock is held.
        settings: the settings' fingerprint; `Layout.settle` has put their folders in place.
    """

    def __init__(self, layout: Layout, ledger: Database, settings: str):
        parquet.require()
        self._layout, self._ledger, self._settings = layout, ledger, settings
        self._parts = Parts(ledger, settings)
        saved = ledger.fact(f"columns {settings}")
        self._columns = Columns.from_dict(json.loads(saved)) if saved else Columns()
        self._waiting: list[tuple[str, int, CallRows]] = []
        self._rows = 0

    def recover(self, policy: Policy) -> None:
        """Brings to an end what a killed run was about, and removes what nobody announced.

        Args:
            policy: by which these calls are analysed; it tells what those of an older version lack.
        """
        live = set()
        for part in self._parts.all():
            files = [self._layout.part(table, part.name) for table in TABLES]
            if not all(file.is_file() for file in files):
                self._parts.drop(part.name)  # its calls are made into rows again, from their analyses
                continue
            live.add(part.name)
            if not part.live:
                self._parts.is_live(part.name)
        for table in TABLES:
            for file in self._layout.table(table).glob("*.parquet"):
                if file.stem not in live:
                    file.unlink()
        if self._ledger.fact(f"schema {self._settings}") not in (None, str(SCHEMA)):
            for name in live:  # made by another version of convemo: the analyses are the source
                self._parts.drop(name)
                for table in TABLES:
                    self._layout.part(table, name).unlink(missing_ok=True)
        self._ledger.state(f"schema {self._settings}", str(SCHEMA))
        self._recover_loose(policy)

    def _recover_loose(self, policy: Policy) -> None:
        """Calls that were finished when somebody pulled the plug, before their rows were in a part: from their kept accounts."""
        for work, number, name, metadata, audio, transcript in self._parts.loose():
            try:
                analysis = Analysis.load(self._layout.analysis(name))
            except ResultError:  # somebody has deleted it
                self._parts.reopen(work)
                continue
            rows = rows_of(analysis)
            if rows.summary["lacking"] is None and (told := lacking(analysis, policy)):  # a version made it that did not ask
                rows.summary["lacking"] = told
                self._parts.lacks(work, number, told)
            self.add(work, number, rows.with_metadata(metadata, audio, transcript))
            if self.full:
                self.flush()

    def add(self, work: str, number: int, rows: CallRows) -> None:
        """Takes a finished call in; it is on the disk, as a part, after `flush`."""
        self._waiting.append((work, number, rows))
        self._rows += len(rows.utterances)

    @property
    def waiting(self) -> int:
        """Calls that lie in no part yet."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether enough is waiting for a part."""
        return len(self._waiting) >= PART_CALLS or self._rows >= PART_ROWS

    def flush(self) -> None:
        """Writes what is waiting as a part.

        Raises:
            ResultError: it cannot be written; it is still waiting then.
        """
        # A file may have changed, and been analysed anew, since its call began to wait; or the call was done once more.
        latest = {(work, number): (work, number, rows) for work, number, rows in self._waiting}
        exists = "SELECT count(*) FROM calls WHERE work = ? AND number = ?"
        self._waiting = [w for call, w in latest.items() if self._ledger.one(exists, *call)]
        self._rows = sum(len(rows.utterances) for _, _, rows in self._waiting)
        if not self._waiting:
            return
        if any(part.stale for part in self._parts.all()):
            self.compact()  # else a call that was analysed anew would lie in two parts for a while
        self._widen([rows for _, _, rows in self._waiting])
        name = self._parts.new([(work, number) for work, number, _ in self._waiting])
        try:
            for table in TABLES:
                content = [row for _, _, rows in self._waiting for row in rows.of(table)]
                parquet.write(self._layout.part(table, name), content, self._columns.of(table))
        except ResultError:
            with suppress(ResultError):
                self._parts.drop(name)
            for table in TABLES:
                self._layout.part(table, name).unlink(missing_ok=True)
            raise
        self._parts.is_live(name)
        self._waiting, self._rows = [], 0
        if sum(part.calls < SMALL_CALLS for part in self._parts.all()) >= MOST_SMALL:
            self.compact()

    def _widen(self, calls: Sequence[CallRows]) -> None:
        """Has the tables know every column that these calls need, and every name of metadata in the ledger."""
        columns = self._columns.union(Columns(metadata=tuple(self._parts.metadata_columns())))
        for call in calls:
            columns = columns.union(call.columns)
        if columns != self._columns:
            self._columns = columns
            self._ledger.state(f"columns {self._settings}", json.dumps(columns.to_dict()))

    # Putting together -------------------------------------------------------------------------------------------------

    def compact(self) -> None:
        """Puts small parts together; drops what is no longer wanted; gives every part the same columns.

        Raises:
            ResultError: there is no room; nothing has changed then.
        """
        self._widen([])
        parts = self._parts.all()
        small = [part for part in parts if part.calls < SMALL_CALLS]
        again = [part for part in parts if part.stale or (part in small and len(small) > 1) or self._is_narrow(part)]
        if not again:
            return
        groups = list(_groups(again))
        merged = {part.name: new for new, group in zip(self._parts.reserve(len(groups)), groups) for part in group}
        generation = self._generation() + 1
        try:
            self._build(parts, merged, generation)
        except OSError as error:
            shutil.rmtree(self._layout.swap, ignore_errors=True)
            found = error.strerror or str(error)
            raise ResultError(
                self._layout.swap, "room to put tables together", found, "Make room, and run the same command again."
            ) from error
        self._parts.merge(merged, generation)
        finish_swap(self._layout, self._ledger)
        live = {part.name for part in self._parts.all()}
        for table in TABLES:  # a part of which nothing was wanted
            for new in set(merged.values()) - live:
                self._layout.part(table, new).unlink(missing_ok=True)

    def _build(self, parts: Sequence[Part], merged: Mapping[str, str], generation: int) -> None:
        """The folders as they shall be, beside those that are."""
        shutil.rmtree(self._layout.swap, ignore_errors=True)
        wanted = {part.name: self._parts.calls_in(part.name) for part in parts if part.name in merged}
        for table in TABLES:
            folder = self._layout.swap / table
            mark(folder, self._settings, generation)
            for part in parts:
                if part.name not in merged:
                    _link(self._layout.part(table, part.name), folder / f"{part.name}.parquet")
            for new in dict.fromkeys(merged.values()):
                old = [name for name, into in merged.items() if into == new]
                calls = {call: metadata for name in old for call, metadata in wanted[name].items()}
                sources = [(name, self._layout.part(table, name)) for name in old]
                parquet.copy(sources, folder / f"{new}.parquet", self._columns.of(table), _Keep(wanted, self._columns.metadata, calls))
            sync_folder(folder)

    def _is_narrow(self, part: Part) -> bool:
        return any(parquet.names(self._layout.part(table, part.name)) != list(self._columns.of(table)) for table in TABLES)

    def _generation(self) -> int:
        return int(self._ledger.fact(f"generation {self._settings}") or 0)


class _Keep:
    """Of a part's rows those that are wanted, with the metadata that the ledger has now."""

    def __init__(self, wanted: Mapping[str, Mapping[str, Any]], metadata: Sequence[str], told: Mapping[str, Mapping[str, Any]]):
        self._wanted, self._metadata, self._told = wanted, metadata, told

    def __call__(self, part: str, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        wanted = self._wanted[part]
        calls = table.column("call").to_pylist()
        table = table.filter(pa.array([call in wanted for call in calls], pa.bool_()))
        for name in self._metadata:
            values = [self._told[call].get(name) for call in calls if call in wanted]
            column = pa.array([None if value is None else str(value) for value in values], pa.string())
            index = table.schema.get_field_index(f"meta_{name}")
            table = table.append_column(f"meta_{name}", column) if index < 0 else table.set_column(index, f"meta_{name}", column)
        return table


def finish_swap(layout: Layout, ledger: Database) -> None:
    """Brings folders that were made for the ledger's generation into place, whoever was killed before; others are thrown away."""
    try:
        _finish_swap(layout, ledger)
    except OSError as error:
        raise ResultError(layout.out, "tables that can be renamed", error.strerror or str(error), "Run the same command again.") from error


def _finish_swap(layout: Layout, ledger: Database) -> None:
    for table in TABLES:
        fresh, there = layout.swap / table, layout.table(table)
        settings, generation = _marked(fresh)
        if settings is None or generation != int(ledger.fact(f"generation {settings}") or 0) or _marked(there) == (settings, generation):
            continue
        if there.exists() and not _exchange(fresh, there):
            os.replace(there, layout.swap / f"{table}.old")
        if fresh.exists() and not there.exists():
            os.replace(fresh, there)
        sync_folder(layout.out)
    shutil.rmtree(layout.swap, ignore_errors=True)


def _marked(folder: Path) -> tuple[str | None, int]:
    try:
        told = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return told["settings"], int(told["generation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, -1


def _exchange(one: Path, other: Path) -> bool:
    """Has two folders change places in one step, so that there is no moment without a table; Linux can, others say that they cannot."""
    if sys.platform != "linux":
        return False
    try:
        at, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE: linux/fcntl.h, linux/fs.h
        return ctypes.CDLL(None).renameat2(at, os.fsencode(one), at, os.fsencode(other), swap) == 0
    except AttributeError:  # a system's library without it
        return False


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)


def _groups(parts: Sequence[Part]) -> Iterator[list[Part]]:
    group: list[Part] = []
    for part in parts:
        if group and sum(p.calls for p in group) + part.calls > MERGED_CALLS:
            yield group
            group = []
        group.append(part)
    if group:
        yield group
