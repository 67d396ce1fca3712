"""Kills batches at random and looks at what is left; used by the tests and by ``benchmarks/batch_kill.py``."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from convemo import Analysis
from convemo.alerts import Rules
from convemo.batch import Batch, tables
from convemo.batch.inline import InlineEngine
from tests.batch.trivial import LOG, NAME

UTTERANCES = 4
SHOUTED = {"alert": [{"name": "shouted", "emotions": ["anger"], "at_least": 0.5, "utterances": 1}]}
"""Raises one alert in each call of `write_calls`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found after the last run, which nobody killed."""

    kills: int
    lost: int
    """Calls that are not in each table and among the analyses."""
    doubled: int
    """Rows that are in a table twice, and calls that were analysed again after they were known to be done."""
    torn: int
    """Files that cannot be read, or rows that are missing from a call."""
    longest_seen: int
    """Most calls that any killed run had left done: how far along kills have struck."""


def batch_once(folder: str, out: str, log: str, workers: int, begun) -> None:
    """A run with tiny parts, so that they are written and put together again and again. Sets the event when results begin to come."""
    os.environ[LOG] = log
    os.fsync = lambda descriptor: None  # a killed process loses nothing that the system has; waiting less, more happens between two kills
    tables.PART_CALLS, tables.SMALL_CALLS, tables.MERGED_CALLS, tables.MOST_SMALL = 4, 12, 30, 3
    engine = workers if workers else InlineEngine()
    Batch(folder, out, workers=engine, analyzer=NAME, formats=["csv"], alerts=Rules.of(SHOUTED)).run(_Watch(begun))


class _Watch:
    def __init__(self, begun):
        self._begun = begun

    def progress(self, progress):
        if progress.done:
            self._begun.set()

    def failed(self, failure): ...

    def note(self, text): ...


def kill_and_resume(folder: Path, out: Path, kills: int, seed: int = 0, workers: int = 0, longest_s: float = 0.3) -> Outcome:
    """Runs a batch, kills it after a random time, and so on; then lets it finish.

    Args:
        folder: of transcripts that `write_calls` has made.
        out: the results.
        kills: how many.
        seed: of the moments.
        workers: processes; 0 works in the run's own process, which starts in no time.
        longest_s: the longest that a run may live from its start or, three times of four, from its first result.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.batch.killing", "convemo.batch.run", "pyarrow.parquet"])
    moments, log = random.Random(seed), out.parent / "log.txt"
    log.touch()
    again, longest = 0, 0
    for number in range(kills + 1):
        done, read = names_done(out), log.stat().st_size
        longest = max(longest, len(done))
        begun = context.Event()
        process = context.Process(target=batch_once, args=(str(folder), str(out), str(log), workers, begun))
        process.start()
        if number < kills:
            if moments.random() < 0.75:  # else it dies while it starts, or while it puts right what the last one left
                while process.is_alive() and not begun.wait(0.02):
                    pass
            time.sleep(moments.uniform(0, longest_s))
            process.kill()
        process.join()
        again += len(done & set(log.read_text()[read:].split()))
    lost, doubled, torn = inspect(folder, out, alerted=True)
    return Outcome(kills, lost, doubled + again, torn + (process.exitcode != 0), longest)


def names_done(out: Path) -> set[str]:
    """What the ledger calls done; nothing if there is none yet."""
    path = out / ".convemo" / "ledger.sqlite"
    if not path.is_file():
        return set()
    db = sqlite3.connect(path)
    try:
        return {name for (name,) in db.execute("SELECT name FROM calls WHERE error IS NULL")}
    except sqlite3.OperationalError:  # killed before the tables were made
        return set()
    finally:
        db.close()


def inspect(folder: Path, out: Path, alerted: bool = False) -> tuple[int, int, int]:
    """How many calls are lost, doubled, torn; `alerted` if each has raised one alert."""
    expected = {path.stem for path in folder.glob("*.txt")}
    utterances = [row["call"] for path in (out / "utterances").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    calls = [row["call"] for path in (out / "calls").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    alerts = [row["call"] for path in (out / "alerts").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    counted = Counter(utterances)
    kept, torn = set(), 0
    for path in (out / "analyses").rglob("*"):
        if path.suffix == ".json" and not path.name.startswith("."):
            torn += len(Analysis.load(path)) != UTTERANCES
            kept.add(path.stem)
        torn += path.suffix == ".part"
    lost = sum(len(expected - set(found)) for found in (counted, calls, kept, *([alerts] if alerted else [])))
    doubled = len(calls) - len(set(calls)) + len(alerts) - len(set(alerts)) + sum(n > UTTERANCES for n in counted.values())
    torn += sum(n < UTTERANCES for n in counted.values())
    torn += sum(len(list((out / table).glob(".*.part"))) for table in tables.TABLES)
    db = sqlite3.connect(out / ".convemo" / "ledger.sqlite")
    torn += db.execute("PRAGMA integrity_check").fetchone()[0] != "ok"
    db.close()
    return lost, doubled, torn
