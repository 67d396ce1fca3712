"""``convemo train``: what made the shipped weights."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from convemo.errors import DataError, EngineUnavailable


def run(what: str, config: Path | None, data: Path, out: Path) -> None:
    """Trains, writes the model folder to `out`, and prints its figures' place.

    Raises:
        DataError: the data are not there.
        EngineUnavailable: the extra ``train`` is not installed.
    """
    if not data.is_dir():
        raise DataError(data, "a folder of data sets", "no such folder", "Name it with --data or in CONVEMO_DATA.")
    config = config or Path(str(files("convemo.training") / "configs" / f"{what}.toml"))
    try:
        train = import_module(f"convemo.training.{what}").train
        with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bars:
            task = bars.add_task(what, total=None, visible=sys.stderr.isatty())
            train(config, data, out, lambda stage, done, total: bars.update(task, description=stage, completed=done, total=total))
    except ImportError as error:
        raise EngineUnavailable("the training packages", f"no {error.name}", "Install them: pip install 'convemo[train]'.") from error
    print(f"Written: {out}")
