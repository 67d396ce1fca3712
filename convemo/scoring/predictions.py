"""Predictions from a file as a channel like any other: what an LLM answered, or any system that is not ours.

One line an utterance, ids as in the data::

    {"dialogue": "d1", "utterance": "u1", "probabilities": {"neutral": 0.7, "joy": 0.2, "anger": 0.1}}
    {"dialogue": "d1", "utterance": "u2", "logits": {"neutral": -0.4, "joy": 2.1, "anger": 0.0}}

Every line names every label. Further fields are of no concern here. An utterance without a line is one that the system did not score.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convemo.audio import Audio
from convemo.errors import DataError
from convemo.export.atomic import writing
from convemo.scoring.labels import ordered
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo

SUM_TOLERANCE = 0.01
"""Room for probabilities that were written with two decimals."""
SMALLEST = 1e-12
"""A label given probability 0 counts as this unlikely: its logarithm must be a number."""
LARGEST = 1e6
"""Beyond it no logit means anything, nor is infinity or NaN one."""
NO_PREDICTION = "no prediction"
_FORMS = ("probabilities", "logits")

Said = tuple[str, str, Mapping[str, float]]
"""A dialogue's id, an utterance's id, and the probability of each label."""


class Predictions:
    """What somebody else predicted, see `convemo.dialogue.channel.Channel`.

    Args:
        pattern: a ``.jsonl`` file, or several by a pattern such as ``runs/*/predictions.jsonl``.

    Raises:
        DataError: no such file, or a line that is not in the form above; names the file, the line and what was expected.
    """

    name = "predictions"

    def __init__(self, pattern: str):
        paths = sorted(Path(path) for path in glob.glob(pattern, recursive=True)) or [Path(pattern)]
        self._rows: dict[tuple[str, str], tuple[np.ndarray, Path, int]] = {}
        labels: tuple[str, ...] | None = None
        digest = hashlib.sha256()
        for path in paths:
            for number, line in enumerate(_lines(path, digest), 1):
                if line.strip():
                    id, log_probs = _row(path, number, line)
                    if labels is None:
                        labels = tuple(log_probs)
                    if log_probs.keys() != set(labels):
                        raise DataError(path, f"the labels {', '.join(labels)}, as before", ", ".join(log_probs), line=number)
                    if id in self._rows:
                        raise DataError(path, "one line an utterance", f"{id[1]!r} of {id[0]!r} again", _twice(self._rows[id]), line=number)
                    self._rows[id] = (np.array([log_probs[label] for label in labels]), path, number)
        if labels is None:
            raise DataError(paths[0], "a line for each utterance", "an empty file")
        self.labels: LabelSet = ordered(labels)
        self.model = ModelInfo(pattern, digest.hexdigest())
        self._columns = [labels.index(label) for label in self.labels]

    def __len__(self) -> int:
        return len(self._rows)

    def check(self, dialogues: Iterable[Dialogue]) -> None:
        """Sees that every line is about one of these utterances.

        Raises:
            DataError: the first line that is not.
        """
        known = {dialogue.id: {u.id for u in dialogue} for dialogue in dialogues}
        for (dialogue, utterance), (_, path, line) in self._rows.items():
            if dialogue not in known:
                expected = f"a dialogue of the data, such as {next(iter(known), None)!r}"
                raise DataError(path, expected, repr(dialogue), "Predictions carry the ids of the data.", line=line)
            if utterance not in known[dialogue]:
                expected = f"an utterance of dialogue {dialogue!r}, such as {next(iter(sorted(known[dialogue])), None)!r}"
                raise DataError(path, expected, repr(utterance), "Predictions carry the ids of the data.", line=line)

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """What was predicted for the utterances from index `since` on; those without a line say so in their reason."""
        found = [self._rows.get((dialogue.id, u.id)) for u in dialogue.utterances[since:]]
        log_probs = np.zeros((len(found), len(self.labels)))
        for row, prediction in enumerate(found):
            if prediction is not None:
                log_probs[row] = prediction[0][self._columns]
        reasons = tuple(NO_PREDICTION if prediction is None else None for prediction in found)
        return ChannelResult(self.name, self.labels, log_probs, reasons, model=self.model)


def write_predictions(path: Path, said: Iterable[Said]) -> None:
    """Writes what a system said, a line an utterance, so that `Predictions` gives it back; what it could not score has no line.

    Raises:
        ResultError: the file cannot be written.
    """
    with writing(path) as file:
        for dialogue, utterance, probabilities in said:
            rounded = {label: float(f"{p:.6g}") for label, p in probabilities.items()}
            line = {"dialogue": dialogue, "utterance": utterance, "probabilities": rounded}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _lines(path: Path, digest: Any) -> list[str]:
    try:
        content = path.read_bytes()
        digest.update(content)
        return content.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise DataError(
            path, "a file of predictions", error.strerror or str(error), "One JSON object a line; see docs/evaluation.md."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(path, "UTF-8 text", f"byte {error.object[error.start]:#04x} at {error.start}") from error


def _row(path: Path, number: int, line: str) -> tuple[tuple[str, str], dict[str, float]]:
    """The ids of one line, and label → log-probability."""

    def error(expected: str, found: str, hint: str = "") -> DataError:
        return DataError(path, expected, found, hint, line=number)

    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise error("one JSON object a line", str(problem)) from problem
    if not isinstance(record, dict):
        raise error("one JSON object a line", type(record).__name__)
    for name in ("dialogue", "utterance"):
        if not isinstance(record.get(name), str):
            raise error(f"the id of the {name} under {name!r}, a text", repr(record.get(name)))
    forms = [name for name in _FORMS if record.get(name) is not None]
    if len(forms) != 1:
        raise error("either 'probabilities' or 'logits'", " and ".join(map(repr, forms)) or "neither")
    values = record[forms[0]]
    if not isinstance(values, dict) or not values:
        raise error(f"{forms[0]!r} as an object, label → number", repr(values)[:80])
    for label, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
            raise error(f"a finite number for {label!r}", repr(value)[:40])
    numbers = np.array(list(values.values()), dtype=np.float64)
    if forms[0] == "probabilities":
        if (numbers < 0).any() or abs(numbers.sum() - 1) > SUM_TOLERANCE:
            hint = "Write them under 'logits' if they are no probabilities."
            raise error("probabilities from 0 that sum to 1", f"a sum of {numbers.sum():.4g}, the least {numbers.min():.4g}", hint)
        numbers = np.log(np.maximum(numbers, SMALLEST))
    numbers -= numbers.max() + np.log(np.exp(numbers - numbers.max()).sum())
    return (record["dialogue"], record["utterance"]), dict(zip(values, numbers.tolist()))


def _twice(first: tuple[np.ndarray, Path, int]) -> str:
    return f"It is on line {first[2]} of {first[1]}: name the files of one run, and of several seeds one by one ({{seed}})."
