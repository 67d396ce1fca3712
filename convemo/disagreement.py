"""Whether the words of an utterance express one thing and the voice another: irony, a brave face, words that were put there to mislead.

Both opinions are taken as fusion takes them: calibrated, or, of a channel that nobody has fitted, at the power of the weight that it has
there, so that a model that is always sure of itself disagrees with nobody by that alone. They disagree if

1. each finds its own likeliest label at least `ODDS` times as likely as the other's, which an opinion that is none does not, and
2. the Jensen–Shannon divergence of the two (Lin 1991, https://doi.org/10.1109/18.61115) is at least `LEAST_BITS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from convemo.types import PRIOR_WEIGHT, ChannelResult

WORDS, VOICE = ("text", "llm"), "acoustic"
"""The channels that read the words, and the one that hears the voice."""
ODDS = 5.0
"""Chosen with ``benchmarks/disagreement.py``. At 3 a voice model that has not met the corpus contradicts the words on one utterance in
four where both express the same, on one in three where they do not; at 5 on one in fifteen, and one that has met the corpus still finds
half of the contradictions in which words and voice are both right."""
LEAST_BITS = 0.2
"""Of one bit at most: what is left open to many labels is no disagreement. 0.2 are two opinions that give 0.55 to their own label and 0.13
to the other's."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Words that say one thing, and a voice that says another."""

    channel: str
    """Which read the words: ``"text"`` or ``"llm"``; the one that is farther from the voice."""
    words: str
    """The label of the words."""
    voice: str
    """The label of the voice."""
    bits: float
    """How far the opinions lie apart, from `LEAST_BITS` to 1."""

    def __str__(self) -> str:
        """In words.

        >>> print(Disagreement("llm", "joy", "anger", 0.31))
        the words (llm) say joy, the voice anger
        """
        return f"the words ({self.channel}) say {self.words}, the voice {self.voice}"


def disagreement(channels: Mapping[str, ChannelResult], index: int) -> Disagreement | None:
    """Whether words and voice disagree about one utterance; of several channels that do with the voice, the farthest.

    >>> from convemo.types import LabelSet
    >>> labels = LabelSet(("neutral", "joy", "anger"))
    >>> said = {"text": [0.1, 0.8, 0.1], "acoustic": [0.2, 0.1, 0.7]}
    >>> results = {name: ChannelResult(name, labels, np.log([p]), (None,), calibrated=True) for name, p in said.items()}
    >>> str(disagreement(results, 0)), disagreement({"text": results["text"]}, 0)
    ('the words (text) say joy, the voice anger', None)
    """
    voice = channels.get(VOICE)
    readers = [name for name in WORDS if name in channels and voice is not None]
    found = [d for name in readers if (d := _between(channels[name], voice, name, index))]
    return max(found, key=lambda d: d.bits, default=None)


def _between(words: ChannelResult, voice: ChannelResult, name: str, index: int) -> Disagreement | None:
    shared = [label for label in words.labels if label in voice.labels]
    if words.reasons[index] is not None or voice.reasons[index] is not None or len(shared) < 2:
        return None
    p, q = _opinion(words, shared, index), _opinion(voice, shared, index)  # (K,) each
    mine, other = int(p.argmax()), int(q.argmax())
    if mine == other or p[mine] < ODDS * p[other] or q[other] < ODDS * q[mine]:
        return None
    bits = round(jensen_shannon_bits(p, q), 3)
    return Disagreement(name, shared[mine], shared[other], bits) if bits >= LEAST_BITS else None


def _opinion(result: ChannelResult, labels: list[str], index: int) -> np.ndarray:
    """``(K,)`` probabilities of one row, among these labels."""
    log_probs = result.log_probs[index, [result.labels.index(label) for label in labels]] * (1.0 if result.calibrated else PRIOR_WEIGHT)
    p = np.exp(log_probs - log_probs.max())
    return p / p.sum()


def jensen_shannon_bits(p: np.ndarray, q: np.ndarray) -> float:
    r"""How far two distributions lie apart.

    .. math:: \mathrm{JS}(p, q) = \tfrac12 \sum_k p_k \log_2 \frac{p_k}{m_k} + \tfrac12 \sum_k q_k \log_2 \frac{q_k}{m_k},
              \qquad m = \tfrac12 (p + q)

    Args:
        p, q: ``(K,)``, above 0, sums 1.

    Returns:
        From 0, the same, to 1, nothing in common.

    >>> round(jensen_shannon_bits(np.array([0.5, 0.5]), np.array([0.9, 0.1])), 3)
    0.147
    """
    m = (p + q) / 2
    return float((p * np.log2(p / m) + q * np.log2(q / m)).sum() / 2)
