"""By how much an answer depends on its company: ``python -m benchmarks.llm_invariance``.

A call of ``--turns`` turns is asked about, each in seven orders of the options, in several ways; the largest difference of any option's
log-probability (and probability) from every prompt computed whole and by itself is printed, in each of ``--dtypes``. ``--llm`` is a model
to load with transformers, e.g. transformers:PATH; without it a small Llama with random weights is made.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.llm_prefix import SUPPORT, asked, call
from benchmarks.tiny_llama import make
from convemo.data import jsonl
from convemo.llm.base import Answer
from convemo.llm.prompt import Prompt
from convemo.llm.transformers import TransformersEngine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm")
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--prompt", default="zero-shot")
    arguments = parser.parse_args()

    said = [utterance.text for dialogue in jsonl.load(Path(str(SUPPORT)), labels=None) for utterance in dialogue]
    by_utterance = asked(call(said, arguments.turns), Prompt.load(arguments.prompt), 7)
    questions = [question for one in by_utterance for question in one]
    shuffled = random.Random(1).sample(range(len(questions)), len(questions))

    def in_order(engine: TransformersEngine, order: Sequence[int]) -> list[Answer]:
        answers = dict(zip(order, engine.answer([questions[i] for i in order])))
        return [answers[i] for i in range(len(questions))]

    ways: dict[str, Callable[[TransformersEngine], list[Answer]]] = {
        "all at once": lambda engine: engine.answer(questions),
        "again, with what was kept": lambda engine: engine.answer(questions),
        "backwards": lambda engine: engine.answer(questions[::-1])[::-1],
        "in another order": lambda engine: in_order(engine, shuffled),
        "utterance by utterance": lambda engine: [answer for one in by_utterance for answer in engine.answer(one)],
        "utterance by utterance, from the last": lambda engine: [a for one in by_utterance[::-1] for a in engine.answer(one)[::-1]][::-1],
    }
    with tempfile.TemporaryDirectory() as folder:
        name = (arguments.llm or "").removeprefix("transformers:") or folder
        if arguments.llm is None:
            make(Path(folder), said, width=64, layers=2, vocabulary=4096, seed=1)
        print(f"{len(questions)} prompts; largest difference from each computed by itself\n")
        print("| precision | way | log-probability | probability |\n| --- | --- | ---: | ---: |")
        for dtype in arguments.dtypes.split(","):
            engine = TransformersEngine(f"{name}?dtype={dtype}")
            reuse, engine.forward.way = engine.forward.way, "alone"
            alone = engine.answer(questions)
            engine.forward.way = reuse
            for way, answer in ways.items():
                report(dtype, way, answer(engine), alone)
            for rows in (2, 64):
                engine = TransformersEngine(f"{name}?dtype={dtype}", rows=rows)
                report(dtype, f"all at once, {rows} in a batch at most", engine.answer(questions), alone)


def report(dtype: str, way: str, answers: Sequence[Answer], alone: Sequence[Answer]) -> None:
    pairs = [(answer.log_probs, other.log_probs) for answer, other in zip(answers, alone, strict=True)]
    logs = max(np.abs(a - b).max() for a, b in pairs)
    probabilities = max(np.abs(np.exp(a) - np.exp(b)).max() for a, b in pairs)
    print(f"| {dtype} | {way} | {logs:.1e} | {probabilities:.1e} |", flush=True)


if __name__ == "__main__":
    main()
