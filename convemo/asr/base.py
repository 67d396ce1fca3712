"""What every transcription engine looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from convemo.audio import Audio
from convemo.registry import Availability
from convemo.types import Transcript

Progress = Callable[[float, float], None]
"""Called as ``progress(completed_s, total_s)``, in seconds of sound."""


class Transcriber(Protocol):
    """An ASR engine. Made with its model's name or path: ``FasterWhisper("small", offline=True)``.

    Every engine takes the keyword settings ``language``, ``device`` and ``offline``, and ignores none of them silently; one that can
    translate into English takes ``translate`` too.
    """

    id: str
    """Engine and model, as it stands in the provenance: ``"faster-whisper:small"``."""

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether it can run here, without loading anything heavy and without touching the network."""

    def transcribe(self, audio: Audio, progress: Progress | None = None, language: str | None = None) -> Transcript:
        """The words of one voice track, with times in seconds and confidences in ``[0, 1]``.

        Args:
            audio: mono or mixed to mono; 16 kHz.
            progress: told how far it is.
            language: what another track of the same recording turned out to be in; counts where no language was set.

        Raises:
            EngineFailed: the engine broke; the cause is attached.
        """
