"""What a service's JSON looks like: by which fields it is known, and which must be there for it to be read.

A *path* names fields from the outside in, ``[]`` after a list: ``"transcripts[].phrases[].text"``. It is there if any of the first
`LOOKED_AT` elements of each list has it. ``"a | b"`` is either. A file may hold one such object, a list of them, or one a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from convemo.readers.json_objects import first_value

LOOKED_AT = 16
"""Elements of a list that are looked at: enough to pass an empty one, few enough to be quick in a long file."""
SURE = 0.95
"""Surer than any reader of JSON that could be anybody's."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of one service's files."""

    service: str
    marks: tuple[str, ...]
    """Paths by which the service is known; all of them are there."""
    needs: tuple[str, ...]
    """Paths without which nothing can be read."""

    def marked(self, value: Any) -> tuple[str, ...]:
        """The marks as they are found, none if one of them is not there."""
        found = [next((path for path in _either(mark) if has(value, path, empty=True)), None) for mark in self.marks]
        return () if None in found else tuple(found)  # type: ignore[arg-type]

    def missing(self, value: Any) -> tuple[str, ...]:
        """Those of the `needs` that are not there."""
        return tuple(need for need in self.needs if not any(has(value, path) for path in _either(need)))

    def possible(self, text: str) -> bool:
        """Whether all names of some path of each mark and need stand in a text at all: parsing a large file takes seconds."""
        return all(any(all(f'"{name}"' in text for name in _names(path)) for path in _either(one)) for one in (*self.marks, *self.needs))


class Shapes(tuple):
    """The forms that one reader reads: a ``looks_like``."""

    __slots__ = ()

    def __new__(cls, *shapes: Shape):
        return super().__new__(cls, shapes)

    def __call__(self, text: str) -> float:
        """`SURE` of a text in one of these forms, with all that it needs; 0 of any other."""
        if not text.lstrip().startswith(("{", "[")) or not any(shape.possible(text) for shape in self):
            return 0.0
        try:
            _, value = first_value(text)
        except (ValueError, RecursionError):
            return 0.0
        return SURE if any(shape.marked(value) and not shape.missing(value) for shape in self) else 0.0


def has(value: Any, path: str, empty: bool = False) -> bool:
    """Whether something other than null is at this path, and unless `empty`, other than nothing; a list at the root is looked through too.

    >>> has([{"entries": [{}, {"text": "hi"}]}], "entries[].text"), has({"entries": 3}, "entries[].text")
    (True, False)
    """
    roots = value[:LOOKED_AT] if isinstance(value, list) else [value]
    found = (value for root in roots for value in _at(root, path.split(".")))
    return any(empty or value not in ([], {}) for value in found)


def _at(value: Any, parts: list[str]) -> Iterator[Any]:
    if not parts:
        if value is not None:
            yield value
        return
    name, listed = re.subn(r"\[\]$", "", parts[0])
    inner = value.get(name) if isinstance(value, dict) else None
    if not listed:
        yield from _at(inner, parts[1:]) if inner is not None else ()
    elif isinstance(inner, list):
        for item in inner[:LOOKED_AT]:
            yield from _at(item, parts[1:])


def _either(paths: str) -> list[str]:
    return paths.split(" | ")


def _names(path: str) -> list[str]:
    return path.replace("[]", "").split(".")
