"""A question as token ids: what the model reads, and what each option is in its tokenizer.

One place for all: the engines that run in process ask with these ids, and fine-tuning learns on them.

The prompt is rendered and tokenised whole, as the model's makers would; so are the prompt and each option after it. What all of these
have in common is the prompt, the rest is the option. So nothing depends on how a tokenizer joins a prompt's last characters with an
option's first, or whether it keeps the space between them in a token of its own.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from convemo.llm.base import TOO_LONG, Question

PLAIN, COLON, CUE = "{static}\n\n{user}", ":", "\n\nAnswer:"
"""The form of a prompt for a model without a chat template; the cue goes behind it where the question does not end with a colon."""
DAY = datetime.date(2024, 7, 26)
"""Some templates write today's date; a score must not change overnight. Llama 3.1's template falls back to this one."""
CLOSES = (("<think>", "\n\n</think>\n\n"), ("<|start|>assistant", "<|channel|>final<|message|>"))
"""Where a template opens a thought, or leaves open whether one follows (gpt-oss): what goes there so that the next token is the answer."""
ENDING = 8
"""Tokens at the end of a prompt by which an option's tokens are remembered."""

_NOW = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")


class TooLong(ValueError):
    """The prompt does not fit the model's context, even without history."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A question in a tokenizer's ids."""

    prompt: tuple[int, ...]
    options: tuple[tuple[int, ...], ...]
    """What follows the prompt, for each option of the question."""
    dropped: int = 0
    """How many of the earliest utterances gave way, so that the rest fits."""

    @property
    def single(self) -> bool:
        """Whether each option is one token, and no two are the same."""
        return all(len(path) == 1 for path in self.options)


