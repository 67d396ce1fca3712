"""How a text may reach the text channel: as written, as a recogniser without punctuation gives it, or with its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from convemo.data import as_raw_asr
from convemo.training.mishear import WORST_RATE, mishear
from convemo.types import Dialogue

READINGS = ("written", "raw", "misheard")


def read_as(reading: str, dialogue: Dialogue, words: Mapping[str, float], rng: np.random.Generator) -> Dialogue:
    """The dialogue in one of `READINGS`. What is misheard carries how sure a recogniser would be of it (`Evidence.asr_confidence`).

    Args:
        reading: which.
        dialogue: as written.
        words: the recogniser's vocabulary, see `mishear.vocabulary`.
        rng: draws the errors, up to `mishear.WORST_RATE` of the words of an utterance.
    """
    if reading == "written":
        return dialogue
    utterances = []
    for utterance in dialogue:
        text, evidence = as_raw_asr(utterance.text or ""), utterance.evidence
        if reading == "misheard":
            text, confidence = mishear(text, rng.uniform(0, WORST_RATE), words, rng)
            evidence = replace(evidence, asr_confidence=confidence)
        utterances.append(replace(utterance, text=text, words=(), evidence=evidence))
    return replace(dialogue, utterances=tuple(utterances))
