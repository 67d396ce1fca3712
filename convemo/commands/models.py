"""``convemo models``: what is shipped."""

from __future__ import annotations

import json as json_module
import sys

from rich.console import Console
from rich.table import Table

from convemo.errors import ConfigError
from convemo.weights import shipped


def show(json: bool) -> None:
    """One row a model; as JSON, one object a line."""
    if json:
        for model in shipped():
            row = {"name": model.name, "id": model.id, "licence": model.licence, "permissive": model.permissive}
            print(json_module.dumps(row | {"bytes": model.size_bytes, "path": str(model.folder), "files": dict(model.files)}))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("name", "model", "size", "licence", "commercial use"):
        table.add_column(column, no_wrap=True, justify="right" if column == "size" else "left")
    for model in shipped():
        allowed = "yes" if model.permissive else "no (weights='permissive' leaves it off)"
        table.add_row(model.name, model.id, _size(model.size_bytes), model.licence, allowed)
    Console(highlight=False, **({} if sys.stdout.isatty() else {"width": 140})).print(table)


def path(name: str) -> None:
    """The folder of one model.

    Raises:
        ConfigError: none of that name is shipped.
    """
    folders = {model.name: model.folder for model in shipped()}
    if name not in folders:
        raise ConfigError(f"one of {', '.join(folders)}", repr(name))
    print(folders[name])


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"
