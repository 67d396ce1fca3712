"""What every transcript reader looks like, and how to write one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from convemo.types import Transcript

_Read = TypeVar("_Read", bound=Callable[[str, str], tuple[Transcript, ...]])


class Reader(Protocol):
    """A function from a file's text to its conversations, registered in the table ``"reader"``.

    It may carry two attributes, which the decorator `reader` sets: without `looks_like` it is used only by
    explicit choice (``format="its-name"``).
    """

    looks_like: Callable[[str], float]
    """How sure it is that a text is for it, from 0 (it is not) to 1 (nothing else looks like this). Must be quick, and never raise."""
    suffixes: tuple[str, ...]
    """Lower-case suffixes that decide between two readers that are equally sure, e.g. ``(".vtt",)``."""

    def __call__(self, text: str, path: str) -> tuple[Transcript, ...]:
        """The conversations in a text.

        Args:
            text: the whole file, decoded; lines end in ``"\\n"``.
            path: only for messages.

        Raises:
            TranscriptError: the text is not what it should be; names the path and, where there is one, the line.
        """


def reader(looks_like: Callable[[str], float], *suffixes: str) -> Callable[[_Read], _Read]:
    """Marks a function as a reader that is chosen by content.

    >>> @reader(lambda text: text.startswith("#MYCHAT"), ".mychat")
    ... def read(text, path):
    ...     return ()
    >>> read.looks_like("#MYCHAT 1.0"), read.suffixes
    (True, ('.mychat',))
    """

    def mark(read: _Read) -> _Read:
        read.looks_like = looks_like  # type: ignore[attr-defined]
        read.suffixes = suffixes  # type: ignore[attr-defined]
        return read

    return mark
