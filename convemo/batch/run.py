"""One run of a batch: list what was given, hand out what is not done, write down what is."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from convemo.asr.select import choose
from convemo.batch import flat
from convemo.batch.book import ATTEMPTS, Book
from convemo.batch.cache import StageCache
from convemo.batch.engine import Died, Engine, Heard
from convemo.batch.failure import describe
from convemo.batch.identity import Contents, fingerprint, work_key
from convemo.batch.inputs import Inputs
from convemo.batch.interrupt import Interrupt
from convemo.batch.ledger import Failure, Ledger
from convemo.batch.local import LocalEngine
from convemo.batch.record import RunRecord
from convemo.batch.summary import Progress, Reporter, Summary
from convemo.batch.tables import Tables, finish_swap
from convemo.batch.work import AT_ONCE, LAST, CallDone, CallFailed, Setup, ShareOut, Task, TaskDone, TaskFailed
from convemo.errors import ConfigError, ConvemoError

if TYPE_CHECKING:
    from convemo.batch.batch import Batch

FLUSH_S = 60.0
"""A finished call is in the tables after so many seconds, or sooner."""
_WAIT_S = 0.5
"""Between two looks at the clock and at Ctrl-C."""
_FAILURES_KEPT = 1000
"""Failures that a summary lists; all are in the ledger."""


class Run:
    """One run of a batch.

    Args:
        batch: what was asked for.
        ledger: the folder's, whose lock is held.
        reporter: is told how it goes.
    """

    def __init__(self, batch: Batch, ledger: Ledger, reporter: Reporter):
        self._batch, self._layout, self._ledger, self._reporter = batch, batch.layout, ledger, reporter
        self._contents = Contents(ledger)
        self._engine: Engine | None = None
        self._ready: deque[Task] = deque()
        self._met: set[int] = set()
        self._tried: dict[str, set[int]] = {}  # key → conversations of a file that this run is through with
        self._deaths: dict[tuple[str, int], int] = {}
        self._at_work, self._draining = 0, False
        self._before = self._failed_before = self._unfound = self._duplicates = 0

    def go(self, retry_failed: bool) -> Summary:
        """The whole run; see `Batch.run`."""
        batch, ledger = self._batch, self._ledger
        self._started = self._first = time.monotonic()
        self._layout.sweep()
        finish_swap(self._layout, ledger)
        inputs = Inputs(batch.inputs, self._layout.out)
        self._number = ledger.list_inputs(inputs)
        self._total = ledger.count_listed(self._number)
        self._problems(inputs)
        if ledger.untranscribed(self._number):
            self._fetch_weights()
        told = batch.settings()
        self._settings = fingerprint(told)
        self._layout.settle(self._settings)
        self._tables = Tables(self._layout, ledger, self._settings)
        self._book = Book(self._layout, ledger, self._tables, self._contents, self._settings, self._reporter)
        record = RunRecord(self._layout, batch, told, self._settings)
        record.begin()
        self._tables.recover(batch.config.policy)
        if retry_failed:
            ledger.reopen_failed(self._settings)
        self._feed = self._tasks()
        with Interrupt() as self._interrupt:
            try:
                self._work()
                if not self._interrupt.times and ledger.count_left(self._settings, self._number):
                    self._again()
                    self._work()
            finally:
                if self._engine is not None:
                    self._engine.stop(now=self._interrupt.times > 1 or self._at_work > 0)
            if self._interrupt.times < 2:
                self._tables.flush()
                self._tables.compact()
                flat.write(self._layout, ledger, self._settings, batch.formats)
        summary = self._summary(inputs)
        record.end(summary)
        return summary

    # Before the work ----------------------------------------------------------------------------------------------------

    def _problems(self, inputs: Inputs) -> None:
        if not self._total and not inputs.problems:
            skipped = ", ".join(f"{n} {suffix}" for suffix, n in inputs.skipped.most_common(5))
            raise ConfigError("recordings or transcripts", f"none{f' ({skipped} passed over)' if skipped else ''}", "Check the paths.")
        for path, error in inputs.problems:
            self._unfound += 1
            self._reporter.failed(Failure(path, path, *describe(error), 1))
        for note in inputs.notes:
            self._reporter.note(note)

    def _again(self) -> None:
        """Of two files alike the one that was changed takes what both had with it: the other is looked at once more."""
        self._met.clear()
        self._feed = self._tasks(counting=False)

    def _fetch_weights(self) -> None:
        """Once and for all workers, before they start."""
        config = self._batch.config
        settings = {name: getattr(config, name) for name in ("language", "device", "offline", "translate", "compute_type")}
        _, why_not = choose(config.asr, **settings)
        if why_not and config.asr != "none":
            self._reporter.note(why_not)

    def _tasks(self, counting: bool = True) -> Iterator[Task]:
        """What is to be done, hashing as it goes, so that work begins at once."""
        for listed in self._ledger.listed(self._number):
            try:
                content, audio, transcript = self._contents.read(listed)
            except ConvemoError as error:
                if counting:
                    self._book.unreadable(listed, error)
                continue
            key = work_key(content, self._settings)
            status, seen = self._ledger.status(key), int(key[:15], 16)
            if seen in self._met:
                self._duplicates += counting
                continue
            self._met.add(seen)
            if status == "done":
                self._before += counting
            elif status == "failed":
                self._failed_before += counting
            else:
                self._book.open(key, listed, content)
                done = self._ledger.done_numbers(key) if status else frozenset()
                one = listed.input
                yield Task(key, one.name, one.audio, one.transcript, audio, transcript, one.conversation, dict(one.roles), done=done)
        self._contents.save()

    # The work -----------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        flushed = time.monotonic()
        while True:
            self._hand_out()
            self._contents.save()
            if not self._at_work:
                break
            self._reporter.progress(self._progress())
            events = self._engine.events(_WAIT_S)
            if self._interrupt.times > 1:
                break
            if self._interrupt.times and not self._draining:
                self._draining = True
                self._at_work -= self._engine.drain()
                self._reporter.note("Interrupted: what was begun comes to its end. Once more, and all ends now.")
            self._at_work -= sum(isinstance(e, Died) or isinstance(e.message, LAST) for e in events)
            deaths = self._share(events)
            self._hand_out()  # first the next tasks, then the book-keeping: workers need not wait for the disk
            self._book.write_down(events, deaths)
            self._forget(events)
            if self._tables.full or (self._tables.waiting and time.monotonic() - flushed > FLUSH_S):
                self._tables.flush()
                flushed = time.monotonic()
        self._reporter.progress(self._progress())

    def _hand_out(self) -> None:
        if self._interrupt.times:
            return
        while self._engine is None or self._engine.free:
            task = self._ready.popleft() if self._ready else next(self._feed, None)
            if task is None:
                return
            if self._engine is None:
                self._engine = self._start()
                self._first = time.monotonic()
            self._engine.submit(task)
            self._at_work += 1

    def _start(self) -> Engine:
        batch = self._batch
        engine = batch.workers if batch.workers is not None and not isinstance(batch.workers, int) else LocalEngine(batch.workers)
        threads = max(1, (os.cpu_count() or 1) // getattr(engine, "workers", 1))
        models = batch.settings()["models"]
        if batch.cache_bytes:
            cache = StageCache(self._layout.cache, batch.cache_bytes)
            cache.close(trim=True)  # the bound may be another than the last time
            if cache.why_not:
                self._reporter.note(f"What stages make is not kept: {cache.why_not}. {self._layout.cache} may be deleted.")
        engine.start(
            Setup(str(self._layout.out), batch.config, batch.redact, models, batch.cache_bytes, threads, batch.analyzer, batch.alerts)
        )
        return engine

    def _share(self, events: Sequence[Heard | Died]) -> list[tuple[Died, int, int]]:
        """A file of many conversations goes on as several tasks; what a dead worker left goes on after what it stumbled over.

        Returns:
            The deaths: with the conversation that the worker was at, and how many it has killed.
        """
        deaths = []
        for event in events:
            tried = self._tried.setdefault(event.task.key, set())
            if isinstance(event, Died):
                deaths.append((event, *self._after_death(event, tried)))
            elif isinstance(event.message, CallDone | CallFailed):
                tried.add(event.message.number)
            elif isinstance(event.message, ShareOut):
                total = event.message.conversations
                borders = range(0, total, AT_ONCE)
                self._ready.extend(replace(event.task, first=first, last=min(first + AT_ONCE, total)) for first in borders)
        return deaths

    def _after_death(self, event: Died, tried: set[int]) -> tuple[int, int]:
        """The same task once more, or the rest of a shared file without the conversation that killed two workers."""
        task = event.task
        done = task.done | tried
        number = next(n for n in count(task.first or 0) if n not in done)
        times = self._deaths[task.key, number] = self._deaths.get((task.key, number), 0) + 1
        if times < ATTEMPTS:
            self._ready.append(replace(task, done=done))
        elif task.first is not None:
            tried.add(number)
            self._ready.append(replace(task, done=done | {number}))
        return number, times

    def _forget(self, events: Sequence[Heard | Died]) -> None:
        """What is ended takes no memory: a batch may have a million inputs."""
        self._book.forget(events)
        for event in events:
            if isinstance(event, Heard) and isinstance(event.message, TaskDone | TaskFailed) and event.task.first is None:
                self._tried.pop(event.task.key, None)

    # After the work -----------------------------------------------------------------------------------------------------

    def _progress(self) -> Progress:
        ended = self._before + self._failed_before + self._duplicates
        elapsed = time.monotonic() - self._first
        book = self._book
        return Progress(self._total, ended, book.done, self._unfound + book.failed, book.calls, book.utterances, elapsed)

    def _summary(self, inputs: Inputs) -> Summary:
        failures = self._ledger.failures(self._settings, self._number)
        failures += [Failure(path, path, *describe(error), 1) for path, error in inputs.problems]
        counts = self._ledger.counts(self._settings)
        before = self._ledger.count_done(self._settings, self._number) - self._book.done
        return Summary(
            out=self._layout.out,
            total=self._total + len(inputs.problems),
            done=self._book.done,
            before=max(before, 0),
            failed=len(failures),
            duplicates=self._duplicates,
            left=self._ledger.count_left(self._settings, self._number),
            calls=self._book.calls,
            utterances=self._book.utterances,
            all_calls=counts["calls"],
            all_utterances=counts["utterances"],
            lacking=self._ledger.count_lacking(self._settings),
            seconds=time.monotonic() - self._started,
            interrupted=self._interrupt.times > 0,
            failures=tuple(failures[:_FAILURES_KEPT]),
            skipped=inputs.skipped,
            notes=tuple(inputs.notes),
        )
