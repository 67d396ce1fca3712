"""``convemo query``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over the tables utterances and calls.")],
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="The folder that `convemo batch` wrote.")],
    format: Annotated[str | None, typer.Option(help="table (if not given), csv, json.")] = None,
) -> None:
    """Ask the results of a batch in SQL. Reads nothing else, and writes nothing. Needs convemo[batch]."""
    from convemo.commands import query as command

    command.run(sql, results, format)
