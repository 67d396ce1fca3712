"""How much is won by asking a language model's server many questions at once: ``python -m benchmarks.llm_concurrency``.

The server answers every request after the same time (``--latency``, in milliseconds), however many are under way, as one does that computes
them in a batch; what is measured is this side. A conversation of ``--turns`` turns is asked about, each in seven orders of the options.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from convemo.llm.base import Question
from convemo.llm.openai import OpenAIEngine
from tests.llm.fake_server import Dialect, FakeServer, question


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=100.0, help="milliseconds")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    lines = [f'{{"id": "u{number}", "text": "what is said in turn {number}"}}' for number in range(arguments.turns)]
    orders = ["ABCDEFG"[shift:] + "ABCDEFG"[:shift] for shift in range(7)]
    questions = [question(n, lines[max(0, n // 8 * 8 - 16) : n], order) for n in range(arguments.turns) for order in orders]
    words = unique_words(questions)
    print(f"{len(questions)} questions, {arguments.latency:g} ms each, medians of {arguments.rounds} rounds")
    print("| at once | seconds | questions / s | against one | of the ideal | words computed / unique |")
    print("| --- | --- | --- | --- | --- | --- |")
    alone_s = None
    for concurrency in (1, 2, 4, 8, 16, 32, 64):
        took, computed = [], 0
        for _ in range(arguments.rounds):
            with FakeServer(Dialect(latency_s=arguments.latency / 1000)) as server:
                engine = OpenAIEngine(f"{server.url}?concurrency={concurrency}")
                engine.answer(questions[:1])  # what it can do is found out once
                began = time.monotonic()
                answers = engine.answer(questions)
                took.append(time.monotonic() - began)
                engine.close()
            computed = sum(answer.computed_tokens for answer in answers)
        seconds = statistics.median(took)
        alone_s = alone_s or seconds
        won = alone_s / seconds
        figures = f"{seconds:.2f} | {len(questions) / seconds:.0f} | {won:.1f} × | {won / concurrency:.0%} | {computed / words:.2f}"
        print(f"| {concurrency} | {figures} |", flush=True)


def unique_words(questions: Sequence[Question]) -> int:
    """Words that have to be computed at least, where what begins alike is computed once, line by line."""
    prompts = [(asked.static, *asked.user.split("\n")) for asked in questions]
    prefixes = {prompt[:end] for prompt in prompts for end in range(1, len(prompt) + 1)}
    return sum(len(prefix[-1].split()) for prefix in prefixes)


if __name__ == "__main__":
    main()
