"""Every channel on every dialogue, by the same protocol as in an analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from convemo.dialogue.channel import Channel
from convemo.scoring.predictions import Predictions
from convemo.scoring.sound import Hear, hear
from convemo.types import ChannelResult, Dialogue, Utterance

Progress = Callable[[str, float, float], None]
"""``(stage, completed, total)``, as everywhere in convemo."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One dialogue, and what the channels say of it."""

    dialogue: Dialogue
    """With its reference labels, and the times and the evidence that its sound gave."""
    results: Mapping[str, ChannelResult]
    """Channel → one row an utterance, uncalibrated, over the channel's own labels."""


def score(
    dialogues: Sequence[Dialogue], channels: Mapping[str, Channel], *, hear: Hear = hear, progress: Progress | None = None
) -> list[Scored]:
    """What the channels say.

    A channel is shown a dialogue without its references (label and dimensions are taken out first), so that none can read them.

    Args:
        dialogues: the data.
        channels: name → channel.
        hear: how a dialogue's sound is made; only asked where a channel listens.
        progress: told of every dialogue.

    Raises:
        ConvemoError: a channel broke, or a clip cannot be read.
    """
    listening = any(map(listens, channels.values()))
    scored = []
    for done, dialogue in enumerate(dialogues, 1):
        told, audio = hear(dialogue) if listening else (dialogue, None)
        blind = replace(told, utterances=tuple(map(_without_references, told.utterances)), groups=None, genders=None)
        try:
            results = {name: replace(channel.predict(blind, audio), channel=name) for name, channel in channels.items()}
        finally:
            if audio is not None:
                audio.close()
        scored.append(Scored(told, results))
        if progress is not None:
            progress("scoring", done, len(dialogues))
    return scored


def listens(channel: Channel) -> bool:
    """Whether a dialogue's sound must be made for this channel. One that does not say is taken to listen, unless it is a text channel."""
    return not isinstance(channel, Predictions) and getattr(channel, "listens", channel.name != "text")


def _without_references(utterance: Utterance) -> Utterance:
    return replace(utterance, label=None, dimensions=None)
