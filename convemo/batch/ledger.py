"""What was asked for, what is done, what failed, and in which part of the tables each call lies: SQLite, every commit on the disk.

    inputs   what was given, by its paths, with the name that its calls bear and the hash of its content as last read
    work     one row for an input's content under certain settings: open, done or failed
    calls    one row a finished conversation; a file may hold several
    parts    which Parquet files are whole: see `tables`
    hashes   sha256 of files by path, size and time of change, so that nothing is read twice to find out that nothing is to be done
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convemo.batch.inputs import Input
from convemo.errors import ResultError

SCHEMA = 1
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
  utterances INTEGER NOT NULL DEFAULT 0, part TEXT, PRIMARY KEY (work, number)) WITHOUT ROWID;
CREATE INDEX calls_part ON calls (settings, part);
CREATE TABLE parts (name TEXT PRIMARY KEY, settings TEXT NOT NULL, calls INTEGER NOT NULL, live INTEGER NOT NULL,
  stale INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE hashes (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """An input as the ledger knows it."""

    id: int
    input: Input
    content: str | None
    """The hash of its content when it was last read."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One file, or one conversation in it, that could not be analysed."""

    name: str
    path: str
    kind: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Part:
    """A pair of Parquet files: the utterances and the calls of some conversations."""

    name: str
    calls: int
    live: bool
    """Whether both are known to be on the disk, whole."""
    stale: bool
    """Whether it holds calls that are no longer wanted, or metadata that have changed."""


