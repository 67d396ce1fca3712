"""What a trained text model says of the dev and test parts, as written and as raw ASR text: its predictions and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from convemo.data import as_raw_asr
from convemo.metrics.bootstrap import interval
from convemo.metrics.calibration import expected_calibration_error, negative_log_likelihood
from convemo.metrics.classification import accuracy, macro_f1, unweighted_average_recall, weighted_f1
from convemo.metrics.dimensions import concordance_correlation, mean_absolute_error
from convemo.text.channel import TextChannel
from convemo.training.predictions import FILE, said_of, write_predictions
from convemo.training.run import RunLog
from convemo.training.text_config import TextConfig
from convemo.training.text_data import COLLECTIONS, loader
from convemo.types import Dialogue

WAYS = {"written": FILE, "raw": "predictions_raw.jsonl"}
"""How texts are read → the file of what is then predicted."""
PARTS = ("dev", "test")


def evaluate(channel: TextChannel, settings: TextConfig, data: Path, out: Path, log: RunLog) -> dict[str, Any]:
    """Scores the dev and test parts of every corpus of conversations, and the test parts of those of single texts.

    Writes ``out/predictions.jsonl`` and ``out/predictions_raw.jsonl``, the conversations as written and as raw ASR text.

    Returns:
        Part → corpus → ``"texts"``, ``"written"`` and ``"raw"`` → figure → value. Emotions on utterances with a single label: accuracy,
        UA, weighted and macro F1 (with 95 % intervals by bootstrap over dialogues), NLL, ECE; dimensions: CCC and MAE. A part that the
        data lack is left out.
    """
    figures: dict[str, Any] = {}
    predicted: dict[str, list[tuple[Dialogue, np.ndarray]]] = {way: [] for way in WAYS}
    for part in PARTS:
        for done, name in enumerate(settings.corpora):
            alone = settings.format_of(name) in COLLECTIONS
            if alone and part == "dev":
                continue
            dialogues = read_part(settings, data, name, part)
            log.progress(f"evaluate {part}", done, len(settings.corpora))
            if not dialogues:
                continue
            found = {}
            for way in WAYS:
                scored = [channel.score_dialogue(as_read(dialogue, way)) for dialogue in dialogues]
                found[way] = scores_of(dialogues, scored, channel)
                predicted[way] += [] if alone else [(d, np.exp(log_probs)) for d, (log_probs, _) in zip(dialogues, scored)]
            figures.setdefault(part, {})[name] = {"texts": sum(map(len, dialogues)), **found}
    for way, file in WAYS.items():
        if predicted[way]:
            dialogues, probabilities = zip(*predicted[way])
            write_predictions(out / file, said_of(dialogues, channel.labels, probabilities))
    return figures


def read_part(settings: TextConfig, data: Path, corpus: str, part: str) -> Sequence[Dialogue]:
    """One part of a corpus, as dialogues."""
    chosen = settings.corpora[corpus]
    return loader(settings.format_of(corpus), chosen.own_labels)(settings.root_of(corpus, data), part)


def as_read(dialogue: Dialogue, way: str) -> Dialogue:
    """A dialogue in one of `WAYS`; a text of which nothing would be left stays as it is."""
    if way == "written":
        return dialogue
    return replace(dialogue, utterances=tuple(replace(u, text=as_raw_asr(u.text or "") or u.text, words=()) for u in dialogue))


def scores_of(dialogues: Sequence[Dialogue], scored: Sequence[tuple[np.ndarray, np.ndarray]], channel: TextChannel) -> dict[str, Any]:
    """Figures of scored dialogues, over the utterances that have a text and a label that the model knows."""
    utterances = [u for dialogue in dialogues for u in dialogue]
    groups = np.repeat(np.arange(len(dialogues)), [len(dialogue) for dialogue in dialogues])
    log_probs, dimensions = (np.concatenate(columns) for columns in zip(*scored))
    scores: dict[str, Any] = {}
    rows = np.array([i for i, u in enumerate(utterances) if u.label in channel.labels and u.text], dtype=int)
    if len(rows):
        labels = np.array([channel.labels.index(utterances[i].label) for i in rows])
        probabilities = np.exp(log_probs[rows])
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        chosen = probabilities.argmax(axis=1)
        scores |= {"labelled": len(rows), "accuracy": accuracy(chosen, labels), "ua": unweighted_average_recall(chosen, labels)}
        for name, metric in (("weighted_f1", weighted_f1), ("macro_f1", macro_f1)):
            sure = interval(metric, groups[rows], chosen, labels, resamples=300)
            scores |= {name: sure.value, f"{name}_interval": [sure.low, sure.high]}
        scores |= {"nll": negative_log_likelihood(probabilities, labels), "ece": expected_calibration_error(probabilities, labels)}
    judged = [i for i, u in enumerate(utterances) if u.dimensions]
    for column, name in enumerate(channel.dimensions if judged else ()):
        wanted = np.array([utterances[i].dimensions[name] for i in judged])
        scores[f"{name}_ccc"] = concordance_correlation(dimensions[judged, column], wanted)
        scores[f"{name}_mae"] = mean_absolute_error(dimensions[judged, column], wanted)
    return scores
