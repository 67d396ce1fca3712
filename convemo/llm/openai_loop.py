"""A thread that runs coroutines for callers that are none, and for callers that run a loop of their own (a notebook, a server)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import wait
from typing import Any, TypeVar

T = TypeVar("T")

_HEARTBEAT_S = 0.5
"""How often a waiting call looks up: on Windows, Ctrl-C does not end a wait."""
_CANCEL_S = 5.0
"""How long an interrupted call waits for its requests to end."""


class LoopThread:
    """An event loop in a thread of its own, begun when it is first needed.

    Any number of threads may call `run` at once; what they run shares the loop. A forked process begins its own.

    >>> async def sum_of(*numbers):
    ...     return sum(numbers)
    >>> LoopThread().run(sum_of(1, 2))
    3
    """

    def __init__(self):
        self._lock, self._loop, self._process = threading.Lock(), None, None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for a coroutine's result. A KeyboardInterrupt cancels it, lets it end, and goes on its way."""
        ended = threading.Event()

        async def watched() -> T:
            try:
                return await work
            finally:
                ended.set()

        future = asyncio.run_coroutine_threadsafe(watched(), self._running())
        try:
            while not wait([future], _HEARTBEAT_S).done:
                pass
            return future.result()
        except BaseException:
            if future.cancel():  # it was the wait that ended, not the work
                ended.wait(_CANCEL_S)
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid() or self._loop.is_closed():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                # A daemon: a program that ends does not wait for a server.
                threading.Thread(target=_serve, args=(self._loop,), name="convemo-llm", daemon=True).start()
            return self._loop

    def close(self) -> None:
        """Ends the thread; a later `run` begins another."""
        with self._lock:
            if self._loop is not None and self._process == os.getpid() and self._loop.is_running():
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
