"""``convemo analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convemo.cli.settings import with_settings


@with_settings
def analyze(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Recordings or transcripts, in any mixture.")],
    *,
    transcript: Annotated[str | None, typer.Option(metavar="T", help="The transcript of the one recording given.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write results; without it they are only shown.")] = None,
    format: Annotated[
        str | None,
        typer.Option(help="What to write to --out: json (if not given), jsonl, csv, vtt, srt, rttm, TextGrid, html; several with commas."),
    ] = None,
    alerts: Annotated[Path | None, typer.Option(metavar="TOML", help="Rules of alerts to raise: docs/alerts.md.")] = None,
    how: dict[str, Any],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a conversation, a line each, and nothing else.")] = False,
) -> None:
    """Analyse recordings and transcripts."""
    from convemo.commands import analyze as command

    raise typer.Exit(command.run(files, transcript, out, format, json=json, alerts=alerts, **how))