class PromptTokens:
    """Makes token ids of questions.

    Args:
        tokenizer: a tokenizer of transformers.
        longest: most tokens that prompt and option may have together.

    >>> engine.tokens.prompt_ids(question), engine.tokens.option_ids(question)  # doctest: +SKIP
    ([1, 403, 407, …], [[347], [352]])
    """

    def __init__(self, tokenizer: Any, longest: int):
        self.longest = longest
        self._tokenizer = tokenizer
        self._special = _special(tokenizer)
        template = getattr(tokenizer, "chat_template", None)
        self._template = _NOW.sub(lambda call: f"{DAY.strftime(call[2])!r}", template) if isinstance(template, str) else None
        begins = tokenizer("", add_special_tokens=True)["input_ids"]
        self._begins = begins[:1] if begins and begins[0] in (tokenizer.bos_token_id, tokenizer.cls_token_id) else []
        self._known: dict[tuple, tuple[int, tuple[tuple[int, ...], ...]]] = {}
        self.form = self._choose_form()
        """``"system"`` (a system and a user message), ``"merged"`` (one user message) or ``"plain"`` (no chat template)."""
        self._space, self._end = (" ", "\n") if self.form == "plain" else self._around_answers()
        self._spaces: dict[frozenset[str], str] = {}

    def of(self, question: Question) -> Tokens:
        """The question's ids; of a history that is too long, the earliest quarter gives way until the rest fits.

        By quarters, so that the beginning of the prompt stays the same for several utterances.

        Raises:
            TooLong: it does not fit without any history.
        """
        step = max(1, -(-len(question.history) // 4))
        for dropped in [*range(0, len(question.history), step), len(question.history)]:
            tokens = self._of(replace(question, history=question.history[dropped:]), dropped)
            length = len(tokens.prompt) + max(map(len, tokens.options))
            if length <= self.longest:
                return tokens
        raise TooLong(f"{TOO_LONG}: {self.longest} tokens, even without history")

    @property
    def special_ids(self) -> frozenset[int]:
        """Ids of the tokens that are this tokenizer's own and no words: what nobody's speech may become."""
        marks = {i for token, i in self._tokenizer.get_added_vocab().items() if self._special and self._special.fullmatch(token)}
        return frozenset(marks.union(self._tokenizer.all_special_ids) - {self._tokenizer.unk_token_id})

    def prompt_ids(self, question: Question) -> list[int]:
        """What the model reads: everything before the answer.

        Raises:
            TooLong: as `of`.
        """
        return list(self.of(question).prompt)

    def option_ids(self, question: Question) -> list[list[int]]:
        """What the model may answer: for each option the tokens that follow the prompt, as a rule one.

        Raises:
            TooLong: as `of`.
        """
        return [list(path) for path in self.of(question).options]

    def text(self, question: Question) -> str:
        """The prompt as the tokenizer is given it: system and user message in the model's chat template, or `PLAIN`."""
        # A special token that somebody said is words, and must not become a token that ends a message.
        inert = replace(question, history=tuple(map(self._inert, question.history)), target=self._inert(question.target))
        if self.form == "plain":
            text = PLAIN.format(static=inert.static, user=inert.user)
            return text if text.endswith(COLON) else text + CUE
        return self._rendered(self._messages(inert.static, inert.user))

    def _of(self, question: Question, dropped: int) -> Tokens:
        text = self.text(question)
        ids = self._ids(text)
        key = (question.options, *ids[-ENDING:])
        if key not in self._known:
            self._known[key] = self._options_after(text, ids, question.options, self._space_before(question.options))
        back, paths = self._known[key]
        return Tokens(tuple(ids[: len(ids) - back]), paths, dropped)

    def _space_before(self, options: Sequence[str]) -> str:
        """What stands between prompt and option: what is usual, unless something else makes single tokens of all options."""
        key = frozenset(options)
        if key not in self._spaces:
            text = self.text(Question("What is asked?", (), "What was said.", tuple(options), tuple(options)))
            ids = self._ids(text)
            single = (s for s in (self._space, "", " ", "\n") if Tokens((), self._options_after(text, ids, options, s)[1]).single)
            self._spaces[key] = next(single, self._space)
        return self._spaces[key]

    def _options_after(self, text: str, ids: list[int], options: Sequence[str], space: str) -> tuple[int, tuple[tuple[int, ...], ...]]:
        """How many of the prompt's last tokens belong to the options, and the options' tokens."""
        for end in ("", self._end):
            whole = [self._ids(text + space + option + end) for option in options]
            shared = min(common(ids, other) for other in whole)
            paths = tuple(tuple(other[shared:]) for other in whole)
            if all(a != b[: len(a)] for i, a in enumerate(paths) for j, b in enumerate(paths) if i != j):
                break  # else "joy" is the beginning of "joyful", and only the end tells them apart
        return len(ids) - shared, paths

    def _ids(self, text: str) -> list[int]:
        ids = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return [*self._begins, *ids] if self.form == "plain" else ids

    def _inert(self, text: str) -> str:
        return self._special.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text) if self._special else text

    def _choose_form(self) -> str:
        """The form in which the chat template passes on both parts; some refuse a system message, some swallow it."""
        if not getattr(self._tokenizer, "chat_template", None):
            return "plain"
        for self.form in ("system", "merged"):
            try:
                text = self._rendered(self._messages("What is asked?", "What was said."))
            except Exception:  # a template raises whatever its author chose
                continue
            if 0 <= text.find("What is asked?") < text.find("What was said."):
                return self.form
        return "plain"

    def _messages(self, static: str, user: str) -> list[dict[str, str]]:
        if self.form == "merged":
            return [{"role": "user", "content": f"{static}\n\n{user}"}]
        return [{"role": "system", "content": static}, {"role": "user", "content": user}]

    def _rendered(self, messages: list[dict[str, str]], asks: bool = True) -> str:
        text = self._tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=asks,
            enable_thinking=False,  # Qwen3 and its like; others do not look at it
            date_string=f"{DAY:%d %b %Y}",
            chat_template=self._template,
        )
        for opened, closed in CLOSES if asks else ():
            if text.rstrip().endswith(opened):
                return text.rstrip() + closed
        return text

    def _around_answers(self) -> tuple[str, str]:
        """What the template puts before an answer, spaces at most, and after it."""
        messages, answer = self._messages("What is asked?", "What was said."), "XYZ"
        try:
            begun, whole = self._rendered(messages), self._rendered([*messages, {"role": "assistant", "content": answer}], asks=False)
        except Exception:  # a template raises whatever its author chose
            return "", "\n"
        before, _, after = whole.removeprefix(begun).partition(answer)
        fits = whole.startswith(begun) and not before.strip()
        return before if fits else "", after or "\n"


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike.

    >>> common([1, 2, 3], [1, 2, 4, 5])
    2
    """
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def _special(tokenizer: Any) -> re.Pattern[str] | None:
    """Finds what this tokenizer would read as a token of its own kind, such as ``<|im_end|>``; runs of spaces are none."""
    added = {str(token) for token in tokenizer.get_added_vocab()} | set(tokenizer.all_special_tokens)
    marks = sorted((token for token in added if len(token) > 1 and not token.isspace() and not token.isalnum()), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, marks))) if marks else None
