"""``convemo models``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="The weights that come with convemo, and their licences.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def models_list(json: Annotated[bool, typer.Option("--json", help="One JSON object a model.")] = False) -> None:
    """What is shipped, for which channel, under which licence."""
    from convemo.commands import models as command

    command.show(json)


@app.command("path")
def models_path(name: Annotated[str, typer.Argument(help="A name that `convemo models list` shows.")]) -> None:
    """The folder of one model: its card, manifest and files."""
    from convemo.commands import models as command

    command.path(name)
