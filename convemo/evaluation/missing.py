"""A channel that has nothing to go by: no recording of a call, or some of its utterances lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from convemo.errors import ConfigError
from convemo.evaluation.spec import NONE, chance, number
from convemo.types import ChannelResult, Dialogue, Utterance

REASON = "withheld in this condition"
_FORM = "CHANNEL or CHANNEL=SHARE"
_OPTION = "--missing"


@dataclass(frozen=True, slots=True)
class MissingCondition:
    """Which channels lack their input; none by default.

    >>> str(MissingCondition.parse("acoustic,text=0.3"))
    'acoustic,text=0.3'
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    """Channel → share of the utterances that it gets nothing of, in ``(0, 1]``."""

    @classmethod
    def parse(cls, spec: str) -> MissingCondition:
        """From ``none``, ``CHANNEL``, ``CHANNEL=SHARE``, or several with commas.

        Raises:
            ConfigError: it is none of these.
        """
        shares: dict[str, float] = {}
        for part in [] if spec.strip() == NONE else spec.split(","):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not name or name == NONE or name in shares or (equals and not value):
                raise ConfigError(f"{NONE}, {_FORM} for {_OPTION}, or several with commas", repr(spec), "For example: acoustic=0.5.")
            shares[name] = number(value, f"{name}=SHARE", _OPTION, 0, 1) if equals else 1.0
        return cls({name: share for name, share in shares.items() if share})

    def __str__(self) -> str:
        return ",".join(name if share == 1 else f"{name}={share:g}" for name, share in self.shares.items()) or NONE

    def check(self, channels: Sequence[str]) -> None:
        """Raises ConfigError if a channel is not among those that are evaluated, or if nothing would be left."""
        if unknown := [name for name in self.shares if name not in channels]:
            raise ConfigError(f"channels among {', '.join(channels)} for {_OPTION}", ", ".join(map(repr, unknown)))
        if channels and all(self.shares.get(name) == 1 for name in channels):
            raise ConfigError(f"at least one channel that is left by {_OPTION}", str(self))

    def only(self, channel: str) -> MissingCondition:
        """What this channel lacks, and nothing else."""
        return MissingCondition({name: share for name, share in self.shares.items() if name == channel})

    def lacks(self, channel: str, dialogue: str, utterance: str, seed: int = 0) -> bool:
        """Whether this channel gets nothing of this utterance. Those that lack at a small share lack at a larger one too."""
        share = self.shares.get(channel, 0.0)
        return share == 1 or (share > 0 and chance(f"missing {channel}", dialogue, utterance, seed).random() < share)


def degrade(dialogues: Sequence[Dialogue], condition: MissingCondition, seed: int = 0) -> tuple[Dialogue, ...]:
    """The dialogues without the text (channel ``text``), sound and features (channel ``acoustic``) that are missing.

    So what is missing is no context for others either. For channels of other names, and for sound that is one file a dialogue, `withhold`
    takes the scores away.
    """
    if not condition.shares:
        return tuple(dialogues)

    def without(utterance: Utterance, dialogue: str) -> Utterance:
        lost = {}
        if condition.lacks("text", dialogue, utterance.id, seed):
            lost |= {"text": None, "words": ()}
        if condition.lacks("acoustic", dialogue, utterance.id, seed):
            lost |= {"audio": None, "features": None}
        return replace(utterance, **lost) if lost else utterance

    return tuple(replace(d, utterances=tuple(without(u, d.id) for u in d)) for d in dialogues)


def withhold(result: ChannelResult, channel: str, dialogue: Dialogue, condition: MissingCondition, seed: int = 0) -> ChannelResult:
    """The channel's result without the scores that it could not have given."""
    if channel not in condition.shares:
        return result
    lacks = [condition.lacks(channel, dialogue.id, utterance.id, seed) for utterance in dialogue]
    reasons = tuple(REASON if lost and reason is None else reason for lost, reason in zip(lacks, result.reasons))
    dimensions = {name: np.where(lacks, np.nan, values) for name, values in result.dimensions.items()}
    return replace(result, reasons=reasons, dimensions=dimensions)
