"""What goes over the wire: requests in OpenAI's form, and answers to them, which are checked before they are believed.

https://platform.openai.com/docs/api-reference/chat and /completions; what servers add to it stands at `CONSTRAINTS`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, Any]
Tops = tuple[tuple[str, float], ...]
"""The likeliest tokens and their log-probabilities."""

CONSTRAINTS: dict[str, Callable[[Sequence[str]], Fields]] = {
    # vLLM, whose structured outputs mask the logits before the log-probabilities are taken. A checkpoint's generation_config could take
    # options away again (top_k, top_p), so those settings are put out of action.
    "structured_outputs": lambda options: {"structured_outputs": {"choice": list(options)}, **_UNFILTERED},
    # The same in vLLM before 0.12.
    "guided_choice": lambda options: {"guided_choice": list(options), **_UNFILTERED},
    # SGLang.
    "regex": lambda options: {"regex": "(" + "|".join(re.escape(option) for option in options) + ")"},
    # llama.cpp. Its log-probabilities are those before the grammar.
    "grammar": lambda options: {"grammar": "root ::= " + " | ".join(json.dumps(option) for option in options)},
    # Ollama, LM Studio and OpenAI itself. The answer comes in quotes, so it is of use for sampled answers only.
    "json_schema": lambda options: {
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": {"enum": list(options)}}}
    },
}
"""Ways to allow a closed list of answers only. Which of them a server knows is found out by asking (`openai_probe`)."""

_UNFILTERED: Fields = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}

SAMPLERS: dict[str, Fields] = {
    "plain": {},
    # `transformers serve` takes the most probable token at any temperature unless its own settings say to sample.
    "generation_config": {"generation_config": json.dumps({"do_sample": True, "top_k": 0, "top_p": 1.0, "max_new_tokens": 16})},
}
"""Ways to have answers drawn at random. The first should do."""

NOT_THINKING: tuple[Fields, ...] = ({"chat_template_kwargs": {"enable_thinking": False}}, {"reasoning_effort": "none"})
"""Ways to keep a model from thinking before it answers: Qwen's and others' templates (vLLM, SGLang, llama.cpp); Ollama."""

SAMPLE_TOKENS = 16
"""Room for a sampled answer: an option, and what a model puts around it."""


class Malformed(ValueError):
    """What came back is not an answer in OpenAI's form."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a server is asked."""

    chat: bool = True
    """Over ``/chat/completions``, where the server puts the messages into the model's template; else as bare text."""
    top: int = 0
    """For how many tokens log-probabilities are asked; 0 for none."""
    temperature: float = 0.0
    constraint: str | None = None
    """One of `CONSTRAINTS`."""
    extras: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int = 1

    @property
    def path(self) -> str:
        return "/chat/completions" if self.chat else "/completions"

    def body(self, model: str, system: str, user: str, options: Sequence[str] = (), seed: int = 0) -> Fields:
        """The request for one answer.

        >>> Form(chat=False).body("m", "Which letter?", "A or B?")["prompt"]
        'Which letter?\\n\\nA or B?\\nAnswer:'
        >>> Form(top=5).body("m", "Which letter?", "A or B?")["top_logprobs"]
        5
        """
        body: Fields = {
            "model": model,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": 1.0,
            "seed": seed,
            "stream": False,
        }
        if self.chat:
            body["messages"] = [{"role": "system", "content": system}, {"role": "user", "content": user}]
            if self.top:
                body |= {"logprobs": True, "top_logprobs": self.top}
        else:
            body["prompt"] = f"{system}\n\n{user}\nAnswer:"
            if self.top:
                body["logprobs"] = self.top
        if self.constraint and options:
            body |= CONSTRAINTS[self.constraint](options)
        return body | dict(self.extras)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is used of an answer."""

    text: str
    tops: Tops | None
    """Of the first token of the answer; ``None`` if the server sent none."""
    thought: bool
    """Whether the model thought, or began to, before it answered."""
    prompt_tokens: int
    cached_tokens: int | None
    """How many of the prompt's tokens the server had from a cache; ``None`` if it does not say."""


