"""A folder that the version before has made: taken over by the next run, and by nothing else."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest

from convemo import ResultError
from convemo.batch import Batch
from convemo.batch.ledger import Ledger
from convemo.report import folder
from tests.batch.test_batch import batch, rows
from tests.batch.test_lacking import Breaks, chats, run, scored, server  # noqa: F401
from tests.batch.trivial import NAME, write_calls


def of_version_1(out):
    """Makes of a folder what the version before had made, that did not ask what a call lacks."""
    with closing(sqlite3.connect(out / ".convemo" / "ledger.sqlite")) as db, db:
        for column in ("lacking", "again"):
            db.execute(f"ALTER TABLE calls DROP COLUMN {column}")
        db.execute("UPDATE facts SET value = '1' WHERE name LIKE 'schema %'")
        db.execute("PRAGMA user_version = 1")
    for path in (out / "analyses").glob("chats*.json"):
        told = json.loads(path.read_text())
        told["provenance"]["batch"].pop("lacking", None)
        path.write_text(json.dumps(told))


def test_what_lacks_in_results_of_the_version_before_is_known_and_asked_again(tmp_path, server):  # noqa: F811
    chats(tmp_path)
    run(tmp_path, server, Breaks(server, after=0))
    server.faults.error = 0.0
    of_version_1(tmp_path / "out")
    taken = run(tmp_path, server)
    assert (taken.before, taken.calls, taken.lacking) == (1, 0, 3)
    assert all(row["lacking"].startswith("llm: 1 of 1 utterances: ") for row in rows(tmp_path / "out", "calls"))
    again = run(tmp_path, server, retry_failed=True)
    assert (again.calls, again.lacking, again.all_calls) == (3, 0, 3) and set(scored(tmp_path).values()) == {1}


def test_a_ledger_is_upgraded_once_by_however_many_open_it(tmp_path):
    ledger = ledger_of_version_1(tmp_path)
    openers = 8
    at_once = Barrier(openers)

    def open_and_count(_):
        at_once.wait()
        with closing(Ledger(ledger)) as opened:
            return opened.one("SELECT count(*) FROM calls WHERE lacking IS NULL AND NOT again")

    with ThreadPoolExecutor(openers) as pool:
        assert list(pool.map(open_and_count, range(openers))) == [2] * openers


def test_a_dry_run_and_a_report_read_an_old_ledger_as_it_is_and_write_nothing(tmp_path):
    ledger = ledger_of_version_1(tmp_path)
    before = {path: path.read_bytes() for path in ledger.parent.glob("ledger*")}
    planned = Batch([tmp_path / "in"], tmp_path / "out", analyzer=NAME).plan()
    assert [(one.input.name, one.state) for one in planned] == [("broken", "failed"), ("call000", "done"), ("call001", "done")]
    assert [failure.name for failure in folder.read(tmp_path / "out").failures] == ["broken"]
    assert {path: path.read_bytes() for path in ledger.parent.glob("ledger*")} == before


def test_a_ledger_that_nobody_has_begun_yet_is_read_as_an_empty_one(tmp_path):
    (tmp_path / "ledger.sqlite").touch()
    with closing(Ledger.as_it_is(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.status("any") is None
    assert (tmp_path / "ledger.sqlite").stat().st_size == 0


@pytest.mark.parametrize("opened", [Ledger, Ledger.as_it_is])
def test_a_ledger_of_a_later_version_is_refused(tmp_path, opened):
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ResultError, match="version 99"):
        opened(tmp_path / "ledger.sqlite")


def ledger_of_version_1(tmp_path):
    (write_calls(tmp_path / "in", 2) / "broken.txt").write_text("Ana: BREAK\n")
    batch(tmp_path / "in", out=tmp_path / "out")
    of_version_1(tmp_path / "out")
    return tmp_path / "out" / ".convemo" / "ledger.sqlite"
