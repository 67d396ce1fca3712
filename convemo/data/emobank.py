"""EmoBank: 10,062 sentences with valence, arousal and dominance, as readers and writers see them.

S. Buechel and U. Hahn, "EmoBank: Studying the Impact of Annotation Perspective and Representation Format on Dimensional Emotion
Analysis", EACL 2017, https://aclanthology.org/E17-2092. CC BY-SA 4.0, https://github.com/JULIELab/EmoBank: weights trained on it
are share-alike.

Layout: ``emobank.csv``, with its own column of parts. Nobody judged the emotion: the sentences are unlabelled, and their `dimensions`
are what is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from convemo.data import TextCollection, TextExample, read_table
from convemo.errors import DataError

SOURCE = "https://github.com/JULIELab/EmoBank (corpus/emobank.csv)"
LICENCE = "CC-BY-SA-4.0"
DIMENSIONS = {"V": "valence", "A": "arousal", "D": "dominance"}
"""Column → dimension. The columns run from 1 to 5 (self-assessment manikins); ``(x - 3) / 2`` is in ``[-1, 1]``."""


def _read(root: Path, split: str | None) -> Iterator[tuple[str, TextExample]]:
    path = root / "emobank.csv"
    for line, row in read_table(path, SOURCE, ("id", "split", *DIMENSIONS, "text")):
        try:
            dimensions = {name: (float(row[column]) - 3) / 2 for column, name in DIMENSIONS.items()}
        except ValueError as error:
            raise DataError(path, "numbers from 1 to 5 for V, A and D", repr(error), line=line) from error
        if not all(-1 <= value <= 1 for value in dimensions.values()):
            raise DataError(path, "numbers from 1 to 5 for V, A and D", str(row), line=line)
        if split in (None, row["split"]):
            yield f"emobank-{row['id']}", TextExample(row["text"], dimensions=dimensions)


_COLLECTION = TextCollection(_read)
load, examples = _COLLECTION.load, _COLLECTION.examples
