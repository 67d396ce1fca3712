"""Tables with a header: CSV, TSV, semicolons or bars, an utterance a row.

Columns are found by name, whatever their order, case and spacing; the others are not read:

    conversation   conversation_id, call_id, ticket_id, dialogue_id
    speaker        speaker, author, participant, …; a role column alone serves as speaker, too
    role           role, participant_role
    text           text, transcript, utterance, content, message, body
    start, end     start, start_time, timestamp, …; seconds, [hh:]mm:ss, ISO 8601 or Unix time
"""

from __future__ import annotations

import collections
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from convemo.errors import TranscriptError
from convemo.readers.base import reader
from convemo.readers.instants import Instant, from_zero, instant
from convemo.readers.names import role_of, speakers_of
from convemo.readers.wording import tidy, with_ends
from convemo.types import Role, Transcript, TranscriptSegment

_COLUMNS = {
    "text": ("text", "transcript", "utterance", "content", "message", "body"),
    "speaker": ("speaker", "author", "participant", "speaker_name", "speaker_id", "sender", "from", "name"),
    "role": ("role", "participant_role", "speaker_role"),
    "conversation": ("conversation_id", "call_id", "ticket_id", "dialogue_id", "conversation", "dialogue"),
    "start": ("start", "start_time", "timestamp", "start_s", "time"),
    "end": ("end", "end_time", "end_s"),
}
_DELIMITERS = (",", "\t", ";", "|")
_COLUMNS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class _Layout:
    line: int
    """The header's line, counted from 1."""
    delimiter: str
    header: tuple[str, ...]
    column: dict[str, int]


def looks_like(text: str) -> float:
    """Fairly sure of a header with a text column and at least one other that is known."""
    layout = _layout(text)
    return 0.8 if layout and "text" in layout.column and len(layout.column) > 1 else 0.0


@reader(looks_like, ".csv", ".tsv", ".tab")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """Every conversation in the table, in order of appearance; without a conversation column there is one.

    Points in time (ISO 8601, Unix) are counted from the conversation's first. Rows without text are left out.

    Raises:
        TranscriptError: no text column, a row with too many cells, a broken quotation, or a time that is none; names the line.

    >>> t, = read("Role;Text;Start\\nagent;Good morning;0:01\\n", "a.csv")
    >>> t.segments[0].text, t.segments[0].start, t.speakers[0].role
    ('Good morning', 1.0, 'agent')
    """
    layout = _layout(text)
    if layout is None or "text" not in layout.column:
        raise _no_text_column(layout, path)
    conversations: dict[str | None, list[tuple[int, dict[str, str]]]] = {}
    for number, cells in _rows(text, path, layout):
        row = {name: cells[index] for name, index in layout.column.items()}
        if row["text"].strip():
            conversations.setdefault(tidy(row.get("conversation", "")) or None, []).append((number, row))
    return tuple(_transcript(rows, id, path) for id, rows in conversations.items())


def without_text_column(text: str, path: str) -> TranscriptError | None:
    """The error for what is a table but for its text column; ``None`` if it does not look like one.

    It looks like one if its header has a column that is known, or the path is a table's, and the row below has as many cells.
    """
    layout = _layout(text)
    if layout is None or len(layout.header) < 2 or "text" in layout.column:
        return None
    if not layout.column and PurePath(path).suffix.lower() not in read.suffixes:
        return None
    below = next(iter(text.split("\n")[layout.line :]), "").replace("\r", " ")
    if len(below) > csv.field_size_limit():
        return None
    width = len(next(csv.reader([below], delimiter=layout.delimiter), ()))
    return _no_text_column(layout, path) if width in (0, len(layout.header)) else None


def _no_text_column(layout: _Layout | None, path: str) -> TranscriptError:
    columns = ", ".join(repr(name[:40]) for name in layout.header[:_COLUMNS_SHOWN]) if layout else "none"
    if layout and len(layout.header) > _COLUMNS_SHOWN:
        columns += ", …"
    expected = f"a header with a text column ({', '.join(_COLUMNS['text'])})"
    hint = "The text column is missing: give the column that holds the words one of these names."
    return TranscriptError(path, line=layout.line if layout else 1, expected=expected, found=f"the columns {columns}", hint=hint)


