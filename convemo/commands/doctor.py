"""``convemo doctor``: the findings, as a table."""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convemo.doctor import examine


def show(json: bool) -> None:
    """One row a finding: what, whether it works, what is worth knowing, and the command that mends it."""
    findings = examine()
    if json:
        for finding in findings:
            print(json_module.dumps(asdict(finding)))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("kind", "name", "usable"):
        table.add_column(column, no_wrap=True)
    table.add_column("what to know", overflow="fold")
    table.add_column("mend it with", overflow="fold", style="bold")
    for f in findings:
        usable = Text("yes", style="green") if f.usable else Text("no", style="red")
        table.add_row(f.kind, f.name, usable, Text("; ".join(filter(None, (f.why, f.licence)))), Text(f.mend))
    Console(highlight=False, **({} if sys.stdout.isatty() else {"width": 160})).print(table)
