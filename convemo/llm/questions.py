"""The questions of a conversation: every utterance with words, its options in several orders.

A prompt is the same text as long as can be: instruction and examples, then the conversation line by line, then the question, and the order
of the options last of all. So from one order to the next only the options are new to an engine that keeps what it has computed, and from
one utterance to the next the line that was asked about is the first line of what is added. Only every `Prompt.block` utterances, when
the window of history moves, is the conversation's part computed again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from convemo.features.voice import levels
from convemo.llm.base import NOT_FINITE, TOO_LONG, Question
from convemo.llm.profile import Profiles
from convemo.llm.prompt import Prompt
from convemo.llm.transcript import clean, line
from convemo.types import Dialogue, Utterance

NO_TEXT, NO_WORDS = "no text", "no words"
FOR_GOOD = (NO_TEXT, NO_WORDS, TOO_LONG, NOT_FINITE)
"""How reasons begin that asking the same model again does not change."""
NULLS = ("N/A", "...", "Hm.")
"""What is said in a question about nothing: content-free texts as in Zhao et al. 2021 (arXiv:2102.09690), as somebody could say them."""

Order = tuple[int, ...]
"""For each option, the index of its label."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An utterance and how it is asked about."""

    index: int
    """In the dialogue."""
    questions: tuple[Question, ...]
    """One for each order; none where there is a reason."""
    reason: str | None = None
    """Why it is not asked about."""


def orders(count: int, permutations: int | None = None, seed: int = 0) -> tuple[Order, ...]:
    """Orders of the options over which answers are averaged: a model prefers some letters and places whatever they mean.

    All cyclic shifts put every label in every place once, so that a preference for places cancels (Zheng et al. 2024,
    arXiv:2309.03882). Fewer are shifts that lie as far apart as can be; more are shifts of other orders, drawn by the seed.

    Args:
        count: of labels.
        permutations: how many; ``None`` for all cyclic shifts of the labels' own order.
        seed: of what is drawn.

    >>> orders(3)
    ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    >>> orders(4, 2)
    ((0, 1, 2, 3), (2, 3, 0, 1))
    """
    wanted = count if permutations is None else permutations
    base, drawn = list(range(count)), random.Random(seed)
    found: list[Order] = []
    while len(found) < wanted:
        several = min(wanted - len(found), count)
        shifts = [round(k * count / several) % count for k in range(several)]
        found += [tuple(base[shift:] + base[:shift]) for shift in shifts]
        drawn.shuffle(base)
    return tuple(found)


def ask(dialogue: Dialogue, prompt: Prompt, order: Sequence[Order], since: int = 0) -> Iterator[Asked]:
    """The questions about the utterances from index `since` on. What an utterance is asked depends on nothing after it.

    Args:
        dialogue: who said what; where the prompt tells of voices, with `Utterance.voice_deviation`.
        prompt: how it is asked.
        order: the orders of options, from `orders`.
        since: index of the first utterance to ask about.
    """
    static, numbers, lines, profiles = prompt.static(), _Numbers(), [], Profiles()
    for index, utterance in enumerate(dialogue):
        reason = _reason(utterance)
        if reason is None:
            speaker = dialogue.speaker(utterance.speaker)
            number, who = index + 1, numbers[utterance.speaker]
            now = line(number, who, utterance.text, role=speaker.role, voice=_voice(utterance, prompt), longest=prompt.longest)
            if index >= since:
                history = tuple(lines[window_start(len(lines), prompt) :])
                profile = profiles.tell(speaker, who) if prompt.profile else ""
                yield Asked(index, tuple(_question(prompt, static, history, now, number, who, o, profile) for o in order))
            lines.append(now)
            profiles.add(utterance)
        elif index >= since:
            yield Asked(index, (), reason)


def nulls(prompt: Prompt, order: Sequence[Order]) -> list[tuple[Question, ...]]:
    """For each order the questions about nothing at all: what the model would answer without having read anything."""
    static = prompt.static()
    said = [line(1, 1, text) for text in NULLS]
    return [tuple(_question(prompt, static, (), now, 1, 1, o, "") for now in said) for o in order]


def window_start(earlier: int, prompt: Prompt) -> int:
    """Index of the first line of history that is shown, where there are so many earlier ones.

    >>> [window_start(n, Prompt.load("zero-shot-1")) for n in (0, 16, 17, 24, 25)]
    [0, 0, 8, 8, 16]
    """
    block = max(min(prompt.block, prompt.history), 1)
    return -(-max(earlier - prompt.history, 0) // block) * block


def _question(
    prompt: Prompt, static: str, history: tuple[str, ...], now: str, number: int, who: int, order: Order, profile: str
) -> Question:
    labels = tuple(prompt.labels)
    target = f"{now}\n{prompt.ask(number, who, order, profile)}"
    return Question(static, history, target, prompt.letters, tuple(labels[k] for k in order))


def _reason(utterance: Utterance) -> str | None:
    """Why an utterance cannot be asked about; ``None`` if it can."""
    if not (utterance.text or "").strip():
        return NO_TEXT
    return None if any(character.isalpha() for character in clean(utterance.text)) else NO_WORDS


def _voice(utterance: Utterance, prompt: Prompt) -> str | None:
    """How it sounded, in five levels each, compared with the speaker's earlier utterances; ``None`` if not known or not asked for."""
    deviation: Mapping[str, float | None] | None = utterance.voice_deviation if prompt.voice else None
    return ", ".join(levels(deviation).values()) or None if deviation else None


class _Numbers(dict):
    """Speaker id → their number, counted from 1 as they first speak."""

    def __missing__(self, speaker: str) -> int:
        self[speaker] = len(self) + 1
        return self[speaker]
