"""What every diarization engine looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from convemo.audio import Audio
from convemo.errors import ConfigError
from convemo.registry import Availability
from convemo.types import Diarization

Progress = Callable[[float, float], None]
"""Called as ``progress(completed_s, total_s)``, in seconds of sound."""


@dataclass(frozen=True, slots=True)
class SpeakerBounds:
    """How many speakers there are, as far as the user knows.

    Raises:
        ConfigError: a number is less than 1, or they contradict each other.

    >>> bounds = SpeakerBounds(min_speakers=2)
    >>> bounds.fewest, bounds.most
    (2, None)
    """

    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None

    def __post_init__(self):
        rising = [number for number in (1, self.min_speakers, self.num_speakers, self.max_speakers) if number is not None]
        if rising != sorted(rising):
            given = ", ".join(f"{name} {number}" for name in self.__slots__ if (number := getattr(self, name)) is not None)
            raise ConfigError("1 ≤ min_speakers ≤ num_speakers ≤ max_speakers", given)

    @property
    def fewest(self) -> int:
        """The lowest number that is allowed."""
        return self.num_speakers or self.min_speakers or 1

    @property
    def most(self) -> int | None:
        """The highest number that is allowed; ``None`` if any is."""
        return self.num_speakers or self.max_speakers


class Diarizer(Protocol):
    """A diarization engine. Keyword settings: ``num_speakers``, ``min_speakers``, ``max_speakers``, ``device``, ``offline``."""

    id: str
    """Engine and model, as it stands in the provenance: ``"embedded"``."""

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether it can run here, without loading anything heavy and without touching the network."""

    def diarize(self, audio: Audio, progress: Progress | None = None) -> Diarization:
        """Turns in order of time; they may overlap. Speakers are named ``speaker 1``, ``speaker 2`` … as they first speak.

        Raises:
            EngineFailed: the engine broke; the cause is attached.
        """
