"""What the two Whispers share: speech goes in a passage at a time, believable words with their times come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from convemo.asr.base import Progress
from convemo.asr.passages import Passage, Timeline, listen, passages
from convemo.asr.whisper_rules import LANGUAGE_PASSAGES
from convemo.audio import Audio
from convemo.audio.vad import speech
from convemo.errors import ConvemoError, EngineFailed
from convemo.types import Transcript, TranscriptSegment


class Whisper(ABC):
    """A Whisper by whatever engine; each loads, hears and detects languages in its own way."""

    id: str
    language: str | None
    """ISO 639-1 code; ``None`` to detect it."""

    def transcribe(self, audio: Audio, progress: Progress | None = None) -> Transcript:
        """The words of one voice, a passage of some thirty seconds at a time.

        Raises:
            ConfigError: the model does not know the language.
            EngineFailed: it cannot be loaded, or broke; the cause is attached.
        """
        timeline, segments, language = Timeline(audio.duration_s), [], self.language
        parts = list(passages(speech(audio), audio.duration_s))
        try:
            model = self._loaded() if parts else None
            if language is None and parts:
                language = self._detected(model, (part.samples(audio) for part in parts[:LANGUAGE_PASSAGES]))
            for part, samples in listen(audio, parts, progress):
                segments += self._segments(model, part, samples, language, timeline)
        except ConvemoError:
            raise
        except Exception as error:  # CTranslate2 and torch raise RuntimeError, the Python around them anything
            raise EngineFailed(f"{self.id} to transcribe", f"{type(error).__name__}: {error}", self._remedy(error)) from error
        return Transcript(tuple(segments), language=language, source=self.id)

    @abstractmethod
    def _loaded(self) -> Any:
        """The network, loaded at its first use."""

    @abstractmethod
    def _segments(self, model: Any, part: Passage, samples: np.ndarray, language: str, timeline: Timeline) -> Iterator[TranscriptSegment]:
        """What is believable of what the network hears in one passage."""

    @abstractmethod
    def _detected(self, model: Any, sounds: Iterable[np.ndarray]) -> str:
        """The likeliest language of these passages."""

    def _remedy(self, error: Exception) -> str:
        """What to do about an error of the engine's own, as far as that is known."""
        return ""
