"""``convemo compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    first: Annotated[Path, typer.Argument(metavar="A/results.json", help="What `convemo eval` wrote, the old one; or its folder.")],
    second: Annotated[Path, typer.Argument(metavar="B/results.json", help="The new one, on the same data.")],
    system: Annotated[
        list[str] | None, typer.Option(metavar="NAME|OLD=NEW", help="Compare this system only, or these two; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write the comparison; without it it is only shown.")] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Draws of the bootstrap.")] = 5000,
) -> None:
    """What got better from one evaluation to another, and what got worse: by metric, emotion and slice, with paired tests."""
    from convemo.commands import compare as command

    command.run(first, second, system=system or [], out=out, resamples=resamples)
