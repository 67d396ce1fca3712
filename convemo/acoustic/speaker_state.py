"""What we know of a speaker's way of talking: the mean of what they did before, and how much that was.

The same loudness is a shout from one person and a whisper from another. An utterance is therefore heard raw and also as a
deviation from the speaker's own running mean, shrunk while little has been heard: after ``n`` utterances by ``n / (n + k)``.
Causal: an utterance joins the mean only after it has been scored. One vector a speaker, however long the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SHRINKAGE = 3.0
"""``k``: after so many utterances a deviation counts half. Part of the trained model: the training uses it too."""


@dataclass
class SpeakerState:
    """Running means of one conversation's speakers.

    >>> state = SpeakerState()
    >>> state.deviation("ana", np.array([2.0]))
    (array([0.], dtype=float32), 0.0)
    >>> for _ in range(3):
    ...     state.update("ana", np.array([2.0]))
    >>> state.deviation("ana", np.array([6.0]))
    (array([2.], dtype=float32), 0.5)
    """

    shrinkage: float = SHRINKAGE
    _sums: dict[str, np.ndarray] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def count(self, speaker: str) -> int:
        """How many utterances of theirs have been heard."""
        return self._counts.get(speaker, 0)

    def deviation(self, speaker: str, functionals: np.ndarray) -> tuple[np.ndarray, float]:
        """How far an utterance lies from the speaker's earlier ones.

        Args:
            speaker: their id.
            functionals: ``(F,)`` of the utterance, in plain units.

        Returns:
            ``(F,)`` float32, shrunk, and the factor ``n / (n + k)`` in ``[0, 1)`` by which it was shrunk.
        """
        n = self.count(speaker)
        if n == 0:
            return np.zeros(len(functionals), dtype=np.float32), 0.0
        heard = n / (n + self.shrinkage)
        return ((functionals - self._sums[speaker] / n) * heard).astype(np.float32), heard

    def update(self, speaker: str, functionals: np.ndarray) -> None:
        """Adds an utterance that has been scored to what is known of its speaker."""
        self._sums[speaker] = self._sums.get(speaker, 0.0) + np.asarray(functionals, dtype=np.float64)
        self._counts[speaker] = self.count(speaker) + 1
