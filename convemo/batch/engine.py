"""What runs a batch's tasks looks like: this machine's processes (`local`), or a cluster's (`ray`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from convemo.batch.work import Message, Setup, Task


@dataclass(frozen=True, slots=True)
class Heard:
    """A message from the worker that has this task."""

    task: Task
    message: Message


@dataclass(frozen=True, slots=True)
class Died:
    """The worker that had this task is gone: out of memory, or a codec crashed it. Another has been started."""

    task: Task
    why: str


class Engine(Protocol):
    """Some workers, each at one task at a time. Only the run that made it calls it, from one thread."""

    def start(self, setup: Setup) -> None:
        """Starts the workers; returns before they are ready.

        Raises:
            EngineUnavailable, ConfigError: there can be none.
        """

    @property
    def free(self) -> int:
        """How many tasks it would take now."""

    def submit(self, task: Task) -> None:
        """Hands a task to a worker that is free."""

    def events(self, timeout_s: float) -> list[Heard | Died]:
        """What has happened since, waiting up to `timeout_s` for something to.

        Raises:
            ConvemoError: workers cannot begin, and why.
        """

    def drain(self) -> int:
        """Has no task begun any more; returns how many were submitted that now never will be. Those that were begun come to their end."""

    def stop(self, now: bool) -> None:
        """Ends the workers: when they are idle, or at once with whatever they are at."""
