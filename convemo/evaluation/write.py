"""An evaluation as files: results.json, table.md, predictions.jsonl, report.html."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from convemo.errors import ResultError
from convemo.evaluation.run import SCHEMA, Evaluation
from convemo.evaluation.table import markdown
from convemo.export.atomic import writing

RESULTS, TABLE, PREDICTIONS, REPORT = "results.json", "table.md", "predictions.jsonl", "report.html"


def write(evaluation: Evaluation, out: Path) -> None:
    """Writes all four to a folder, each whole or not at all.

    Raises:
        ResultError: the folder or a file cannot be written.
    """
    from convemo.evaluation import page, robustness

    results = evaluation.results
    told = markdown(results)
    if cells := results.get("robustness"):
        told += "\n" + robustness.markdown(cells)
    write_files(out, {PREDICTIONS: as_lines(evaluation.predictions), RESULTS: as_json(results), TABLE: told})
    page.write(results, evaluation.predictions, out / REPORT)


def write_files(out: Path, texts: Mapping[str, str]) -> None:
    """Writes each text to the file of that name, whole or not at all.

    Raises:
        ResultError: the folder or a file cannot be written.
    """
    for name, text in texts.items():
        with writing(out / name) as file:
            file.write(text)


def load(path: Path) -> dict[str, Any]:
    """A results.json, or that in a folder.

    Raises:
        ResultError: it is none, or of a later version.
    """
    path = path / RESULTS if path.is_dir() else path
    hint = "`convemo eval … --out DIR` writes one."
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultError(path, "a results.json", str(error), hint) from error
    if not isinstance(results, dict) or not isinstance(results.get("systems"), dict):
        raise ResultError(path, "results of an evaluation", "something else", hint)
    if results.get("schema") != SCHEMA:
        raise ResultError(path, f"schema {SCHEMA}", repr(results.get("schema")), "It is of another version of convemo.")
    return results


def as_json(results: Mapping[str, Any]) -> str:
    """Readable JSON, rows of numbers on one line."""
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: re.sub(r"\s+", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text) + "\n"


def as_lines(records: Iterable[Mapping[str, Any]]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)
