"""The batch: list what was given, hand out what is not done, write down what is. Killed at any moment, the same command goes on."""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from convemo.asr.select import choose
from convemo.batch import flat, redact
from convemo.batch.engine import Died, Engine, Heard
from convemo.batch.failure import describe
from convemo.batch.identity import Contents, fingerprint, settings_of, work_key
from convemo.batch.inputs import Input, Inputs
from convemo.batch.interrupt import Interrupt
from convemo.batch.layout import Layout
from convemo.batch.ledger import Failure, Ledger, Listed
from convemo.batch.local import LocalEngine
from convemo.batch.lock import FolderLock
from convemo.batch.record import RunRecord
from convemo.batch.summary import Progress, Reporter, Silent, Summary
from convemo.batch.tables import Tables, finish_swap
from convemo.batch.work import AT_ONCE, LAST, CallDone, CallFailed, Setup, ShareOut, Task, TaskDone, TaskFailed, rows_from_disk
from convemo.config import AnalyzerConfig
from convemo.errors import ConfigError, ConvemoError, ResultError

ATTEMPTS = 2
"""So often a file is tried whose worker died: once more, for the fault may have been a neighbour's appetite for memory."""
FLUSH_S = 60.0
"""A finished call is in the tables after so many seconds, or sooner."""
CACHE_BYTES = 2 * 2**30
_WAIT_S = 0.5
_FAILURES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do with one input."""

    input: Input
    state: str
    """``new``, ``open`` (begun once), ``done``, ``failed``, or ``duplicate``."""


class Batch:
    """Many conversations into one folder of results, never losing and never repeating one.

    Args:
        inputs: files, folders, globs, manifests, or `Input`s.
        out: the folder of results.
        config: an `AnalyzerConfig`, or the path of a TOML file with one.
        workers: processes of this machine, or an `Engine` that brings its own; by default as many as there are processors.
        formats: ``"parquet"`` is always written; ``"csv"`` and ``"jsonl"`` add one file a table.
        redact: what is taken out of all texts before anything is judged or written: ``"numbers"``, ``"emails"``, a registered name,
            ``"package.module:function"`` or the function itself.
        purpose: why, for the run's manifest.
        cache_bytes: how much of the stages is kept; ``None`` nothing.
        analyzer: ``"package.module:function"`` that makes something else than our analyzer: see `convemo.batch.work.FileAnalyzer`.
        settings: single settings of `AnalyzerConfig`.

    Raises:
        ConfigError: a setting is unknown or makes no sense.

    Workers are processes that import the main module, so a script calls `run` under ``if __name__ == "__main__":``.

    >>> Batch("calls/", "results").run().ok                               # doctest: +SKIP
    True
    """

    def __init__(
        self,
        inputs: str | os.PathLike | Input | Sequence[str | os.PathLike | Input],
        out: str | os.PathLike,
        config: AnalyzerConfig | str | os.PathLike | None = None,
        *,
        workers: int | Engine | None = None,
        formats: Sequence[str] = ("parquet",),
        redact: Sequence[str | redact.Redactor] = (),
        purpose: str | None = None,
        cache_bytes: int | None = CACHE_BYTES,
        analyzer: str | None = None,
        **settings: Any,
    ):
        self.inputs = [inputs] if isinstance(inputs, str | os.PathLike | Input) else list(inputs)
        self.config = AnalyzerConfig.make(config, **settings)
        self.layout = Layout(out)
        self.formats = flat.checked(formats)
        self.purpose, self.cache_bytes, self.analyzer, self.workers = purpose, cache_bytes, analyzer, workers
        self.redact = _checked(redact)
        if not self.inputs:
            raise ConfigError("files, folders, globs or manifests", "none")
        if isinstance(workers, int) and workers < 1:
            raise ConfigError("at least 1 worker", str(workers))

    def run(self, reporter: Reporter | None = None, retry_failed: bool = False) -> Summary:
        """Does all that is not done.

        Args:
            reporter: is told how it goes.
            retry_failed: also try again what failed before.

        Returns:
            How it ended. Ctrl-C ends it early, when what was begun is done; a second one at once.

        Raises:
            ConfigError: nothing was found where the inputs should be.
            ResultError: the folder cannot be written, another batch is at work on it, or the disk is full: the same command goes on later.
            EngineUnavailable: an engine that the settings name is missing.
        """
        self.layout.prepare()
        with FolderLock(self.layout.lock), closing(Ledger(self.layout.ledger)) as ledger:
            return _Run(self, ledger, reporter or Silent()).go(retry_failed)

    def plan(self) -> Iterator[Planned]:
        """What `run` would do, writing nothing. A file that was never read counts as new, even if it is another's copy."""
        ledger = Ledger(self.layout.ledger) if self.layout.ledger.is_file() else None
        try:
            settings = fingerprint(self.settings())
            contents = Contents(ledger) if ledger else None
            seen = set()
            inputs = Inputs(self.inputs, self.layout.out)
            for one in inputs:
                content = contents.known(one) if contents else None
                key = work_key(content, settings) if content else None
                state = "new" if key is None else "duplicate" if key in seen else ledger.status(key) or "new"
                seen.add(key) if key else None
                yield Planned(one, state)
            for path, _ in inputs.problems:
                yield Planned(Input(path, path), "missing")
        finally:
            ledger.close() if ledger else None

    def settings(self) -> dict[str, Any]:
        """Everything beside the inputs that results depend on."""
        return settings_of(self.config, tuple(redact.name_of(one) for one in self.redact), self.analyzer or "")


