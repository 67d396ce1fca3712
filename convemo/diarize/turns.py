"""From stretches of voice to a `Diarization`: what every engine does last."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from convemo.types import Diarization, Speaker, Turn


def diarization(
    stretches: Iterable[tuple[float, float, Hashable]], source: str, channels: Mapping[Hashable, int] | None = None
) -> Diarization:
    """Stretches ``(start, end, who)`` as turns, their speakers named as they first speak.

    Args:
        stretches: in any order; those without length are dropped.
        source: the engine.
        channels: who → the audio channel that is theirs alone.

    >>> result = diarization([(2.0, 3.0, "SPEAKER_00"), (0.0, 1.0, "SPEAKER_01")], "pyannote")
    >>> [(turn.speaker, turn.start) for turn in result.turns]
    [('speaker 1', 0.0), ('speaker 2', 2.0)]
    """
    names: dict[Hashable, str] = {}
    turns = []
    for start, end, who in sorted(stretches, key=lambda stretch: stretch[:2]):
        if end > start:
            turns.append(Turn(round(float(start), 3), round(float(end), 3), names.setdefault(who, f"speaker {len(names) + 1}")))
    speakers = tuple(Speaker(name, channel=(channels or {}).get(who)) for who, name in names.items())
    return Diarization(tuple(turns), speakers, source)
