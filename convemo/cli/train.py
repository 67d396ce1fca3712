"""``convemo train``."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Trainable(StrEnum):
    text = "text"
    acoustic = "acoustic"
    scores = "scores"
    speaker = "speaker"
    fusion = "fusion"
    llm = "llm"


def train(
    what: Annotated[Trainable, typer.Argument(help="What to train.")],
    config: Annotated[Path | None, typer.Argument(metavar="[CONFIG.toml]", help="Its settings; by default those of what we ship.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR|FILE.jsonl", help="The folder of data sets (else $CONVEMO_DATA), or your own data.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the model goes; runs/WHAT by default.")] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SPEC", help="fusion: a channel, or predictions on disk: llm=answers.jsonl; repeatable."),
    ] = None,
    init: Annotated[
        str | None, typer.Option(metavar="default|FOLDER|transformers:PATH", help="text, acoustic, llm: the model to start from.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the config's.")] = None,
    fold: Annotated[int | None, typer.Option(min=1, max=6, metavar="1-6", help="acoustic: the fold of EmoBox to train for.")] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="llm: write OUT/merged too, a plain checkpoint; of a finished training, that alone.")
    ] = False,
) -> None:
    """Train a channel or the fusion, as the shipped weights were or on your own data. Needs convemo[train]."""
    from convemo.commands import train as command

    data, out = data or Path(os.environ.get("CONVEMO_DATA") or "data"), out or Path("runs") / what.value
    if merge and what is Trainable.llm and (out / "model").is_dir():
        command.merge(out)
    else:
        command.run(what.value, config, data, out, channel=channel, init=init, seed=seed, fold=fold, merge=merge or None)
