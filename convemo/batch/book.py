"""What a run writes down: results onto the disk, in the ledger what has happened, and rows for the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convemo.batch.engine import Died, Heard
from convemo.batch.failure import describe
from convemo.batch.identity import Contents, work_key
from convemo.batch.layout import Layout
from convemo.batch.ledger import Failure, Ledger, Listed
from convemo.batch.summary import Reporter
from convemo.batch.tables import Tables
from convemo.batch.work import CallDone, CallFailed, ShareOut, Task, TaskDone, TaskFailed
from convemo.errors import ConvemoError

ATTEMPTS = 2
"""So often a file is tried whose worker died: once more, for the fault may have been a neighbour's appetite for memory."""


@dataclass(slots=True)
class _Begun:
    """An input that is at work."""

    listed: Listed
    content: str
    entered: bool = False
    """Whether the ledger knows of the work."""


class Book:
    """Keeps the books of one run, in an order in which it may be killed anywhere: results, then the ledger, then the tables.

    Args:
        layout: of the folder.
        ledger: the folder's, whose lock is held.
        tables: under these settings.
        contents: the hashes that were read.
        settings: the settings' fingerprint.
        reporter: is told of failures.
    """

    def __init__(self, layout: Layout, ledger: Ledger, tables: Tables, contents: Contents, settings: str, reporter: Reporter):
        self._layout, self._ledger, self._tables, self._contents = layout, ledger, tables, contents
        self._settings, self._reporter = settings, reporter
        self._begun: dict[str, _Begun] = {}
        self.done = self.failed = 0
        """Inputs."""
        self.calls = self.utterances = 0

    def open(self, key: str, listed: Listed, content: str) -> None:
        """An input is about to be worked at; the ledger need not know before there is something to tell of it."""
        self._begun[key] = _Begun(listed, content)

    def unreadable(self, listed: Listed, error: ConvemoError) -> None:
        """A file that is not there, or that nobody may read, is looked for again by every run."""
        kind, told = describe(error)
        key = work_key(f"unreadable {listed.id}", self._settings)
        with self._ledger.together():
            self._ledger.remember([], [(listed.id, "unreadable")])
            self._ledger.begin(key, self._settings, "unreadable", listed.id)
            attempts = self._ledger.fail(key, kind, told)
        self.failed += 1
        self._reporter.failed(Failure(listed.input.name, listed.input.audio or listed.input.transcript or "", kind, told, attempts))

    def write_down(self, events: Sequence[Heard | Died], deaths: Sequence[tuple[Died, int, int]]) -> None:
        """Results onto the disk; in one commit, what has happened; then what it means for the tables and for whoever watches."""
        failures: list[Failure] = []
        superseded: list[str] = []
        done = [e.message for e in events if isinstance(e, Heard) and isinstance(e.message, CallDone)]
        self._layout.keep((message.rows.call, message.content) for message in done)
        with self._ledger.together():
            self._contents.save()
            for event in events:
                self._enter(event.task.key)
                if isinstance(event, Heard):
                    failures += self._take(event.task, event.message, superseded)
            for event, number, times in deaths:
                failures += self._bury(event, number, times)
        for event in events:
            if isinstance(event, Heard) and isinstance(event.message, CallDone):
                rows = event.message.rows
                self.calls += 1
                self.utterances += len(rows.utterances)
                told = rows.with_metadata(self._begun[event.task.key].listed.input.metadata, event.task.audio, event.task.transcript)
                self._tables.add(event.task.key, event.message.number, told)
                superseded = [name for name in superseded if name != rows.call]
        for name in superseded:  # of the file as it was before, and not overwritten by what it is now
            self._layout.analysis(name).unlink(missing_ok=True)
        for failure in failures:
            self._reporter.failed(failure)

    def forget(self, events: Sequence[Heard | Died]) -> None:
        """What is ended takes no memory: a batch may have a million inputs."""
        for event in events:
            if isinstance(event, Heard) and isinstance(event.message, TaskDone | TaskFailed) and event.task.first is None:
                self._begun.pop(event.task.key, None)

    def _take(self, task: Task, message: Any, superseded: list[str]) -> list[Failure]:
        """Writes one message into the ledger."""
        ledger, key = self._ledger, task.key
        if isinstance(message, CallDone):
            superseded += self._supersede(key)
            ledger.finish_call(self._settings, key, message.number, message.rows.call, len(message.rows.utterances), message.lacking)
        elif isinstance(message, CallFailed):
            superseded += self._supersede(key)
            ledger.fail_call(self._settings, key, message.number, message.name, message.kind, message.error)
            return [Failure(message.name, task.path, message.kind, message.error, 1)]
        elif isinstance(message, TaskDone):
            status = ledger.finish(key, message.conversations)
            self.done += status == "done"
            self.failed += status == "failed"
        elif isinstance(message, ShareOut):
            ledger.count_conversations(key, message.conversations)
        elif task.first is None or ledger.status(key) != "failed":  # else another share of the file has told it
            superseded += self._supersede(key)
            attempts = ledger.fail(key, message.kind, message.error)
            self.failed += 1
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
            self.failed += 1
            return [Failure(task.name, task.path, "WorkerDied", told, times)]
        name = f"{task.name}#{number + 1}"
        self._ledger.fail_call(self._settings, task.key, number, name, "WorkerDied", told)
        return [Failure(name, task.path, "WorkerDied", told, times)]

    def _enter(self, key: str) -> None:
        """Makes work known to the ledger, once."""
        begun = self._begun[key]
        if not begun.entered:
            self._ledger.begin(key, self._settings, begun.content, begun.listed.id)
            begun.entered = True

    def _supersede(self, key: str) -> list[str]:
        """Forgets what the same paths held before; where nobody had read them before, that was nothing."""
        return self._ledger.supersede(key) if self._begun[key].listed.content is not None else []
