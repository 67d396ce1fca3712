"""Workers on a Ray cluster: actors, each with engines of its own. The one module that imports ray."""

from __future__ import annotations

import logging
import socket
import time
from collections import deque
from dataclasses import replace
from typing import Any

from convemo.batch.engine import Died, Heard
from convemo.batch.failure import describe
from convemo.batch.local import QUICK_S
from convemo.batch.work import Message, Setup, Task, Worker
from convemo.errors import ConvemoError, EngineFailed, EngineUnavailable

_MOST_DEATHS = 3
"""So many actors in the place of each that die one after another mean that none will live."""
_ANSWER_S = 10.0


class RayEngine:
    """Actors of a Ray cluster, or of Ray on this machine.

    Args:
        workers: how many; ``None`` for one a processor of the cluster.
        address: of the cluster, e.g. ``"ray://head:10001"`` or ``"auto"``; ``None`` starts Ray on this machine, and ends it again.

    Raises:
        EngineUnavailable: ray is not installed, or the cluster does not answer.
    """

    def __init__(self, workers: int | None = None, *, address: str | None = None):
        try:
            import ray
        except ImportError as error:
            raise EngineUnavailable("ray for --engine ray", "none here", "Install it: pip install 'convemo[ray]'.") from error
        self._ray, self._address, self._own = ray, address, False
        self._wanted = workers
        self._actors: list[_Actor] = []
        self._setup: Setup | None = None
        self._deaths, self._quick = 0, False

    @property
    def workers(self) -> int:
        """How many there are, or will be on this machine."""
        return len(self._actors) or self._wanted or 1

    def start(self, setup: Setup) -> None:
        self._connect()
        # SQLite over a network is not safe: only on one machine may actors share the stage cache.
        self._setup = replace(setup, threads=1, cache_bytes=setup.cache_bytes if self._address is None else None)
        count = self._wanted or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._actors = [_Actor(self._ray, self._setup) for _ in range(count)]

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        if self._address is not None:
            _check_answers(self._address)
        try:
            quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
            local = {"num_cpus": self._wanted, "include_dashboard": False} if self._address is None else {"address": self._address}
            self._ray.init(**quiet, **local)
            self._own = True
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            where = self._address or "this machine"
            raise EngineUnavailable(
                f"a Ray cluster at {where}", str(error).strip().splitlines()[0], "Is it running? `ray status`."
            ) from error

    @property
    def free(self) -> int:
        deep = 2 if self._quick else 1
        return sum(max(0, deep - len(actor.tasks)) for actor in self._actors)

    def submit(self, task: Task) -> None:
        min(self._actors, key=lambda actor: len(actor.tasks)).give(task)

    def events(self, timeout_s: float) -> list[Heard | Died]:
        by_answer = {actor.answers[0]: actor for actor in self._actors if actor.answers}
        ready, _ = self._ray.wait(list(by_answer), num_returns=1, timeout=timeout_s) if by_answer else ([], [])
        events: list[Heard | Died] = []
        for answer in ready:
            events += self._take(by_answer[answer], answer)
        return events

    def _take(self, actor: _Actor, answer: Any) -> list[Heard | Died]:
        try:
            messages = self._ray.get(answer)
        except self._ray.exceptions.RayActorError as error:
            return self._replace(actor, error)
        if isinstance(messages, ConvemoError):
            raise messages
        actor.answers.popleft()
        self._deaths, now, task = 0, time.monotonic(), actor.tasks.popleft()
        self._quick, actor.since = now - actor.since < QUICK_S, now
        return [Heard(task, message) for message in messages]

    def _replace(self, actor: _Actor, error: Exception) -> list[Heard | Died]:
        """Another actor for one that died: with its tasks, but for the one that it died of."""
        left, fresh = list(actor.tasks), None
        died = [Died(left.pop(0), f"the actor died: {str(error).strip().splitlines()[0][:200]}")]
        self._deaths += 1
        if self._deaths > _MOST_DEATHS * len(self._actors):
            raise EngineFailed(
                "actors that live", f"{self._deaths} that died one after another", "`ray status` and Ray's logs say why."
            ) from error
        self._actors.remove(actor)
        if not actor.last:
            fresh = _Actor(self._ray, self._setup)
            self._actors.append(fresh)
        for task in left if fresh is not None else ():
            fresh.give(task)
        return died

    def drain(self) -> int:
        dropped = 0
        for actor in self._actors:
            actor.last = True
            while len(actor.tasks) > 1:
                actor.tasks.pop()
                self._ray.cancel(actor.answers.pop())
                dropped += 1
        return dropped

    def stop(self, now: bool) -> None:
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors = []
        if self._own:
            self._ray.shutdown()
            self._own = False


def _check_answers(address: str) -> None:
    """Ray itself asks a cluster that is not there for minutes."""
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not separator or not port.isdigit():
        return  # "auto", "local": Ray knows where to look
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except OSError as error:
        found = error.strerror or str(error)
        raise EngineUnavailable(f"a Ray cluster at {address}", found, "Is it running? `ray status`.") from error


class _Actor:
    """One actor and what it was asked."""

    def __init__(self, ray: Any, setup: Setup):
        remote = ray.remote(num_cpus=1, max_restarts=0)(_Remote)
        self.handle = remote.remote(setup)
        self.tasks: deque[Task] = deque()
        self.answers: deque[Any] = deque()
        self.since, self.last = 0.0, False

    def give(self, task: Task) -> None:
        self.since = self.since if self.tasks else time.monotonic()
        self.tasks.append(task)
        self.answers.append(self.handle.perform.remote(task))


class _Remote:
    """The worker inside an actor. What goes wrong while it begins is its answer, for Ray would wrap it."""

    def __init__(self, setup: Setup):
        self._wrong: ConvemoError | None = None
        try:
            self._worker = Worker(setup)
        except ConvemoError as error:
            self._wrong = error
        except Exception as error:
            self._wrong = EngineFailed("a worker that begins", describe(error)[1], "Try one file with `convemo analyze`.")

    def perform(self, task: Task) -> list[Message] | ConvemoError:
        """All messages of a task: a share of a file is at most `AT_ONCE` calls."""
        return self._wrong or list(self._worker.perform(task))
