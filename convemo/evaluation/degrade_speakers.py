"""Speaker labels as a diarizer with errors gives them: who said what is partly wrong, and with it everybody's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convemo.evaluation.spec import NONE, chance, number, parts
from convemo.types import Dialogue, Utterance

ERROR = "error"
FORMS = {NONE: NONE, ERROR: f"{ERROR}=SHARE"}


@dataclass(frozen=True, slots=True)
class SpeakerCondition:
    """What is done to the speaker labels; nothing by default.

    >>> str(SpeakerCondition.parse("error=0.1"))
    'error=0.1'
    """

    error: float = 0.0
    """Share of the utterances that are given to another speaker of their dialogue, in ``[0, 1]``."""

    @classmethod
    def parse(cls, spec: str) -> SpeakerCondition:
        """From ``none`` or ``error=SHARE``.

        Raises:
            ConfigError: it is neither.
        """
        found = parts(spec, "--speakers", FORMS)
        return cls(number(found[ERROR], FORMS[ERROR], "--speakers", 0, 1) if ERROR in found else 0.0)

    def __str__(self) -> str:
        return f"{ERROR}={self.error:g}" if self.error else NONE


def degrade(dialogues: Sequence[Dialogue], condition: SpeakerCondition, seed: int = 0) -> tuple[Dialogue, ...]:
    """The dialogues with some utterances in other people's mouths; who speaks alone in a dialogue keeps all of theirs.

    Each utterance has its own chance, so the share is met on average, and those that are wrong at a small share are so at a larger one.
    """
    if not condition.error:
        return tuple(dialogues)
    return tuple(replace(d, utterances=tuple(_mistaken(u, d, condition.error, seed) for u in d)) for d in dialogues)


def _mistaken(utterance: Utterance, dialogue: Dialogue, error: float, seed: int) -> Utterance:
    rng = chance("speaker", dialogue.id, utterance.id, seed)
    others = [speaker.id for speaker in dialogue.speakers if speaker.id != utterance.speaker]
    if rng.random() >= error or not others:
        return utterance
    return replace(utterance, speaker=others[rng.integers(len(others))])
