"""One batch at a time on a folder: a lock that the system lets go of when its process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from convemo.errors import ResultError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FolderLock:
    """Held from `__enter__` to `__exit__`, or to the end of the process.

    A lock on an open file and not a file with a process id in it: after a crash there is nothing to clean up, and no stranger who got the
    same id keeps the folder shut.

    Args:
        path: the lock's file; the folder it is in exists.

    Raises:
        ResultError: another process holds it; the message says which.
    """

    def __init__(self, path: Path):
        self._path, self._descriptor = path, -1

    def __enter__(self) -> FolderLock:
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            found = error.strerror or str(error)
            raise ResultError(self._path, "a lock that can be opened", found, "Name another folder with --out.") from error
        try:
            if sys.platform == "win32":
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(self._path)
            os.close(self._descriptor)
            raise ResultError(
                self._path.parent.parent,
                "a folder on which no other batch is at work",
                f"one that {holder} is writing to",
                "Wait for it, or name another folder with --out. Nothing was touched.",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()}\n".encode(), 0) if hasattr(os, "pwrite") else None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._descriptor)


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip() or "another process"
    except (OSError, ValueError):
        return "another process"
