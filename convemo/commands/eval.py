"""``convemo eval``: how good the channels and their fusion are, on a suite or on your own data."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from convemo.errors import ConfigError, ResultError
from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation import table
from convemo.evaluation.conditions import Conditions
from convemo.evaluation.fits import FIT
from convemo.evaluation.lineup import open_lineup
from convemo.evaluation.run import evaluate
from convemo.evaluation.write import write

INJECTION, SHIPPED = "injection", "shipped"


def run(
    what: str,
    *,
    data: Path,
    out: Path | None = None,
    channels: str | None = None,
    channel: Sequence[str] = (),
    split: str | None = None,
    folds: str | None = None,
    fusion: str = FIT,
    seeds: str | None = None,
    labels: str | None = None,
    unit: str | None = None,
    conditions: dict[str, str | None] | None = None,
    resamples: int = 1000,
    robustness: bool = False,
    device: str = "auto",
    offline: bool = False,
) -> None:
    """Evaluates, shows the table and writes the four files.

    Raises:
        ConvemoError: the options make no sense, data are missing, or a channel cannot be used.
    """
    if what == INJECTION:
        asked = {"split": split, "folds": folds, "seeds": seeds, "labels": labels, "unit": unit, **(conditions or {})}
        if given := [f"--{name}" for name in asked if asked[name] is not None] + ["--robustness"] * robustness:
            expected = "--channels, --channel, --data FILE.jsonl, --fusion, --resamples and --out with `convemo eval injection`"
            raise ConfigError(expected, ", ".join(given))
        from convemo.commands import injection

        specs = dict(map(_named, channel))
        told = {"fusion": SHIPPED if fusion == FIT else fusion, "resamples": resamples, "command": command_line()}
        return injection.run(data=data, out=out, channels=_names(channels), specs=specs, device=device, offline=offline, **told)
    out = out or Path("runs") / "eval" / Path(what).stem
    if out.exists() and not out.is_dir():
        raise ResultError(out, "a folder for the results", "a file of that name", "Name another with --out.")
    under = Conditions.parse(**(conditions or {}))
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bars:
        task = bars.add_task("reading", total=None)

        def progress(stage: str, done: float, total: float) -> None:
            bars.update(task, description=stage, completed=done, total=total)

        data_set = benchmarks.load(what, data, split=split, folds=folds, unit=unit, labels=_names(labels))
        machine = {"device": device, "offline": offline, "announce": console.print}
        lineup = open_lineup(data_set, _names(channels), dict(map(_named, channel)), _seeds(seeds), **machine)
        under.missing.check(tuple(lineup.specs))
        settings: dict[str, Any] = {"fusion": fusion, "resamples": resamples, "command": command_line(), "progress": progress}
        evaluation = evaluate(data_set, lineup, under, **settings)
        if robustness:
            from convemo.evaluation.robustness import matrix

            evaluation.results["robustness"] = matrix(data_set, lineup, fusion=fusion, resamples=resamples, progress=progress)
        write(evaluation, out)
    Console(soft_wrap=False).print(table.renderable(evaluation.results))
    print(f"\nWritten: {out} (results.json, table.md, predictions.jsonl, report.html)")


def command_line() -> str:
    """The command as it was typed, without what differs from one machine to the next: where the data and the results are."""
    words = iter(["convemo", *sys.argv[1:]])
    kept = []
    for word in words:
        if word in ("--data", "--out"):
            next(words, None)
        elif not word.startswith(("--data=", "--out=")):
            kept.append(word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else f"'{word}'")
    return " ".join(kept)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _named(text: str) -> tuple[str, str]:
    name, equals, spec = text.partition("=")
    if not equals or not name.strip() or not spec.strip() or re.search(r"[+,\s]", name.strip()):
        raise ConfigError("NAME=SPEC with --channel, a name of one word", repr(text), "For example: llm=answers.jsonl.")
    if name.strip() == "fused":
        raise ConfigError("another name than 'fused' with --channel", repr(text), "It stands for all channels together.")
    return name.strip(), os.path.expanduser(spec.strip())


def _seeds(text: str | None) -> list[int]:
    try:
        return [] if text is None else [int(seed) for seed in text.split(",")]
    except ValueError as error:
        raise ConfigError("whole numbers with --seeds, such as 1,2,3", repr(text)) from error
