"""The database below the ledger: SQLite, every commit on the disk before it is told.

inputs   what was given, by its paths, with the name that its calls bear and the hash of its content as last read
work     one row for an input's content under certain settings: open, done or failed
calls    one row a conversation that was tried; a file may hold several. `lacking` says which scores its result has to do without, `again`
         that it is to be done once more; if that fails, `error` says so, and the result that lacks them still stands
parts    which Parquet files are whole: see `tables`
hashes   sha256 of files by path, size and time of change, so that nothing is read twice to find out that nothing is to be done
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from convemo.errors import ResultError

SCHEMA = 2
_TABLES = """
CREATE TABLE inputs (
  id INTEGER PRIMARY KEY, audio TEXT NOT NULL, transcript TEXT NOT NULL, conversation TEXT NOT NULL,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE, roles TEXT NOT NULL, metadata TEXT NOT NULL, run INTEGER NOT NULL, content TEXT,
  UNIQUE (audio, transcript, conversation));
CREATE INDEX inputs_content ON inputs (content);
CREATE TABLE work (
  key TEXT PRIMARY KEY, settings TEXT NOT NULL, content TEXT NOT NULL, input INTEGER NOT NULL, status TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, conversations INTEGER, kind TEXT, error TEXT, changed REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX work_status ON work (settings, status);
CREATE INDEX work_content ON work (content, settings);
CREATE INDEX work_input ON work (input, settings);
CREATE TABLE calls (
  work TEXT NOT NULL, number INTEGER NOT NULL, settings TEXT NOT NULL, name TEXT NOT NULL, kind TEXT, error TEXT,
  utterances INTEGER NOT NULL DEFAULT 0, part TEXT, lacking TEXT, again INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (work, number)) WITHOUT ROWID;
CREATE INDEX calls_part ON calls (settings, part);
CREATE TABLE parts (name TEXT PRIMARY KEY, settings TEXT NOT NULL, calls INTEGER NOT NULL, live INTEGER NOT NULL,
  stale INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE hashes (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_FROM_1 = """
ALTER TABLE calls ADD COLUMN lacking TEXT;
ALTER TABLE calls ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
"""
_STEPS = {0: _TABLES, 1: _FROM_1}
"""Version that is there → what makes today's of it."""
_AS_FROM_1 = "CREATE TEMP VIEW calls AS SELECT *, NULL AS lacking, 0 AS again FROM main.calls"
"""Lies over the table of that name for one connection, which then reads as if it had been upgraded."""
STANDS = "(calls.error IS NULL OR calls.lacking IS NOT NULL)"
"""In SQL: there is a result of this call, be it that doing it once more has failed."""


class Database:
    """One open database. Only the process that holds the folder's lock writes to it.

    Args:
        path: the file; made if it is missing, and upgraded if an older version has made it.

    Raises:
        ResultError: it is damaged, of another version, or cannot be written.
    """

    def __init__(self, path: Path):
        self._path = path
        with self._told():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a commit that was reported is on the disk
        if self._version() != SCHEMA:
            self._upgrade()

    @classmethod
    def as_it_is(cls, path: Path) -> Self:
        """The same, to be read only: nothing on the disk is made, upgraded or changed.

        Raises:
            ResultError: it is missing, damaged or of another version.
        """
        self = cls.__new__(cls)
        self._path = path
        # SQLite makes files of its own beside a ledger that it opens, except where it is told that nobody writes: then there is no -wal.
        how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
        with self._told():
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=30)
            version = self._version()
            if version == 0:  # whoever was to make it was killed before
                self.close()
                self._db = sqlite3.connect(":memory:", isolation_level=None)
                self._upgrade()
            elif version == 1:
                self._db.execute("PRAGMA temp_store = MEMORY")
                self._db.execute(_AS_FROM_1)
        return self

    def _version(self) -> int:
        version = self.one("PRAGMA user_version")
        if version not in (*_STEPS, SCHEMA):
            raise ResultError(self._path, f"a ledger of version {SCHEMA}", f"version {version}", "Name another folder with --out.")
        return version

    def _upgrade(self) -> None:
        with self.together() as db:
            version = self._version()  # once more: another may have done it meanwhile
            if version != SCHEMA:
                for step in _STEPS[version].split(";"):
                    db.execute(step)
                db.execute(f"PRAGMA user_version = {SCHEMA}")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever SQLite finds wrong, as our error."""
        try:
            yield
        except sqlite3.Error as error:
            raise ResultError(
                self._path, "a ledger that can be read and written", str(error), "Make room, and run the same command again."
            ) from error

    @contextmanager
    def together(self) -> Iterator[sqlite3.Connection]:
        """What is written down in this block is on the disk after it: all of it, in one go, or nothing if it raises."""
        if self._db.in_transaction:
            yield self._db
            return
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def all(self, sql: str, *values: Any) -> list[tuple]:
        """Every row of an answer."""
        with self._told():
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        """The one value of an answer."""
        return self.all(sql, *values)[0][0]

    def fact(self, name: str) -> str | None:
        """What was stated under a name, or ``None``."""
        found = self.all("SELECT value FROM facts WHERE name = ?", name)
        return found[0][0] if found else None

    def state(self, name: str, value: str) -> None:
        """Keeps a value under a name."""
        with self.together() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
