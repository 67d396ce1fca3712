"""Made-up conversations, and what made-up systems answered, as files."""

import json
from pathlib import Path

import numpy as np

LABELS = ("calm", "pleased", "upset")


def conversations(count: int = 24, turns: int = 10, *, seed: int = 0, parts: bool = False) -> list[dict]:
    """Two people; whoever is upset tends to stay so. The fifth utterance of each has no label."""
    random = np.random.default_rng(seed)
    records = []
    for d in range(count):
        label, utterances = {"ana": "calm", "ben": "calm"}, []
        for i in range(turns):
            who = "ana" if i % 2 == 0 else "ben"
            if random.random() < 0.4:
                label[who] = str(random.choice(LABELS))
            words = " ".join(["well"] * int(random.integers(1, 20)))
            utterances.append({"id": f"u{i}", "speaker": who, "text": words} | ({"label": label[who]} if i != 4 else {}))
        speakers = [{"id": "ana", "gender": "female"}, {"id": "ben", "gender": "male"}]
        record = {"id": f"d{d}", "fold": d % 3, "speakers": speakers, "utterances": utterances}
        records.append(record | ({"split": "dev" if d % 2 else "test"} if parts else {}))
    return records


def answers(records: list[dict], skill: float, *, seed: int, lost: float = 0.0, labels=LABELS) -> list[dict]:
    """Logits for every utterance, the true label's raised by `skill`; a share `lost` has none."""
    random = np.random.default_rng(seed)
    lines = []
    for record in records:
        for u in record["utterances"]:
            logits = {label: round(float(random.normal() + skill * (label == u.get("label"))), 4) for label in labels}
            if random.random() >= lost:
                lines.append({"dialogue": record["id"], "utterance": u["id"], "logits": logits})
    return lines


def write(path: Path, lines: list[dict]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def read(path: str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
