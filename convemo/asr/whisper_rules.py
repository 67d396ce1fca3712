"""What holds for every Whisper, whichever package runs it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from convemo.errors import ConfigError

NO_SPEECH = 0.6
LOG_PROBABILITY = -1.0
COMPRESSION = 2.4
"""Thresholds of Radford et al. 2022 (arXiv:2212.04356, section 4.5): probability of the no-speech token, mean
log-probability of the text's tokens, and how much shorter gzip makes the text."""


def believable(no_speech: float, log_probability: float, compression: float) -> bool:
    """Whether a segment was said rather than invented, by the rules of Whisper's paper.

    Whisper itself decodes such a segment again at higher temperatures, and then keeps what it has. We drop it if
    the model doubts it on two counts: improbable text where it hears no speech, or improbable text that repeats itself.

    >>> believable(no_speech=0.9, log_probability=-0.3, compression=1.4), believable(0.9, -1.7, 1.4), believable(0.1, -1.7, 3.0)
    (True, False, False)
    """
    return log_probability >= LOG_PROBABILITY or (no_speech <= NO_SPEECH and compression <= COMPRESSION)


LANGUAGE_PASSAGES = 3
"""Passages that may be heard to find the language, if the first ones leave doubt."""

CERTAIN = 0.8
"""Probability of one language in one passage that settles it."""


def likeliest(rankings: Iterable[Mapping[str, float]]) -> str:
    """The language of most probability over several passages; one that leaves no doubt ends the search.

    Args:
        rankings: for each passage, language → probability. Read one by one: each costs a run of the encoder.

    >>> likeliest(iter([{"en": 0.5, "nl": 0.4}, {"en": 0.1, "nl": 0.7}, {"en": 0.3, "nl": 0.4}]))
    'nl'
    """
    total: dict[str, float] = {}
    for ranking in rankings:
        for code, probability in ranking.items():
            total[code] = total.get(code, 0.0) + probability
        best = max(ranking, key=ranking.__getitem__)
        if ranking[best] >= CERTAIN:
            return best
    return max(total, key=total.__getitem__)


def check_language(language: str | None, known: Collection[str], engine: str) -> None:
    """Refuses a language that a model does not know, rather than have it fall back on English in silence.

    Raises:
        ConfigError: it does not know it.
    """
    if language is not None and language not in known:
        listed = ", ".join(sorted(known)) if len(known) <= 5 else f"an ISO 639-1 code of its {len(known)}, e.g. en, de, es"
        hint = "Choose a model whose name does not end in .en." if set(known) == {"en"} else ""
        raise ConfigError(f"a language that {engine} knows ({listed})", repr(language), hint)
