"""What is to be analysed: files, folders, globs and manifests as a stream of inputs, recordings paired with their transcripts by name."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from convemo.batch.manifest import is_manifest, read_manifest
from convemo.errors import ConfigError, ConvemoError
from convemo.source import AUDIO_SUFFIXES, TEXT_SUFFIXES
from convemo.types import Role

_BEST_FIRST = (".vtt", ".srt", ".json", ".jsonl", ".csv", ".tsv", ".txt")
"""Of several transcripts of one recording, which is taken: formats that always carry times come first."""


@dataclass(frozen=True, slots=True)
class Input:
    """One recording, one transcript file, or a recording with its transcript."""

    name: str
    """What its call is called: the path below the folder that was given, without suffix."""
    audio: str | None = None
    transcript: str | None = None
    """Absolute paths; at least one of the two."""
    conversation: str | None = None
    """Which one, where the transcript file holds several; ``None`` is all of them."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Added to the settings' roles, and stronger."""
    metadata: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    """Columns of the manifest that are carried through to the tables."""


class Inputs:
    """Walks what was given. Iterate once; `skipped` and `notes` are full at the end.

    Args:
        given: paths of files and folders, globs, manifests, or ready `Input`s.
        leave_out: a folder that is never walked into: where the results go.
    """

    def __init__(self, given: Sequence[str | os.PathLike | Input], leave_out: str | os.PathLike):
        self._given, self._leave_out = given, os.path.realpath(leave_out)
        self.skipped: Counter[str] = Counter()
        """Suffix → files in folders that are neither recordings nor transcripts."""
        self.problems: list[tuple[str, ConvemoError]] = []
        """What was given by name and is not there, or cannot be read as a manifest."""
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Input]:
        files: list[str] = []
        folders: list[str] = []
        for one in self._given:
            if isinstance(one, Input):
                yield replace(one, name=safe_name(one.name))
                continue
            for path in self._expanded(os.fspath(one)):
                (folders if os.path.isdir(path) else files).append(os.path.abspath(path))
        files = [f for f in dict.fromkeys(files) if not any(_inside(f, folder) for folder in folders)]
        lists = [f for f in files if is_manifest(f)]
        for path in lists:
            try:
                for row in read_manifest(path):
                    yield Input(safe_name(row.pop("name")), **row)
            except ConvemoError as error:
                self.problems.append((path, error))
        by_folder: dict[str, list[str]] = {}
        for path in files:
            if path not in lists:
                by_folder.setdefault(os.path.dirname(path), []).append(path)
        for together in by_folder.values():
            yield from self._paired(together, "", every=True)
        for folder in dict.fromkeys(folders):
            yield from self._walk(folder)

    def _expanded(self, given: str) -> list[str]:
        if os.path.lexists(given) or not glob.has_magic(given):
            return [given]
        found = sorted(glob.glob(given, recursive=True))
        if not found:
            self.problems.append((given, ConfigError("files that match", f"none for {given}", "Check the pattern.")))
        return found

    def _walk(self, root: str) -> Iterator[Input]:
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(
                f for f in folders if not f.startswith(".") and os.path.realpath(os.path.join(folder, f)) != self._leave_out
            )
            if os.path.realpath(folder) == self._leave_out:
                folders[:] = []
                continue
            below = os.path.relpath(folder, root)
            paths = [os.path.join(folder, f) for f in sorted(files) if not f.startswith(".")]
            yield from self._paired(paths, "" if below == "." else below, every=False)

    def _paired(self, paths: Iterable[str], below: str, every: bool) -> Iterator[Input]:
        """One input a recording, with its transcript where there is one, and one for each transcript without a recording."""
        sounds, texts = [], []
        for path in paths:
            suffix = os.path.splitext(path)[1].lower()
            if suffix in AUDIO_SUFFIXES:
                sounds.append(path)
            elif suffix in TEXT_SUFFIXES or every:  # what was given by name is never passed over: its content decides
                texts.append(path)
            else:
                self.skipped[suffix or "no suffix"] += 1
        of_stem: dict[str, list[str]] = {}
        for path in texts:
            stem = os.path.splitext(os.path.basename(path))[0].casefold()
            of_stem.setdefault(stem, []).append(path)
        taken = set()
        for path in sounds:
            name = os.path.basename(path)
            stem = os.path.splitext(name)[0]
            candidates = of_stem.get(stem.casefold(), []) + of_stem.get(name.casefold(), [])
            chosen = min(candidates, key=_rank, default=None)
            taken.update(candidates)
            if len(candidates) > 1:
                self.notes.append(f"{path} has {len(candidates)} transcripts; {os.path.basename(chosen)} is taken.")
            yield Input(safe_name(os.path.join(below, stem)), path, chosen)
        for path in texts:
            if path not in taken:
                yield Input(safe_name(os.path.join(below, os.path.splitext(os.path.basename(path))[0])), None, path)


def safe_name(name: str) -> str:
    """A name that is a path below any folder on any system: letters, digits, ``-_. `` and ``/`` between parts.

    ``#`` is kept for the conversations of one file: ``chats#17``.

    >>> safe_name("../team a/call#1?.x"), safe_name("..")
    ('team a/call_1_.x', 'call')
    """
    parts = []
    for part in PurePath(name).parts:
        clean = "".join(c if c.isalnum() or c in "-_. " else "_" for c in part).strip(" .")[:100]
        if clean and part not in ("/", "\\"):
            parts.append(clean)
    return "/".join(parts) or "call"


def _rank(path: str) -> tuple[int, str]:
    suffix = Path(path).suffix.lower()
    return (_BEST_FIRST.index(suffix) if suffix in _BEST_FIRST else len(_BEST_FIRST), path)


def _inside(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))
