"""Workers on this machine: processes, each with engines of its own, one task after another, any of which may die."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from convemo.batch.engine import Died, Heard
from convemo.batch.failure import describe
from convemo.batch.work import LAST, Setup, Task, Worker
from convemo.errors import ConvemoError, EngineFailed

QUICK_S = 2.0
"""Where tasks take less, a worker has the next one beside it, so that it never waits while the run waits for the disk; where they take
long, that one might have been done by another worker meanwhile."""
_END_S = 5.0
"""Seconds that an idle worker gets to end by itself."""
_MOST_DEATHS = 3
"""So many workers that die before they are ready, one after another, mean that none will ever be."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class LocalEngine:
    """So many processes of this machine.

    Args:
        workers: how many, at least 1; ``None`` for as many as this process may use processors.
    """

    def __init__(self, workers: int | None = None):
        self.workers = workers or _processors()
        self._running: list[_Process] = []
        self._events: deque[Heard | Died] = deque()
        self._setup: Setup | None = None
        self._deaths, self._quick = 0, False

    def start(self, setup: Setup) -> None:
        self._setup = setup
        self._running = [_Process(setup) for _ in range(self.workers)]

    @property
    def free(self) -> int:
        deep = 2 if self._quick else 1
        return sum(max(0, deep - len(process.tasks)) for process in self._running)

    def submit(self, task: Task) -> None:
        least = min(self._running, key=lambda process: (len(process.tasks), not process.ready))  # one that still loads is asked last
        least.give(task)

    def events(self, timeout_s: float) -> list[Heard | Died]:
        by_link = {process.link: process for process in self._running}
        for link in wait(list(by_link), timeout_s):
            process = by_link[link]
            try:
                self._take(process, link.recv())
            except (EOFError, OSError):
                self._replace(process)
        events, self._events = list(self._events), deque()
        return events

    def _take(self, process: _Process, message: object) -> None:
        if message == "ready":
            process.ready, self._deaths = True, 0
        elif isinstance(message, ConvemoError):
            raise message
        else:
            task = process.tasks[0]
            if isinstance(message, LAST):
                process.tasks.popleft()
                now = time.monotonic()
                self._quick, process.since = now - process.since < QUICK_S, now
                if process.last:
                    self._dismiss(process)
            self._events.append(Heard(task, message))

    def _replace(self, process: _Process) -> None:
        """Another worker for one that died: with its tasks, but for the one that it died of."""
        process.end(now=True)
        left = list(process.tasks)
        if process.ready and left:
            self._events.append(Died(left.pop(0), process.why))
        elif not process.ready:
            self._deaths += 1
            if self._deaths >= _MOST_DEATHS:
                raise EngineFailed("a worker that loads its engines", f"{self._deaths} that died: {process.why}", "Is there enough memory?")
        if process.last:
            self._running.remove(process)
            return
        fresh = _Process(self._setup)
        for task in left:
            fresh.give(task)
        self._running[self._running.index(process)] = fresh

    def drain(self) -> int:
        dropped = 0
        for process in list(self._running):
            begun = 1 if process.ready and process.tasks else 0
            dropped += len(process.tasks) - begun
            process.tasks = deque(list(process.tasks)[:begun])
            process.last = True
            if not begun:
                self._dismiss(process)
        return dropped

    def _dismiss(self, process: _Process) -> None:
        process.end(now=True)
        self._running.remove(process)

    def stop(self, now: bool) -> None:
        for process in self._running:
            process.link.close() if not now else None
        for process in self._running:
            process.end(now)
        self._running = []


class _Process:
    """One worker and the link to it."""

    def __init__(self, setup: Setup):
        context = multiprocessing.get_context("spawn")
        self.link, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs, setup, os.getpid()), name="convemo-worker")
        with _deaf(), _environment(OMP_NUM_THREADS=str(setup.threads), OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS=str(setup.threads)):
            self._process.start()
        theirs.close()
        self.tasks: deque[Task] = deque()
        """The first is being worked at, the others lie ready."""
        self.ready = self.last = False
        self.since = 0.0
        """When it came to the first of its tasks."""

    def give(self, task: Task) -> None:
        self.since = self.since if self.tasks else time.monotonic()
        self.tasks.append(task)
        with contextlib.suppress(OSError):  # it has died: `events` will find that out
            self.link.send(task)

    def end(self, now: bool) -> None:
        if not now:
            self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self.link.close()

    @property
    def why(self) -> str:
        """What it died of."""
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"the worker was killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
        return f"the worker ended with status {code}"


def _work(link: Connection, setup: Setup, parent: int) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's business: it lets this task come to its end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with(parent)
    try:
        worker = Worker(setup)
    except ConvemoError as error:
        link.send(error)
        return
    except Exception as error:
        link.send(EngineFailed("a worker that begins", describe(error)[1], "Try one file with `convemo analyze`."))
        return
    try:
        link.send("ready")
        while True:
            for message in worker.perform(link.recv()):
                link.send(message)
    except (EOFError, BrokenPipeError, ConnectionError):  # the run has ended, in whatever way
        return


def _die_with(parent: int) -> None:
    """Has this process end with the one that started it, even when that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


@contextlib.contextmanager
def _deaf():
    """A process that is started meanwhile ignores Ctrl-C from its first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _environment(**values: str):
    """These variables for the processes that are started meanwhile: libraries read them when they are loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
