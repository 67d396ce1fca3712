"""From stretches of voice to a `Diarization`: what every engine does last."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping

from convemo.types import Diarization, Speaker, Turn

Stretch = tuple[float, float, Hashable]
"""``(start_s, end_s, who)``."""


def diarization(
    stretches: Iterable[Stretch], source: str, channels: Mapping[Hashable, int] | None = None, exclusive: Iterable[Stretch] = ()
) -> Diarization:
    """Stretches of voice as turns, their speakers named as they first speak.

    Args:
        stretches: in any order; those shorter than a millisecond are dropped.
        source: the engine.
        channels: who → the audio channel that is theirs alone.
        exclusive: the same voices with one at a time, if the engine says so.

    >>> result = diarization([(2.0, 3.0, "SPEAKER_00"), (0.0, 1.0, "SPEAKER_01")], "pyannote")
    >>> [(turn.speaker, turn.start) for turn in result.turns]
    [('speaker 1', 0.0), ('speaker 2', 2.0)]
    >>> diarization([(1.0001, 1.0004, "a breath")], "pyannote").turns
    ()
    """
    names: dict[Hashable, str] = {}

    def turns(some: Iterable[Stretch]) -> Iterator[Turn]:
        for start, end, who in sorted(some, key=lambda stretch: stretch[:2]):
            start, end = round(float(start), 3), round(float(end), 3)
            if end > start:
                yield Turn(start, end, names.setdefault(who, f"speaker {len(names) + 1}"))

    all_turns, one_at_a_time = tuple(turns(stretches)), tuple(turns(exclusive))
    speakers = tuple(Speaker(name, channel=(channels or {}).get(who)) for who, name in names.items())
    return Diarization(all_turns, speakers, source, one_at_a_time)
