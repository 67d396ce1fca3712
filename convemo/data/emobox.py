"""EmoBox: the published folds of RAVDESS, so that results can be laid beside other people's.

Z. Ma et al., "EmoBox: Multilingual Multi-corpus Speech Emotion Recognition Toolkit and Benchmark", Interspeech 2024,
https://arxiv.org/abs/2406.07162. Six folds, disjoint in actors, four for testing in each. There is no dev part, and most
published numbers are therefore chosen on the test set; here four of the training actors are set aside for choosing.
Published numbers tell eight emotions apart; ours are seven, calm being neutral (`mappings.RAVDESS`): not the same task.
"""

from __future__ import annotations

import json
from pathlib import Path

from convemo.data import check_split, ravdess
from convemo.errors import DataError
from convemo.types import Dialogue

FOLDS = (1, 2, 3, 4, 5, 6)


def load(root: Path, fold: int = 1, split: str | None = None) -> tuple[Dialogue, ...]:
    """RAVDESS cut as one of EmoBox's folds, one dialogue an actor.

    Args:
        root: the folder of ``ravdess_train_fold_1.jsonl`` …; the clips are expected beside it, in ``../ravdess``.
        fold: 1 to 6.
        split: ``"train"``, ``"dev"`` (the two men and two women of the fold's training actors that come first) or ``"test"``;
            ``None`` for all.

    Raises:
        DataError: a list is missing or names clips that are not there.
        ValueError: no such fold or split.
    """
    check_split(split)
    if fold not in FOLDS:
        raise ValueError(f"fold must be 1 to 6; got {fold!r}")
    root = Path(root)
    actors = {part: _clips(root / f"ravdess_{part}_fold_{fold}.jsonl") for part in ("train", "test")}
    train = sorted(actors["train"])
    dev = {*[a for a in train if int(a) % 2][:2], *[a for a in train if not int(a) % 2][:2]}
    parts = {"test": set(actors["test"]), "dev": dev, "train": set(train) - dev}
    wanted = set().union(*parts.values()) if split is None else parts[split]
    dialogues = tuple(d for d in ravdess.load(root.parent / "ravdess") if d.id.removeprefix("ravdess-") in wanted)
    listed = {clip for part in actors.values() for actor, clips in part.items() if actor in wanted for clip in clips}
    if absent := listed - {utterance.id for dialogue in dialogues for utterance in dialogue}:
        raise DataError(root.parent / "ravdess", f"the {len(listed)} clips that EmoBox lists", f"{len(absent)} missing, e.g. {min(absent)}")
    return dialogues


def _clips(path: Path) -> dict[str, set[str]]:
    """Actor → the ids of their clips, of one list."""
    if not path.is_file():
        raise DataError(path, "EmoBox's list of clips", "no such file", "Take it from github.com/emo-box/EmoBox.")
    actors: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        clip = json.loads(line)["key"].removeprefix("ravdess-")
        actors.setdefault(clip[-2:], set()).add(clip)
    return actors
