"""The command line: ``convemo analyze``, ``batch``, ``query``, ``report``, ``doctor``, ``train`` … One module a command.

They declare the options and import only what draws the help; what is then done is in `convemo.commands`.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from convemo.cli import analyze, batch, compare, convert, doctor, eval, models, prompts, query, report, train

app = typer.Typer(
    name="convemo",
    help="Who said what in a conversation, which emotion was expressed, how sure, and why. Nothing leaves this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from convemo import __version__

        typer.echo(__version__)
        raise typer.Exit


# In the order of the help.
app.command()(analyze.analyze)
app.command()(batch.batch)
app.command()(query.query)
app.command()(convert.convert)
app.command()(report.report)
app.command()(doctor.doctor)
app.command()(train.train)
app.command("eval")(eval.evaluate)
app.command()(compare.compare)
app.add_typer(models.app, name="models")
app.add_typer(prompts.app, name="prompts")


def main() -> None:
    """Runs the command line; every error that convemo raises on purpose becomes one line and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file's name may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BrokenPipeError:  # `convemo … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        from convemo.errors import ConvemoError

        if not isinstance(error, ConvemoError):
            raise
        print(f"convemo: {error}", file=sys.stderr)
        sys.exit(1)
