"""Does it help to fuse an LLM's answers with what the voice says? Made-up conversations, and two systems' predictions on disk.

    python examples/evaluate_answers.py [FOLDER]

writes talks.jsonl, llm.jsonl and voice.jsonl, and evaluates both systems and their fusion, fitted out of fold. The same as a command:

    cd FOLDER; convemo eval talks.jsonl --channels llm,voice,fused --channel llm=llm.jsonl --channel voice=voice.jsonl --folds topic
"""

import json
import random
import sys
import tempfile
from pathlib import Path

from convemo.evaluation import benchmark, table
from convemo.evaluation.lineup import open_lineup
from convemo.evaluation.run import evaluate

LABELS = ("calm", "annoyed", "relieved")
TOPICS = ("billing", "delivery", "repair", "contract")


def make(folder: Path) -> None:
    """Forty conversations of twelve turns; moods last a while. The LLM is right more often than the voice, and about other turns."""
    draw = random.Random(7)
    with (
        open(folder / "talks.jsonl", "w") as talks,
        open(folder / "llm.jsonl", "w") as llm,
        open(folder / "voice.jsonl", "w") as voice,
    ):
        for d in range(40):
            mood, turns = {"agent": "calm", "customer": "annoyed"}, []
            for i in range(12):
                who = ("agent", "customer")[i % 2]
                mood[who] = draw.choice(LABELS) if draw.random() < 0.35 else mood[who]
                turns.append({"id": f"u{i}", "speaker": who, "text": f"Turn {i}.", "label": mood[who]})
                for file, skill in ((llm, 1.4), (voice, 0.9)):
                    logits = {label: round(draw.gauss(0, 1) + skill * (label == mood[who]), 3) for label in LABELS}
                    file.write(json.dumps({"dialogue": f"d{d}", "utterance": f"u{i}", "logits": logits}) + "\n")
            talks.write(json.dumps({"id": f"d{d}", "topic": TOPICS[d % 4], "utterances": turns}) + "\n")


def main(folder: Path) -> None:
    make(folder)
    data = benchmark.load(str(folder / "talks.jsonl"), folds="topic")
    lineup = open_lineup(data, ["llm", "voice", "fused"], {name: str(folder / f"{name}.jsonl") for name in ("llm", "voice")})
    results = evaluate(data, lineup).results
    for name, system in results["systems"].items():
        accuracy, ece = (system["metrics"][metric] for metric in ("accuracy", "ece"))
        print(f"{name:6} accuracy {accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]  ECE {ece['value']:.3f}")
    print(*table.differences(results), sep="\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else temporary))
