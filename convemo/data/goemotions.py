"""GoEmotions: 58,009 Reddit comments, several of 27 emotions or neutral each (54,263 in the authors' filtered parts).

D. Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020, https://arxiv.org/abs/2005.00547.
CC BY 4.0 (code Apache-2.0), https://github.com/google-research/google-research/tree/master/goemotions.

Layout: ``original/train.tsv``, ``original/dev.tsv``, ``original/test.tsv`` and ``original/labels.txt``. The emotions of a comment that
map to ours (`mappings.GOEMOTIONS`) share its target equally.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from convemo.data import SPLITS, TextCollection, TextExample, even_targets, read_lines
from convemo.data.mappings import GOEMOTIONS
from convemo.errors import DataError

SOURCE = "https://github.com/google-research/google-research/tree/master/goemotions/data"
LICENCE = "CC-BY-4.0"


def _read(root: Path, split: str | None) -> Iterator[tuple[str, TextExample]]:
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


_COLLECTION = TextCollection(_read)
load, examples = _COLLECTION.load, _COLLECTION.examples
