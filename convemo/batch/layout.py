"""What lies where in the folder of a batch.

::

    results/
      utterances/part-….parquet   one row an utterance       (whoever reads results reads these three,
      calls/part-….parquet        one row a call              and `utterances.csv` … if they were asked for)
      alerts/part-….parquet       one row an alert
      analyses/CALL.json          each call whole: `Analysis.load`
      run.json                    what made them: purpose, policy, versions, settings, counts
      .convemo/                   ledger, lock, stage cache, results under other settings: for convemo itself
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from convemo.errors import ResultError
from convemo.export.atomic import sync_folder, writing

TABLES = ("utterances", "calls", "alerts")
_PER_SETTINGS = (*TABLES, "analyses")
MARK = ".settings.json"
"""In each of these folders: whose it is."""


class Layout:
    """The paths of one results folder.

    Args:
        out: the folder; made, with what it needs, by `prepare`.
    """

    def __init__(self, out: str | os.PathLike):
        self.out = Path(os.path.abspath(out))
        self.private = self.out / ".convemo"
        self.ledger = self.private / "ledger.sqlite"
        self.lock = self.private / "lock"
        self.cache = self.private / "stages.sqlite"
        self.swap = self.private / "swap"
        self.analyses = self.out / "analyses"
        self.run = self.out / "run.json"
        self._made: set[Path] = set()

    def table(self, name: str) -> Path:
        """The folder of a table's parts."""
        return self.out / name

    def part(self, table: str, name: str) -> Path:
        return self.table(table) / f"{name}.parquet"

    def analysis(self, call: str) -> Path:
        """Where the whole account of a call is kept. A call's name holds no step out of the folder: see `inputs.safe_name`."""
        return self.analyses / f"{call}.json"

    def keep(self, calls: Iterable[tuple[str, bytes]]) -> None:
        """Puts accounts of calls on the disk, each whole or not at all; when this returns, all are there even if the power fails.

        Args:
            calls: name and content.

        Raises:
            ResultError: there is no room, or the folder cannot be written.
        """
        folders: dict[Path, None] = {}
        for name, content in calls:
            path = self.analysis(name)
            part = path.parent / f".convemo-{secrets.token_hex(8)}.part"
            try:
                if path.parent not in self._made:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    folders |= dict.fromkeys(one for one in path.parent.parents if one.is_relative_to(self.out))
                    self._made.add(path.parent)
                with open(part, "xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, path)
            except OSError as error:
                part.unlink(missing_ok=True)
                hint = "Make room, and run the same command again: it goes on where this one stopped."
                raise ResultError(path, "a file that can be written", error.strerror or str(error), hint) from error
            folders[path.parent] = None
        for folder in folders:  # once each, for it is this that takes time
            sync_folder(folder)

    def prepare(self) -> None:
        """Makes the folders.

        Raises:
            ResultError: they cannot be made.
        """
        try:
            self.private.mkdir(parents=True, exist_ok=True)
            self.private.chmod(0o700)  # it holds words
        except OSError as error:
            found = "a file of that name" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror or str(error)
            raise ResultError(self.out, "a folder to write results to", found, "Name another with --out.") from error

    def settle(self, settings: str) -> None:
        """Has the tables and analyses of these settings in place, and those of others kept apart: a table never mixes two.

        Renames folders, each at once; killed half-way, the next run goes on where this one stopped, for each folder says whose it is.

        Args:
            settings: their fingerprint.
        """
        try:
            self._settle(settings)
        except OSError as error:
            found = error.strerror or str(error)
            raise ResultError(self.out, "a folder whose tables can be renamed", found, "Make room, or name another folder.") from error

    def _settle(self, settings: str) -> None:
        for name in _PER_SETTINGS:
            folder, kept = self.out / name, self.private / "settings" / settings[:16] / name
            whose = _whose(folder)
            if whose == settings:
                continue
            if folder.exists():
                away = self.private / "settings" / whose[:16] / name
                away.parent.mkdir(parents=True, exist_ok=True)
                os.replace(folder, away)
            if kept.exists():
                os.replace(kept, folder)
            else:
                fresh = self.private / "fresh"
                shutil.rmtree(fresh, ignore_errors=True)
                mark(fresh, settings)
                os.replace(fresh, folder)
            sync_folder(self.out)

    def sweep(self) -> None:
        """Removes what a killed run has left half-written. Only under the lock."""
        for folder in (self.out, self.private, *(self.out / name for name in _PER_SETTINGS)):
            for part in folder.rglob(".convemo-*.part") if folder.name == "analyses" else folder.glob(".convemo-*.part"):
                with suppress(OSError):
                    part.unlink()


def mark(folder: Path, settings: str, generation: int = 0) -> None:
    """Makes the folder and writes into it whose it is. Readers of Parquet folders pass over names that begin with a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    with writing(folder / MARK) as file:
        json.dump({"settings": settings, "generation": generation}, file)


def _whose(folder: Path) -> str:
    try:
        return str(json.loads((folder / MARK).read_text(encoding="utf-8"))["settings"])
    except FileNotFoundError:
        if folder.exists() and any(folder.iterdir()):
            raise ResultError(
                folder, "a folder that convemo batch has made", "files of somebody else", "Name another folder with --out."
            ) from None
        return "none"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(folder / MARK, "the mark of convemo batch", str(error), "Name another folder with --out.") from error
