"""``convemo report``: a page of one analysis, or of a whole folder of results."""

from __future__ import annotations

import sys
from pathlib import Path

from convemo.alerts import Rules
from convemo.errors import ConfigError
from convemo.report import call, overview
from convemo.results import Analysis


def run(results: Path, out: Path, *, pages: int | None, audio: Path | None, embed: bool, no_audio: bool, alerts: Path | None) -> int:
    """Writes the page and returns the exit status: 1 if a single page could not be made.

    Raises:
        ConvemoError: nothing could be written, or the options make no sense.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError("a path that ends in .html with --out", str(out))
    if audio is not None and no_audio:
        raise ConfigError("--audio or --no-audio", "both")
    rules = None if alerts is None else Rules.from_toml(alerts)
    if results.is_dir():
        if audio is not None or embed:
            raise ConfigError("--audio with one saved analysis", f"the folder {results}", "The pages of a batch link to its recordings.")
        wrong = overview.write(results, out, pages=overview.PAGES if pages is None else pages, audio=not no_audio, rules=rules)
        for sentence in wrong:
            print(f"convemo: {sentence}", file=sys.stderr)
        print(f"Written: {out}")
        return 1 if wrong else 0
    if pages is not None:
        raise ConfigError("--pages with a folder of results", f"the file {results}")
    if embed and audio is None:
        raise ConfigError("--audio FILE with --embed-audio", "none")
    call.write_page(Analysis.load(results), out, audio=audio, embed=embed, rules=rules)
    print(f"Written: {out}")
    return 0
