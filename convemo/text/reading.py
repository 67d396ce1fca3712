"""How an utterance is put before the network: its tokens, whose they are, and what was said before. No torch: the channel needs it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Context = Literal["none", "cross-encoder", "dialogue"]
MOST_BACK = 32
"""No utterance further back than this is ever looked at."""
SAME, OTHER = "i", "you"
"""Who speaks, seen from the speaker of the utterance that is judged, where names are not read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of a dialogue to judge one utterance; stands in ``model.json``."""

    context: Context = "none"
    turns: int = 0
    """How many earlier utterances are looked at: the cross-encoder's window, or the reach of all layers of the dialogue transformer."""
    names: bool = False
    """Whether ``"Ana: "`` stands before what Ana says. Only for data in which the same people come back."""
    max_tokens: int = 128
    """Most tokens that the encoder is given at once."""

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> Reading:
        """Of a model folder; one without the field reads single utterances."""
        return cls(**manifest.get("reading", {"max_tokens": int(manifest.get("max_tokens", 128))}))

    def as_manifest(self) -> dict[str, Any]:
        return asdict(self)


class TokenReader:
    """Turns texts into token ids, and token ids into what the encoder is given.

    Args:
        tokenizer: a ``tokenizers.Tokenizer`` that puts one token before a text and one behind it.
        reading: what is read.
    """

    def __init__(self, tokenizer: Any, reading: Reading):
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.reading = reading
        self._tokenizer = tokenizer
        self._begin, *_, self._end = tokenizer.encode("a").ids
        self._marks = {mark: self.tokens(f"{mark}:") for mark in (SAME, OTHER)}

    def tokens(self, text: str) -> np.ndarray:
        """The token ids of a text, nothing before or behind."""
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int64)

    def all_tokens(self, texts: Sequence[str]) -> tuple[np.ndarray, ...]:
        """The same of many texts, faster."""
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return tuple(np.array(encoding.ids, dtype=np.int64) for encoding in found)

    def name_tokens(self, name: str) -> np.ndarray:
        """What stands before the words of somebody of this name: nothing unless names are read."""
        return self.tokens(f"{name}:") if self.reading.names else np.zeros(0, dtype=np.int64)

    def alone(self, said: np.ndarray, name: np.ndarray) -> list[np.ndarray]:
        """An utterance by itself, ``(T,)`` each: one sequence, or, of a long text, as many as it takes."""
        room = max(1, self.reading.max_tokens - 2 - len(name))
        windows = [said[i : i + room] for i in range(0, max(1, len(said)), room)]
        return [np.concatenate([[self._begin], name, window, [self._end]]) for window in windows]

    def in_context(
        self, said: np.ndarray, name: np.ndarray, before: Sequence[tuple[np.ndarray, np.ndarray, bool]]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """An utterance after what was said before it: ``(ids, target mask)`` of each window of its text.

        Args:
            said: tokens of the utterance that is judged.
            name: tokens of its speaker's name.
            before: ``(tokens, name tokens, whether it is the same speaker)`` of the utterances before it, the latest last. As many of the
                latest as there is room for are read, `Reading.turns` at most; the utterance itself may take three quarters of the room.
        """
        end = np.array([self._end])
        own = name if self.reading.names else self._marks[SAME]
        room = max(1, self.reading.max_tokens * 3 // 4 - 2 - len(own))
        windows = []
        for start in range(0, max(1, len(said)), room):
            target = np.concatenate([own, said[start : start + room], end])
            left, earlier = self.reading.max_tokens - 1 - len(target), []
            for tokens, whose, same in reversed(before[-self.reading.turns :] if self.reading.turns else ()):
                mark = whose if self.reading.names else self._marks[SAME if same else OTHER]
                turn = np.concatenate([mark, tokens, end])
                if len(turn) > left:
                    break
                earlier.insert(0, turn)
                left -= len(turn)
            ids = np.concatenate([[self._begin], *earlier, target])
            mask = np.zeros_like(ids)
            mask[len(ids) - len(target) :] = 1
            windows.append((ids, mask))
        return windows
