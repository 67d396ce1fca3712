"""``convemo report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="The folder that `convemo batch` wrote, or one saved analysis (.json).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="HTML", help="Where the page goes.")] = Path("report.html"),
    pages: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Folder: how many calls get their own page, the worst first; 100 if not given.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One analysis: its recording, to listen to; linked, not copied.")
    ] = None,
    embed_audio: Annotated[bool, typer.Option("--embed-audio", help="Put the recording into the page.")] = False,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Folder: no links to the recordings.")] = False,
    alerts: Annotated[Path | None, typer.Option(metavar="TOML", help="Alert rules; else those the analyses were made with.")] = None,
) -> None:
    """Make a page to read: of one call, or of a whole batch. It fetches nothing."""
    from convemo.commands import report as command

    status = command.run(results, out, pages=pages, audio=audio, embed=embed_audio, no_audio=no_audio, alerts=alerts)
    raise typer.Exit(status)
