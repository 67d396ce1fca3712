"""``convemo convert``."""

from __future__ import annotations

from typing import Annotated

import typer


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="Any transcript that is read: docs/transcripts.md lists them.")],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="A file: .json, .jsonl, .csv, .vtt, .srt, .txt, .rttm; or a folder, with --to.")
    ],
    to: Annotated[str | None, typer.Option(metavar="FORM", help="json, jsonl, csv, vtt, srt, txt, rttm; else by OUT's suffix.")] = None,
    format: Annotated[str | None, typer.Option("--from", metavar="FORMAT", help="What IN is, e.g. genesys; else found out.")] = None,
    conversation: Annotated[str | None, typer.Option(metavar="ID", help="Only this one of several conversations.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write any transcript in another form, and say what has no place there."""
    from convemo.commands import convert as command

    raise typer.Exit(command.run(source, out, to=to, format=format, conversation=conversation, force=force))
