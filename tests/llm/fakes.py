"""A language model that is none: it answers by rule, so that a test knows what must come out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np

from convemo.llm.base import Answer, Question
from convemo.types import ModelInfo

WORDS = {"wonderful": "joy", "furious": "anger", "sad": "sadness", "afraid": "fear"}
"""A word in the utterance → the label that the fake model finds in it; without any of them: neutral."""


def judged(question: Question) -> dict:
    """The utterance that a question is about, read back from its prompt."""
    return json.loads(question.target.splitlines()[0])


class FakeEngine:
    """Answers by a word in the utterance, and prefers some options by their place if told to.

    Args:
        bias: log-odds that the first option gets over the last, falling evenly: what real models do to option A.
        sure: log-odds of the label that it finds over every other.
        fails: question → why it has no answer, or ``None``.
    """

    id = "fake:model"
    model = ModelInfo("fake-model", "f" * 64, "Apache-2.0")
    notes: tuple[str, ...] = ()

    def __init__(self, argument: str = "", *, bias: float = 0.0, sure: float = 2.0, fails: Callable[[Question], str | None] | None = None):
        self.bias, self.sure, self.fails = bias, sure, fails or (lambda question: None)
        self.calls: list[list[Question]] = []

    @property
    def asked(self) -> list[Question]:
        return [question for call in self.calls for question in call]

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        self.calls.append(list(questions))
        return [self._one(question) for question in questions]

    def _one(self, question: Question) -> Answer:
        if (reason := self.fails(question)) is not None:
            return Answer(None, reason, "logprobs")
        said = judged(question)["text"].lower()
        found = next((label for word, label in WORDS.items() if word in said), "neutral")
        logits = np.linspace(self.bias, 0.0, len(question.options)) + self.sure * np.array([label == found for label in question.labels])
        tokens = len(question.static.split()) + len(question.user.split())
        return Answer(logits - np.logaddexp.reduce(logits), None, "logprobs", tokens, tokens)
