"""What a language model is fine-tuned on: labelled utterances, asked about as in an analysis, as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from convemo.errors import ConfigError
from convemo.llm.option_tokens import PromptTokens, TooLong
from convemo.llm.prompt import Prompt
from convemo.llm.questions import Order, ask
from convemo.types import Dialogue


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, and what is to be answered."""

    prompt: tuple[int, ...]
    options: tuple[int, ...]
    """The token of each option."""
    order: Order
    """For each option, the index of its label."""
    label: int

    @property
    def answer(self) -> int:
        """Which option is right."""
        return self.order.index(self.label)


class Examples:
    """``N`` labelled utterances of some dialogues.

    Args:
        dialogues: what was said; only utterances with a label of the prompt's and with words are examples, the others are history.
        prompt: how it is asked.
        tokens: what makes token ids of a question, with the most tokens that a prompt may have.
    """

    def __init__(self, dialogues: Sequence[Dialogue], prompt: Prompt, tokens: PromptTokens):
        self.prompt, self._tokens = prompt, tokens
        names = tuple(prompt.labels)
        self._dialogues = tuple(dialogues)
        self.places: list[tuple[int, int]] = []
        """Dialogue and index of each example, in order."""
        labels: list[int] = []
        for number, dialogue in enumerate(self._dialogues):
            for asked in ask(dialogue, prompt, ()):
                label = dialogue[asked.index].label
                if asked.reason is None and label in names:
                    self.places.append((number, asked.index))
                    labels.append(names.index(label))
        self.labels = np.array(labels, dtype=int)
        """``(N,)`` indices."""
        self.too_long = 0
        """How many did not fit so far."""

    def __len__(self) -> int:
        return len(self.places)

    def of(self, chosen: Sequence[int], orders: Sequence[Sequence[Order]]) -> list[list[Example]]:
        """The chosen examples, each in its orders; an empty list for one that does not fit the model's context.

        Args:
            chosen: indices; neighbours in one dialogue should be neighbours here, for their prompts share most.
            orders: of the options, at least one for each of the chosen.

        Raises:
            ConfigError: in this tokenizer, the options are not one token each.
        """
        found: list[list[Example]] = [[] for _ in chosen]
        rows_of: dict[int, list[int]] = {}
        for row, example in enumerate(chosen):
            rows_of.setdefault(self.places[example][0], []).append(row)
        for number, rows in rows_of.items():
            index_of = {self.places[chosen[row]][1]: row for row in rows}
            wanted = list(dict.fromkeys(order for row in rows for order in orders[row]))
            dialogue = self._dialogues[number]
            for asked in ask(_until(dialogue, max(index_of)), self.prompt, wanted, since=min(index_of)):
                if (row := index_of.get(asked.index)) is None:
                    continue
                for order in orders[row]:
                    try:
                        ids = self._tokens.of(asked.questions[wanted.index(order)])
                    except TooLong:
                        self.too_long += 1
                        continue
                    if not ids.single:
                        raise ConfigError("a tokenizer in which each option is one token", "one that splits them", "Choose another model.")
                    options = tuple(path[0] for path in ids.options)
                    found[row].append(Example(ids.prompt, options, tuple(order), int(self.labels[chosen[row]])))
        return found

    def batches(self, size: int, together: int, rng: np.random.Generator) -> list[list[int]]:
        """One pass over all examples: batches of stretches of conversations, in random order.

        Args:
            size: examples in a batch.
            together: utterances of one conversation in a stretch: the more, the more of their prompts is computed once.
            rng: the chance.

        """
        of_dialogue: dict[int, list[int]] = {}
        for example, (number, _) in enumerate(self.places):
            of_dialogue.setdefault(number, []).append(example)
        stretches = []
        for examples in of_dialogue.values():
            first = int(rng.integers(together)) or together  # so that it is not always the same ones that go together
            stretches += [part for part in (examples[:first], *_parts(examples[first:], together)) if part]
        drawn = [example for i in rng.permutation(len(stretches)) for example in stretches[i]]
        return [sorted(part) for part in _parts(drawn, size)]

    def random_orders(self, count: int, rng: np.random.Generator, each: int = 1) -> list[list[Order]]:
        """Random orders of the options for so many examples; with `each` 0 one that is always the same."""
        labels = len(self.prompt.labels)
        if not each:
            return [[tuple(range(labels))] for _ in range(count)]
        return [[tuple(int(k) for k in rng.permutation(labels)) for _ in range(each)] for _ in range(count)]


def _parts(items: list[int], size: int) -> list[list[int]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _until(dialogue: Dialogue, index: int) -> Dialogue:
    """The dialogue up to an utterance: nothing after it is asked about, and nothing of it is heard."""
    return replace(dialogue, utterances=dialogue.utterances[: index + 1])
