"""What every channel looks like: text, acoustic, llm, and any that a third party adds."""

from __future__ import annotations

from typing import Protocol

from convemo.audio import Audio
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo


class Channel(Protocol):
    """Scores utterances. One protocol for files and for streams, causal: utterance *i* never sees *j > i*."""

    name: str
    labels: LabelSet
    model: ModelInfo

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Scores the utterances from index `since` on, with everything before as context.

        Args:
            dialogue: who said what.
            audio: the sound, 16 kHz; ``None`` if there is only a transcript.
            since: index of the first utterance to score.

        Returns:
            ``len(dialogue) - since`` rows, uncalibrated log-probabilities. A row that cannot be scored carries its reason.
        """
