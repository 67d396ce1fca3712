"""What the text model learns from: the utterances of dialogues, each with all that its annotators said, laid out as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from convemo import registry
from convemo.data import TextExample, as_raw_asr, emobank, emorynlp, goemotions, jsonl, xed
from convemo.errors import DataError
from convemo.text.reading import TokenReader
from convemo.training.text_config import TextConfig
from convemo.types import LABELS, Dialogue, LabelSet

DIMENSIONS = ("valence", "arousal", "dominance")
COLLECTIONS: Mapping[str, Callable[[Path, str | None], Iterator[TextExample]]] = {
    "goemotions": goemotions.examples,
    "xed": xed.examples,
    "emobank": emobank.examples,
}
"""Data sets of single texts, of which more is known than one label."""
LEAST_SHARED_WORDS = 4
"""Shorter utterances ("Oh, my God!") are said in any two conversations, and prove nothing."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance, and what is known of it."""

    example: TextExample
    speaker: int = 0
    """Counted within the dialogue."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Examples:
    """``N`` utterances as arrays. A row of zeros in `targets` is unlabelled, NaN in `dimensions` unjudged: both still are history."""

    ids: tuple[np.ndarray, ...]
    """Token ids of the text as it is written, ``(T_i,)`` each, nothing before or behind."""
    raw_ids: tuple[np.ndarray, ...]
    """Token ids of the same text as a recogniser without punctuation would give it; as written where nothing would be left."""
    targets: np.ndarray
    """``(N, K)``"""
    dimensions: np.ndarray
    """``(N, D)``"""
    dialogue: np.ndarray
    """``(N,)``: which dialogue, in rising order; the utterances of one stand together."""
    speaker: np.ndarray
    """``(N,)``: who speaks, counted within the dialogue."""
    names: tuple[np.ndarray, ...] = field(repr=False)
    """Token ids of the speaker's name; empty where names are not read."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> np.ndarray:
        """``(N,)`` class indices of single-label examples; -1 for the others."""
        single = (self.targets > 0).sum(axis=1) == 1
        return np.where(single, self.targets.argmax(axis=1), -1)

    @property
    def judged(self) -> np.ndarray:
        """``(N,)`` booleans: whether dimensions are given."""
        return ~np.isnan(self.dimensions).any(axis=1)

    @property
    def taught(self) -> np.ndarray:
        """``(N,)`` booleans: whether there is anything to learn from the row."""
        return (self.targets.sum(axis=1) > 0) | self.judged

    @property
    def starts(self) -> np.ndarray:
        """``(N,)``: the index of the first utterance of each one's dialogue."""
        return np.searchsorted(self.dialogue, self.dialogue)


def read_turns(settings: TextConfig, data: Path, corpus: str, split: str) -> list[list[Turn]]:
    """The dialogues of one part of a corpus; those with nothing to learn from are left out.

    Args:
        settings: say how the corpus is to be read.
        data: the folder that holds one folder a corpus, or one file in our form, which is then the corpus.
        corpus: its name in the config.
        split: ``"train"``, ``"dev"`` or ``"test"``.

    Raises:
        DataError: its files are missing or wrong, or the part holds nothing that is labelled.
    """
    chosen, form = settings.corpora[corpus], settings.format_of(corpus)
    root = settings.root_of(corpus, data)
    if form in COLLECTIONS:
        dialogues = [[Turn(example)] for example in COLLECTIONS[form](root, split)]
    else:
        dialogues = [_turns(dialogue) for dialogue in loader(form, chosen.own_labels)(root, split)]
    if split == "train" and chosen.without is not None:
        dialogues = _without(dialogues, _said(data / chosen.without, chosen.without))
    dialogues = [turns for turns in dialogues if any(turn.example.targets or turn.example.dimensions for turn in turns)]
    if not dialogues:
        raise DataError(root, f"labelled examples in the {split} part", "none", "Check that every line names its split.")
    return dialogues


def loader(form: str, own_labels: bool = False) -> Callable[[Path, str], tuple[Dialogue, ...]]:
    """What reads a data set, and gives its dialogues from its folder and the name of a part."""
    if form == "jsonl":
        return partial(jsonl.load, labels=None)
    if own_labels and form == "emorynlp":
        return partial(emorynlp.load, own_labels=True)
    return registry.find("data", form)


