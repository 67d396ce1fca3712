"""GoEmotions: 58,009 Reddit comments, several of 27 emotions or neutral each (54,263 in the authors' filtered parts).

D. Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020, https://arxiv.org/abs/2005.00547.
CC BY 4.0 (code Apache-2.0), https://github.com/google-research/google-research/tree/master/goemotions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from convemo.data import SPLITS, TextExample, check_split, even_targets, one_each, read_lines
from convemo.data.mappings import GOEMOTIONS
from convemo.errors import DataError
from convemo.types import Dialogue

SOURCE = "https://github.com/google-research/google-research/tree/master/goemotions/data"
LICENCE = "CC-BY-4.0"


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue a comment; labelled where its emotions map to exactly one of ours (`mappings.GOEMOTIONS`).

    Args:
        root: the folder that holds ``original/train.tsv``, ``original/labels.txt`` and their fellows.
        split: ``"train"``, ``"dev"``, ``"test"``; ``None`` for all.

    Raises:
        DataError: a file is missing or not in this layout.
        ValueError: no such split.
    """
    return one_each(_numbered(Path(root), split))


def examples(root: Path, split: str | None = None) -> Iterator[TextExample]:
    """The comments with all their emotions that map to ours, as equal shares; those with none are left out. As `load` otherwise."""
    return (example for _, example in _numbered(Path(root), split) if example.targets)


def _numbered(root: Path, split: str | None) -> Iterator[tuple[str, TextExample]]:
    check_split(split)
    names = read_lines(root / "original" / "labels.txt", SOURCE)
    for part in SPLITS if split is None else (split,):
        path = root / "original" / f"{part}.tsv"
        for number, line in enumerate(read_lines(path, SOURCE), 1):
            try:
                text, indices, id = line.split("\t")
                labels = [GOEMOTIONS[names[int(index)]] for index in indices.split(",")]
            except (ValueError, IndexError, KeyError) as error:
                raise DataError(path, "a comment, label numbers and an id, between tabs", repr(error), line=number) from error
            yield f"goemotions-{id}", TextExample(text, even_targets(labels))
