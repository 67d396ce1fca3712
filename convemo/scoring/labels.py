"""Which labels data know, and what becomes of a channel that knows others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convemo.errors import ConfigError
from convemo.types import LABELS, ChannelResult, Dialogue, LabelSet


def ordered(names: Iterable[str]) -> LabelSet:
    """Labels in the one order that everything here uses: those of `types.LABELS` first, as there, then the others by the alphabet.

    Raises:
        ValueError: there are none.

    >>> ordered(["upset", "joy", "calm", "neutral", "joy"])
    ('neutral', 'joy', 'calm', 'upset')
    """
    names = set(names)
    return LabelSet([*(label for label in LABELS if label in names), *sorted(names.difference(LABELS))])


def of(dialogues: Iterable[Dialogue]) -> LabelSet:
    """The labels that occur as references.

    Raises:
        ConfigError: no utterance has one.
    """
    names = {u.label for dialogue in dialogues for u in dialogue if u.label is not None}
    if not names:
        raise ConfigError("utterances with a 'label'", "none", "Without references there is nothing to fit or to evaluate.")
    return ordered(names)


def agree(result: ChannelResult, labels: Sequence[str]) -> ChannelResult:
    """A channel's scores over exactly these labels.

    The one rule: labels that the channel has beyond these are left out and the rest is normalised again, as if it had been told that they
    cannot occur. A channel that lacks one of these cannot be compared, since nothing says how likely it would have found it.

    Raises:
        ConfigError: the channel lacks a label.

    >>> import numpy as np
    >>> result = ChannelResult("text", LabelSet(["joy", "calm", "anger"]), np.log([[0.25, 0.5, 0.25]]), (None,))
    >>> agree(result, ["anger", "joy"]).probabilities(0)
    {'anger': 0.5, 'joy': 0.5}
    """
    check(result.channel, result.labels, labels)
    return result.among(LabelSet(labels))


def check(channel: str, has: Sequence[str], labels: Sequence[str]) -> None:
    """Raises ConfigError if the channel lacks one of the labels."""
    if lacking := [label for label in labels if label not in has]:
        raise ConfigError(
            f"channel {channel!r} to choose among {', '.join(labels)}",
            f"no {', '.join(lacking)} among its {', '.join(has)}",
            "Leave it out, train it on these data, or name the labels that both have (convemo eval --labels).",
        )
