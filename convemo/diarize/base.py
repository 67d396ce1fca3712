"""What every diarization engine looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from convemo.audio import Audio
from convemo.registry import Availability
from convemo.types import Diarization

Progress = Callable[[float, float], None]
"""Called as ``progress(completed_s, total_s)``, in seconds of sound."""


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
