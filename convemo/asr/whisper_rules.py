"""What holds for every Whisper, whichever package runs it: what it says, when that is believed, what it can be asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from convemo.errors import ConfigError

NO_SPEECH = 0.6
LOG_PROBABILITY = -1.0
COMPRESSION = 2.4
"""Thresholds of Radford et al. 2022 (arXiv:2212.04356, section 4.5): probability of the no-speech token, mean
log-probability of the text's tokens, and how much shorter gzip makes the text."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word as Whisper writes it, with the space before it where the language has spaces."""

    text: str
    start: float
    end: float
    """Seconds from the beginning of the passage."""
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment that Whisper hears in a passage, and how far it believes it itself."""

    text: str
    words: tuple[HeardWord, ...]
    log_probability: float
    """Mean over the tokens."""
    no_speech: float
    """Probability of the no-speech token."""
    compression: float
    """Length of the text over its length when compressed; above `COMPRESSION` it repeats itself."""

    @classmethod
    def of(
        cls,
        text: str,
        start: float,
        end: float,
        words: Sequence[HeardWord],
        log_probability: float,
        no_speech: float,
        compression: float,
    ) -> Heard:
        """A segment; where no word could be aligned, all of its text counts as one word, so that none is lost."""
        if text.strip() and not words:
            words = (HeardWord(text, start, end, exp(min(0.0, log_probability))),)
        return cls(text, tuple(words), float(log_probability), float(no_speech), float(compression))

    @property
    def improbable(self) -> bool:
        return self.log_probability < LOG_PROBABILITY

    @property
    def repetitive(self) -> bool:
        return self.compression > COMPRESSION


def believable(heard: Heard) -> bool:
    """Whether a segment was said rather than invented.

    Whisper itself decodes doubtful text again at higher temperatures, and then keeps what it has. We drop it if the model
    doubts it on two counts, improbable text where it hears no speech, or improbable text that repeats itself; and if it
    is the credit of a subtitler, which it has learnt to write under music and noise.

    >>> sure, unsure = -0.3, -1.7
    >>> believable(Heard(" Yes.", (), sure, 0.9, 1.4)), believable(Heard(" Yes.", (), unsure, 0.9, 1.4))
    (True, False)
    >>> believable(Heard(" Yes yes yes", (), unsure, 0.1, 3.0)), believable(Heard(" Thanks for watching!", (), sure, 0.0, 1.0))
    (False, False)
    """
    if heard.improbable and (heard.no_speech > NO_SPEECH or heard.repetitive):
        return False
    return not _CREDIT.fullmatch(heard.text.strip())


_CREDIT = re.compile(
    r"(?:thanks|thank you)(?: so much| very much)? for watching[.!]*"
    r"|(?:please )?(?:like and )?subscribe to (?:my|our|the) channel[.!]*"
    r"|.{0,60}\bamara\.org\b.{0,30}"
    r"|(?:subtitles|captions|untertitel(?:ung)?|sous-titr\w+|subtítulos|legendas|sottotitoli|ondertitel\w*)(?: \w+)?"
    r" (?:by|von|im auftrag|par|por|pela|a cura di|door|société)\b.{0,60}",
    re.IGNORECASE,
)
"""Whole segments that Whisper is known to write where nobody speaks, from the subtitles that it was trained on
(Barański et al. 2025, arXiv:2501.11378; openai/whisper discussion 679). Phrases that people also say in a conversation, such as
"thank you", are not among them."""

LOOP = 4
"""A phrase that comes so many times on end, in text that gzip shortens past `COMPRESSION`, is a decoder in a loop."""
LONGEST_PHRASE = 20
"""Words of a phrase that may be in a loop."""


def outside_loops(texts: Sequence[str]) -> list[int]:
    """Indices of the words that are left when each loop is reduced to its first round.

    >>> texts = "so I said no no no no no and then you know you know you know you know left".split()
    >>> " ".join(texts[i] for i in outside_loops(texts))
    'so I said no and then you know left'
    """
    spelt = [text.strip(" .,!?…").casefold() for text in texts]
    kept, at = [], 0
    while at < len(spelt):
        size, rounds = _loop(spelt, at)
        looping = rounds >= LOOP
        kept += range(at, at + size) if looping else [at]
        at += size * rounds if looping else 1
    return kept


def _loop(spelt: Sequence[str], at: int) -> tuple[int, int]:
    """Length in words of the phrase that begins here and comes most often on end, and how often it comes."""
    best = (1, 1)
    for size in range(1, min(LONGEST_PHRASE, (len(spelt) - at) // LOOP) + 1):
        phrase, rounds = spelt[at : at + size], 1
        while spelt[at + size * rounds : at + size * (rounds + 1)] == phrase:
            rounds += 1
        if rounds > best[1]:
            best = (size, rounds)
    return best


LANGUAGE_PASSAGES = 3
"""Passages that may be heard to find the language, if the first ones leave doubt."""

CERTAIN = 0.8
"""Probability of one language in one passage that settles it."""


def likeliest(rankings: Iterable[Mapping[str, float]]) -> tuple[str, float]:
    """The language of most probability over several passages, and its mean probability; one that leaves no doubt ends the search.

    Args:
        rankings: for each passage, language → probability. Read one by one: each costs a run of the encoder.

    >>> likeliest(iter([{"en": 0.5, "nl": 0.4}, {"en": 0.1, "nl": 0.7}, {"en": 0.3, "nl": 0.4}]))
    ('nl', 0.5)
    """
    total: dict[str, float] = {}
    count = 0
    for ranking in rankings:
        count += 1
        for code, probability in ranking.items():
            total[code] = total.get(code, 0.0) + probability
        best = max(ranking, key=ranking.__getitem__)
        if ranking[best] >= CERTAIN:
            return best, round(float(ranking[best]), 4)
    best = max(total, key=total.__getitem__)
    return best, round(float(total[best] / count), 4)


def check_language(language: str | None, known: Collection[str], engine: str) -> None:
    """Refuses a language that a model does not know, rather than have it fall back on English in silence.

    Raises:
        ConfigError: it does not know it.
    """
    if language is not None and language not in known:
        listed = ", ".join(sorted(known)) if len(known) <= 5 else f"an ISO 639-1 code of its {len(known)}, e.g. en, de, es"
        hint = "Choose a model whose name does not end in .en." if set(known) == {"en"} else ""
        raise ConfigError(f"a language that {engine} knows ({listed})", repr(language), hint)


def translates(model: str) -> bool:
    """Whether a model of this name was trained to translate: the English-only, turbo and distilled ones were not.

    The turbo is large-v3 fine-tuned on transcription alone (openai/whisper discussion 2363), and the distilled ones on English
    (Gandhi et al. 2023, arXiv:2311.00430); asked for a translation, they transcribe.

    >>> [translates(name) for name in ("small", "small.en", "large-v3-turbo", "distil-large-v3", "me/faster-whisper-medium")]
    [True, False, False, False, True]
    """
    name = model.rstrip("/").rpartition("/")[2].lower().removesuffix(".pt")
    return not (name.endswith(".en") or "turbo" in name or "distil" in name)


def check_translation(model: str, multilingual: bool = True) -> None:
    """Refuses to have words translated by a model that cannot, rather than pass on what was said for English.

    Raises:
        ConfigError: it cannot.
    """
    if not (multilingual and translates(model)):
        raise ConfigError(
            "a multilingual Whisper for translate=True: tiny, base, small, medium, large-v2 or large-v3",
            f"{model!r}, which was not trained to translate",
            "Choose one of these, such as faster-whisper:small.",
        )
