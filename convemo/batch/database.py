"""The database below the ledger: SQLite, every commit on the disk before it is told.

inputs   what was given, by its paths, with the name that its calls bear and the hash of its content as last read
work     one row for an input's content under certain settings: open, done or failed
calls    one row a finished conversation; a file may hold several. `lacking` says which scores it has to do without, `again` that it is
         to be done once more, its result standing until then
parts    which Parquet files are whole: see `tables`
hashes   sha256 of files by path, size and time of change, so that nothing is read twice to find out that nothing is to be done
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


class Database:
    """One open database. Only the process that holds the folder's lock writes to it.

    Args:
        path: the file; made if it is missing.

    Raises:
        ResultError: it is damaged, of another version, or cannot be written.
    """

    def __init__(self, path: Path):
        self._path = path
        with self._told():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a commit that was reported is on the disk
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version in (0, 1):
                steps = _TABLES if version == 0 else _FROM_1
                self._db.executescript(f"BEGIN; {steps} PRAGMA user_version = {SCHEMA}; COMMIT;")
        if version not in (0, 1, SCHEMA):
            raise ResultError(path, f"a ledger of version {SCHEMA}", f"version {version}", "Name another folder with --out.")

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
