"""Any causal language model of Hugging Face, in process: ``llm="transformers:PATH_OR_ID"``.

One forward pass a prompt; nothing is sampled, and the checkpoint's ``generation_config.json`` is not looked at. What prompts begin with
alike is computed once, and outlasts the call, so that in a live conversation each utterance costs its own tokens.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from convemo.checkpoints.load import INSTALL, PACKAGES, require_packages
from convemo.errors import ConvemoError
from convemo.llm.base import Answer, Question
from convemo.llm.causal_lm import LlmSpec, load, resolve
from convemo.llm.forward import ROWS, Ask, Forward, Reply
from convemo.llm.option_tokens import PromptTokens, Tokens, TooLong
from convemo.registry import Availability
from convemo.types import ModelInfo
from convemo.weights import hub

NOT_SHARED = {
    "whole": "Keys and values of {id} cannot be shared between prompts, so each is computed whole.",
    "alone": "{id} gives other answers in a batch, so each prompt is computed whole and by itself.",
}


class TransformersEngine:
    """A causal language model that answers questions with a closed list of answers.

    Args:
        argument: a folder or an id, and how to load it: see `convemo.llm.causal_lm.LlmSpec`.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        offline: whether the network is out of bounds.
        adapter: a PEFT adapter (LoRA) to put on the model: a folder or an id.
        announce: told one sentence before weights are fetched; ``None`` writes it to standard error.
        rows: prompts in a batch, at most.
        memory_bytes: for keys and values, of which a quarter outlasts a call; ``None``: 2 GiB, or 40 % of what is free on a GPU.

    Raises:
        ConfigError: the argument makes no sense.
        EngineUnavailable: a package is not installed, or the model or adapter is not here, cannot be fetched or is something else.

    >>> engine = TransformersEngine("runs/llm/model")  # doctest: +SKIP
    >>> np.exp(engine.answer([question])[0].log_probs)  # doctest: +SKIP
    array([0.71, 0.29])
    """

    def __init__(
        self,
        argument: str | None = None,
        *,
        device: str = "auto",
        offline: bool = False,
        adapter: str | None = None,
        announce: hub.Announce | None = None,
        rows: int = ROWS,
        memory_bytes: int | None = None,
    ):
        require_packages()
        spec = LlmSpec.parse(argument, adapter)
        lm = load(spec, device=device, offline=offline, announce=announce or hub.to_stderr)
        self.id = f"transformers:{spec.name}"
        self.model: ModelInfo = lm.info
        self.tokens = PromptTokens(lm.tokenizer, lm.longest)
        """Makes token ids of questions."""
        self.forward = Forward(lm.model, rows, memory_bytes)
        """Computes them."""
        self._lock = threading.Lock()
        self._dropped = 0
        self._notes = (NOT_SHARED[self.forward.way].format(id=self.id),) if self.forward.way in NOT_SHARED else ()

    @classmethod
    def check(cls, argument: str | None, offline: bool = False) -> None:
        """Raises ConfigError if the argument makes no sense."""
        LlmSpec.parse(argument)

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether transformers is installed and, if a model is named, whether it is here. Nothing heavy is imported."""
        missing = [package for package in PACKAGES if find_spec(package) is None]
        if missing:
            return Availability(False, f"{' and '.join(missing)} not installed", INSTALL)
        if model is None:
            return Availability(True, "any causal language model of Hugging Face: llm='transformers:PATH_OR_ID'")
        try:
            checkpoint, _ = resolve(LlmSpec.parse(model), offline=True, announce=hub.to_stderr)
        except ConvemoError as error:
            later = "" if offline or "offline" not in error.expected else "; fetched at first use, if there is network"
            return Availability(False, f"expected {error.expected}, found {error.found}{later}", error.hint)
        return Availability(True, f"{checkpoint.name}, {checkpoint.licence} licence")

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the answers must know."""
        if not self._dropped:
            return self._notes
        said = f"Of {self._dropped} prompts the earliest history was left out: {self.id} reads {self.tokens.longest} tokens at most."
        return (*self._notes, said)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer each, in the same order. A question that does not fit, or cannot be computed, gets its reason."""
        with self._lock:
            read = [self._read(question) for question in questions]
            asks = list(dict.fromkeys(ask for tokens in read if isinstance(tokens, Tokens) for ask in asks_of(tokens)))
            replies = dict(zip(asks, self.forward.ask(asks)))
            answers = []
            for tokens in read:
                answers.append(_answer(tokens, replies) if isinstance(tokens, Tokens) else Answer(None, tokens, "logprobs"))
            return answers

    def _read(self, question: Question) -> Tokens | str:
        try:
            tokens = self.tokens.of(question)
        except TooLong as error:
            return str(error)
        self._dropped += tokens.dropped > 0
        return tokens


def asks_of(tokens: Tokens) -> list[Ask]:
    """What has to be known of the next token: once, after the prompt, or after each beginning of the options' tokens.

    >>> asks_of(Tokens((1, 2), ((7, 8), (7, 9), (5,))))
    [Ask(ids=(1, 2), tokens=(5, 7), whole=True), Ask(ids=(1, 2, 7), tokens=(8, 9), whole=True)]
    """
    if tokens.single:
        return [Ask(tokens.prompt, tuple(sorted({path[0] for path in tokens.options})))]
    following: dict[tuple[int, ...], set[int]] = {}
    for path in tokens.options:
        for place, token in enumerate(path):
            following.setdefault(path[:place], set()).add(token)
    return [Ask(tokens.prompt + begun, tuple(sorted(after)), whole=True) for begun, after in following.items()]


def _answer(tokens: Tokens, replies: dict[Ask, Reply]) -> Answer:
    """The options' log-probabilities: each the sum over its tokens, normalised over all options."""
    asks = {ask.ids: (ask, replies[ask]) for ask in asks_of(tokens)}
    how = "logprobs" if tokens.single else "paths"
    reason = next((reply.reason for _, reply in asks.values() if reply.reason is not None), None)
    computed = 0
    for _, reply in asks.values():
        computed, reply.computed = computed + reply.computed, 0  # counted where it was asked first
    if reason is not None:
        return Answer(None, reason, how, len(tokens.prompt), computed)
    scores = np.zeros(len(tokens.options))
    for option, path in enumerate(tokens.options):
        for place, token in enumerate(path):
            ask, reply = asks[tokens.prompt + path[:place]]
            scores[option] += reply.log_probs[ask.tokens.index(token)]
    return Answer(scores - np.logaddexp.reduce(scores), None, how, len(tokens.prompt), computed)
