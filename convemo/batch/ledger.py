"""What was asked for, what is done and what failed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from convemo.batch.database import STANDS, Database
from convemo.batch.inputs import Input


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


class Ledger(Database):
    """The one book of a results folder: what was asked for, and what became of it."""

    # What was asked for -----------------------------------------------------------------------------------------------

    def list_inputs(self, inputs: Iterable[Input]) -> int:
        """Writes down what this run was asked for, and returns the run's number."""
        taken: dict[str, int] = {}  # a name that many share is not counted through again for each of them
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
                name, number = one.name, taken.get(one.name.casefold(), 1)
                if number > 1:
                    name = f"{one.name}-{number}"
                while db.execute("SELECT 1 FROM inputs WHERE name = ?", (name,)).fetchone():
                    number += 1
                    name = f"{one.name}-{number}"
                taken[one.name.casefold()] = number
                db.execute(
                    "INSERT INTO inputs (audio, transcript, conversation, name, roles, metadata, run) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*place, name, *told),
                )
        return run

    def count_listed(self, run: int) -> int:
        return self.one("SELECT count(*) FROM inputs WHERE run = ?", run)

    def listed(self, run: int, page: int = 1000) -> Iterator[Listed]:
        """The inputs of a run in the order in which they were first met, a page in memory at a time."""
        last = 0
        while rows := self.all(
            "SELECT id, name, audio, transcript, conversation, roles, metadata, content FROM inputs "
            "WHERE run = ? AND id > ? ORDER BY id LIMIT ?",
            run, last, page,
        ):  # fmt: skip
            for id, name, audio, transcript, conversation, roles, metadata, content in rows:
                one = Input(name, audio or None, transcript or None, conversation or None, json.loads(roles), json.loads(metadata))
                yield Listed(id, one, content)
            last = rows[-1][0]

    def untranscribed(self, run: int) -> bool:
        """Whether the run has a recording without a transcript."""
        return bool(self.one("SELECT EXISTS (SELECT 1 FROM inputs WHERE run = ? AND audio != '' AND transcript = '')", run))

    # Hashes -----------------------------------------------------------------------------------------------------------

    def hash(self, path: str, size: int, changed: int) -> str | None:
        """The sha256 of a file, if it was read when it had this size and time of change, in ns."""
        found = self.all("SELECT sha256 FROM hashes WHERE path = ? AND size = ? AND changed = ?", path, size, changed)
        return found[0][0] if found else None

    def remember(self, hashes: Iterable[tuple[str, int, int, str]], contents: Iterable[tuple[int, str]]) -> None:
        """Keeps hashes of files (path, size, time of change, sha256), and of inputs' contents (input id, hash)."""
        with self.together() as db:
            db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", hashes)
            db.executemany("UPDATE inputs SET content = ? WHERE id = ?", [(content, id) for id, content in contents])

    # Work -------------------------------------------------------------------------------------------------------------

    def status(self, key: str) -> str | None:
        """``open``, ``done`` or ``failed``; ``None`` if nothing is known of this work."""
        found = self.all("SELECT status FROM work WHERE key = ?", key)
        return found[0][0] if found else None

    def done_numbers(self, key: str) -> frozenset[int]:
        """Which conversations of a file are finished."""
        return frozenset(n for (n,) in self.all("SELECT number FROM calls WHERE work = ? AND error IS NULL AND NOT again", key))

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

    def finish_call(self, settings: str, key: str, number: int, name: str, utterances: int, lacking: str | None = None) -> None:
        """A call's result lies on the disk; if it was done before, its older rows are no longer wanted."""
        with self.together() as db:
            db.execute("UPDATE parts SET stale = 1 WHERE name = (SELECT part FROM calls WHERE work = ? AND number = ?)", (key, number))
            db.execute(
                "INSERT INTO calls (work, number, settings, name, utterances, lacking) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET name = excluded.name, utterances = excluded.utterances, lacking = excluded.lacking, "
                "kind = NULL, error = NULL, part = NULL, again = 0",
                (key, number, settings, name, utterances, lacking),
            )

    def finish(self, key: str, conversations: int) -> str:
        """All conversations of a file, or of a share of it, were tried: ``done``, ``failed``, or ``open`` while other shares are out."""
        with self.together() as db:
            total, wrong = db.execute("SELECT count(*), count(error) FROM calls WHERE work = ? AND NOT again", (key,)).fetchone()
            status = "open" if total < conversations else "failed" if wrong else "done"
            if status != "open":
                db.execute(
                    "UPDATE work SET conversations = ?, status = ?, kind = NULL, error = NULL, changed = ? WHERE key = ?",
                    (conversations, status, time.time(), key),
                )
        return status

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
        """One conversation of a file failed; the others go on, and so does a result that it had before."""
        with self.together() as db:
            db.execute(
                "INSERT INTO calls (work, number, settings, name, kind, error) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET kind = excluded.kind, error = excluded.error, again = 0",
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
        """What failed is to be tried again, as if for the first time; and what is done but lacks scores, whose result stands until then."""
        with self.together() as db:
            db.execute("UPDATE calls SET again = 1, kind = NULL, error = NULL WHERE settings = ? AND lacking IS NOT NULL", (settings,))
            failed = "FROM calls WHERE settings = ? AND error IS NOT NULL"
            db.execute(f"UPDATE parts SET stale = 1 WHERE name IN (SELECT part {failed})", (settings,))
            db.execute(f"DELETE {failed}", (settings,))
            again = "key IN (SELECT work FROM calls WHERE settings = work.settings AND again)"
            db.execute(f"UPDATE work SET status = 'open', attempts = 0 WHERE settings = ? AND (status = 'failed' OR {again})", (settings,))

    def would_reopen(self, key: str) -> bool:
        """Whether `reopen_failed` has this work tried again."""
        lacks = "EXISTS (SELECT 1 FROM calls WHERE work = key AND lacking IS NOT NULL)"
        return bool(self.one(f"SELECT EXISTS (SELECT 1 FROM work WHERE key = ? AND (status = 'failed' OR {lacks}))", key))

    def count_lacking(self, settings: str) -> int:
        """Calls that are done without all their scores, because a model was away."""
        return self.one("SELECT count(*) FROM calls WHERE settings = ? AND lacking IS NOT NULL", settings)

    def failures(self, settings: str, run: int) -> list[Failure]:
        """What failed among the inputs of a run, files first."""
        of_run = "JOIN inputs ON inputs.id = work.input WHERE work.settings = ? AND inputs.content = work.content AND inputs.run = ?"
        place = "CASE inputs.audio WHEN '' THEN inputs.transcript ELSE inputs.audio END"
        files = self.all(
            f"SELECT inputs.name, {place}, kind, error, attempts FROM work {of_run} "
            "AND status = 'failed' AND error IS NOT NULL ORDER BY inputs.id",
            settings, run,
        )  # fmt: skip
        calls = self.all(
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
        return self.one(f"SELECT count(*) FROM inputs WHERE {has} {work} AND run = ?", settings, run)

    def counts(self, settings: str) -> dict[str, int]:
        """Calls and utterances in all under these settings."""
        counted = f"SELECT count(*), coalesce(sum(utterances), 0) FROM calls WHERE settings = ? AND {STANDS}"
        return dict(zip(("calls", "utterances"), self.all(counted, settings)[0]))


def _make_stale(db: sqlite3.Connection, keys: str, *values: Any) -> None:
    db.execute(f"UPDATE parts SET stale = 1 WHERE name IN (SELECT part FROM calls WHERE work IN ({keys}))", values)
