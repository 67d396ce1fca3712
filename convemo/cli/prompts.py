"""``convemo prompts``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="How language models are asked, and what exactly is sent.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def prompts_list(json: Annotated[bool, typer.Option("--json", help="One JSON object a prompt.")] = False) -> None:
    """The prompts that come with convemo."""
    from convemo.commands import prompts as command

    command.show_all(json)


@app.command("show")
def prompts_show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.toml", help="A name that `convemo prompts list` shows, or your own file.")],
    file: Annotated[str | None, typer.Argument(metavar="[TRANSCRIPT]", help="A conversation; without it only what is always sent.")] = None,
    utterance: Annotated[int | None, typer.Option(metavar="N", help="The utterance to ask about, counted from 1; else the last.")] = None,
    order: Annotated[int, typer.Option(metavar="N", help="Which order of the options, counted from 1.")] = 1,
    policy: Annotated[str | None, typer.Option(help="As for analyze: exclude:agent,NAME.")] = None,
) -> None:
    """What is sent to the model, word by word."""
    from convemo.commands import prompts as command

    command.show(name, file, utterance, order, policy)
