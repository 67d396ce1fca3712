"""``convemo batch``: many conversations into one folder, with a line of progress and a line a failure."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from convemo.batch import Batch, Progress, Summary
from convemo.batch.ledger import Failure
from convemo.commands.analyze import known_voice, role_of
from convemo.config import AnalyzerConfig
from convemo.errors import ConfigError

PLAIN_EVERY_S = 10.0
"""Between two lines of progress where nobody watches a terminal."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as of a shell."""
_SHOWN = 20


def run(
    inputs: list[str],
    out: Path,
    *,
    formats: str,
    roles: list[str],
    enroll: list[str],
    config: Path | None,
    settings: dict[str, Any],
    workers: int | None,
    engine: str,
    address: str | None,
    redact: str | None,
    purpose: str | None,
    alerts: Path | None,
    cache: float,
    retry_failed: bool,
    dry_run: bool,
) -> int:
    """Runs the batch and returns the exit status: 1 if anything failed, 130 if it was interrupted.

    Raises:
        ConvemoError: nothing could be done, or the run had to stop.
    """
    if roles:
        settings["roles"] = dict(role_of(text) for text in roles)
    if enroll:
        settings["enroll"] = dict(known_voice(text) for text in enroll)
    redactors = [name.strip() for name in (redact or "").split(",") if name.strip()]
    if code := [name for name in redactors if ":" in name]:
        raise ConfigError("registered redactors such as numbers,emails", code[0], "Functions of your own are for Python: Batch(redact=…).")
    batch = Batch(
        inputs,
        out,
        AnalyzerConfig.from_toml(config) if config else None,
        workers=_engine(engine, workers, address),
        formats=formats.split(","),
        redact=redactors,
        purpose=purpose,
        alerts=alerts,
        cache_bytes=int(cache * 2**30) or None,
        **settings,
    )
    if dry_run:
        return _plan(batch, retry_failed)
    watcher = _OnTerminal() if sys.stderr.isatty() else _InLines()
    try:
        summary = batch.run(watcher, retry_failed)
    finally:
        watcher.close()
    _tell(summary)
    return INTERRUPTED if summary.interrupted else 0 if summary.ok else 1


def _engine(name: str, workers: int | None, address: str | None) -> Any:
    if name == "local":
        if address is not None:
            raise ConfigError("--engine ray with --address", "--engine local")
        return workers
    if name == "ray":
        from convemo.batch.ray import RayEngine

        return RayEngine(workers, address=address)
    raise ConfigError("the engine local or ray", repr(name))


def _plan(batch: Batch, retry_failed: bool) -> int:
    counts: dict[str, int] = {}
    for planned in batch.plan(retry_failed):
        one = planned.input
        files = " + ".join(path for path in (one.audio, one.transcript) if path)
        print(f"{planned.state:9}  {one.name}  {files}")
        counts[planned.state] = counts.get(planned.state, 0) + 1
    print(", ".join(f"{n} {state}" for state, n in counts.items()) or "nothing found", file=sys.stderr)
    return 1 if not counts or "missing" in counts else 0


def _tell(summary: Summary) -> None:
    """What is to be known at the end, on standard output."""
    print(
        f"{summary.done} done now, {summary.before} before, {summary.failed} failed"
        + (f", {summary.duplicates} copies of others" if summary.duplicates else "")
        + (f", {summary.left} left" if summary.left else "")
        + f"; {summary.calls} calls, {summary.utterances} utterances in {duration(summary.seconds)}."
    )
    print(f"In {summary.out}: {summary.all_calls} calls, {summary.all_utterances} utterances.")
    if summary.skipped:
        kinds = ", ".join(f"{n} {suffix}" for suffix, n in summary.skipped.most_common(5))
        print(f"Passed over, for they are neither recordings nor transcripts: {kinds}.")
    if summary.failures:
        print(f"Failed ({summary.failed}); `--retry-failed` tries them again:")
        for failure in summary.failures[:_SHOWN]:
            print(f"  {failure.name}: {failure.error}")
        if summary.failed > _SHOWN:
            print(f"  … and {summary.failed - _SHOWN} more.")
    if summary.lacking:
        print(f"Done without all scores, for a model was away: {summary.lacking} calls; `--retry-failed` asks again.")
    if summary.interrupted:
        print("Interrupted. The same command goes on where this one stopped.")


def duration(seconds: float) -> str:
    """
    >>> duration(5), duration(65), duration(7322)
    ('5 s', '1 min 05 s', '2 h 02 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def in_words(progress: Progress) -> str:
    """One line.

    >>> in_words(Progress(total=10, before=2, done=3, failed=1, calls=3, utterances=90, elapsed_s=2.0))
    '6/10, 1 failed, 2.0 files/s, 45 utterances/s, 2 s left'
    """
    ended = progress.before + progress.done + progress.failed
    parts = [f"{ended}/{progress.total}", f"{progress.failed} failed"]
    if progress.rate is not None:
        parts += [f"{progress.rate:.1f} files/s", f"{progress.utterances / progress.elapsed_s:.0f} utterances/s"]
        parts += [f"{duration(progress.left_s)} left"]
    return ", ".join(parts)


class _InLines:
    """For logs: a line of progress now and then, and a line a failure."""

    def __init__(self):
        self._last = time.monotonic()

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= PLAIN_EVERY_S:
            self._last = now
            print(f"convemo: {in_words(progress)}", file=sys.stderr, flush=True)

    def failed(self, failure: Failure) -> None:
        print(f"convemo: failed: {failure.name}: {failure.error}", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        print(f"convemo: {text}", file=sys.stderr, flush=True)

    def close(self) -> None: ...


class _OnTerminal:
    """A bar that stays below the lines of what failed."""

    def __init__(self):
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
        self._bars = Bars(*columns, console=Console(stderr=True), transient=True)
        self._bars.start()
        self._task: TaskID = self._bars.add_task("listing", total=None, told="")

    def progress(self, progress: Progress) -> None:
        ended = progress.before + progress.done + progress.failed
        told = in_words(progress).partition(", ")[2]
        self._bars.update(self._task, description="batch", total=progress.total, completed=ended, told=told)

    def failed(self, failure: Failure) -> None:
        self._bars.console.print(f"failed: {failure.name}: {failure.error}", style="red", markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        self._bars.console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bars.stop()
