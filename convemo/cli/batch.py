"""``convemo batch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from convemo.cli.settings import with_settings


@with_settings
def batch(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT…", help="Files, folders, 'globs*', manifests (CSV, JSONL).")],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of results. The same command goes on where a run stopped.")],
    workers: Annotated[int | None, typer.Option(min=1, help="How many at a time; as many as there are processors if not given.")] = None,
    format: Annotated[str, typer.Option(help="parquet (always written), csv, jsonl; several with commas.")] = "parquet",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed before, and what a language model left unanswered.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")] = False,
    redact: Annotated[str | None, typer.Option(metavar="WHAT", help="Take out of all texts, before all else: numbers,emails.")] = None,
    purpose: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in run.json.")] = None,
    alerts: Annotated[Path | None, typer.Option(metavar="TOML", help="Alert rules to watch in every call; else the default ones.")] = None,
    cache_gb: Annotated[float, typer.Option(metavar="GB", min=0, help="How much of what stages make is kept; 0 as --no-cache.")] = 2.0,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no stages.")] = False,
    engine: Annotated[str, typer.Option(help="local, or ray.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster; Ray on this machine if not given.")] = None,
    how: dict[str, Any],
) -> None:
    """Analyse any number of conversations into one folder; killed at any moment, the same command goes on. Needs convemo[batch]."""
    from convemo.commands import batch as command

    status = command.run(
        inputs,
        out,
        formats=format,
        workers=workers,
        engine=engine,
        address=address,
        redact=redact,
        purpose=purpose,
        alerts=alerts,
        cache=0 if no_cache else cache_gb,
        retry_failed=retry_failed,
        dry_run=dry_run,
        **how,
    )
    raise typer.Exit(status)