def _layout(text: str) -> _Layout | None:
    """The header, split by the delimiter under which most columns are known, of equals into most cells."""
    start = len(text) - len(text.lstrip("\n \ufeff"))
    line = text.count("\n", 0, start) + 1
    if text.startswith("sep=", start):  # Excel's way to name the delimiter
        start = text.find("\n", start) + 1
        line += 1
    header = text[start:].partition("\n")[0].replace("\r", " ")
    if len(header) > csv.field_size_limit():
        return None
    best, best_score = None, (False, 0, 0)
    for delimiter in _DELIMITERS:
        cells = tuple(next(csv.reader([header], delimiter=delimiter), ()))
        column = _known(cells)
        score = ("text" in column, len(column), len(cells))
        if cells and score > best_score:
            best, best_score = _Layout(line, delimiter, cells, column), score
    return best


def _known(header: Sequence[str]) -> dict[str, int]:
    """Which column holds what; of several candidates, the name that is listed first."""
    names = [re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cell.strip())).strip("_").casefold() for cell in header]
    found = {}
    for kind, candidates in _COLUMNS.items():
        index = next((names.index(name) for name in candidates if name in names), None)
        if index is not None:
            found[kind] = index
    return found


def _rows(text: str, path: str, layout: _Layout) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, all as long as it, with the line at which each begins."""
    lines = text.rstrip("\n").split("\n")[layout.line :]
    rows = _parse(lines, layout.delimiter, quoted=layout.delimiter != "\t" or not _breaks(lines))
    width = len(layout.header)
    line = layout.line + 1
    try:
        for cells in rows:
            if len(cells) > width:
                cells = _refitted(cells, layout)
            if len(cells) > width:
                found = f"{len(cells)} cells"
                raise TranscriptError(path, line=line, expected=f"{width} cells, as in the header", found=found, hint="Quote the text.")
            if cells:
                yield line, cells + [""] * (width - len(cells))
            line = layout.line + rows.line_num + 1
    except csv.Error as error:
        expected = "quotation marks in pairs, doubled within a quotation"
        raise TranscriptError(path, line=line, expected=expected, found=str(error), hint="Export the table again.") from error


def _parse(lines: Sequence[str], delimiter: str, quoted: bool):
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, quoting=quoting, strict=True)


def _breaks(lines: Sequence[str]) -> bool:
    """Whether quotation marks do not pair up: in a TSV they are then plain characters."""
    try:
        collections.deque(_parse(lines, "\t", quoted=True), maxlen=0)  # read to the end, keep nothing
    except csv.Error:
        return True
    return False


def _refitted(cells: list[str], layout: _Layout) -> list[str]:
    """A row with too many cells, with those of an unquoted text put together again; empty ones at the end are dropped."""
    width = len(layout.header)
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > width and layout.column["text"] == width - 1:
        cells = [*cells[: width - 1], layout.delimiter.join(cells[width - 1 :])]
    return cells


def _transcript(rows: Sequence[tuple[int, dict[str, str]]], id: str | None, path: str) -> Transcript:
    spans = from_zero([(_time(row.get("start", ""), n, path), _time(row.get("end", ""), n, path)) for n, row in rows])
    segments, roles = [], {}
    for (_, row), (start, end) in zip(rows, spans):
        speaker = tidy(row.get("speaker", "")) or tidy(row.get("role", "")) or None
        role = role_of(row.get("role"))
        if speaker and role:
            roles.setdefault(speaker, set()).add(role)
        segments.append(TranscriptSegment(tidy(row["text"]), start, end, speaker))
    # A "speaker" to whom the table gives both roles is not one person; nothing is stated of them.
    stated: dict[str, Role] = {speaker: next(iter(of)) for speaker, of in roles.items() if len(of) == 1}
    return Transcript(with_ends(segments), speakers_of(segments, stated), source="table", id=id)


def _time(cell: str, line: int, path: str) -> Instant | None:
    if not cell.strip() or (found := instant(cell)) is not None:
        return found if cell.strip() else None
    expected = "a time in seconds, hh:mm:ss or ISO 8601"
    raise TranscriptError(
        path, line=line, expected=expected, found=repr(cell[:40]), hint="Rename the column to read the file without times."
    )
