"""How long the page of a very long call takes to write, and how large it is.

    python benchmarks/long_report.py [--utterances 9000] [--out page.html]

Two speakers in turn, scores drawn at random (seed 0): the worst case, for nothing is alike and much disagrees.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from convemo.report.call import write_page
from convemo.results import Analysis
from convemo.types import LABELS, ChannelResult, Dialogue, LabelSet, ModelInfo, Recording, Speaker, Utterance

WORDS = "I have been waiting for three weeks now, and nobody has called me back."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=9000)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    call = conversation(arguments.utterances)
    with tempfile.TemporaryDirectory() as folder:
        page = arguments.out or Path(folder) / "page.html"
        began = time.perf_counter()
        write_page(call, page)
        seconds = time.perf_counter() - began
        hours, size = call.recording.duration_s / 3600, page.stat().st_size / 1e6
    print(f"{arguments.utterances} utterances, {hours:.1f} h: {seconds:.1f} s, {size:.1f} MB")


def conversation(count: int) -> Analysis:
    random = np.random.default_rng(0)
    utterances = tuple(Utterance(f"u{i}", "ab"[i % 2], WORDS, 4.0 * i, 4.0 * i + 3.5) for i in range(count))
    results = {name: opinion(name, count, random) for name in ("text", "acoustic", "fused")}
    return Analysis(
        Dialogue("long", utterances, (Speaker("a", "Maya", "agent"), Speaker("b", "Tom", "customer"))),
        channels={name: results[name] for name in ("text", "acoustic")},
        fused=results["fused"],
        recording=Recording(None, "", 4.0 * count, 2, 8000),
    )


def opinion(name: str, count: int, random: np.random.Generator) -> ChannelResult:
    scores = random.normal(scale=1.4, size=(count, len(LABELS)))
    scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return ChannelResult(name, LabelSet(LABELS), scores, (None,) * count, model=ModelInfo(name), calibrated=True)


if __name__ == "__main__":
    main()
