"""What a fine-tuned channel is worth: dev and test, scored as an analysis would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convemo.dialogue.channel import Channel
from convemo.metrics.bootstrap import interval
from convemo.metrics.calibration import expected_calibration_error, negative_log_likelihood
from convemo.metrics.classification import accuracy, macro_f1, unweighted_average_recall, weighted_f1
from convemo.scoring.score import score
from convemo.training.predictions import FILE, Said, write_predictions
from convemo.training.run import RunLog, write_json
from convemo.types import Dialogue, LabelSet

COLUMNS = ("accuracy", "ua", "weighted_f1", "weighted_f1_interval", "macro_f1", "nll", "ece")
"""Of a part's figures, what the card shows."""
TITLES = ("accuracy", "UA", "weighted F1", "[95 %]", "macro F1", "NLL", "ECE")


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The labelled utterances of one part that got a score."""

    probabilities: np.ndarray
    """``(N, K)``."""
    labels: np.ndarray
    """``(N,)`` true class indices."""
    dialogues: np.ndarray
    """``(N,)`` ids of their dialogues."""

    def figures(self) -> dict[str, Any]:
        """By the names in `COLUMNS`, and how many utterances they are of."""
        probabilities = self.probabilities / self.probabilities.sum(axis=1, keepdims=True)
        chosen = probabilities.argmax(axis=1)
        sure = interval(weighted_f1, self.dialogues, chosen, self.labels, resamples=300)
        return {
            "utterances": len(self.labels),
            "accuracy": accuracy(chosen, self.labels),
            "ua": unweighted_average_recall(chosen, self.labels),
            "weighted_f1": sure.value,
            "weighted_f1_interval": [sure.low, sure.high],
            "macro_f1": macro_f1(chosen, self.labels),
            "nll": negative_log_likelihood(probabilities, self.labels),
            "ece": expected_calibration_error(probabilities, self.labels),
        }


def judge(
    name: str, channel: Channel, parts: Mapping[str, tuple[Dialogue, ...]], labels: LabelSet, log: RunLog
) -> tuple[dict[str, Judged], list[Said]]:
    """What the channel says of dev and test: of each part with a labelled utterance that got a score, and of every utterance that did."""
    judged: dict[str, Judged] = {}
    said: list[Said] = []
    for part in ("dev", "test"):
        rows, truth, dialogues = [], [], []
        for scored in score(parts[part], {name: channel}, progress=lambda _, done, total, part=part: log.progress(part, done, total)):
            result = scored.results[name]
            for i, utterance in enumerate(scored.dialogue):
                if (told := result.probabilities(i)) is None:
                    continue
                said.append((scored.dialogue.id, utterance.id, told))
                if utterance.label is not None:
                    rows.append([told[label] for label in labels])
                    truth.append(labels.index(utterance.label))
                    dialogues.append(scored.dialogue.id)
        if rows:
            judged[part] = Judged(np.array(rows), np.array(truth), np.array(dialogues))
    return judged, said


def publish(out: Path, figures: Mapping[str, Any], said: list[Said], log: RunLog) -> None:
    """Writes ``predictions.jsonl`` and, into the model's folder, ``figures.json``."""
    write_predictions(out / FILE, said)
    log.write("figures", **figures)
    write_json(out / "model" / "figures.json", figures)


def cells(figures: Mapping[str, Any]) -> tuple[float | str, ...]:
    """A part's figures as the card has them, under `TITLES`."""
    return tuple("{:.3f} to {:.3f}".format(*figures[name]) if name.endswith("interval") else figures[name] for name in COLUMNS)
