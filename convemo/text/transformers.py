"""Any Hugging Face sequence classifier as the text channel: ``text="transformers:PATH_OR_ID"``.

An utterance is read by itself, or with the turns before it where the checkpoint was made so (``turns`` in its ``convemo.json``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.checkpoints.channel import CheckpointChannel
from convemo.types import ChannelResult, Dialogue

if TYPE_CHECKING:
    from convemo.audio import Audio

MOST_TOKENS = 512
"""Longest window; what goes on for longer is read in parts."""

Passage = tuple[tuple[str, ...], str]
"""The turns before, and what is said."""


class TransformersText(CheckpointChannel):
    """A sequence classifier as the text channel; made as a `CheckpointChannel`."""

    name, at_once = "text", 16

    @property
    def turns(self) -> int:
        """How many utterances before are read too."""
        return self._checkpoint.settings.turns

    @cached_property
    def _longest(self) -> int:
        return longest_window(self._processor, self._model.config)

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        """Scores the utterances from index `since` on.

        Args:
            dialogue: who said what, in whatever language: the checkpoint must know it.
            audio: not listened to.
            since: index of the first utterance to score. The rows are those that scoring from 0 gives.

        Returns:
            ``len(dialogue) - since`` rows of uncalibrated log-probabilities. Rows without words carry that as their reason.

        Raises:
            EngineFailed: the network broke.
        """
        indices = range(since, len(dialogue))
        reasons = tuple(_reason(dialogue[i].text) for i in indices)
        log_probs = np.zeros((len(reasons), len(self.labels)))
        readable = [row for row, reason in enumerate(reasons) if reason is None]
        log_probs[readable] = self.score([with_history(dialogue, since + row, self.turns) for row in readable])
        return ChannelResult(self.name, self.labels, log_probs, reasons, model=self.model)

    def score(self, passages: Sequence[Passage]) -> np.ndarray:
        """Log-probabilities ``(N, K)`` of texts, each with the turns before it; equal ones are read once.

        A text longer than the network reads at once is read in parts, and scored by the mean of their log-probabilities (their product
        of experts), each weighed by its length.
        """
        distinct = list(dict.fromkeys(passages))
        owners, windows = [], []
        for number, (before, text) in enumerate(distinct):
            for tokens in self._windows(before, text):
                owners.append(number)
                windows.append(tokens)
        lengths = np.array([len(tokens["input_ids"]) for tokens in windows])
        pooled = np.zeros((len(distinct), len(self.labels)))
        np.add.at(pooled, owners, self._log_probs(windows, lengths) * lengths[:, None])
        pooled /= np.bincount(owners, lengths, len(distinct))[:, None]
        pooled -= np.logaddexp.reduce(pooled, axis=1, keepdims=True)
        place_of = {passage: number for number, passage in enumerate(distinct)}
        return pooled[[place_of[passage] for passage in passages]]

    def _windows(self, before: tuple[str, ...], text: str) -> list[dict[str, list[int]]]:
        """Token ids and masks of a text, in as many parts as it takes; earlier turns give way first, the earliest before the rest."""
        tokens = encode(self._processor, before, text)
        while len(tokens["input_ids"]) > self._longest and before:
            before = before[1:]
            tokens = encode(self._processor, before, text)
        if len(tokens["input_ids"]) <= self._longest or len(text) < 2:
            return [tokens]
        return [window for half in halves(text) for window in self._windows((), half)]

    def _inputs(self, windows: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
        import torch

        return {name: torch.tensor([w[name] for w in windows], device=self._model.device) for name in windows[0]}  # (B, T) each


def with_history(dialogue: Dialogue, index: int, turns: int) -> Passage:
    """An utterance's words, and those of up to `turns` utterances before it.

    Speakers are letters, ``A`` whoever speaks now: who they are is nothing to learn, whether it is the same one is.

    >>> from convemo.types import Speaker, Utterance
    >>> said = (Utterance("1", "ana", "Hi!"), Utterance("2", "ben", "Oh."), Utterance("3", "ana", "What?"))
    >>> with_history(Dialogue("d", said, (Speaker("ana"), Speaker("ben"))), 2, turns=2)
    (('A: Hi!', 'B: Oh.'), 'What?')
    """
    letters = {dialogue[index].speaker: "A"}
    earlier = []
    for utterance in reversed(dialogue.utterances[max(index - turns, 0) : index]):
        letter = letters.setdefault(utterance.speaker, chr(ord("A") + min(len(letters), 25)))
        if utterance.text and utterance.text.strip():
            earlier.append(f"{letter}: {utterance.text.strip()}")
    return tuple(reversed(earlier)), (dialogue[index].text or "").strip()


def encode(tokenizer: Any, before: tuple[str, ...], text: str) -> dict[str, list[int]]:
    """Token ids and masks of a text, as the second of a pair where turns go before it."""
    return dict(tokenizer("\n".join(before), text, verbose=False) if before else tokenizer(text, verbose=False))


def longest_window(tokenizer: Any, config: Any) -> int:
    """How many tokens the network reads at once. RoBERTa and its like keep two of their positions for themselves."""
    limits = [MOST_TOKENS, int(min(tokenizer.model_max_length, MOST_TOKENS))]
    positions = getattr(config, "max_position_embeddings", None)
    return min(*limits, positions - 2 if isinstance(positions, int) and positions > 2 else MOST_TOKENS)


def halves(text: str) -> tuple[str, str]:
    """A text cut at the space nearest its middle.

    >>> halves("so be it then")
    ('so be', 'it then')
    """
    middle = len(text) // 2
    spaces = [place for place in (text.rfind(" ", 1, middle + 1), text.find(" ", middle, len(text) - 1)) if place > 0]
    cut = min(spaces, key=lambda place: abs(place - middle), default=middle)
    return text[:cut].strip(), text[cut:].strip()


def _reason(text: str | None) -> str | None:
    if text is None or not text.strip():
        return "no text"
    return None if any(character.isalpha() for character in text) else "no words"
