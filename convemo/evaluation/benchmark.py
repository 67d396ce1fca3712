"""What is evaluated on: dialogues with references, cut as a suite or the data say."""

from __future__ import annotations

import hashlib
import json
import tomllib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from convemo import registry
from convemo.data import SPLITS, jsonl
from convemo.errors import ConfigError, DataError
from convemo.scoring import labels as label_sets
from convemo.types import LABELS, Dialogue, LabelSet, Utterance

WHOLE = "all"
SUITES, BUNDLED = "convemo.suites", "convemo.suites.data"


class Suite(BaseModel):
    """One evaluation as data: ``eval/suites/*.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str
    """The data set, as the registry names it."""
    folder: str = ""
    """Its folder (or file) below the folder of data sets; the name of the data set if not given."""
    bundled: bool = False
    """Whether `folder` comes with this package."""
    options: dict[str, Any] = {}
    """What else its loader is asked."""
    split: str = "test"
    dev: str = "dev"
    """What the fusion is fitted on, if the data have such a part and there are no `folds`."""
    unit: str = "dialogue"
    """What is drawn again for the intervals: dialogue, speaker, or a group of the dialogues."""
    folds: str | None = None
    shuffled: bool = False
    """Whether utterances come in a random (fixed) order: where clips are filed by emotion, their order would tell it."""
    labels: tuple[str, ...] | None = None
    """Those that count; utterances of others are history. All that occur if not given."""
    systems: tuple[str, ...] = ("text", "acoustic", "fused")
    channels: dict[str, str] = {}
    """Channel → spec, where it is not ``default``."""


@dataclass(frozen=True, slots=True, eq=False)
class Benchmark:
    """Dialogues to be scored, those that a fusion is fitted on, and how they are counted."""

    name: str
    labels: LabelSet
    test: tuple[Dialogue, ...]
    dev: tuple[Dialogue, ...] = ()
    """Empty where there is no such part."""
    train: tuple[Dialogue, ...] = ()
    """Of these a fusion learns how often labels occur and follow each other; empty where utterances are in no order of their own."""
    dimensional: bool = False
    """Whether nobody judged an emotion, but dimensions are given: then these are evaluated, and `labels` are those of `types`."""
    known: tuple[Dialogue, ...] = ()
    """All dialogues of the data, also of other parts: what predictions may be about."""
    split: str = WHOLE
    unit: str = "dialogue"
    folds: Mapping[str, str] | None = None
    """Dialogue → the fold in which it is left out, where the fusion is fitted out of fold."""
    fold_key: str | None = None
    ordered: bool = True
    """Whether utterances follow each other as they were said."""
    suite: str | None = None
    systems: tuple[str, ...] = ("text", "acoustic", "fused")
    channels: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    """The data set, as the registry names it."""
    sha256: str = ""

    def counts(self, utterance: Utterance) -> bool:
        """Whether the utterance has a reference that figures are made of."""
        return bool(utterance.dimensions) if self.dimensional else utterance.label is not None

    def unit_of(self, dialogue: Dialogue, speaker: str) -> str:
        """What an utterance of this speaker is drawn with."""
        return _key_of(dialogue, self.unit, speaker)


def suites() -> list[str]:
    """The suites that come with this package."""
    return sorted(Path(str(file)).stem for file in files(SUITES).iterdir() if str(file).endswith(".toml"))


def load(
    what: str,
    root: Path | None = None,
    *,
    split: str | None = None,
    folds: str | None = None,
    unit: str | None = None,
    labels: Sequence[str] | None = None,
) -> Benchmark:
    """A suite, or your own data.

    Args:
        what: the name of a suite, the path of a suite's ``.toml``, or of a ``.jsonl`` in the form of `convemo.data.jsonl`.
        root: the folder of data sets, for a suite.
        split: the part to be scored: ``"train"``, ``"dev"``, ``"test"`` or ``"all"``. Your own data: ``"test"`` if lines say so, else all.
        folds: fit the fusion out of fold, by ``"dialogue"``, ``"speaker"``, or a field of the dialogues.
        unit: as `Suite.unit`.
        labels: as `Suite.labels`.

    Raises:
        ConfigError: no such suite or part, or dialogues lack the field.
        DataError: data are missing, or not in the documented form.
    """
    suite, name, path = _suite(what, root)
    find = registry.find("data", suite.data)

    def read(part: str | None) -> tuple[Dialogue, ...]:
        options = suite.options | ({"labels": None} if suite.data == "jsonl" else {})
        return tuple(find(path, None if part == WHOLE else part, **options))

    everything = read(None)
    given = _given(path) if suite.data == "jsonl" else set(SPLITS)
    wanted = split or (suite.split if suite.split in (WHOLE, *given) else WHOLE)
    if wanted not in (WHOLE, *SPLITS) or (wanted != WHOLE and wanted not in given):
        raise ConfigError(f"a part among {', '.join((*sorted(given), WHOLE))}", repr(wanted), "Name it with --split.")
    test = everything if wanted == WHOLE else read(wanted)
    dimensional = not any(u.label for d in everything for u in d) and any(u.dimensions for d in everything for u in d)
    occurring = LABELS if dimensional else label_sets.of(everything)
    counted = LabelSet(labels or suite.labels or occurring)
    if unknown := set(counted) - set(occurring):
        raise ConfigError(f"labels among {', '.join(occurring)}", ", ".join(sorted(unknown)))
    key = folds or suite.folds
    has_dev = suite.dev in given and wanted not in (WHOLE, suite.dev) and key is None
    dev = read(suite.dev) if has_dev else ()
    train = read("train") if has_dev and "train" in given - {wanted, suite.dev} and not suite.shuffled else ()
    arrange = _arrangement(counted, suite.shuffled)
    test, dev, train = (tuple(map(arrange, part)) for part in (test, dev, train))
    if not dimensional and not any(u.label is not None for d in test for u in d):
        raise DataError(path, f"labelled utterances in part {wanted}", "none")
    unit = unit or suite.unit
    for dialogue in test:
        _key_of(dialogue, unit, "")
    return Benchmark(
        name=name,
        labels=counted,
        test=test,
        dev=dev,
        train=train,
        dimensional=dimensional,
        known=everything,
        split=wanted,
        unit=unit,
        folds=None if key is None else fold_of_dialogues(test, key),
        fold_key=key,
        ordered=not suite.shuffled,
        suite=None if what.endswith(".jsonl") else name,
        systems=suite.systems,
        channels=suite.channels,
        data=suite.data,
        sha256=_fingerprint(test, dev),
    )


def _suite(what: str, root: Path | None) -> tuple[Suite, str, Path]:
    """The suite, its name, and where its data are."""
    if what.endswith(".jsonl"):
        return Suite(data="jsonl", folder=what), Path(what).stem, Path(what)
    source = Path(what) if what.endswith(".toml") else files(SUITES) / f"{what}.toml"
    if not what.endswith(".toml") and what not in suites():
        hint = "A suite of your own is a .toml; data of your own are a .jsonl."
        raise ConfigError(f"a suite ({', '.join(suites())}), or a path ending in .jsonl or .toml", repr(what), hint)
    try:
        suite = Suite.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        found = str(error)
        if isinstance(error, ValidationError):
            found = f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
        raise ConfigError(f"a suite at {source}", found) from error
    folder = suite.folder or suite.data
    if suite.bundled:
        return suite, Path(what).stem, Path(str(files(BUNDLED) / folder))
    if root is None or not root.is_dir():
        raise DataError(root or "data", "a folder of data sets", "no such folder", "Name it with --data or in CONVEMO_DATA.")
    return suite, Path(what).stem, root / folder


def _given(path: Path) -> set[str]:
    """The parts that a .jsonl knows: only asked of our own form, whose lines say so, or whose files are named so."""
    found = set()
    for part in SPLITS:
        if jsonl.load(path, part, labels=None):
            found.add(part)
    return found


def _arrangement(labels: Sequence[str], shuffled: bool) -> Callable[[Dialogue], Dialogue]:
    """References among `labels` only, and utterances in a random order that depends on nothing but the dialogue, if asked for."""

    def arrange(dialogue: Dialogue) -> Dialogue:
        utterances = [u if u.label in labels else replace(u, label=None) for u in dialogue]
        if shuffled:
            order = np.random.default_rng(zlib.crc32(dialogue.id.encode())).permutation(len(utterances))
            utterances = [utterances[i] for i in order]
        return replace(dialogue, utterances=tuple(utterances))

    return arrange


# Folds ----------------------------------------------------------------------------------------------------------------

MOST_FOLDS = 10
"""More values of a key than these are dealt into so many folds."""


def fold_of_dialogues(dialogues: Sequence[Dialogue], key: str) -> dict[str, str]:
    """The fold of each dialogue.

    By ``"speaker"`` no one speaks in two folds: dialogues that share a speaker, also by way of others, stay together.

    Raises:
        ConfigError: dialogues lack the key, or all have the same.

    >>> dialogues = [Dialogue(id, (), (), groups={"session": id[0]}) for id in ("1a", "1b", "2a")]
    >>> fold_of_dialogues(dialogues, "session")
    {'1a': '1', '1b': '1', '2a': '2'}
    """
    values = _connected(dialogues) if key == "speaker" else {d.id: _key_of(d, key, "") for d in dialogues}
    distinct = sorted(set(values.values()))
    if len(distinct) < 2:
        raise ConfigError(f"at least two folds by {key!r}", f"{len(distinct)}", "Take another key: dialogue, or a field of the dialogues.")
    if len(distinct) > MOST_FOLDS:
        order = np.random.default_rng(0).permutation(len(distinct))
        part = {distinct[index]: str(place % MOST_FOLDS + 1) for place, index in enumerate(order)}
        return {id: part[value] for id, value in values.items()}
    return values


def _connected(dialogues: Sequence[Dialogue]) -> dict[str, str]:
    """Dialogue → the first of all dialogues that it is connected with by speakers."""
    leader: dict[str, str] = {}

    def find(speaker: str) -> str:
        while leader.setdefault(speaker, speaker) != speaker:
            speaker = leader[speaker]
        return speaker

    for dialogue in dialogues:
        for speaker in dialogue.speakers:
            leader[find(speaker.id)] = find(dialogue.speakers[0].id)
    return {d.id: find(d.speakers[0].id) for d in dialogues}


def _key_of(dialogue: Dialogue, key: str, speaker: str) -> str:
    if key == "dialogue":
        return dialogue.id
    if key == "speaker":
        return speaker
    if key not in (dialogue.groups or {}):
        known = ", ".join(("dialogue", "speaker", *(dialogue.groups or {})))
        raise ConfigError(f"{key!r} of every dialogue", f"dialogue {dialogue.id!r} with {known}", "Write it beside the dialogue's id.")
    return dialogue.groups[key]


def _fingerprint(*parts: Sequence[Dialogue]) -> str:
    """sha256 of what the dialogues say: ids, speakers, words, times, references, features; of sound the file's name."""
    digest = hashlib.sha256()
    for dialogue in (d for part in parts for d in part):
        utterances = [
            (u.id, u.speaker, u.text, u.start, u.end, u.label, u.audio and Path(u.audio).name, _sorted(u.features), _sorted(u.dimensions))
            for u in dialogue
        ]
        digest.update(json.dumps([dialogue.id, _sorted(dialogue.groups), utterances], ensure_ascii=False).encode())
    return digest.hexdigest()


def _sorted(values: Mapping[str, Any] | None) -> list | None:
    return None if values is None else sorted(values.items())