def _turns(dialogue: Dialogue) -> list[Turn]:
    numbers = {speaker.id: number for number, speaker in enumerate(dialogue.speakers)}
    names = {speaker.id: speaker.name or speaker.id for speaker in dialogue.speakers}
    return [
        Turn(
            TextExample(u.text or "", {u.label: 1.0} if u.label and u.text else {}, u.dimensions or {}),
            numbers[u.speaker],
            names[u.speaker],
        )
        for u in dialogue
    ]


def _said(root: Path, name: str) -> frozenset[str]:
    """What is said in the dev and test parts of a data set, short phrases aside."""
    texts = (as_raw_asr(u.text or "") for split in ("dev", "test") for d in registry.find("data", name)(root, split) for u in d)
    return frozenset(text for text in texts if len(text.split()) >= LEAST_SHARED_WORDS)


def _without(dialogues: Sequence[list[Turn]], said: frozenset[str]) -> list[list[Turn]]:
    """The dialogues in which nothing of this is said: where one line is shared, its neighbours may be too."""
    return [turns for turns in dialogues if not any(as_raw_asr(turn.example.text) in said for turn in turns)]


def label_set(train: Iterable[list[Turn]], where: Path) -> LabelSet:
    """The labels that occur, ours first and in our order, then the others by the alphabet.

    Raises:
        DataError: none does.
    """
    found = {label for turns in train for turn in turns for label in turn.example.targets}
    if not found:
        raise DataError(where, "a corpus with emotion labels", "none")
    return LabelSet([*(label for label in LABELS if label in found), *sorted(found - set(LABELS))])


def to_arrays(
    dialogues: Sequence[list[Turn]],
    reader: TokenReader,
    labels: Sequence[str],
    where: Path,
    misheard: Mapping[int, str] | None = None,
    most_tokens: int = 512,
) -> Examples:
    """Tokenizes utterances twice over, written and raw, and lays out what is known of each.

    Args:
        dialogues: utterances by dialogue.
        reader: gives tokens.
        labels: the columns of `Examples.targets`.
        where: what the error names.
        misheard: utterance (counted through) → what a recogniser would make of it, in place of its raw text.
        most_tokens: longer texts are cut.

    Raises:
        DataError: an utterance has a label that is not among `labels`.
    """
    turns = [turn for dialogue in dialogues for turn in dialogue]
    if unknown := sorted({label for turn in turns for label in turn.example.targets} - set(labels)):
        hint = "A label can only be learned if the train part has it."
        raise DataError(where, f"labels among {', '.join(labels)}", ", ".join(map(repr, unknown)), hint)
    written = [turn.example.text for turn in turns]
    raw = [(misheard or {}).get(i) or as_raw_asr(text) or text for i, text in enumerate(written)]
    known = {name: reader.name_tokens(name) for name in {turn.name for turn in turns}}
    return Examples(
        tuple(ids[:most_tokens] for ids in reader.all_tokens(written)),
        tuple(ids[:most_tokens] for ids in reader.all_tokens(raw)),
        np.array([[turn.example.targets.get(label, 0.0) for label in labels] for turn in turns], dtype=np.float32),
        np.array([[turn.example.dimensions.get(name, math.nan) for name in DIMENSIONS] for turn in turns], dtype=np.float32),
        np.repeat(np.arange(len(dialogues)), [len(dialogue) for dialogue in dialogues]),
        np.array([turn.speaker for turn in turns], dtype=np.int64),
        tuple(known[turn.name] for turn in turns),
    )


def concatenate(parts: Sequence[Examples]) -> Examples:
    """Several sets of examples as one."""
    counts = np.cumsum([0, *(part.dialogue.max() + 1 for part in parts)])
    return Examples(
        tuple(ids for part in parts for ids in part.ids),
        tuple(ids for part in parts for ids in part.raw_ids),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.dimensions for part in parts]),
        np.concatenate([part.dialogue + count for part, count in zip(parts, counts)]),
        np.concatenate([part.speaker for part in parts]),
        tuple(name for part in parts for name in part.names),
    )


def thin(dialogues: Sequence[list[Turn]], most: int) -> list[list[Turn]]:
    """Dialogues evenly spread over all of them, with about this many utterances at most."""
    total = sum(map(len, dialogues))
    count = max(1, len(dialogues) * most // total) if total > most else len(dialogues)
    kept = np.unique(np.linspace(0, len(dialogues) - 1, count).round().astype(int))
    return [dialogues[i] for i in kept]
