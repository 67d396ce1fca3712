"""``convemo train``: what made the shipped weights."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.resources import files
from inspect import signature
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from convemo.checkpoints.spec import PREFIX
from convemo.errors import ConfigError, DataError, EngineUnavailable
from convemo.training.acoustic_kind import kind

LLM = "llm"
TABLE = "table.md"
"""What a training may write for people to read at once."""
KINDS = {"acoustic_features": " on features in place of sound", "acoustic_baselines": " of a baseline"}
"""Modules behind another's name, as people know them."""


def run(what: str, config: Path | None, data: Path, out: Path, **given: Any) -> None:
    """Trains, writes the model folder to `out`, and shows the table that it wrote, if it did.

    Args:
        what: which module of `convemo.training`.
        config: its settings; by default those of what we ship, or, where `data` is one file, those for data of one's own.
        data: the folder of data sets, or one file in our form.
        out: the folder.
        given: further arguments of that module's ``train``; those that are ``None`` are not passed on.

    Raises:
        DataError: the data are not there.
        ConfigError: this training takes no file, or not all that was given.
        EngineUnavailable: the extra ``train`` is not installed.
    """
    if not data.exists():
        raise DataError(
            data, "a folder of data sets, or one .jsonl file", "no such folder or file", "Name it with --data or in CONVEMO_DATA."
        )
    given = {name: value for name, value in given.items() if value is not None}
    asked = what
    if str(given.get("init", "")).startswith(PREFIX) and what != LLM:
        what = f"transformers_{what}"
    elif what == "acoustic":
        what = kind(config, data)
    config = config or _default_config(what, data)
    try:
        train = import_module(f"convemo.training.{what}").train
        if unknown := [name for name in given if name not in signature(train).parameters]:
            raise ConfigError(f"what `convemo train {asked}`{KINDS.get(what, '')} takes", " ".join(f"--{name}" for name in unknown))
        with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bars:
            task = bars.add_task(what, total=None, visible=sys.stderr.isatty())
            train(config, data, out, lambda stage, done, total: bars.update(task, description=stage, completed=done, total=total), **given)
    except ImportError as error:
        raise EngineUnavailable("the training packages", f"no {error.name}", "Install them: pip install 'convemo[train]'.") from error
    if (table := out / TABLE).is_file():
        print(table.read_text(encoding="utf-8"))
    print(f"Written: {out}")


def merge(run: Path) -> None:
    """Merges the adapter of a finished training into its model.

    Raises:
        ConfigError: there is no adapter.
        EngineUnavailable: the extra ``llm`` is not installed, or the model is not here.
    """
    try:
        from convemo.training import llm_model

        print(f"Written: {llm_model.merge(run)}")
    except ImportError as error:
        raise EngineUnavailable("the training packages", f"no {error.name}", "Install them: pip install 'convemo[llm]'.") from error


def _default_config(what: str, data: Path) -> Path:
    """The settings of what we ship; for one file of data, those for data of one's own."""
    configs = Path(str(files("convemo.training") / "configs"))
    if what == LLM:
        return configs / f"{what}_1b.toml"
    if data.is_dir() or what.startswith("transformers_"):
        return configs / f"{what}.toml"
    if not (own := configs / f"{what}_own.toml").is_file():
        raise ConfigError(f"a folder of data sets for `convemo train {what}`", f"the file {data}")
    return own
