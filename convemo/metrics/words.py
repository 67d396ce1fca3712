"""How well words were recognised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def word_errors(heard: Sequence[str], said: Sequence[str]) -> int:
    """The fewest words that must be replaced, added or taken out to come from one to the other (Levenshtein 1966).

    Args:
        heard: the words that were recognised.
        said: the reference.

    >>> word_errors("the cat sat on mat".split(), "the bat sat on the mat".split())
    2
    """
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*heard, *said]))}
    columns = np.array([vocabulary[word] for word in said], dtype=np.int64)
    steps = np.arange(len(said) + 1)
    cost = steps  # of coming from nothing to the first 0, 1, … words of the reference
    for row, word in enumerate(heard, start=1):
        changed = np.concatenate([[row], np.minimum(cost[1:] + 1, cost[:-1] + (columns != vocabulary[word]))])
        cost = np.minimum.accumulate(changed - steps) + steps  # and words of the reference that were not heard
    return int(cost[-1])


def word_error_rate(heard: Sequence[str], said: Sequence[str]) -> float:
    """Word errors for each word that was said (WER).

    Args:
        heard: the words that were recognised.
        said: the reference, at least one word.

    Returns:
        0 is perfect; above 1 where more was heard than said.

    Raises:
        ValueError: nothing was said.

    >>> word_error_rate(["a", "b"], ["a", "c", "d", "e"])
    0.75
    """
    if not len(said):
        raise ValueError("expected at least one word in the reference, found none")
    return word_errors(heard, said) / len(said)
