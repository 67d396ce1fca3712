"""Manifests: a CSV or JSONL table that names recordings and transcripts, with roles, and columns that are carried through."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from convemo.errors import ConfigError, TranscriptError
from convemo.source import AUDIO_SUFFIXES, TEXT_SUFFIXES
from convemo.types import Role

_FILES = ("audio", "transcript")
_OWN = ("id", *_FILES, "conversation", "roles")
_HEAD_BYTES = 65_536


def is_manifest(path: str) -> bool:
    """Whether a file given by name is a list of calls and not a transcript: its first row names a file under ``audio`` or ``transcript``.

    A transcript table may well have a column ``transcript``: that one holds words, not the name of a file with a known suffix.
    """
    if Path(path).suffix.lower() not in (".csv", ".tsv", ".jsonl"):
        return False
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            head = file.read(_HEAD_BYTES).splitlines(keepends=True)
        first = next((row for _, row in _rows(head, path)), None)
    except (OSError, ValueError, csv.Error, TranscriptError):
        return False
    return first is not None and any(_names_a_file(first.get(column)) for column in _FILES)


def read_manifest(path: str) -> Iterator[dict[str, Any]]:
    """The arguments of an `Input` for each row. Relative paths are relative to the manifest's own folder.

    Columns: ``audio``, ``transcript`` (at least one filled in), ``id`` (what the call is called), ``conversation`` (which one in the
    transcript file), ``roles`` (``channel:0=agent; Ana=customer``, or an object in JSONL). All others are metadata.

    Raises:
        TranscriptError: the file cannot be read, or a row names no file or a role that there is not; names the line.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            for line, row in _rows(file, path):
                yield _input(row, folder, path, line)
    except OSError as error:
        raise TranscriptError(path, "a manifest", error.strerror or str(error), "Check the path.") from error
    except csv.Error as error:
        raise TranscriptError(path, "a CSV table", str(error), "Export the manifest again.") from error


def _rows(lines: Any, path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if Path(path).suffix.lower() == ".jsonl":
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    value = json.loads(line)
                except ValueError as error:
                    raise TranscriptError(path, "a JSON object on each line", "a line that is none", line=number) from error
                if not isinstance(value, dict):
                    raise TranscriptError(path, "a JSON object on each line", f"a {type(value).__name__}", line=number)
                yield number, value
        return
    delimiter = "\t" if Path(path).suffix.lower() == ".tsv" else None
    lines = iter(lines)
    header = next(lines, "")
    delimiter = delimiter or (";" if header.count(";") > header.count(",") else ",")
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    reader = csv.reader(lines, delimiter=delimiter)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num + 1, {name: cell.strip() or None for name, cell in zip(names, cells) if name}


def _input(row: dict[str, Any], folder: str, path: str, line: int) -> dict[str, Any]:
    files = {column: os.path.normpath(os.path.join(folder, str(row[column]))) for column in _FILES if row.get(column)}
    if not files:
        raise TranscriptError(path, "a file under audio or transcript", "none", "Fill in at least one of the two.", line=line)
    try:
        roles = _roles(row.get("roles"))
    except ConfigError as error:
        raise TranscriptError(path, error.expected, error.found, line=line) from error
    first = files.get("audio") or files["transcript"]
    metadata = {name: _plain(value) for name, value in row.items() if name not in _OWN}
    conversation = row.get("conversation")
    return {
        "name": str(row.get("id") or os.path.splitext(os.path.relpath(first, folder))[0]),
        **files,
        "conversation": None if conversation is None else str(conversation),
        "roles": roles,
        "metadata": metadata,
    }


def _roles(given: Any) -> dict[str, Role]:
    """
    >>> _roles("channel:0=agent; Ana=customer")
    {'channel:0': 'agent', 'Ana': 'customer'}
    """
    if not given:
        return {}
    pairs = (
        given.items() if isinstance(given, dict) else [p.rpartition("=")[::2] for p in str(given).replace(",", ";").split(";") if p.strip()]
    )
    roles = {str(who).strip(): str(role).strip().casefold() for who, role in pairs}
    for who, role in roles.items():
        if not who or role not in get_args(Role):
            raise ConfigError(f"roles such as channel:0=agent; the roles are {', '.join(get_args(Role))}", repr(given))
    return roles


def _plain(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value, ensure_ascii=False)


def _names_a_file(value: Any) -> bool:
    return isinstance(value, str) and Path(value.strip()).suffix.lower() in (*AUDIO_SUFFIXES, *TEXT_SUFFIXES)
