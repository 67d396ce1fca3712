"""JSONL: one JSON object an utterance, for pipes and for loading many calls into one table.

A line names its dialogue and utterance and gives probabilities: files of many conversations can be put one behind the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convemo.export.atomic import writing
from convemo.export.json import dumps
from convemo.results import SCHEMA, Analysis, AnalyzedUtterance


def write(analysis: Analysis, path: Path) -> None:
    """Writes a line for each utterance; words and raw scores are in the JSON export only.

    Raises:
        ResultError: the file cannot be written, or holds a number that JSON does not have.
    """
    with writing(path) as file:
        for utterance in analysis:
            file.write(dumps(_line(analysis, utterance), path) + "\n")


def _line(analysis: Analysis, u: AnalyzedUtterance) -> dict[str, Any]:
    saved = {name: value for name, value in u.to_dict().items() if name not in ("id", "scores", "words")}
    channels = {name: None if own is None else {label: round(p, 4) for label, p in own.items()} for name, own in u.channels.items()}
    return {"schema": SCHEMA, "dialogue": analysis.dialogue.id, "utterance": u.id, "name": u.name, **saved, "channels": channels}
