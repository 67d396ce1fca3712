"""What a trained model says of the dev and test parts, as a file that `convemo eval` and `convemo train fusion` take for a channel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from convemo.types import Dialogue

FILE = "predictions.jsonl"


def write_predictions(path: Path, dialogues: Iterable[Dialogue], labels: Sequence[str], probabilities: Iterable[np.ndarray]) -> None:
    """One line an utterance: ``{"dialogue", "utterance", "probabilities": {label: p}}``.

    Args:
        path: the file; what was there is replaced.
        dialogues: those that were scored.
        labels: in the order of the columns.
        probabilities: ``(N, K)`` for each dialogue; a row of NaN is an utterance without a score and gets no line.
    """
    beside = path.with_suffix(".part")
    with open(beside, "w", encoding="utf-8") as file:
        for dialogue, rows in zip(dialogues, probabilities, strict=True):
            for utterance, row in zip(dialogue, rows, strict=True):
                if np.isnan(row).any():
                    continue
                said = {label: round(float(p), 6) for label, p in zip(labels, row, strict=True)}
                line = {"dialogue": dialogue.id, "utterance": utterance.id, "probabilities": said}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    beside.replace(path)
