"""Ten thousand requests to a language model's server that fails in every way: is any utterance lost, or given another's answer?

    python -m benchmarks.llm_faults --requests 10000

The server is that of ``tests/llm/fake_server.py``: 10 % of the requests get 429 with Retry-After, 5 % get 500, 2 % hang, 1 % get an answer
that is malformed (cut off, no JSON, NaN, …), 1 % get the answer to another request, and the rest answer after a random time, so in any
order. What is right for a prompt is a function of its words, so every answer can be checked. Then the server dies halfway. The exit status
is 1 if an answer is wrong, or a question has neither an answer nor a reason.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import numpy as np

from convemo.llm.openai import OpenAIEngine
from convemo.llm.openai_retry import Patience
from tests.llm.fake_server import Dialect, FakeServer, Faults, question, truth


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--read", type=float, default=1.0, help="seconds after which a silent server counts as hanging; the default is 60")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    patience = Patience(read_s=arguments.read)
    faults = Faults(busy=0.10, error=0.05, hang=0.02, malformed=0.01, swapped=0.01, jitter_s=0.02)
    questions = [question(number, options="ABCDEFG") for number in range(arguments.requests)]
    with FakeServer(Dialect(), faults, seed=arguments.seed) as server:
        engine = OpenAIEngine(f"{server.url}?concurrency={arguments.concurrency}", patience=patience)
        began = time.monotonic()
        answers = engine.answer(questions)
        took_s = time.monotonic() - began
        print(f"{len(questions)} questions in {took_s:.0f} s, {sum(server.done.values())} requests: {dict(server.done.most_common())}")
        wrong = report(questions, answers)

        server.faults, half = Faults(jitter_s=0.01), len(questions) // 2
        before = len(server.seen)
        dies = FakeServer._fault

        def fault() -> str:
            server.healthy = len(server.seen) - before < half
            return "error" if not server.healthy else dies(server)

        server._fault = fault
        began = time.monotonic()
        answers = engine.answer(questions)
        print(
            f"the server dies after {half}: {time.monotonic() - began:.0f} s, {len(server.seen) - before - half} requests to the dead one"
        )
        wrong += report(questions, answers)
        print(*engine.notes, sep="\n")
    return int(wrong > 0)


def report(questions: list, answers: list) -> int:
    """Prints what became of the questions, and returns how many came out wrong."""
    reasons = Counter(answer.reason for answer in answers)
    answered, lost = reasons.pop(None, 0), len(questions) - len(answers)
    wrong, farthest = 0, 0.0
    for asked, answer in zip(questions, answers):
        if answer.reason is None:
            off = np.abs(answer.log_probs - np.log(truth(asked.user, asked.options) / 0.9)).max()
            wrong, farthest = wrong + (off > 1e-6), max(farthest, off)
        else:
            lost += not answer.reason or answer.log_probs is not None
    print(f"  answered {answered}, with a reason {sum(reasons.values())} {dict(reasons.most_common())}")
    print(f"  wrong {wrong}, lost {lost}; log-probabilities off by at most {farthest:.1e}")
    return wrong + lost


if __name__ == "__main__":
    sys.exit(main())
