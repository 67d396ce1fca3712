"""Whatever happens to a batch, the same command goes on, and nothing is lost, doubled or torn."""

import errno
import os
import resource
import signal
import time

import pytest

from convemo import ResultError
from convemo.batch import Batch
from convemo.batch.inline import InlineEngine
from convemo.batch.local import LocalEngine
from tests.batch.killing import inspect, kill_and_resume
from tests.batch.test_batch import batch, rows
from tests.batch.trivial import LOG, NAME, write_calls


def test_killed_two_dozen_times_at_random(tmp_path):
    outcome = kill_and_resume(write_calls(tmp_path / "in", 80), tmp_path / "out", kills=24, seed=6, longest_s=0.15)
    assert (outcome.lost, outcome.doubled, outcome.torn) == (0, 0, 0) and outcome.longest_seen > 24


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "kills", "longest_s"), [(0, 200, 0.3), (2, 40, 1.0)])
def test_killed_hundreds_of_times(tmp_path, workers, kills, longest_s):
    outcome = kill_and_resume(write_calls(tmp_path / "in", 600), tmp_path / "out", kills, seed=1, workers=workers, longest_s=longest_s)
    assert (outcome.lost, outcome.doubled, outcome.torn) == (0, 0, 0)


def test_a_worker_that_dies_costs_one_file_and_not_the_batch(tmp_path):
    (write_calls(tmp_path / "in", 3) / "bad.txt").write_text("Ana: CRASH\n")
    summary = Batch(tmp_path / "in", tmp_path / "out", workers=1, analyzer=NAME).run()
    assert (summary.done, summary.failed) == (3, 1)
    failure = summary.failures[0]
    assert (failure.name, failure.kind, failure.attempts) == ("bad", "WorkerDied", 2) and "SIGKILL" in failure.error


def test_a_conversation_that_kills_workers_leaves_the_others_of_its_file(tmp_path, monkeypatch):
    lines = "".join(f"c{n},Ana,{'CRASH' if n == 17 else f'Hello {n}.'}\n" for n in range(40))
    (tmp_path / "chats.csv").write_text("conversation_id,speaker,text\n" + lines)
    summary = Batch(tmp_path / "chats.csv", tmp_path / "out", workers=1, analyzer=NAME).run()
    assert summary.calls == 39 and [f.name for f in summary.failures] == ["chats#18"]
    assert len(rows(tmp_path / "out", "calls")) == 39


class Waits:
    """Does something at the first word of progress that has a call done."""

    def __init__(self, then):
        self.then, self.told = then, []

    def progress(self, progress):
        if progress.calls and self.then:
            then, self.then = self.then, None
            then()

    def failed(self, failure): ...

    def note(self, text):
        self.told.append(text)


def test_ctrl_c_lets_what_was_begun_come_to_its_end_and_the_same_command_goes_on(tmp_path):
    write_calls(tmp_path / "in", 12)
    for path in (tmp_path / "in").glob("*.txt"):
        path.write_text(path.read_text() + "Ana: SLEEP\n")
    watcher = Waits(lambda: os.kill(os.getpid(), signal.SIGINT))
    first = Batch(tmp_path / "in", tmp_path / "out", workers=1, analyzer=NAME).run(watcher)
    assert first.interrupted and first.done == first.calls == len(rows(tmp_path / "out", "calls")) and first.left == 12 - first.done > 5
    assert "Interrupted" in watcher.told[-1]
    second = batch(tmp_path / "in", out=tmp_path / "out")
    assert second.ok and second.before == first.done and len(rows(tmp_path / "out", "calls")) == 12


def test_a_second_ctrl_c_ends_it_at_once(tmp_path):
    (write_calls(tmp_path / "in", 1) / "z.txt").write_text("Ana: SLEEP\n" * 2)

    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    engine, started = LocalEngine(1), time.monotonic()
    summary = Batch(tmp_path / "in", tmp_path / "out", workers=engine, analyzer=NAME).run(Waits(twice))
    assert summary.interrupted and summary.left and not engine._running and time.monotonic() - started < 30
    assert batch(tmp_path / "in", out=tmp_path / "out").ok


