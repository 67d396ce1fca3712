"""One worker in this very process: for debugging, notebooks, and machines that start processes slowly."""

from __future__ import annotations

from collections import deque

from convemo.batch.engine import Died, Heard
from convemo.batch.work import LAST, Setup, Task, Worker


class InlineEngine:
    """Does a task when it is asked what has happened. What crashes the worker crashes the run; the same command goes on."""

    workers = 1

    def __init__(self):
        self._worker: Worker | None = None
        self._task: Task | None = None
        self._messages = iter(())

    def start(self, setup: Setup) -> None:
        self._worker = Worker(setup)

    @property
    def free(self) -> int:
        return self._task is None

    def submit(self, task: Task) -> None:
        self._task, self._messages = task, self._worker.perform(task)

    def events(self, timeout_s: float) -> list[Heard | Died]:
        if self._task is None:
            return []
        events: deque[Heard | Died] = deque()
        for message in self._messages:  # one call at a time, so that each is written down at once
            events.append(Heard(self._task, message))
            if isinstance(message, LAST):
                self._task = None
            break
        return list(events)

    def drain(self) -> int:
        return 0

    def stop(self, now: bool) -> None:
        self._worker, self._task = None, None
