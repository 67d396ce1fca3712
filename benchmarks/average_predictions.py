"""Several systems as one: ``python benchmarks/average_predictions.py CORPUS FOLDER OUT PREDICTIONS …``.

CORPUS is a data set of dialogues that convemo reads (``meld``), FOLDER where it lies; PREDICTIONS are files of one form (``convemo train
text`` writes them), each with the dev and test parts. Their log-probabilities are averaged (the product of experts, with equal weights:
nothing is chosen), and on dev a temperature is fitted, then the decision rule that weighted F1 wants (`training.decision`). OUT gets
``probabilities.jsonl``, before the rule, for a fusion to start from, and ``predictions.jsonl``, after it. Printed are the figures on dev;
the test part is only written, for `convemo eval` to read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar

from convemo.metrics import negative_log_likelihood, weighted_f1
from convemo.scoring.predictions import Predictions
from convemo.training.decision import rule_for
from convemo.training.predictions import FILE, said_of, write_predictions
from convemo.training.text_data import loader
from convemo.types import Dialogue

PARTS = ("dev", "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("predictions", nargs="+")
    parser.add_argument("--own-labels", action="store_true", help="the labels as the corpus names them (emorynlp)")
    arguments = parser.parse_args()

    systems = [Predictions(path) for path in arguments.predictions]
    labels = systems[0].labels
    if any(system.labels != labels for system in systems):
        parser.error("the files have different labels")
    read = loader(arguments.corpus, arguments.own_labels)
    dialogues = {part: read(arguments.folder, part) for part in PARTS}
    averaged = {part: [average(systems, dialogue) for dialogue in dialogues[part]] for part in PARTS}  # (N, K) a dialogue

    known, answers = labelled(dialogues["dev"], averaged["dev"], labels)
    sharpness = minimize_scalar(lambda s: negative_log_likelihood(softmax(known * s), answers), bounds=(0.2, 3.0), method="bounded").x
    rule = rule_for("weighted_f1", softmax(known * sharpness), answers)
    before = {part: [softmax(rows * sharpness) for rows in averaged[part]] for part in PARTS}

    for system, path in zip(systems, arguments.predictions):
        alone, of_it = labelled(dialogues["dev"], [average([system], dialogue) for dialogue in dialogues["dev"]], labels)
        print(f"dev weighted F1 {weighted_f1(alone.argmax(1), of_it):.4f}  {path}")
    print(f"dev weighted F1 {weighted_f1(known.argmax(1), answers):.4f}  their average, sharpness {sharpness:.2f}")
    decided = rule(softmax(known * sharpness)).argmax(1)
    print(f"dev weighted F1 {weighted_f1(decided, answers):.4f}  with the decision rule, fitted on the same")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for file, decide in (("probabilities.jsonl", False), (FILE, True)):
        every = [d for part in PARTS for d in dialogues[part]]
        rows = [rule(p) if decide else p for part in PARTS for p in before[part]]
        write_predictions(arguments.out / file, said_of(every, labels, rows))


def average(systems: list[Predictions], dialogue: Dialogue) -> np.ndarray:
    """``(N, K)`` mean log-probabilities, NaN where a system says nothing."""
    heard = [system.predict(dialogue) for system in systems]
    missing = np.array([any(result.reasons[i] for result in heard) for i in range(len(dialogue))])
    mean = np.mean([result.log_probs for result in heard], axis=0)
    return np.where(missing[:, None], np.nan, mean)


def labelled(dialogues: tuple[Dialogue, ...], rows: list[np.ndarray], labels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Scores ``(M, K)`` and labels ``(M,)`` of the utterances that have both."""
    scored = np.concatenate(rows)
    answers = np.array([labels.index(u.label) if u.label in labels else -1 for d in dialogues for u in d])
    kept = (answers >= 0) & ~np.isnan(scored).any(axis=1)
    return scored[kept], answers[kept]


def softmax(logits: np.ndarray) -> np.ndarray:
    """``(…, K)``; NaN stays."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


if __name__ == "__main__":
    main()
