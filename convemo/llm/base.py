"""What an engine of a language model is asked, and what it answers.

An engine knows nothing of emotions. It gets prompts with a closed list of answers and says how probable the model finds each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from convemo.types import ModelInfo

TOO_LONG = "the prompt is longer than the model reads"
NOT_FINITE = "the model's scores are not finite"
"""Reasons for no answer that lie with the model itself, in every engine's words."""


@dataclass(frozen=True, slots=True)
class Question:
    """One utterance to judge, with its options in one order.

    The text of a prompt is a prefix of the next utterance's, up to the history window, so that an engine may keep what it
    has computed: `static` is the system message, ``"\\n".join([*history, target])`` the user's.

    >>> asked = Question("Which emotion?", ('{"id": "u1"}',), 'Judge {"id": "u2"}: A joy, B anger.', ("A", "B"), ("joy", "anger"))
    >>> asked.user.splitlines()
    ['{"id": "u1"}', 'Judge {"id": "u2"}: A joy, B anger.']
    """

    static: str
    """Instruction, labels, examples: the same for all utterances of an analysis and all permutations."""
    history: tuple[str, ...]
    """One sanitised JSON line for each earlier utterance, oldest first. Append-only."""
    target: str
    """The utterance to judge as a sanitised JSON line, the question, and the options in this permutation's order."""
    options: tuple[str, ...]
    """The answers that may be given, e.g. ``("A", "B", …)``: one for each of `labels`, in the same order."""
    labels: tuple[str, ...]
    """Which label each option means here."""

    @property
    def user(self) -> str:
        """The user's message."""
        return "\n".join([*self.history, self.target])


@dataclass(frozen=True, slots=True)
class Answer:
    """How probable the model finds each option of a question."""

    log_probs: np.ndarray | None
    """``(len(options),)`` natural logarithms, normalised over the options; ``None`` if there is no answer."""
    reason: str | None
    """Why there is none, e.g. ``"the server is unavailable: connection refused"``."""
    how: str
    """``"logprobs"`` (of single tokens), ``"paths"`` (summed over each option's tokens) or ``"samples"`` (counted answers)."""
    prompt_tokens: int = 0
    """How long the prompt was, as far as the engine knows."""
    computed_tokens: int = 0
    """How many of them were computed, rather than found in a cache of prefixes."""


class Engine(Protocol):
    """A language model that answers questions with a closed list of answers.

    Built by the registry kind ``"llm"`` from a spec such as ``"transformers:PATH"``, with the settings it has a parameter for:
    ``device="auto"``, ``offline=False``, ``adapter=None``, ``announce=None``. Its class may have a method ``check(argument, offline)``,
    which raises ConfigError for an argument that makes no sense, so that it is told before a recording is read or a model loaded.

    Raises (when built):
        EngineUnavailable: what it needs is not installed, not here, or does not answer.
    """

    id: str
    """The spec that names it, e.g. ``"openai:http://localhost:8000/v1#Qwen/Qwen2.5-7B-Instruct"``, without secrets."""
    model: ModelInfo
    notes: tuple[str, ...]
    """What a reader of the answers must know, in sentences; may grow while it answers."""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer each, in the same order; independent of how many are asked at once, of their order and of concurrency.

        A question that cannot be answered gets its reason; it never ends the others.
        """
