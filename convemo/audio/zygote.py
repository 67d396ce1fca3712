"""A warm decoder that forks: ``python -P -m convemo.audio.zygote``, with its orders on standard input (Linux).

To start Python and import FFmpeg, numpy and soxr takes 100 ms, to fork a process that has them takes 3: with many short
files, most of the time. This process has imported all that and touches no file itself. Each order is one message on a
socket: the worker's arguments as JSON, and four descriptors: its standard input, output and error, and a *link*. The
process forked for it (`convemo.audio.worker`) has memory and time limits of its own and decodes one file, as one that
was started afresh. Its exit status is sent back over the link; a link that is hung up kills it. When the socket with the
orders is hung up, or this process is killed, everything ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import traceback

from convemo.audio import worker
from convemo.audio.decoding import Refused

ORDER_BYTES = 65_536
DESCRIPTORS = 4  # of an order: input, output, error, link

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    with contextlib.suppress(ImportError):  # the worker will find the same, and say it
        import av  # noqa: F401
        import soxr  # noqa: F401
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the thread that started this may have blocked the end of a child, or of its time
    gc.freeze()  # what is imported stays, and its pages stay shared
    Zygote(socket.socket(fileno=os.dup(0))).serve()


class Zygote:
    """Forks a worker for each order, until the socket with the orders is hung up."""

    def __init__(self, orders: socket.socket):
        self._orders, self._links = orders, {}  # pid of a worker → its link
        self._selector = selectors.DefaultSelector()
        self._ended, wakeup = socket.socketpair()  # Python writes a byte there at each signal
        for end in (self._ended, wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(wakeup.detach())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._orders, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)

    def serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._ended:
                    self._ended.recv(4096)
                    self._reap()
                elif key.fileobj is not self._orders:
                    self._hang_up(key.fileobj, key.data)
                elif not self._fork():
                    return

    def _fork(self) -> bool:
        order, descriptors, _, _ = socket.recv_fds(self._orders, ORDER_BYTES, DESCRIPTORS)
        if not order:
            for pid in self._links:
                os.kill(pid, signal.SIGKILL)
            return False
        link = socket.socket(fileno=descriptors[3])
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:  # no room for another process now: that fails this order, not the next
            refusal = Refused("audio", "a process to decode it in", str(error), "Close other programs, and try again.")
            os.write(descriptors[2], json.dumps(refusal.report).encode())
            link.close()
        else:
            if pid == 0:
                _decode(json.loads(order), descriptors[:3], zygote)
            self._links[pid] = link
            self._selector.register(link, selectors.EVENT_READ, pid)
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        return True

    def _hang_up(self, link: socket.socket, pid: int) -> None:
        if self._links.get(pid) is link:  # not reaped a moment ago, so the number is still this worker's
            self._selector.unregister(link)
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        for pid in list(self._links):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            link = self._links.pop(pid)
            with contextlib.suppress(KeyError):  # hung up before
                self._selector.unregister(link)
            with link, contextlib.suppress(OSError):  # perhaps nobody waits for it any more
                link.send(b"%d" % os.waitstatus_to_exitcode(status))


def _decode(arguments: dict, descriptors: list[int], zygote: int) -> None:
    """What the forked process does with its life."""
    status = 1
    try:
        _LIBC.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))  # without the zygote, nobody could end it
        if os.getppid() != zygote:
            os._exit(status)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for standard, descriptor in enumerate(descriptors):
            os.dup2(descriptor, standard)
        _close_from(3)  # orders, and the links of others
        worker.work(arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)  # whatever happens, it never returns into the zygote's loop


def _close_from(first: int) -> None:
    """Closes every descriptor from that one on. `os.closerange` up to SC_OPEN_MAX tries a thousand million of them in some containers,
    where the system's library has no call for it."""
    try:
        last = max(map(int, os.listdir("/proc/self/fd")))
    except OSError:
        last = os.sysconf("SC_OPEN_MAX")
    os.closerange(first, last + 1)


if __name__ == "__main__":
    main()
