"""How many prompt tokens a language model computes a call, and how many it would without reuse: ``python -m benchmarks.llm_prefix``.

A call of ``--turns`` turns is put together from the support conversations that come with convemo, and asked about as the llm channel asks:
with each prompt named in ``--prompts``, in ``--permutations`` orders of the options. Counted are prompt tokens an utterance:

    from scratch   every prompt whole
    unique         no beginning of a prompt twice: the least that these prompts can cost
    said once      the same if the window of history never moved: instruction, each line and each question once
    whole call     what the engine computed, asked everything at once
    live           … asked utterance by utterance, as a stream does

``--llm`` takes any engine: a server's own count of cached tokens is then what "computed" is made of, and unique tokens are estimated
by characters, since its tokenizer is not here. Without it a small Llama with random weights is made: what is counted depends on the
tokenizer and the prompts, not on what the model says. ``--time`` adds seconds, with reuse and without (in process only).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from importlib.resources import files
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.tiny_llama import make
from convemo import registry
from convemo.data import jsonl
from convemo.llm.base import Answer, Engine, Question
from convemo.llm.prefix_tree import unique_tokens
from convemo.llm.prompt import Prompt
from convemo.llm.questions import ask, orders
from convemo.types import Dialogue, Speaker, Utterance

SUPPORT = files("convemo.suites.data") / "support.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", help="an engine's spec, e.g. transformers:PATH or openai:http://localhost:8000/v1#MODEL")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--prompts", default="zero-shot,few-shot")
    parser.add_argument("--permutations", default="1,7")
    parser.add_argument("--time", action="store_true")
    arguments = parser.parse_args()

    said = [utterance.text for dialogue in jsonl.load(Path(str(SUPPORT)), labels=None) for utterance in dialogue]
    dialogue = call(said, arguments.turns)
    with tempfile.TemporaryDirectory() as folder:
        spec = arguments.llm or f"transformers:{folder}"
        if arguments.llm is None:
            make(Path(folder), said, width=64, layers=2, vocabulary=4096, seed=1)
        print(f"{arguments.turns} turns, {spec if arguments.llm else 'a small Llama, 4096 byte-level BPE tokens'}; tokens an utterance\n")
        print("| prompt | orders | from scratch | unique | said once | whole call | / unique | live | / unique | live / said once |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        timed = []
        for name in arguments.prompts.split(","):
            for count in map(int, arguments.permutations.split(",")):
                # A new engine each time: nothing is left from the last.
                engine = registry.build("llm", spec, **registry.understood("llm", spec, device="auto", offline=True))
                prompt = Prompt.load(name)
                live = asked(dialogue, prompt, count)
                at_once = [question for one in live for question in one]
                unique = least(engine, at_once)
                endless = [q for one in asked(dialogue, prompt.model_copy(update={"history": len(dialogue)}), count) for q in one]
                began = time.perf_counter()
                answers = engine.answer(at_once)
                took = time.perf_counter() - began
                another = registry.build("llm", spec, **registry.understood("llm", spec, device="auto", offline=True))
                began = time.perf_counter()
                streamed = [answer for one in live for answer in another.answer(one)]
                live_took = time.perf_counter() - began
                check(answers, streamed)
                scratch, once, computed, computed_live = (
                    sum(a.prompt_tokens for a in answers),
                    least(engine, endless),
                    sum(a.computed_tokens for a in answers),
                    sum(a.computed_tokens for a in streamed),
                )
                cells = [f"{n / len(dialogue):.0f}" for n in (scratch, unique, once, computed, computed_live)]
                ratios = [f"{n:.3f}" for n in (computed / unique, computed_live / unique, computed_live / once)]
                print(f"| {name} | {count} | {' | '.join([*cells[:4], ratios[0], cells[4], *ratios[1:]])} |", flush=True)
                if arguments.time:
                    timed.append(f"{name}, {count} orders: whole call {took:.1f} s, live {live_took:.1f} s{without(another, at_once)}")
        print("\n" + "\n".join(timed) if timed else "")


def call(said: Sequence[str], turns: int) -> Dialogue:
    """A conversation of two, of what was said in others."""
    utterances = tuple(Utterance(f"u{i}", "ab"[i % 2], text) for i, text in enumerate(islice(cycle(said), turns)))
    return Dialogue("call", utterances, (Speaker("a", role="agent"), Speaker("b", role="customer")))


def asked(dialogue: Dialogue, prompt: Prompt, permutations: int) -> list[list[Question]]:
    """The questions of each utterance."""
    return [list(one.questions) for one in ask(dialogue, prompt, orders(len(prompt.labels), permutations)) if one.questions]


def least(engine: Engine, questions: Sequence[Question]) -> float:
    """How many tokens these prompts have, no beginning counted twice; where the tokenizer is not here, by the share of characters."""
    if tokens := getattr(engine, "tokens", None):
        before, tokens.longest = tokens.longest, 10**9
        try:
            return unique_tokens([np.array(tokens.prompt_ids(question)) for question in questions])
        finally:
            tokens.longest = before
    texts = [np.frombuffer((q.static + "\n" + q.user).encode("utf-32-le"), np.uint32) for q in questions]
    sample = engine.answer(questions[:1])[0].prompt_tokens / len(texts[0])
    return unique_tokens(texts) * sample


def check(answers: Sequence[Answer], others: Sequence[Answer]) -> None:
    """Both ways must have answered alike."""
    reasons = {answer.reason for answer in [*answers, *others]} - {None}
    assert not reasons, reasons
    furthest = max(np.abs(a.log_probs - b.log_probs).max() for a, b in zip(answers, others))
    if furthest > 1e-3:
        print(f"(whole call and live differ by {furthest:.4f} in a log-probability)")


def without(engine: Engine, questions: Sequence[Question]) -> str:
    """How long it takes if every prompt is computed whole."""
    if not hasattr(engine, "forward"):
        return ""
    engine.forward.way = "whole"
    began = time.perf_counter()
    engine.answer(questions)
    return f", every prompt whole {time.perf_counter() - began:.1f} s"


if __name__ == "__main__":
    main()