class _Run:
    """One run of a batch, under the folder's lock."""

    def __init__(self, batch: Batch, ledger: Ledger, reporter: Reporter):
        self._batch, self._layout, self._ledger, self._reporter = batch, batch.layout, ledger, reporter
        self._contents = Contents(ledger)
        self._engine: Engine | None = None
        self._ready: deque[Task] = deque()
        self._begun: dict[str, tuple[str, int]] = {}  # key of what is at work → its content, its input
        self._met: set[int] = set()
        self._tried: dict[str, set[int]] = {}  # key → conversations of a file that this run is through with
        self._deaths: dict[tuple[str, int], int] = {}
        self._at_work, self._draining = 0, False
        self._before = self._done = self._failed = self._duplicates = self._calls = self._utterances = 0

    def go(self, retry_failed: bool) -> Summary:
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
        record = RunRecord(self._layout, batch, told, self._settings)
        record.begin()
        self._tables.recover()
        self._recover_loose()
        if retry_failed:
            ledger.reopen_failed(self._settings)
        self._feed = self._tasks()
        with Interrupt() as self._interrupt:
            try:
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
            self._failed += 1
            self._reporter.failed(Failure(path, path, *describe(error), 1))
        for note in inputs.notes:
            self._reporter.note(note)

    def _fetch_weights(self) -> None:
        """Once and for all workers, before they start."""
        config = self._batch.config
        settings = {name: getattr(config, name) for name in ("language", "device", "offline", "translate", "compute_type")}
        _, why_not = choose(config.asr, **settings)
        if why_not and config.asr != "none":
            self._reporter.note(why_not)

    def _recover_loose(self) -> None:
        """Calls that were finished when somebody pulled the plug, before their rows were in a part."""
        for work, number, name, metadata, audio, transcript in self._ledger.loose(self._settings):
            try:
                rows = rows_from_disk(self._layout, name)
            except ResultError:  # somebody has deleted it
                self._ledger.reopen(work)
                continue
            self._tables.add(work, number, rows.with_metadata(metadata, audio, transcript))
            if self._tables.full:
                self._tables.flush()

    def _tasks(self) -> Iterator[Task]:
        """What is to be done, hashing as it goes, so that work begins at once."""
        for listed in self._ledger.listed(self._number):
            try:
                content, audio, transcript = self._contents.read(listed)
            except ConvemoError as error:
                self._unreadable(listed, error)
                continue
            key = work_key(content, self._settings)
            status, seen = self._ledger.status(key), int(key[:15], 16)
            if seen in self._met:
                self._duplicates += 1
                continue
            self._met.add(seen)
            if status == "done":
                self._before += 1
            elif status == "failed":
                self._before += 1
                self._failed += 1
            else:
                self._begun[key] = (content, listed.id)
                done = self._ledger.done_numbers(key) if status else frozenset()
                one = listed.input
                yield Task(key, one.name, one.audio, one.transcript, audio, transcript, one.conversation, dict(one.roles), done=done)
        self._contents.save()

    def _unreadable(self, listed: Listed, error: ConvemoError) -> None:
        """A file that is not there, or that nobody may read, is looked for again by every run."""
        kind, told = describe(error)
        key = work_key(f"unreadable {listed.id}", self._settings)
        with self._ledger.together():
            self._ledger.remember([], [(listed.id, "unreadable")])
            self._ledger.begin(key, self._settings, "unreadable", listed.id)
            attempts = self._ledger.fail(key, kind, told)
        self._failed += 1
        self._reporter.failed(Failure(listed.input.name, listed.input.audio or listed.input.transcript or "", kind, told, attempts))

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
            self._write_down(events, deaths)
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
        engine.start(Setup(str(self._layout.out), batch.config, batch.redact, models, batch.cache_bytes, threads, batch.analyzer))
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

    def _write_down(self, events: Sequence[Heard | Died], deaths: Sequence[tuple[Died, int, int]]) -> None:
        """Results onto the disk; in one commit, what has happened; then what it means for the tables and for whoever watches."""
        failures: list[Failure] = []
        superseded: list[str] = []
        done = [e.message for e in events if isinstance(e, Heard) and isinstance(e.message, CallDone)]
        self._layout.keep((message.rows.call, message.content) for message in done)
        with self._ledger.together():
            self._contents.save()
            for event in events:
                self._ledger.begin(event.task.key, self._settings, *self._begun[event.task.key])
                if isinstance(event, Heard):
                    failures += self._take(event.task, event.message, superseded)
            for event, number, times in deaths:
                failures += self._bury(event, number, times)
        for event in events:
            if isinstance(event, Heard) and isinstance(event.message, CallDone):
                rows = event.message.rows
                self._calls += 1
                self._utterances += len(rows.utterances)
                self._tables.add(key := event.message.key, event.message.number, self._told_of(key, event.task, rows))
                superseded = [name for name in superseded if name != rows.call]
        for name in superseded:  # of the file as it was before, and not overwritten by what it is now
            self._layout.analysis(name).unlink(missing_ok=True)
        for failure in failures:
            self._reporter.failed(failure)

    def _forget(self, events: Sequence[Heard | Died]) -> None:
        """What is ended takes no memory: a batch may have a million inputs."""
        for event in events:
            if isinstance(event, Heard) and isinstance(event.message, TaskDone | TaskFailed) and event.task.first is None:
                self._begun.pop(event.task.key, None)
                self._tried.pop(event.task.key, None)

    def _take(self, task: Task, message: Any, superseded: list[str]) -> list[Failure]:
        """Writes one message into the ledger."""
        ledger, key = self._ledger, task.key
        if isinstance(message, CallDone):
            superseded += ledger.supersede(key)
            ledger.finish_call(self._settings, key, message.number, message.rows.call, len(message.rows.utterances))
        elif isinstance(message, CallFailed):
            ledger.fail_call(self._settings, key, message.number, message.name, message.kind, message.error)
            return [Failure(message.name, task.path, message.kind, message.error, 1)]
        elif isinstance(message, TaskDone):
            status = ledger.finish(key, message.conversations)
            self._done += status == "done"
            self._failed += status == "failed"
        elif isinstance(message, ShareOut):
            ledger.count_conversations(key, message.conversations)
        else:
            superseded += ledger.supersede(key)
            attempts = ledger.fail(key, message.kind, message.error)
            self._failed += 1
            return [Failure(task.name, task.path, message.kind, message.error, attempts)]
        return []

    def _bury(self, event: Died, number: int, times: int) -> list[Failure]:
        """Writes a worker's death down with the file that it died of."""
        task, told = event.task, f"{event.task.path}: {event.why}."
        if times < ATTEMPTS:
            self._ledger.fail(task.key, "WorkerDied", told, final=False)
            self._reporter.note(f"{told} It is tried once more.")
            return []
        if task.first is None:
            self._ledger.fail(task.key, "WorkerDied", told)
            self._failed += 1
            return [Failure(task.name, task.path, "WorkerDied", told, times)]
        name = f"{task.name}#{number + 1}"
        self._ledger.fail_call(self._settings, task.key, number, name, "WorkerDied", told)
        return [Failure(name, task.path, "WorkerDied", told, times)]

    def _told_of(self, key: str, task: Task, rows):
        metadata = self._ledger.metadata(self._begun[key][1])
        return rows.with_metadata(metadata, task.audio, task.transcript)

    # After the work -----------------------------------------------------------------------------------------------------

    def _progress(self) -> Progress:
        ended = self._before + self._duplicates
        elapsed = time.monotonic() - self._first
        return Progress(self._total, ended, self._done, self._failed, self._calls, self._utterances, elapsed)

    def _summary(self, inputs: Inputs) -> Summary:
        failures = self._ledger.failures(self._settings, self._number)
        failures += [Failure(path, path, *describe(error), 1) for path, error in inputs.problems]
        counts = self._ledger.counts(self._settings)
        before = self._ledger.count_done(self._settings, self._number) - self._done
        return Summary(
            out=self._layout.out,
            total=self._total + len(inputs.problems),
            done=self._done,
            before=max(before, 0),
            failed=len(failures),
            duplicates=self._duplicates,
            left=self._ledger.count_left(self._settings, self._number),
            calls=self._calls,
            utterances=self._utterances,
            all_calls=counts["calls"],
            all_utterances=counts["utterances"],
            seconds=time.monotonic() - self._started,
            interrupted=self._interrupt.times > 0,
            failures=tuple(failures[:_FAILURES_KEPT]),
            skipped=inputs.skipped,
            notes=tuple(inputs.notes),
        )


def _checked(names: Sequence[str | redact.Redactor]) -> tuple[str | redact.Redactor, ...]:
    """Redactors in the order in which they work, each known to be found again by a worker."""
    names = (names,) if isinstance(names, str) or callable(names) else tuple(names)
    for one in names:
        if not callable(one):
            redact.find([one])
            continue
        try:
            pickle.dumps(one)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigError("a redactor at the top of a module, so that workers find it", redact.name_of(one), str(error)) from error
    return tuple(sorted(names, key=lambda one: one == "numbers"))  # an address may hold digits: it is taken out whole, first


