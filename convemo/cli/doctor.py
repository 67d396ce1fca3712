"""``convemo doctor``."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(json: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False) -> None:
    """Which engines and weights are usable here, why the others are not, and the one command that mends each."""
    from convemo.commands import doctor as command

    command.show(json)
