"""Words as a recogniser might get them wrong, and how sure it would say it was: for want of a free corpus with sound, words and labels.

Simulated, and simply so: words are confused, lost and added independently of each other, and a confusion is the word of a vocabulary that
is spelled most like the one said. Real errors come in bursts, and depend on noise and accent. Confidence is drawn, not computed: high for
what is right and spread out for what is wrong, so that it tells the two apart (AUC 0.91 by the two distributions: chosen, not measured),
and a whole utterance's mean follows its error rate.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

import numpy as np

from convemo.data import as_raw_asr

SHARES = {"confused": 0.65, "lost": 0.2, "added": 0.15}
"""Of the errors: chosen, not measured."""
RIGHT, WRONG = (8.0, 1.2), (2.5, 2.0)
"""Beta distributions of the confidence in a word that is right, and in one that is not: means 0.87 and 0.56."""
WORST_RATE = 0.6
_TRIED = 60  # words among which the likest is taken
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # as `as_raw_asr` sees one


def vocabulary(texts: Iterable[str], least: int = 3) -> dict[str, float]:
    """Word → share, of the words that occur so often in these texts, as raw ASR has them.

    >>> vocabulary(["A b.", "a B!", "a c"], least=2)
    {'a': 0.6, 'b': 0.4}
    """
    counts = Counter(word for text in texts for word in as_raw_asr(text).split())
    kept = {word: count for word, count in counts.items() if count >= least}
    total = sum(kept.values())
    return {word: count / total for word, count in kept.items()}


def mishear(text: str, rate: float, words: Mapping[str, float], rng: np.random.Generator) -> tuple[str, float | None]:
    """A text as it may come out of a recogniser, and the mean confidence in its words; ``None`` if no word is left.

    Args:
        text: as written, or as raw ASR: case and punctuation stay as they are.
        rate: expected errors a word, in ``[0, 1]``.
        words: the recogniser's vocabulary, see `vocabulary`.
        rng: draws everything.

    >>> mishear("Hello there!", 0.0, {"hi": 1.0}, np.random.default_rng(0))[0]
    'Hello there!'
    """
    heard: list[str] = []
    confidences: list[float] = []
    known, shares = list(words), np.array(list(words.values()))
    kinds, odds = list(SHARES), list(SHARES.values())
    done = 0
    for match in _WORD.finditer(text):
        word = match[0]
        kind = rng.choice(kinds, p=odds) if rng.random() < rate else "right"
        between, done = text[done : match.start()], match.end()
        heard.append(between)
        if kind != "lost":
            heard.append(_like(word, _confused(word.lower(), known, shares, rng)) if kind == "confused" else word)
            confidences.append(rng.beta(*(WRONG if kind == "confused" else RIGHT)))
        if kind == "added":
            heard.append(f" {known[rng.choice(len(known), p=shares)]}")
            confidences.append(rng.beta(*WRONG))
    if not confidences:
        return "", None
    return _tidy("".join(heard) + text[done:]), round(float(np.mean(confidences)), 4)


def _like(word: str, other: str) -> str:
    """The other word, with a capital or in capitals if this one is."""
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def _tidy(text: str) -> str:
    """Without the gaps that lost words leave, also before what ends a sentence."""
    return re.sub(r"\s+(?=[,.;:!?…])|(?<=\s)\s+", "", text).strip()


def _confused(word: str, known: Sequence[str], shares: np.ndarray, rng: np.random.Generator) -> str:
    """Of some words drawn by their frequency, the one that is spelled most like this one."""
    drawn = {known[i] for i in rng.choice(len(known), size=_TRIED, p=shares)} - {word}
    return max(sorted(drawn), key=lambda other: SequenceMatcher(None, word, other).ratio()) if drawn else word
