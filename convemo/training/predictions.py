"""What a trained model says of the dev and test parts, as a file that `convemo eval` and `convemo train fusion` take for a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from convemo.scoring.predictions import Said, write_predictions
from convemo.types import Dialogue

__all__ = ["FILE", "Said", "said_of", "write_predictions"]

FILE = "predictions.jsonl"


def said_of(dialogues: Iterable[Dialogue], labels: Sequence[str], probabilities: Iterable[np.ndarray]) -> Iterator[Said]:
    """What was said of each utterance that has a score.

    Args:
        dialogues: those that were scored.
        labels: in the order of the columns.
        probabilities: ``(N, K)`` for each dialogue; a row of NaN is an utterance without a score.
    """
    for dialogue, rows in zip(dialogues, probabilities, strict=True):
        for utterance, row in zip(dialogue, rows, strict=True):
            if not np.isnan(row).any():
                yield dialogue.id, utterance.id, dict(zip(labels, row.tolist(), strict=True))