class Ledger:
    """The one book of a results folder. Only the process that holds the folder's lock writes to it.

    Args:
        path: the database; made if it is missing.

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
            if version == 0:
                self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        if version not in (0, SCHEMA):
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
        """What is written down in this block is on the disk after it, all of it or, if it raises, nothing: one wait for the disk, not many."""
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

    def _all(self, sql: str, *values: Any) -> list[tuple]:
        with self._told():
            return self._db.execute(sql, values).fetchall()

    def _one(self, sql: str, *values: Any) -> Any:
        return self._all(sql, *values)[0][0]

    # What was asked for -----------------------------------------------------------------------------------------------

    def list_inputs(self, inputs: Iterable[Input]) -> int:
        """Writes down what this run was asked for, and returns the run's number."""
        with self.together() as db:
            run = 1 + int((db.execute("SELECT value FROM facts WHERE name = 'run'").fetchone() or ("0",))[0])
            db.execute("INSERT OR REPLACE INTO facts VALUES ('run', ?)", (str(run),))
            for one in inputs:
                place = (one.audio or "", one.transcript or "", one.conversation or "")
                told = (json.dumps(dict(one.roles), sort_keys=True), json.dumps(dict(one.metadata)), run)
                known = db.execute(
                    "SELECT id, metadata FROM inputs WHERE audio = ? AND transcript = ? AND conversation = ?", place
                ).fetchone()
                if known is not None:
                    db.execute("UPDATE inputs SET roles = ?, metadata = ?, run = ? WHERE id = ?", (*told, known[0]))
                    if known[1] != told[1]:
                        _make_stale(db, "SELECT key FROM work WHERE input = ?", known[0])
                    continue
                name, number = one.name, 1
                while db.execute("SELECT 1 FROM inputs WHERE name = ?", (name,)).fetchone():
                    number += 1
                    name = f"{one.name}-{number}"
                db.execute(
                    "INSERT INTO inputs (audio, transcript, conversation, name, roles, metadata, run) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*place, name, *told),
                )
        return run

    def count_listed(self, run: int) -> int:
        return self._one("SELECT count(*) FROM inputs WHERE run = ?", run)

    def listed(self, run: int, page: int = 1000) -> Iterator[Listed]:
        """The inputs of a run in the order in which they were first met, a page in memory at a time."""
        last = 0
        while rows := self._all(
            "SELECT id, name, audio, transcript, conversation, roles, metadata, content FROM inputs WHERE run = ? AND id > ? ORDER BY id LIMIT ?",
            run, last, page,
        ):  # fmt: skip
            for id, name, audio, transcript, conversation, roles, metadata, content in rows:
                one = Input(name, audio or None, transcript or None, conversation or None, json.loads(roles), json.loads(metadata))
                yield Listed(id, one, content)
            last = rows[-1][0]

    def untranscribed(self, run: int) -> bool:
        """Whether the run has a recording without a transcript."""
        return bool(self._one("SELECT EXISTS (SELECT 1 FROM inputs WHERE run = ? AND audio != '' AND transcript = '')", run))

    def metadata(self, input: int) -> dict[str, Any]:
        """What the manifest says of an input beside its files and roles."""
        return json.loads(self._one("SELECT metadata FROM inputs WHERE id = ?", input))

    def metadata_columns(self) -> list[str]:
        """Every name of metadata that any input has, in alphabetical order."""
        found = self._all("SELECT DISTINCT key FROM (SELECT DISTINCT metadata FROM inputs WHERE metadata != '{}'), json_each(metadata)")
        return sorted(name for (name,) in found)

    # Hashes -----------------------------------------------------------------------------------------------------------

    def hash(self, path: str, size: int, changed: int) -> str | None:
        """The sha256 of a file, if it was read when it had this size and time of change, in ns."""
        found = self._all("SELECT sha256 FROM hashes WHERE path = ? AND size = ? AND changed = ?", path, size, changed)
        return found[0][0] if found else None

    def remember(self, hashes: Iterable[tuple[str, int, int, str]], contents: Iterable[tuple[int, str]]) -> None:
        """Keeps hashes of files (path, size, time of change, sha256), and of inputs' contents (input id, hash)."""
        with self.together() as db:
            db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", hashes)
            db.executemany("UPDATE inputs SET content = ? WHERE id = ?", [(content, id) for id, content in contents])

    # Work -------------------------------------------------------------------------------------------------------------

    def status(self, key: str) -> str | None:
        """``open``, ``done`` or ``failed``; ``None`` if nothing is known of this work."""
        found = self._all("SELECT status FROM work WHERE key = ?", key)
        return found[0][0] if found else None

    def done_numbers(self, key: str) -> frozenset[int]:
        """Which conversations of a file are finished."""
        return frozenset(n for (n,) in self._all("SELECT number FROM calls WHERE work = ? AND error IS NULL", key))

    def begin(self, key: str, settings: str, content: str, input: int) -> None:
        """Makes work known; without effect if it is."""
        with self.together() as db:
            db.execute(
                "INSERT INTO work (key, settings, content, input, status, changed) VALUES (?, ?, ?, ?, 'open', ?) ON CONFLICT DO NOTHING",
                (key, settings, content, input, time.time()),
            )

    def count_conversations(self, key: str, conversations: int) -> None:
        with self.together() as db:
            db.execute("UPDATE work SET conversations = ? WHERE key = ?", (conversations, key))

    def finish_call(self, settings: str, key: str, number: int, name: str, utterances: int) -> None:
        """A call's result lies on the disk."""
        with self.together() as db:
            db.execute(
                "INSERT INTO calls (work, number, settings, name, utterances) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET name = excluded.name, utterances = excluded.utterances, kind = NULL, error = NULL",
                (key, number, settings, name, utterances),
            )

    def finish(self, key: str, conversations: int) -> str:
        """All conversations of a file, or of a share of it, were tried: ``done``, ``failed``, or ``open`` while other shares are out."""
        with self.together() as db:
            total, wrong = db.execute("SELECT count(*), count(error) FROM calls WHERE work = ?", (key,)).fetchone()
            status = "open" if total < conversations else "failed" if wrong else "done"
            if status != "open":
                db.execute(
                    "UPDATE work SET conversations = ?, status = ?, kind = NULL, error = NULL, changed = ? WHERE key = ?",
                    (conversations, status, time.time(), key),
                )
        return status

    def reopen(self, key: str) -> None:
        """Its result is not on the disk any more: it is to be done again."""
        with self.together() as db:
            db.execute("DELETE FROM calls WHERE work = ? AND part IS NULL", (key,))
            db.execute("UPDATE work SET status = 'open' WHERE key = ?", (key,))

    def supersede(self, key: str) -> list[str]:
        """Forgets what was made, under the same settings, of what the same paths held before. Returns the names of its calls."""
        with self.together() as db:
            older = "SELECT old.key FROM work AS new JOIN work AS old USING (input, settings) WHERE new.key = ? AND old.key != new.key"
            names = [name for (name,) in db.execute(f"SELECT name FROM calls WHERE work IN ({older})", (key,))]
            keys = [old for (old,) in db.execute(older, (key,))]
            _make_stale(db, older, key)
            db.executemany("DELETE FROM calls WHERE work = ?", [(old,) for old in keys])
            db.executemany("DELETE FROM work WHERE key = ?", [(old,) for old in keys])
        return names

    def fail_call(self, settings: str, key: str, number: int, name: str, kind: str, error: str) -> None:
        """One conversation of a file failed; the others go on."""
        with self.together() as db:
            db.execute(
                "INSERT INTO calls (work, number, settings, name, kind, error) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET kind = excluded.kind, error = excluded.error",
                (key, number, settings, name, kind, error),
            )

    def fail(self, key: str, kind: str, error: str, final: bool = True) -> int:
        """An attempt at a whole file failed; `final` if there shall be no other. Returns how many attempts there were."""
        with self.together() as db:
            db.execute(
                "UPDATE work SET status = ?, attempts = attempts + 1, kind = ?, error = ?, changed = ? WHERE key = ?",
                ("failed" if final else "open", kind, error, time.time(), key),
            )
            return db.execute("SELECT attempts FROM work WHERE key = ?", (key,)).fetchone()[0]

    def reopen_failed(self, settings: str) -> None:
        """What failed is to be tried again, as if for the first time."""
        with self.together() as db:
            db.execute("DELETE FROM calls WHERE settings = ? AND error IS NOT NULL", (settings,))
            db.execute("UPDATE work SET status = 'open', attempts = 0 WHERE settings = ? AND status = 'failed'", (settings,))

    def failures(self, settings: str, run: int) -> list[Failure]:
        """What failed among the inputs of a run, files first."""
        of_run = "JOIN inputs ON inputs.id = work.input WHERE work.settings = ? AND inputs.content = work.content AND inputs.run = ?"
        place = "CASE inputs.audio WHEN '' THEN inputs.transcript ELSE inputs.audio END"
        files = self._all(
            f"SELECT inputs.name, {place}, kind, error, attempts FROM work {of_run} AND status = 'failed' AND error IS NOT NULL ORDER BY inputs.id",
            settings, run,
        )  # fmt: skip
        calls = self._all(
            f"SELECT calls.name, {place}, calls.kind, calls.error, attempts FROM calls JOIN work ON work.key = calls.work {of_run} "
            "AND calls.error IS NOT NULL ORDER BY inputs.id, number",
            settings, run,
        )  # fmt: skip
        return [Failure(*row) for row in (*files, *calls)]

    def count_done(self, settings: str, run: int) -> int:
        """Inputs of a run that are done."""
        return self._count(settings, run, "status = 'done'", "")

    def count_left(self, settings: str, run: int) -> int:
        """Inputs of a run that are neither done nor failed."""
        return self._count(settings, run, "status != 'open'", "NOT")

    def _count(self, settings: str, run: int, which: str, has: str) -> int:
        work = f"EXISTS (SELECT 1 FROM work WHERE work.content = inputs.content AND settings = ? AND {which})"
        return self._one(f"SELECT count(*) FROM inputs WHERE {has} {work} AND run = ?", settings, run)

    # Where calls lie --------------------------------------------------------------------------------------------------

    def loose(self, settings: str) -> list[tuple[str, int, str, Mapping[str, Any], str, str]]:
        """Finished calls in no part yet: work, number, name, metadata, and the paths of the recording and the transcript."""
        rows = self._all(
            "SELECT calls.work, calls.number, calls.name, inputs.metadata, inputs.audio, inputs.transcript FROM calls "
            "JOIN work ON work.key = calls.work JOIN inputs ON inputs.id = work.input "
            "WHERE calls.settings = ? AND part IS NULL AND calls.error IS NULL ORDER BY calls.name",
            settings,
        )
        return [(work, number, name, json.loads(metadata), *paths) for work, number, name, metadata, *paths in rows]

    def parts(self, settings: str) -> list[Part]:
        """The table's parts under these settings, oldest first."""
        rows = self._all("SELECT name, calls, live, stale FROM parts WHERE settings = ? ORDER BY name", settings)
        return [Part(name, calls, bool(live), bool(stale)) for name, calls, live, stale in rows]

    def new_part(self, settings: str, calls: Iterable[tuple[str, int]]) -> str:
        """A part's name, announced before it is written, with the calls (work, number) that it will hold."""
        with self.together() as db:
            name = _next_part(db)
            changed = db.executemany("UPDATE calls SET part = ? WHERE work = ? AND number = ?", [(name, *call) for call in calls]).rowcount
            db.execute("INSERT INTO parts (name, settings, calls, live) VALUES (?, ?, ?, 0)", (name, settings, changed))
        return name

    def part_is_live(self, name: str) -> None:
        with self.together() as db:
            db.execute("UPDATE parts SET live = 1 WHERE name = ?", (name,))

    def drop_part(self, name: str) -> None:
        """It never came to be: its calls lie loose again."""
        with self.together() as db:
            db.execute("UPDATE calls SET part = NULL WHERE part = ?", (name,))
            db.execute("DELETE FROM parts WHERE name = ?", (name,))

    def calls_in(self, part: str) -> dict[str, Mapping[str, Any]]:
        """The calls that lie in a part and are still wanted: name → metadata."""
        rows = self._all(
            "SELECT calls.name, inputs.metadata FROM calls JOIN work ON work.key = calls.work JOIN inputs ON inputs.id = work.input "
            "WHERE part = ? AND calls.error IS NULL",
            part,
        )
        return {name: json.loads(metadata) for name, metadata in rows}

    def reserve_parts(self, count: int) -> list[str]:
        """Names that no part has had."""
        with self.together() as db:
            return [_next_part(db) for _ in range(count)]

    def merge_parts(self, settings: str, merged: Mapping[str, str], generation: int) -> None:
        """All at once: what lay in the old parts lies in new ones (old → new), which the folders of that generation hold."""
        with self.together() as db:
            for new in dict.fromkeys(merged.values()):
                db.execute("INSERT INTO parts (name, settings, calls, live) VALUES (?, ?, 0, 1)", (new, settings))
            for old, new in merged.items():
                db.execute("UPDATE calls SET part = ? WHERE part = ?", (new, old))
                db.execute("DELETE FROM parts WHERE name = ?", (old,))
            db.execute("UPDATE parts SET calls = (SELECT count(*) FROM calls WHERE part = parts.name) WHERE settings = ?", (settings,))
            db.execute("DELETE FROM parts WHERE calls = 0 AND settings = ?", (settings,))
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (f"generation {settings}", str(generation)))

    # Facts ------------------------------------------------------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        found = self._all("SELECT value FROM facts WHERE name = ?", name)
        return found[0][0] if found else None

    def state(self, name: str, value: str) -> None:
        with self.together() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def counts(self, settings: str) -> dict[str, int]:
        """Calls and utterances in all under these settings."""
        calls, utterances = self._all("SELECT count(*), coalesce(sum(utterances), 0) FROM calls WHERE settings = ? AND error IS NULL", settings)[0]
        return {"calls": calls, "utterances": utterances}


def _make_stale(db: sqlite3.Connection, keys: str, *values: Any) -> None:
    db.execute(f"UPDATE parts SET stale = 1 WHERE name IN (SELECT part FROM calls WHERE work IN ({keys}))", values)


def _next_part(db: sqlite3.Connection) -> str:
    last = int((db.execute("SELECT value FROM facts WHERE name = 'part'").fetchone() or ("0",))[0])
    db.execute("INSERT OR REPLACE INTO facts VALUES ('part', ?)", (str(last + 1),))
    return f"part-{last + 1:06d}"
