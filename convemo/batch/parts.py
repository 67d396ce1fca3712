"""In which part of the tables each call lies, as the ledger has it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from convemo.batch.database import STANDS, Database


@dataclass(frozen=True, slots=True)
class Part:
    """A pair of Parquet files: the utterances and the calls of some conversations."""

    name: str
    calls: int
    live: bool
    """Whether both are known to be on the disk, whole."""
    stale: bool
    """Whether it holds calls that are no longer wanted, or metadata that have changed."""


class Parts:
    """The pages of the ledger that are about tables.

    Args:
        database: the ledger.
        settings: whose tables they are.
    """

    def __init__(self, database: Database, settings: str):
        self._db, self._settings = database, settings

    def metadata_columns(self) -> list[str]:
        """Every name of metadata that any input has, in alphabetical order."""
        found = self._db.all("SELECT DISTINCT key FROM (SELECT DISTINCT metadata FROM inputs WHERE metadata != '{}'), json_each(metadata)")
        return sorted(name for (name,) in found)

    def loose(self) -> list[tuple[str, int, str, Mapping[str, Any], str, str]]:
        """Finished calls in no part yet: work, number, name, metadata, and the paths of the recording and the transcript."""
        rows = self._db.all(
            "SELECT calls.work, calls.number, calls.name, inputs.metadata, inputs.audio, inputs.transcript FROM calls "
            "JOIN work ON work.key = calls.work JOIN inputs ON inputs.id = work.input "
            f"WHERE calls.settings = ? AND part IS NULL AND {STANDS} ORDER BY calls.name",
            self._settings,
        )
        return [(work, number, name, json.loads(metadata), *paths) for work, number, name, metadata, *paths in rows]

    def all(self) -> list[Part]:
        """The table's parts under these settings, oldest first."""
        rows = self._db.all("SELECT name, calls, live, stale FROM parts WHERE settings = ? ORDER BY name", self._settings)
        return [Part(name, calls, bool(live), bool(stale)) for name, calls, live, stale in rows]

    def new(self, calls: Iterable[tuple[str, int]]) -> str:
        """A part's name, announced before it is written, with the calls (work, number) that it will hold."""
        with self._db.together() as db:
            name = _next_part(db)
            changed = db.executemany("UPDATE calls SET part = ? WHERE work = ? AND number = ?", [(name, *call) for call in calls]).rowcount
            db.execute("INSERT INTO parts (name, settings, calls, live) VALUES (?, ?, ?, 0)", (name, self._settings, changed))
        return name

    def is_live(self, name: str) -> None:
        """Both its files are whole, on the disk."""
        with self._db.together() as db:
            db.execute("UPDATE parts SET live = 1 WHERE name = ?", (name,))

    def drop(self, name: str) -> None:
        """It never came to be: its calls lie loose again."""
        with self._db.together() as db:
            db.execute("UPDATE calls SET part = NULL WHERE part = ?", (name,))
            db.execute("DELETE FROM parts WHERE name = ?", (name,))

    def lacks(self, work: str, number: int, told: str) -> None:
        """A call that was done before anybody asked has to do without some scores."""
        with self._db.together() as db:
            db.execute("UPDATE calls SET lacking = ? WHERE work = ? AND number = ?", (told, work, number))

    def reopen(self, key: str) -> None:
        """Its result is not on the disk any more: it is to be done again."""
        with self._db.together() as db:
            db.execute("DELETE FROM calls WHERE work = ? AND part IS NULL", (key,))
            db.execute("UPDATE work SET status = 'open' WHERE key = ?", (key,))

    def calls_in(self, part: str) -> dict[str, Mapping[str, Any]]:
        """The calls that lie in a part and are still wanted: name → metadata."""
        rows = self._db.all(
            "SELECT calls.name, inputs.metadata FROM calls JOIN work ON work.key = calls.work JOIN inputs ON inputs.id = work.input "
            f"WHERE part = ? AND {STANDS}",
            part,
        )
        return {name: json.loads(metadata) for name, metadata in rows}

    def reserve(self, count: int) -> list[str]:
        """Names that no part has had."""
        with self._db.together() as db:
            return [_next_part(db) for _ in range(count)]

    def merge(self, merged: Mapping[str, str], generation: int) -> None:
        """All at once: what lay in the old parts lies in new ones (old → new), which the folders of that generation hold."""
        with self._db.together() as db:
            for new in dict.fromkeys(merged.values()):
                db.execute("INSERT INTO parts (name, settings, calls, live) VALUES (?, ?, 0, 1)", (new, self._settings))
            for old, new in merged.items():
                db.execute("UPDATE calls SET part = ? WHERE part = ?", (new, old))
                db.execute("DELETE FROM parts WHERE name = ?", (old,))
            counted = "SELECT count(*) FROM calls WHERE part = parts.name"
            db.execute(f"UPDATE parts SET calls = ({counted}) WHERE settings = ?", (self._settings,))
            db.execute("DELETE FROM parts WHERE calls = 0 AND settings = ?", (self._settings,))
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (f"generation {self._settings}", str(generation)))


def _next_part(db: sqlite3.Connection) -> str:
    last = int((db.execute("SELECT value FROM facts WHERE name = 'part'").fetchone() or ("0",))[0])
    db.execute("INSERT OR REPLACE INTO facts VALUES ('part', ?)", (str(last + 1),))
    return f"part-{last + 1:06d}"