def read(body: bytes) -> Reply:
    """What a server answered.

    Raises:
        Malformed: it is not JSON, cut off, not in OpenAI's form, an error in disguise, or holds numbers that are no log-probabilities.
    """
    answer = parse(body)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Malformed("no choices in it")
    choice = _mapping(choices[0], "a choice")
    if choice.get("index", 0) != 0 or choice.get("finish_reason") in ("error", "abort"):
        raise Malformed("its generation failed")
    message = choice.get("message")
    if message is None:
        text, thoughts = choice.get("text"), None
    else:
        message = _mapping(message, "a message")
        text, thoughts = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
    if text is None and thoughts:
        text = ""
    if not isinstance(text, str):
        raise Malformed("no text in it")
    prompt_tokens, cached_tokens = _usage(answer)
    return Reply(text, _tops(choice.get("logprobs")), bool(thoughts) or "<think" in text, prompt_tokens, cached_tokens)


def parse(body: bytes) -> Fields:
    """A JSON object.

    Raises:
        Malformed: it is none.

    >>> parse(b'{"a": NaN}')
    Traceback (most recent call last):
    ...
    convemo.llm.openai_wire.Malformed: not JSON
    """
    try:
        return _mapping(json.loads(body, parse_constant=_no_number), "an answer")
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:  # broken UTF-8, a number of 5,000 digits and nesting without end among them
        raise Malformed("not JSON") from error


def models(body: bytes) -> tuple[str, ...]:
    """The names in the answer to ``/models``.

    >>> models(b'{"object": "list", "data": [{"id": "a"}, {"id": "b"}]}')
    ('a', 'b')
    """
    data = parse(body).get("data")
    return tuple(str(_mapping(one, "a model").get("id", ""))[:200] for one in data[:1000]) if isinstance(data, list) else ()


def complaint(body: bytes) -> str:
    """The words of an error, as short as may be shown.

    >>> complaint(b'{"error": {"message": "no such model"}}'), complaint(b'{"detail": "Not Found"}'), complaint(b"<html>")
    ('no such model', 'Not Found', '')
    """
    try:
        answer = parse(body)
    except Malformed:
        return ""
    error = answer.get("error", answer)
    words = error if isinstance(error, str) else (error.get("message") or error.get("detail") or "") if isinstance(error, dict) else ""
    return " ".join(str(words).split())[:300]


def _tops(logprobs: Any) -> Tops | None:
    """The first token's alternatives, in chat's form (``content[0].top_logprobs``) or in that of completions (``top_logprobs[0]``)."""
    if logprobs is None:
        return None
    logprobs = _mapping(logprobs, "logprobs")
    if isinstance(content := logprobs.get("content"), list):
        first = _mapping(content[0], "a token") if content else {}
        tops = first.get("top_logprobs")
        pairs = [(_mapping(top, "a token").get("token"), top.get("logprob")) for top in tops] if isinstance(tops, list) else []
    elif isinstance(old := logprobs.get("top_logprobs"), list):
        pairs = list(_mapping(old[0] or {}, "alternatives").items()) if old else []
    else:
        return None
    for token, logprob in pairs:
        if isinstance(logprob, int) and abs(logprob) > 1e9:
            raise Malformed("log-probabilities in it that are none")
        number = isinstance(logprob, int | float) and not isinstance(logprob, bool)
        if not isinstance(token, str) or not number or math.isnan(logprob) or logprob > 0.01:
            raise Malformed("log-probabilities in it that are none")
    if sum(math.exp(logprob) for _, logprob in pairs) > 1.05:
        raise Malformed("probabilities in it that add up to more than 1")
    return tuple((token, float(logprob)) for token, logprob in pairs)


def _usage(answer: Fields) -> tuple[int, int | None]:
    """Prompt tokens, and how many of them came from a cache."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return 0, None
    prompt, details = usage.get("prompt_tokens"), usage.get("prompt_tokens_details")
    prompt = prompt if isinstance(prompt, int) and prompt >= 0 else 0
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return prompt, min(cached, prompt) if isinstance(cached, int) and cached >= 0 else None


def _mapping(value: Any, what: str) -> Fields:
    if not isinstance(value, dict):
        raise Malformed(f"{what} that is no object")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
