"""The folder of a batch's pages, one a call, beside the overview: what an earlier report has left there is taken away again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from convemo.export.atomic import writing

LIST = ".convemo-pages.json"
"""In the folder: which pages are a report's own."""
_OURS = b'<meta name="generator" content="convemo">'
_HEAD_BYTES = 4096


class Pages:
    """The pages of one report.

    Args:
        folder: theirs; made when the first is written.
    """

    def __init__(self, folder: Path):
        self._folder, self._written = folder, set[str]()
        self._before = _listed(folder)

    def begin(self, calls: Iterable[str]) -> None:
        """Says whose pages will be written, before any is: killed in between, the next report knows what lies there.

        Raises:
            ResultError: the folder cannot be written.
        """
        planned = sorted({*self._before, *(f"{call}.html" for call in calls)})
        if planned:
            self._write_list(planned)

    def path(self, call: str) -> Path | None:
        """Where the page of a call goes; ``None`` if its name leads out of the folder."""
        page = self._folder / f"{call}.html"
        return page if page.resolve().is_relative_to(self._folder.resolve()) else None

    def wrote(self, call: str) -> None:
        self._written.add(f"{call}.html")

    def end(self) -> None:
        """Takes away what earlier reports have written and this one has not; nothing that anybody else has put there.

        Raises:
            ResultError: the folder cannot be written.
        """
        for name in self._before - self._written:
            self._remove(self._folder / name)
        if self._written:
            self._write_list(sorted(self._written))
        elif self._before:
            (self._folder / LIST).unlink(missing_ok=True)
            with suppress(OSError):  # not empty: somebody has put something there
                self._folder.rmdir()

    def _remove(self, page: Path) -> None:
        with suppress(OSError, ValueError):  # it is gone already, may not be removed, or is no path (a damaged list): then it stays
            if not page.resolve().is_relative_to(self._folder.resolve()) or page.is_symlink():
                return
            with open(page, "rb") as file:
                if _OURS not in file.read(_HEAD_BYTES):
                    return
            page.unlink()
            for folder in page.relative_to(self._folder).parents:
                (self._folder / folder).rmdir()

    def _write_list(self, names: list[str]) -> None:
        with writing(self._folder / LIST) as file:
            json.dump(names, file, ensure_ascii=False, indent=0)


def _listed(folder: Path) -> set[str]:
    try:
        names = json.loads((folder / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
