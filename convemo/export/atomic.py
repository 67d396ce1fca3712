"""A file is there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, TextIO

from convemo.errors import ResultError


@contextmanager
def writing(path: str | os.PathLike, newline: str = "\n") -> Iterator[TextIO]:
    r"""A UTF-8 text file that appears at `path` when the block ends, and not at all if it raises.

    It is written under another name in the same folder (renaming is atomic only within a file system), flushed to the disk, and then
    takes the place of what was there. A reader, or a run after a crash, sees the old file or the new one, never half of one.

    Args:
        path: where; the folder is made if it is missing.
        newline: what ``"\n"`` becomes, as in `open`; ``""`` leaves all as it is.

    Raises:
        ResultError: the folder or the file cannot be written.
    """
    # A lone surrogate in a text becomes "?".
    with _replacing(path, lambda part: open(part, "x", encoding="utf-8", errors="replace", newline=newline)) as file:
        yield file


@contextmanager
def writing_bytes(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """The same of bytes.

    Raises:
        ResultError: the folder or the file cannot be written.
    """
    with _replacing(path, lambda part: open(part, "xb")) as file:
        yield file


@contextmanager
def _replacing(path: str | os.PathLike, create: Callable[[Path], IO]) -> Iterator[IO]:
    path = Path(path)
    part = path.parent / f".convemo-{secrets.token_hex(8)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = create(part)  # "x": never into a file or link that somebody else has put there
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)  # it is gone if all went well


def _unwritable(path: Path, error: OSError) -> ResultError:
    return ResultError(path, "a file that can be written", error.strerror or str(error), "Choose another folder, or make room.")


def sync_folder(folder: Path) -> None:
    """Makes the rename itself survive a power cut; Windows has no such call and does not need it.

    Some network file systems refuse it, and so does a folder that we may write to and not read. The file is whole by then.
    """
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
