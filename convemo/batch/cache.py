"""What stages have made, kept by what they were made from: changing what comes after a stage never runs it again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from convemo.batch.coding import pack, unpack

_TABLE = "CREATE TABLE IF NOT EXISTS stages (key BLOB PRIMARY KEY, stage TEXT, value BLOB, bytes INTEGER, used INTEGER) WITHOUT ROWID"
_MOST_WAIT_S = 10.0
_STALE_S = 3600.0
"""When an entry was used is written down at most so often."""
_CLEARED = 0.8
"""Down to this share of the limit it is emptied, so that not every call empties it a little."""


class StageCache:
    """A bounded store that several workers share. It may lose anything at any time and never fails: then stages run again.

    Args:
        path: the database; ``None`` keeps nothing.
        limit_bytes: how much is kept; the longest unused goes first.
    """

    def __init__(self, path: Path | None, limit_bytes: int = 2 * 2**30):
        self._path, self._limit, self._db = path, limit_bytes, None
        self._added = 0
        self.why_not: str | None = None
        """Why nothing is kept, if that was asked for and something is in the way: busy for long, damaged, no room."""
        if path is not None:
            try:
                self._db = sqlite3.connect(path, isolation_level=None, timeout=_MOST_WAIT_S)
                self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")  # a cache may lose its last entries in a power cut
                self._db.execute(_TABLE)
            except sqlite3.Error as error:
                self._give_up(error)

    def get(self, stage: str, made_from: Any) -> Any:
        """What the stage made from this, or ``None``."""
        if self._db is None:
            return None
        key = _key(stage, made_from)
        try:
            row = self._db.execute("SELECT value, used FROM stages WHERE key = ?", (key,)).fetchone()
            if row is None:
                return None
            if time.time() - row[1] > _STALE_S:
                with suppress(sqlite3.OperationalError):  # another worker writes: it counts as used some other time
                    self._db.execute("UPDATE stages SET used = ? WHERE key = ?", (int(time.time()), key))
            return unpack(row[0])
        except (sqlite3.OperationalError, ValueError):  # busy for long, or an entry that is none: the stage runs again
            return None
        except sqlite3.Error as error:
            self._give_up(error)
            return None

    def put(self, stage: str, made_from: Any, value: Any) -> None:
        """Keeps what the stage made from this."""
        if self._db is None:
            return
        data = pack(value)
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO stages VALUES (?, ?, ?, ?, ?)", (_key(stage, made_from), stage, data, len(data), int(time.time()))
            )
            self._added += len(data)
            if self._added > self._limit // 20:
                self._added = 0
                self.trim()
        except sqlite3.OperationalError as error:  # another worker writes, or there is no room: this entry is not kept, the work goes on
            self.why_not = str(error)
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: sqlite3.Error) -> None:
        """It is no database, or not one any more: nothing is looked up or kept from here on."""
        if self._db is not None:
            self._db.close()
        self._db, self.why_not = None, str(error)

    def trim(self) -> None:
        """Drops the longest unused until it is within its limit."""
        total = self._db.execute("SELECT coalesce(sum(bytes), 0) FROM stages").fetchone()[0]
        if total <= self._limit:
            return
        surplus, keys = total - int(self._limit * _CLEARED), []
        for key, size in self._db.execute("SELECT key, bytes FROM stages ORDER BY used"):
            if surplus <= 0:
                break
            keys.append((key,))
            surplus -= size
        self._db.executemany("DELETE FROM stages WHERE key = ?", keys)
        self._db.execute("PRAGMA incremental_vacuum")

    def close(self, trim: bool = False) -> None:
        """Lets go of the file; `trim` brings it within its limit first."""
        if self._db is not None:
            try:
                if trim:
                    self.trim()
            except sqlite3.Error as error:
                self.why_not = str(error)
            self._db.close()


def _key(stage: str, made_from: Any) -> bytes:
    return hashlib.sha256(json.dumps([stage, made_from], sort_keys=True).encode()).digest()
