"""How often words and voice are said to disagree where they do, and where they do not.

    python benchmarks/disagreement.py DATA --text TEXT/predictions.jsonl --voice VOICE/predictions.jsonl

Utterances of EmoryNLP get the voice of a RAVDESS clip: of one with the same label, so that both express the same, or of one with another.
Each channel is at the temperature of its dev part; pairs are drawn from the test parts, as many of each kind as there are clips, ten times.
`--part dev` draws them from the dev parts, for predictions that have no test part: one number a channel was then fitted to what is counted.
"""

import argparse
from pathlib import Path

import numpy as np

from convemo import disagreement, registry
from convemo.fusion.calibration import Temperature
from convemo.scoring import open_channel
from convemo.scoring.labels import agree
from convemo.types import LABELS, ChannelResult

PAIRINGS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--text", required=True)
    parser.add_argument("--voice", required=True)
    parser.add_argument("--part", default="test")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    words, said = calibrated("emorynlp", arguments.data, arguments.text, arguments.part)
    voice, heard = calibrated("ravdess", arguments.data, arguments.voice, arguments.part)
    shared = np.isin(heard, said)  # EmoryNLP has no disgust
    voice, heard = voice[shared], heard[shared]
    draw = np.random.default_rng(arguments.seed)
    same, other = [], []
    for _ in range(PAIRINGS):
        for clip, label in enumerate(heard):
            same.append((draw.choice(np.flatnonzero(said == label)), clip))
            other.append((draw.choice(np.flatnonzero(said != label)), clip))
    print(f"{len(words)} utterances, {len(voice)} clips; the words are right on {np.mean(words.argmax(axis=1) == said):.0%}, ", end="")
    print(f"the voice on {np.mean(voice.argmax(axis=1) == heard):.0%}")
    print("odds  bits   flagged: same label  another label  another label, both channels right")
    for odds in (1.0, 1.5, 2.0, 3.0, 5.0):
        for bits in (0.0, 0.1, 0.2, 0.3):
            disagreement.ODDS, disagreement.LEAST_BITS = odds, bits
            flags = [np.array([flagged(words[w], voice[v]) for w, v in pairs]) for pairs in (same, other)]
            right = np.array([words[w].argmax() == said[w] and voice[v].argmax() == heard[v] for w, v in other])
            print(f"{odds:4.1f}  {bits:4.1f}   {flags[0].mean():19.1%}  {flags[1].mean():13.1%}  {flags[1][right].mean():34.1%}")


def calibrated(name: str, data: Path, predictions: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """``(N, K)`` log-probabilities of a part at the temperature of the dev part, and ``(N,)`` references."""
    dev, test = (rows(name, data, predictions, split) for split in ("dev", part))
    return Temperature().fit(*dev).predict_log_proba(test[0]), test[1]


def rows(name: str, data: Path, predictions: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    channel, scores, references = open_channel(name, predictions), [], []
    for dialogue in registry.find("data", name)(data / name, split):
        result = agree(channel.predict(dialogue), LABELS)
        for utterance, score, reason in zip(dialogue, result.log_probs, result.reasons):
            if utterance.label in LABELS and reason is None:
                scores.append(score)
                references.append(LABELS.index(utterance.label))
    return np.array(scores), np.array(references)


def flagged(words: np.ndarray, voice: np.ndarray) -> bool:
    both = {"text": words, "acoustic": voice}
    results = {name: ChannelResult(name, LABELS, p[None], (None,), calibrated=True) for name, p in both.items()}
    return disagreement.disagreement(results, 0) is not None


if __name__ == "__main__":
    main()
