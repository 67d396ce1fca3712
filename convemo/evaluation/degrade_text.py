"""Text as worse transcripts have it: without punctuation and case, and with a recogniser's errors.

The errors are those that fusion is trained against (`convemo.training.mishear`): a word becomes another that is spelled much like it, is
lost, or gets a neighbour. They are drawn from each utterance's own chance, so an utterance is misheard in the same way whatever is
evaluated with it; only the vocabulary is that of the whole data set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from convemo.data import as_raw_asr
from convemo.evaluation.spec import chance, number, parts
from convemo.metrics import word_errors
from convemo.training.mishear import mishear, vocabulary
from convemo.types import Dialogue, Utterance

PUNCTUATED, RAW, NOISE = "punctuated", "raw", "asr-noise"
FORMS = {PUNCTUATED: PUNCTUATED, RAW: RAW, NOISE: f"{NOISE}=RATE"}


@dataclass(frozen=True, slots=True)
class TextCondition:
    """What is done to the words; nothing by default.

    >>> TextCondition.parse("raw,asr-noise=0.2")
    TextCondition(raw=True, error_rate=0.2)
    >>> str(TextCondition.parse("asr-noise=0.10"))
    'asr-noise=0.1'
    """

    raw: bool = False
    """Lower case, no punctuation."""
    error_rate: float = 0.0
    """Expected errors a word, in ``[0, 1]``."""

    @classmethod
    def parse(cls, spec: str) -> TextCondition:
        """From ``punctuated`` (as it is), ``raw``, ``asr-noise=RATE`` or ``raw,asr-noise=RATE``.

        Raises:
            ConfigError: it is none of these.
        """
        found = parts(spec, "--text", FORMS)
        rate = number(found[NOISE], FORMS[NOISE], "--text", 0, 1) if NOISE in found else 0.0
        return cls(RAW in found, rate)

    def __str__(self) -> str:
        named = [RAW] * self.raw + [f"{NOISE}={self.error_rate:g}"] * (self.error_rate > 0)
        return ",".join(named) or PUNCTUATED


def degrade(dialogues: Sequence[Dialogue], condition: TextCondition, seed: int = 0) -> tuple[Dialogue, ...]:
    """The dialogues with their words in this condition; words with times go, for they are no longer what is read.

    Misheard utterances carry how sure the recogniser would be of them (`Evidence.asr_confidence`). Of an utterance of which nothing was
    heard the text is empty.
    """
    if condition == TextCondition():
        return tuple(dialogues)
    words = dict(sorted(vocabulary(_texts(dialogues)).items())) if condition.error_rate else {}
    return tuple(
        replace(dialogue, utterances=tuple(_degraded(u, condition, words, dialogue.id, seed) for u in dialogue)) for dialogue in dialogues
    )


def _degraded(utterance: Utterance, condition: TextCondition, words: Mapping[str, float], dialogue: str, seed: int) -> Utterance:
    if utterance.text is None:
        return utterance
    text, evidence = as_raw_asr(utterance.text) if condition.raw else utterance.text, utterance.evidence
    if condition.error_rate and words:
        text, confidence = mishear(text, condition.error_rate, words, chance("text", dialogue, utterance.id, seed))
        evidence = replace(evidence, asr_confidence=confidence)
    return replace(utterance, text=text, words=(), evidence=evidence)


def measured_error_rate(said: Sequence[Dialogue], heard: Sequence[Dialogue]) -> float | None:
    """The word error rate that a condition came to, case and punctuation aside; ``None`` where there is no word.

    Args:
        said: the dialogues as they were.
        heard: the same, degraded.
    """
    errors, words = 0, 0
    for one, other in zip(_texts(said), _texts(heard), strict=True):
        reference = as_raw_asr(one).split()
        errors, words = errors + word_errors(as_raw_asr(other).split(), reference), words + len(reference)
    return errors / words if words else None


def _texts(dialogues: Iterable[Dialogue]) -> list[str]:
    return [utterance.text or "" for dialogue in dialogues for utterance in dialogue]