def test_workers_end_with_the_process_that_started_them(tmp_path):
    import multiprocessing

    write_calls(tmp_path / "in", 2)
    (tmp_path / "in" / "call000.txt").write_text("Ana: SLEEP\n" * 2)
    process = multiprocessing.get_context("spawn").Process(target=_run_with_workers, args=(str(tmp_path),))
    process.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "pids").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.join()
    pid = int((tmp_path / "pids").read_text())
    while time.monotonic() < deadline and _is_alive(pid):
        time.sleep(0.05)
    assert not _is_alive(pid)


def _run_with_workers(place: str) -> None:
    engine = LocalEngine(1)
    start = engine.start

    def starts(setup):
        start(setup)
        with open(f"{place}/pids.part", "w") as file:
            file.write(str(engine._running[0]._process.pid))
        os.replace(f"{place}/pids.part", f"{place}/pids")
        time.sleep(60)

    engine.start = starts
    Batch(f"{place}/in", f"{place}/out", workers=engine, analyzer=NAME).run()


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(") ")[-1][0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("which", range(12))
def test_a_disk_that_is_full_at_any_write_stops_the_batch_and_loses_nothing(tmp_path, monkeypatch, which):
    """The n-th flush to the disk says that there is no room, and so do all that follow."""
    write_calls(tmp_path / "in", 3)
    monkeypatch.setenv(LOG, str(tmp_path / "log.txt"))
    flush, count = os.fsync, iter(range(1000))

    def full(descriptor):
        if next(count) >= which:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        try:
            batch(tmp_path / "in", out=tmp_path / "out")
        except ResultError as error:
            assert "No space left on device" in str(error)
    assert batch(tmp_path / "in", out=tmp_path / "out").ok
    for path in (tmp_path / "in").glob("*.txt"):
        assert path.exists()
    assert inspect(tmp_path / "in", tmp_path / "out") == (0, 0, 0)


def test_files_that_may_not_grow_are_a_full_disk(tmp_path):
    """A limit of the system in place of a full disk: SQLite meets it as well as we do."""
    write_calls(tmp_path / "in", 30)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (130_000, before[1]))
        with pytest.raises(ResultError, match=r"run the same command again|make room"):
            Batch(tmp_path / "in", tmp_path / "out", workers=InlineEngine(), analyzer=NAME).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert batch(tmp_path / "in", out=tmp_path / "out").ok and inspect(tmp_path / "in", tmp_path / "out") == (0, 0, 0)


def test_a_damaged_ledger_is_told_and_not_written_over(tmp_path):
    write_calls(tmp_path / "in", 1)
    batch(tmp_path / "in", out=tmp_path / "out")
    ledger = tmp_path / "out" / ".convemo" / "ledger.sqlite"
    ledger.write_bytes(b"not a database" * 100)
    with pytest.raises(ResultError, match="ledger"):
        batch(tmp_path / "in", out=tmp_path / "out")
    assert ledger.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("beside", [True, False])
def test_a_transcript_that_changes_while_it_is_read_is_not_kept_as_what_it_was(tmp_path, monkeypatch, beside):
    """Beside a recording, or alone: its result would be found under the hash of words that nobody judged."""
    from convemo import readers

    path = tmp_path / "in" / "call.txt"
    path.parent.mkdir()
    path.write_text("Ana: As it was listed.\n")
    if beside:
        path.with_suffix(".wav").write_bytes(b"RIFF....WAVE")
    for read in (readers.read_transcript, readers.read_transcripts):

        def late(*arguments, _read=read, **settings):
            path.write_text("Ana: Written meanwhile.\n")
            return _read(*arguments, **settings)

        monkeypatch.setattr(readers, read.__name__, late)
    failed = batch(tmp_path / "in", out=tmp_path / "out")
    assert failed.failed == 1 and "expected the transcript that was listed" in failed.failures[0].error
    monkeypatch.undo()
    again = batch(tmp_path / "in", out=tmp_path / "out")
    assert again.ok and [row["text"] for row in rows(tmp_path / "out")] == ["Written meanwhile."]
