"""What is chosen rather than learned when a fusion is fitted."""

from __future__ import annotations

from dataclasses import dataclass

from convemo.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FitSettings:
    """The settings of `fit.fit`.

    Raises:
        ConfigError: one is out of its range.
    """

    trust: float = 1.0
    """1 takes what was learned as it is. Below, the history, and the pool wherever the `anchor` takes part, are held back towards the
    anchor alone at its temperature: for data that flatter the others (as acted speech flatters the voice) or have their own shares of
    labels. Gates are not held back: half a gate would trust poor sound more."""
    anchor: str = "text"
    """The channel that is trusted anyway; without effect where `trust` is 1."""
    gating: bool = True
    """Whether evidence may move a channel's weight, where it helps on dialogues left out."""
    coverage: float = 0.9
    """Promised coverage of the prediction sets."""
    risk: float = 0.3
    """Greatest share of wrong answers; what is less sure is marked as abstained."""
    strength: float = 10.0
    """How many utterances' worth of evidence holds each weight at its prior (L2)."""
    folds: int = 5
    """Parts of the dialogues, each left out once, at least 2."""
    seed: int = 0

    def __post_init__(self):
        for name, right, expected in (
            ("trust", 0 <= self.trust <= 1, "of 0 to 1"),
            ("coverage", 0 < self.coverage < 1, "between 0 and 1"),
            ("risk", 0 < self.risk < 1, "between 0 and 1"),
            ("strength", self.strength >= 0, "of 0 or more"),
            ("folds", self.folds >= 2, "of 2 or more"),
        ):
            if not right:
                raise ConfigError(f"{name} {expected}", str(getattr(self, name)))
