"""``convemo analyze``: every conversation in every file, one failure never stopping the rest."""

from __future__ import annotations

import json as json_module
import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from convemo import registry
from convemo.alerts import Rules, watched
from convemo.config import AnalyzerConfig
from convemo.errors import ConfigError, ConvemoError
from convemo.export.view import renderable
from convemo.pipeline import Analyzer
from convemo.readers import read_transcripts
from convemo.results import Analysis
from convemo.source import is_transcript


def run(
    files: list[str],
    transcript: str | None,
    out: Path | None,
    format: str | None,
    roles: list[str],
    config: Path | None,
    settings: dict[str, Any],
    json: bool,
    enroll: tuple[str, ...] | list[str] = (),
    alerts: Path | None = None,
) -> int:
    """Analyses the files and returns the exit status: 1 if any failed.

    Raises:
        ConfigError: the options make no sense; nothing was analysed.
    """
    if transcript is not None and len(files) != 1:
        raise ConfigError("one recording with --transcript", f"{len(files)} files", "Run once for each recording with its transcript.")
    if format is not None and out is None:
        raise ConfigError("--out DIR with --format", "none", "Without it results are only shown.")
    suffixes = _suffixes(format or "json")
    if out is not None:
        _make_folder(out)
    if roles:
        settings["roles"] = dict(role_of(text) for text in roles)
    if enroll:
        settings["enroll"] = dict(known_voice(text) for text in enroll)
    rules = None if alerts is None else Rules.from_toml(alerts)
    made = AnalyzerConfig.make(AnalyzerConfig.from_toml(config) if config else None, **settings)
    inputs = frozenset(os.path.realpath(file) for file in (*files, transcript) if file is not None)  # no error for a loop of links
    failed, names, bars = 0, _Names(), _Bars(quiet=json)
    analyzer = Analyzer(made, progress=bars.told)
    for file in files:
        try:
            for analysis in _conversations(analyzer, file, transcript):
                bars.clear()
                analysis = analysis if rules is None else watched(analysis, rules)
                _show(analysis, json)
                if out is not None:
                    name = names.unique(analysis.dialogue.id)
                    _write(analysis, [out / f"{name}{suffix}" for suffix in suffixes], inputs, quiet=json)
        except ConvemoError as error:
            failed += 1
            bars.clear()
            print(f"convemo: {error}", file=sys.stderr)
        finally:  # whatever else happens, the terminal gets its cursor back
            bars.clear()
    return 1 if failed else 0


def _conversations(analyzer: Analyzer, file: str, transcript: str | None) -> Iterator[Analysis]:
    """One for a recording; for a transcript file as many as it holds."""
    if transcript is None and is_transcript(file):
        several = read_transcripts(file, limits=analyzer.config.limits)
        if len(several) > 1:
            stem = Path(file).stem
            yield from (analyzer.analyze(one, id=f"{stem}.{one.id or number}") for number, one in enumerate(several, start=1))
            return
    yield analyzer.analyze(file, transcript)


def _show(analysis: Analysis, json: bool) -> None:
    if json:
        escaped = sys.stdout.encoding.lower() != "utf-8"
        print(json_module.dumps(analysis.to_dict(), ensure_ascii=escaped, allow_nan=False), flush=True)
    else:
        console = Console(highlight=False, **({} if sys.stdout.isatty() else {"width": 140}))
        console.print(renderable(analysis), end="\n\n")


def _write(analysis: Analysis, paths: list[Path], inputs: frozenset[str], quiet: bool) -> None:
    if own := [path for path in paths if os.path.realpath(path) in inputs]:
        raise ConfigError("results beside what was given, not in its place", str(own[0]), "Name another folder with --out.")
    written, errors = [], []
    for path in paths:  # a chat cannot become subtitles, but that is no reason to keep its JSON back
        try:
            written.append(analysis.save(path))
        except ConvemoError as error:
            errors.append(error)
    if written and not quiet:
        print(f"Written: {', '.join(map(str, written))}")
    if errors:
        raise errors[0]


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = "a file of that name" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise ConfigError(f"a folder at {out} to write to", found, "Name another with --out.") from error


def _suffixes(formats: str) -> list[str]:
    known = {name.removeprefix(".").lower(): name for name in registry.names("export")}
    wanted = [part.strip().removeprefix(".").lower() for part in formats.split(",")]
    unknown = [part for part in wanted if part not in known]
    if unknown:
        raise ConfigError(f"formats of {', '.join(n.removeprefix('.') for n in known.values())}", ", ".join(map(repr, unknown)))
    return [known[part] for part in wanted]


def role_of(text: str) -> tuple[str, str]:
    who, separator, role = text.rpartition("=")
    if not separator or not who:
        raise ConfigError("WHO=ROLE, such as channel:0=agent", repr(text))
    return who, role


def known_voice(text: str) -> tuple[str, str]:
    name, _, file = text.partition("=")
    if not name or not file:
        raise ConfigError("NAME=FILE, such as Ana=ana.wav", repr(text))
    return name, file


class _Names:
    """File names for results: of two conversations with one id, the second gets a number."""

    def __init__(self):
        self._taken: set[str] = set()

    def unique(self, id: str) -> str:
        name = "".join(c if c.isalnum() or c in "-_. " else "_" for c in id).strip(" .")[:120] or "conversation"
        numbered = (name if number == 1 else f"{name}-{number}" for number in count(1))
        chosen = next(candidate for candidate in numbered if candidate.casefold() not in self._taken)
        self._taken.add(chosen.casefold())
        return chosen


class _Bars:
    """A bar a stage on a terminal, taken away before anything else is written there; nothing where standard error is piped."""

    def __init__(self, quiet: bool):
        self._shown = not quiet and sys.stderr.isatty()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def told(self, stage: str, completed: float, total: float | None) -> None:
        if not self._shown:
            return
        if self._progress is None:
            columns = (TextColumn("{task.description:>10}"), BarColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=completed, total=total)

    def clear(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, {}
