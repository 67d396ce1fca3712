"""What the two Whispers share: speech goes in some passages at a time, believable words with their times come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convemo.asr.base import Progress
from convemo.asr.judge import Judge
from convemo.asr.passages import Timeline, least_voiced, listen, passages
from convemo.asr.whisper_rules import LANGUAGE_PASSAGES, Heard
from convemo.audio import Audio
from convemo.audio.vad import speech
from convemo.errors import ConvemoError, EngineFailed
from convemo.types import Transcript

ENGLISH = "en"


class Whisper(ABC):
    """A Whisper by whatever engine; each loads, hears and detects languages in its own way."""

    id: str
    language: str | None
    """ISO 639-1 code of what is spoken; ``None`` to detect it."""
    translate: bool
    """Whether other languages are translated into English, the only one that Whisper translates into."""

    def transcribe(self, audio: Audio, progress: Progress | None = None, language: str | None = None) -> Transcript:
        """The words of one voice, in passages of at most thirty seconds.

        Raises:
            ConfigError: the model does not know the language, or cannot translate.
            EngineFailed: it cannot be loaded, or broke; the cause is attached.
        """
        voice = speech(audio)
        parts = list(passages(voice, audio.duration_s, cut_at=least_voiced(audio)))
        judge, segments = Judge(Timeline(audio.duration_s), voice), []
        spoken, confidence, task = self.language or language, None, "transcribe"
        try:
            model = self._loaded() if parts else None
            if spoken is None and parts:
                spoken, confidence = self._detected(model, (part.samples(audio) for part in parts[:LANGUAGE_PASSAGES]))
            if self.translate and spoken != ENGLISH:
                task = "translate"
            for group in listen(audio, parts, progress, self._at_once(model) if parts else 1):
                for (part, _), heard in zip(group, self._hear(model, [samples for _, samples in group], spoken, task), strict=True):
                    segments += judge.segments(part, heard)
        except ConvemoError:
            raise
        except Exception as error:  # CTranslate2 and torch raise RuntimeError, the Python around them anything
            raise EngineFailed(f"{self.id} to transcribe", f"{type(error).__name__}: {error}", self._remedy(error)) from error
        heard = Transcript(tuple(segments), language=spoken, source=self.id, language_confidence=confidence, notes=judge.notes)
        return _translated(heard) if spoken is not None and task == "translate" else heard

    @abstractmethod
    def _loaded(self) -> Any:
        """The network, loaded at its first use."""

    @abstractmethod
    def _hear(self, model: Any, sounds: Sequence[np.ndarray], language: str, task: str) -> list[list[Heard]]:
        """What the network hears in each of these passages."""

    @abstractmethod
    def _detected(self, model: Any, sounds: Iterable[np.ndarray]) -> tuple[str, float | None]:
        """The likeliest language of these passages, and its probability; ``None`` where the model knows one only."""

    def _at_once(self, model: Any) -> int:
        """How many passages go to `_hear` together."""
        return 1

    def _remedy(self, error: Exception) -> str:
        """What to do about an error of the engine's own, as far as that is known."""
        return ""


def _translated(heard: Transcript) -> Transcript:
    """The transcript, marked as a translation into English, even of a channel without words: the call's others are in English too."""
    note = (
        f"The words are Whisper's translation from {heard.language!r} into English: the times of single words are approximate,"
        " and so is whose they are where speakers change."
    )
    return replace(heard, language=ENGLISH, translated_from=heard.language, notes=(note, *heard.notes) if heard.segments else heard.notes)
