"""``convemo compare``: what got better from one evaluation to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from convemo.errors import ConfigError
from convemo.evaluation import compare_view
from convemo.evaluation.compare import compare, read


def run(first: Path, second: Path, *, system: Sequence[str] = (), out: Path | None = None, resamples: int) -> None:
    """Compares, shows the table and, if asked to, writes it.

    Raises:
        ResultError: the two cannot be read, or are not of the same data.
        ConfigError: a system is not there.
    """
    comparison = compare(read(first), read(second), dict(map(_pair, system)) or None, resamples=resamples)
    Console().print(compare_view.renderable(comparison))
    if out is not None:
        compare_view.write(comparison, out)
        print(f"\nWritten: {out} ({compare_view.RESULTS}, {compare_view.TABLE}, {compare_view.REPORT})")


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = (part.strip() for part in text.partition("="))
    if not old or (equals and not new):
        raise ConfigError("NAME, or OLD=NEW with --system", repr(text))
    return old, new or old
