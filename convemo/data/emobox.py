"""EmoBox: the published folds of RAVDESS, so that results can be laid beside other people's.

Z. Ma et al., "EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and Benchmark", Interspeech 2024,
https://arxiv.org/abs/2406.07162. Six folds, disjoint in actors, four for testing in each. There is no dev part, and most
published numbers are therefore chosen on the test set; here four of the training actors are set aside for choosing.
Published numbers tell eight emotions apart, and so do these dialogues: calm stays apart from neutral (`mappings.RAVDESS_8`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from convemo.data import check_split, ravdess
from convemo.data.mappings import RAVDESS_8
from convemo.errors import DataError
from convemo.types import Dialogue

FOLDS = (1, 2, 3, 4, 5, 6)


def load(root: Path, split: str | None = None, *, fold: int = 1) -> tuple[Dialogue, ...]:
    """RAVDESS cut as one of EmoBox's folds, one dialogue an actor; `groups` tells the fold that tests on the actor.

    Args:
        root: the folder of ``ravdess_train_fold_1.jsonl`` …; the clips are expected beside it, in ``../ravdess``.
        split: ``"train"``, ``"dev"`` (the two men and two women of the fold's training actors that come first) or ``"test"``;
            ``None`` for all.
        fold: 1 to 6.

    Raises:
        DataError: a list is missing or names clips that are not there.
        ValueError: no such fold or split.
    """
    check_split(split)
    if fold not in FOLDS:
        raise ValueError(f"fold must be 1 to 6; got {fold!r}")
    root = Path(root)
    train = _clips(root / f"ravdess_train_fold_{fold}.jsonl")
    tested = {k: _clips(root / f"ravdess_test_fold_{k}.jsonl") for k in FOLDS}
    dev = {*[a for a in sorted(train) if int(a) % 2][:2], *[a for a in sorted(train) if not int(a) % 2][:2]}
    parts = {"test": set(tested[fold]), "dev": dev, "train": set(train) - dev}
    wanted = set().union(*parts.values()) if split is None else parts[split]
    fold_of = {actor: str(k) for k, actors in tested.items() for actor in actors}
    if untested := wanted - fold_of.keys():
        raise DataError(root, "every actor in a fold's test list", f"actor {min(untested)} in none", "Take the lists again, all of them.")
    dialogues = tuple(
        replace(dialogue, groups={"fold": fold_of[actor]})
        for dialogue in ravdess.load(root.parent / "ravdess", mapping=RAVDESS_8)
        if (actor := dialogue.id.removeprefix("ravdess-")) in wanted
    )
    listed = {clip for actors in (train, tested[fold]) for actor, clips in actors.items() if actor in wanted for clip in clips}
    if absent := listed - {utterance.id for dialogue in dialogues for utterance in dialogue}:
        raise DataError(root.parent / "ravdess", f"the {len(listed)} clips that EmoBox lists", f"{len(absent)} missing, e.g. {min(absent)}")
    return dialogues


def _clips(path: Path) -> dict[str, set[str]]:
    """Actor → the ids of their clips, of one list."""
    if not path.is_file():
        raise DataError(path, "EmoBox's list of clips", "no such file", "Take it from github.com/emo-box/EmoBox.")
    actors: dict[str, set[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            clip = json.loads(line)["key"].removeprefix("ravdess-")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(path, "a JSON object with the 'key' of a clip", repr(error), line=number) from error
        actors.setdefault(clip[-2:], set()).add(clip)
    return actors
