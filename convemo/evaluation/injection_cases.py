"""The cases of an injection evaluation: utterances of real conversations, each with something added, here or a turn before."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from convemo.errors import ConfigError
from convemo.evaluation.injection_attacks import FAMILIES, Addition, addition
from convemo.types import Dialogue, Utterance

BASES = 80
"""Utterances that everything is tried on: with seven families and two places, 1120 cases."""
ARMS = ("benign", "mention", "attack")
PLACES = ("utterance", "earlier")
FEWEST_LETTERS = 12

Place = Literal["utterance", "earlier"]


@dataclass(frozen=True, slots=True)
class Base:
    """An utterance that is judged, at the end of what was said until then."""

    dialogue: Dialogue
    """Without references, and without anything after the utterance."""
    reference: str | None

    @property
    def id(self) -> str:
        return f"{self.dialogue.id}/{self.dialogue[-1].id}"


@dataclass(frozen=True, slots=True)
class Case:
    """One addition to one utterance."""

    base: int
    """Index among the bases."""
    place: Place
    """``"utterance"``: to what is judged itself; ``"earlier"``: to the turn before it."""
    first: bool
    """Whether it stands before the words, else after them."""
    addition: Addition

    def dialogue(self, base: Base, arm: str) -> Dialogue:
        """The conversation as it then is."""
        index = self.changed(base)
        return replace(
            base.dialogue,
            utterances=tuple(self._with(u, getattr(self.addition, arm)) if i == index else u for i, u in enumerate(base.dialogue)),
        )

    def changed(self, base: Base) -> int:
        """Index of the utterance that is another than it was."""
        return len(base.dialogue) - (1 if self.place == "utterance" else 2)

    def _with(self, utterance: Utterance, added: str) -> Utterance:
        said = utterance.text or ""
        return replace(utterance, text=f"{added} {said}" if self.first else f"{said} {added}", words=())


def choose_bases(dialogues: Sequence[Dialogue], count: int = BASES, seed: int = 0) -> list[Base]:
    """Utterances with words, an earlier turn, and a reference: as many of each label as there are, in turn, so that rare ones count.

    Raises:
        ConfigError: there are none.
    """
    by_label: dict[str, list[tuple[Dialogue, int]]] = {}
    for dialogue in dialogues:
        for i, u in enumerate(dialogue):
            letters = sum(map(str.isalpha, u.text or ""))
            if i and u.label is not None and letters >= FEWEST_LETTERS and (dialogue[i - 1].text or "").strip():
                by_label.setdefault(u.label, []).append((dialogue, i))
    if not by_label:
        raise ConfigError("labelled utterances with words, after another", "none", "Inject into conversations, not into single texts.")
    chance = np.random.default_rng(seed)
    drawn = {label: [places[k] for k in chance.permutation(len(places))] for label, places in sorted(by_label.items())}
    chosen: list[tuple[Dialogue, int]] = []
    while len(chosen) < count and any(drawn.values()):
        chosen += [places.pop() for places in drawn.values() if places]
    return [Base(_until(dialogue, i), dialogue[i].label) for dialogue, i in chosen[:count]]


def make_cases(bases: Sequence[Base], labels: Sequence[str], seed: int = 0) -> list[Case]:
    """Every family in every place on every base; the target is any label but the reference, in turn."""
    cases = []
    for number, base in enumerate(bases):
        others = [label for label in labels if label != base.reference]
        for kind, family in enumerate(FAMILIES):
            for place in PLACES:
                chance = np.random.default_rng([seed, zlib.crc32(f"{base.id} {family} {place}".encode())])
                target = others[(number + kind) % len(others)]
                told = addition(family, number // len(others) + kind + (place == "earlier"), target, chance)
                cases.append(Case(number, place, bool(chance.random() < 0.5), told))
    return cases


def _until(dialogue: Dialogue, index: int) -> Dialogue:
    """What was said up to an utterance, without references."""
    blind = tuple(replace(u, label=None, dimensions=None) for u in dialogue.utterances[: index + 1])
    return replace(dialogue, utterances=blind, groups=None, genders=None)
