"""The decoder's process, seen from here: forked from a warm one where the system forks well, else started afresh."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Protocol

_FORKS = sys.platform == "linux"  # macOS has fork, but its frameworks do not survive it
_END_S = 2.0  # seconds that the zygote gets to end by itself


class Child(Protocol):
    """What is used of `subprocess.Popen`, which is one. Leaving its context waits for its end."""

    stderr: IO[bytes]
    returncode: int | None

    def kill(self) -> None: ...
    def wait(self) -> int: ...
    def __enter__(self) -> Child: ...
    def __exit__(self, *_: object) -> None: ...


def start(arguments: dict, file: IO[bytes], samples: IO[bytes] | None) -> Child:
    """A process of `convemo.audio.worker`.

    Args:
        arguments: the worker's.
        file: the open media file, its standard input.
        samples: its standard output; ``None`` throws that away.

    Raises:
        OSError: there is no room for another process.
    """
    if _FORKS:
        return _Zygote.order(arguments, file, samples)
    output = subprocess.DEVNULL if samples is None else samples
    return _python("worker", json.dumps(arguments), stdin=file, stdout=output, stderr=subprocess.PIPE)


def _python(module: str, *arguments: str, **settings) -> subprocess.Popen:
    home = str(Path(__file__).parents[2])  # where this very package lies, however it came to be on the path
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # -P: a numpy.py that lies in the working directory is not imported.
    command = [sys.executable, "-P", "-m", f"convemo.audio.{module}", *arguments]
    return subprocess.Popen(command, env={**os.environ, **single, "PYTHONPATH": os.pathsep.join(paths)}, **settings)


class _Zygote:
    """This process's own `convemo.audio.zygote`, started at the first order, and again whenever it is gone."""

    # Also held while this process forks: the copy would keep the far ends of an order's pipe open, and nobody here would
    # ever see them hung up.
    _lock = threading.RLock()
    _running: _Zygote | None = None

    def __init__(self):
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        nothing = subprocess.DEVNULL
        with theirs, contextlib.ExitStack() as failed:
            failed.enter_context(self._socket)
            # In a session of its own: Ctrl-C is this process's business.
            self._process = _python("zygote", stdin=theirs, stdout=nothing, stderr=nothing, start_new_session=True)
            failed.pop_all()

    @classmethod
    def order(cls, arguments: dict, file: IO[bytes], samples: IO[bytes] | None) -> _Forked:
        with cls._lock, contextlib.ExitStack() as ours, contextlib.ExitStack() as handed_over:
            link, theirs = socket.socketpair()
            ours.enter_context(link)
            handed_over.enter_context(theirs)
            read_end, write_end = os.pipe()
            reports = ours.enter_context(os.fdopen(read_end, "rb"))
            stderr = handed_over.enter_context(os.fdopen(write_end, "wb"))
            stdout = samples or handed_over.enter_context(open(os.devnull, "wb"))
            given = (file, stdout, stderr, theirs)
            cls._send(json.dumps(arguments).encode(), [end.fileno() for end in given])
            ours.pop_all()  # all went well: these stay open
        return _Forked(link, reports)

    @classmethod
    def _send(cls, order: bytes, descriptors: list[int]) -> None:
        if cls._running is not None:
            try:
                socket.send_fds(cls._running._socket, [order], descriptors)
                return
            except OSError:  # somebody has killed it
                cls.stop()
        cls._running = cls()
        socket.send_fds(cls._running._socket, [order], descriptors)

    @classmethod
    def stop(cls) -> None:
        running, cls._running = cls._running, None
        if running is not None:
            running._socket.close()  # at which it ends, and what it has forked with it
            try:
                running._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                running._process.kill()
                running._process.wait()

    @classmethod
    def forget(cls) -> None:
        """In a process that the user has forked: the zygote is the parent's. This process starts its own."""
        cls._lock = threading.RLock()
        if cls._running is not None:
            cls._running._socket.close()
            cls._running._process.returncode = 0  # not ours to wait for
            cls._running = None


if _FORKS:
    os.register_at_fork(
        before=lambda: _Zygote._lock.acquire(), after_in_parent=lambda: _Zygote._lock.release(), after_in_child=_Zygote.forget
    )
    atexit.register(_Zygote.stop)


class _Forked:
    """A worker that the zygote has forked; as much of `subprocess.Popen` as `Child` asks for."""

    def __init__(self, link: socket.socket, stderr: IO[bytes]):
        self.stderr, self.returncode = stderr, None
        self._link = link

    def kill(self) -> None:
        with contextlib.suppress(OSError):  # it has ended
            self._link.shutdown(socket.SHUT_WR)

    def wait(self) -> int:
        if self.returncode is None:
            status = b""
            with contextlib.suppress(OSError):
                status = self._link.recv(16)
            self.returncode = int(status) if status else -signal.SIGKILL  # the zygote itself is gone, most likely for want of memory
        return self.returncode

    def __enter__(self) -> _Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self.stderr.close()
        self._link.close()
