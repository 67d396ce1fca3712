"""EmoBank: 10,062 sentences with valence, arousal and dominance, as readers and writers see them.

S. Buechel and U. Hahn, "EmoBank: Studying the Impact of Annotation Perspective and Representation Format on Dimensional Emotion
Analysis", EACL 2017, https://aclanthology.org/E17-2092. CC BY-SA 4.0, https://github.com/JULIELab/EmoBank: weights trained on it
are share-alike.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from convemo.data import TextExample, check_split, one_each, read_lines
from convemo.errors import DataError
from convemo.types import Dialogue

SOURCE = "https://github.com/JULIELab/EmoBank (corpus/emobank.csv)"
LICENCE = "CC-BY-SA-4.0"
DIMENSIONS = {"V": "valence", "A": "arousal", "D": "dominance"}
"""Column → dimension. The columns run from 1 to 5 (self-assessment manikins); ``(x - 3) / 2`` is in ``[-1, 1]``."""


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One unlabelled dialogue a sentence; ``features`` holds valence, arousal and dominance in ``[-1, 1]``.

    Args:
        root: the folder that holds ``emobank.csv``.
        split: ``"train"``, ``"dev"``, ``"test"``; ``None`` for all.

    Raises:
        DataError: the file is missing or not in this layout.
        ValueError: no such split.
    """
    return one_each(_numbered(Path(root), split))


def examples(root: Path, split: str | None = None) -> Iterator[TextExample]:
    """The sentences with their dimensions. As `load` otherwise."""
    return (example for _, example in _numbered(Path(root), split))


def _numbered(root: Path, split: str | None) -> Iterator[tuple[str, TextExample]]:
    check_split(split)
    path = root / "emobank.csv"
    rows = csv.DictReader([line + "\n" for line in read_lines(path, SOURCE)])
    if missing := {"id", "split", "text", *DIMENSIONS} - set(rows.fieldnames or ()):
        raise DataError(path, "the columns id, split, V, A, D, text", f"no {', '.join(sorted(missing))}", line=1)
    for row in rows:
        try:
            dimensions = {name: (float(row[column]) - 3) / 2 for column, name in DIMENSIONS.items()}
        except (TypeError, ValueError) as error:
            raise DataError(path, "numbers from 1 to 5 for V, A and D", repr(error), line=rows.line_num) from error
        if not all(-1 <= value <= 1 for value in dimensions.values()):
            raise DataError(path, "numbers from 1 to 5 for V, A and D", str(row), line=rows.line_num)
        if split in (None, row["split"]):
            yield f"emobank-{row['id']}", TextExample(row["text"], dimensions=dimensions)
