"""From what a server answered to how probable each option is."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BLANK = " \t\r\n▁Ġ"
"""What a token may begin or end with and still be the option: a space, and how SentencePiece and GPT-2's vocabulary write one."""

_LEAST = 1e-6
"""No option has less: that little is no news of the model, but of tokens that the server has cut off before it told of the others."""

_IMPOSSIBLE = -500.0
"""Servers write -9999 for minus infinity."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The options' log-probabilities, and how far to believe them."""

    log_probs: np.ndarray
    """``(K,)``, normalised over the options."""
    mass: float
    """How much of the whole probability was on the options."""
    bounded: int
    """How many options were not among the tokens that the server told of."""


def from_tops(options: Sequence[str], tops: Sequence[tuple[str, float]]) -> Scored | None:
    """The options' probabilities from those of the likeliest first tokens; ``None`` if no option is among them.

    Tokens that are an option but for spaces around it are that option, and add up. An option that was not told of can have no more than
    the least probable token that was, nor more than is left of 1: it gets that bound, shared among all that are missing.

    Args:
        options: K different answers, each of one token.
        tops: tokens and their natural log-probabilities.

    >>> scored = from_tops("ABC", [("A", math.log(0.5)), (" A", math.log(0.1)), ("B", math.log(0.2)), ("The", math.log(0.1))])
    >>> np.exp(scored.log_probs).round(3), round(scored.mass, 3), scored.bounded
    (array([0.667, 0.222, 0.111]), 0.8, 1)
    """
    place = {option: number for number, option in enumerate(options)}
    told = [(token, logprob) for token, logprob in tops if logprob > _IMPOSSIBLE]
    probabilities = np.zeros(len(place))
    for token, logprob in told:
        number = place.get(token.strip(_BLANK))
        if number is not None:
            probabilities[number] += math.exp(logprob)
    mass, missing = float(probabilities.sum()), probabilities == 0
    if missing.all():
        return None
    if missing.any():
        left = max(1.0 - sum(math.exp(logprob) for _, logprob in told), 0.0)
        least = math.exp(min(logprob for _, logprob in told))
        probabilities[missing] = min(least, left / missing.sum())
    probabilities = np.maximum(probabilities, _LEAST)
    return Scored(np.log(probabilities / probabilities.sum()), min(mass, 1.0), int(missing.sum()))


def from_samples(options: Sequence[str], answers: Sequence[str]) -> np.ndarray | None:
    r"""Log-probabilities ``(K,)`` by counting answers; ``None`` if none of them is an option.

    .. math:: p_i = \frac{n_i + 1}{N + K}

    One is added to each count (Laplace's rule of succession), for what was not drawn in ten tries is not impossible.

    >>> np.exp(from_samples("AB", ["A", " A.", "B", "I think"])).tolist()
    [0.6, 0.4]
    """
    counts = Counter(answer for answer in (chosen(options, text) for text in answers) if answer is not None)
    if not counts:
        return None
    smoothed = np.array([counts[option] + 1.0 for option in options])
    return np.log(smoothed / smoothed.sum())


def chosen(options: Sequence[str], text: str) -> str | None:
    """The option that a text begins with, whatever signs are around it; ``None`` if it begins with something else.

    >>> [chosen(["A", "B"], text) for text in ("A", ' "B"', "**A**: joy", "Anger", "<think>\\n\\n</think>\\n\\nB", "B or A")]
    ['A', 'B', 'A', None, 'B', 'B']
    """
    text = re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.DOTALL)
    match = re.match(r"[\W_]*(\w+)", text)
    word = match[1].strip("_") if match else ""
    return word if word in tuple(options) else None
