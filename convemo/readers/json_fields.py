"""Fields of parsed JSON, with errors that name the file, the position and the field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from convemo.errors import TranscriptError
from convemo.readers.instants import Instant, instant
from convemo.readers.wording import letters, span, tidy
from convemo.types import Word

_WRITTEN_NUMBER = re.compile(r"\s*[+-]?\d{1,20}(?:\.\d{1,20})?\s*")
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


def parse_json(text: str, path: str, first_line: int = 1) -> Any:
    """A JSON text's value.

    NaN and Infinity become null: WhisperX writes them for words that it could not align, though they are no JSON.

    Args:
        first_line: the line of the file at which the text begins.

    Raises:
        TranscriptError: it is broken, or nested too deep.
    """
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        found = f"broken JSON ({error.msg}, column {error.colno})"
        raise TranscriptError(path, line=line, expected="whole JSON", found=found, hint="Was the file cut off?") from error
    except (ValueError, RecursionError) as error:  # more digits, or deeper, than Python reads
        found = "numbers too long or lists too deep"
        raise TranscriptError(path, line=first_line, expected="JSON of a transcript", found=found, hint="Export it again.") from error


class Fields:
    """A JSON object whose fields are read by type. A missing field and null are the same: ``None``.

    Args:
        value: the object.
        path: the file, for messages.
        place: where the object is in the file, e.g. ``"segments[3]"``.
        line: its line, where the format has one object a line.
    """

    __slots__ = ("_line", "_path", "_place", "_value")

    def __init__(self, value: dict[str, Any], path: str, place: str = "", line: int | None = None):
        self._value, self._path, self._place, self._line = value, path, place, line

    def has(self, name: str, kind: type = object) -> bool:
        """Whether this field is there, and of this kind."""
        return self._value.get(name) is not None and isinstance(self._value[name], kind)

    def value(self, name: str) -> Any:
        """The field as it is."""
        return self._value.get(name)

    def text(self, *names: str) -> str | None:
        """The first of these fields that is there, a text."""
        name, value = self._first(names)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(name, "a text", value)

    def prose(self, *names: str) -> str | None:
        """The first of these fields that is there: a text, or a list whose texts, and objects' ``text``, are taken together.

        Chat services write a message with links or pictures in it as such a list; what is no text is left out.
        """
        _, value = self._first(names)
        if not isinstance(value, list):
            return self.text(*names)
        parts = [part.get("text") if isinstance(part, dict) else part for part in value]
        return " ".join(part for part in parts if isinstance(part, str))

    def moment(self, *names: str) -> Instant | None:
        """The first of these fields that is there, a time as number or text."""
        name, value = self._first(names)
        if value is None or value == "":
            return None
        found = instant(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        if found is None:
            raise self._wrong(name, "a time in seconds, hh:mm:ss or ISO 8601", value)
        return found

    def label(self, *names: str) -> str | None:
        """The first of these fields that is there, a text or a whole number, as one line of text; ``None`` if blank."""
        name, value = self._first(names)
        if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
            return None if value is None else tidy(str(value)) or None
        raise self._wrong(name, "a text or a whole number", value)

    def number(self, *names: str) -> float | None:
        """The first of these fields that is there, a finite number; one beyond floating point counts as missing.

        Amazon and Twilio write numbers as texts, ``"4.87"``, and so does whoever writes 64 bits as JSON.
        """
        name, value = self._first(names)
        if value is None:
            return None
        if isinstance(value, str) and _WRITTEN_NUMBER.fullmatch(value):
            return float(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(name, "a number", value)
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None

    def share(self, *names: str) -> float | None:
        """The first of these fields that is there, a number brought into ``[0, 1]``."""
        value = self.number(*names)
        return None if value is None else min(max(value, 0.0), 1.0)

    def times(self, unit_s: float = 1.0, start: str = "start", end: str = "end") -> tuple[float | None, float | None]:
        """Beginning and end in seconds, neither negative nor in the wrong order.

        Args:
            unit_s: what the file counts in, in seconds.
            start, end: the fields that hold them.
        """
        written = (self.number(start), self.number(end))
        return span(*(time if time is None or unit_s == 1.0 else round(time * unit_s, 6) for time in written))

    def items(self, name: str) -> list[Fields]:
        """The objects in the list of this name, none if it is missing."""
        value = self._value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, "a list", value)
        return [self._inner(f"{name}[{i}]", item) for i, item in enumerate(value)]

    def inner(self, name: str) -> Fields | None:
        """The object of this name."""
        value = self._value.get(name)
        return None if value is None else self._inner(name, value)

    def wrong(self, name: str, expected: str) -> TranscriptError:
        """The error to raise for a field whose value makes no sense."""
        return self._wrong(name, expected, self._value.get(name))

    def _inner(self, name: str, value: Any) -> Fields:
        place = f"{self._place}.{name}" if self._place else name
        if not isinstance(value, dict):
            raise self._wrong(name, "an object", value)
        return Fields(value, self._path, place, self._line)

    def _first(self, names: tuple[str, ...]) -> tuple[str, Any]:
        for name in names:
            if self._value.get(name) is not None:
                return name, self._value[name]
        return names[0], None

    def _wrong(self, name: str, expected: str, value: Any) -> TranscriptError:
        place = f"{self._place}.{name}" if self._place else name
        found = _KINDS[type(value)]
        if isinstance(value, str | int | float):
            found += f" ({str(value)[:40]!r})" if isinstance(value, str) else f" ({value})" if isinstance(value, float) else ""
        return TranscriptError(self._path, line=self._line, expected=f"{place} to be {expected}", found=found)


def words_of(
    fields: Fields,
    text: str,
    speaker: str | None,
    unit_s: float = 1.0,
    *,
    name: str = "words",
    written: tuple[str, ...] = ("text", "word"),
    times: Callable[[Fields], tuple[float | None, float | None]] | None = None,
    named: bool = True,
) -> tuple[Word, ...]:
    """The words of a segment or utterance, if they are all of its text.

    Words whose letters do not make up the text are left out, so that no word of the text is lost with them.

    Args:
        text: the segment's text.
        speaker: whoever says a word that names nobody itself (WhisperX leaves some out).
        unit_s: what their times are counted in, in seconds.
        name: the field that holds them.
        written: a word's fields that may hold it, the best first.
        times: reads a word's times where they are not ``start`` and ``end``.
        named: whether a word's ``speaker`` is an id as segments have it.
    """
    words = []
    for word in fields.items(name):
        said = tidy(word.text(*written) or "")
        if said:
            confidence = word.share("confidence", "probability", "score")
            by = (word.label("speaker") if named else None) or speaker
            words.append(Word(said, *(times(word) if times else word.times(unit_s)), confidence, by))
    return tuple(words) if letters("".join(w.text for w in words)) == letters(text) else ()
