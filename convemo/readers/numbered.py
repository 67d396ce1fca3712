"""Speakers to whom a service gives numbers: of the audio channel, and of the voice within it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from convemo.types import Speaker

Place = tuple[str | None, str | None]
"""Channel and speaker as the file writes them."""


def numbered(places: Iterable[Place]) -> dict[Place, Speaker]:
    """A speaker for each of these places; none for one that says nothing.

    In a file of one channel, a speaker is ``"speaker 0"``; in a file of several, ``"channel 1"``, or ``"channel 1, speaker 0"`` where
    the channel carries more than one. Whoever has a channel of their own is known by it: ``channel:1=agent`` gives them their role.

    >>> [s.id for s in numbered([("0", "0"), ("0", "1"), (None, None)]).values()]
    ['speaker 0', 'speaker 1']
    >>> [(s.id, s.channel) for s in numbered([("0", None), ("1", "0"), ("1", "1")]).values()]
    [('channel 0', 0), ('channel 1, speaker 0', None), ('channel 1, speaker 1', None)]
    """
    places = list(dict.fromkeys(places))
    voices = Counter(channel for channel, _ in places if channel is not None)
    speakers: dict[Place, Speaker] = {}
    for channel, speaker in places:
        if len(voices) > 1 and channel is not None:
            alone = voices[channel] == 1
            own = int(channel) if alone and channel.isdecimal() and len(channel) < 4 else None
            id = f"channel {channel}" if alone or speaker is None else f"channel {channel}, {_voice(speaker)}"
            speakers[channel, speaker] = Speaker(id, name=id, channel=own)
        elif speaker is not None:
            speakers[channel, speaker] = Speaker(_voice(speaker), name=_voice(speaker))
    return speakers


def _voice(speaker: str) -> str:
    return f"speaker {speaker}" if speaker.isdecimal() else speaker
