"""``convemo eval injection``: how far what is said can steer what is answered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from convemo.errors import ResultError
from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation import injection_view
from convemo.evaluation.injection import evaluate
from convemo.evaluation.lineup import open_lineup

BASES = "support"
"""The suite on whose utterances everything is tried if there are no data of one's own: conversations written for this project."""


def run(
    *,
    data: Path,
    out: Path | None,
    channels: Sequence[str] | None,
    specs: dict[str, str],
    fusion: str,
    resamples: int,
    command: str,
    **machine: Any,
) -> None:
    """Tries every attack, shows the table and writes the three files.

    Args:
        data: labelled conversations in one ``.jsonl``, to try it on; anything else stands for those that come with convemo.
        out: the folder of the results.
        channels: the systems; each channel alone and fused if not given.
        specs: channel → spec.
        fusion: ``"shipped"``, or a folder with what was fitted.
        resamples: draws of the bootstrap.
        command: for the record.
        machine: ``device``, ``offline``.

    Raises:
        ConvemoError: the options make no sense, data are missing, or a channel cannot be used.
    """
    out = out or Path("runs") / "eval" / "injection"
    if out.exists() and not out.is_dir():
        raise ResultError(out, "a folder for the results", "a file of that name", "Name another with --out.")
    console = Console(stderr=True)
    bars = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*bars, console=console, transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("reading", total=None)

        def progress(stage: str, done: float, total: float) -> None:
            shown.update(task, description=stage, completed=done, total=total)

        data_set = benchmarks.load(str(data) if data.suffix == ".jsonl" else BASES, data)
        lineup = open_lineup(data_set, channels, specs, (), announce=console.print, **machine)
        told = evaluate(data_set, lineup, fusion=fusion, resamples=resamples, command=command, progress=progress)
    injection_view.write(told, out)
    Console(soft_wrap=False).print(injection_view.renderable(told.results))
    print(f"\nWritten: {out} (results.json, table.md, cases.jsonl)")
