"""XED: English film subtitles, 17,528 lines with one or more of Plutchik's eight emotions and 9,675 neutral ones.

E. Öhman et al., "XED: A Multilingual Dataset for Sentiment Analysis and Emotion Detection", COLING 2020,
https://arxiv.org/abs/2011.01612. CC BY 4.0, https://github.com/Helsinki-NLP/XED.

It has no official parts: here 80/10/10 by `data.split_by_hash` of the text.

Layout: ``en-annotated.tsv`` and ``neu_en.txt``. The emotions of a line that map to ours (`mappings.XED`) share its target equally.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from convemo.data import TextCollection, TextExample, even_targets, read_lines, split_by_hash
from convemo.data.mappings import XED
from convemo.errors import DataError

SOURCE = "https://github.com/Helsinki-NLP/XED (AnnotatedData)"
LICENCE = "CC-BY-4.0"


def _read(root: Path, split: str | None) -> Iterator[tuple[str, TextExample]]:
    for file in ("en-annotated.tsv", "neu_en.txt"):
        path = root / file
        for number, line in enumerate(read_lines(path, SOURCE), 1):
            if not line.strip():
                continue  # neu_en.txt has one line of nothing but tabs
            # The two files name their columns the other way round.
            text, tab, codes = line.rpartition("\t") if file == "en-annotated.tsv" else line.partition("\t")[::-1]
            try:
                labels = [XED[code.strip()] for code in codes.split(",")]
            except KeyError as error:
                raise DataError(
                    path, "a line of text and the numbers 1 to 9 of its emotions, between them a tab", repr(line), line=number
                ) from error
            if not tab:
                raise DataError(path, "a tab between text and emotions", repr(line), line=number)
            if split in (None, split_by_hash(text)):
                yield f"xed-{path.stem}-{number}", TextExample(text.strip(), even_targets(labels))


_COLLECTION = TextCollection(_read)
load, examples = _COLLECTION.load, _COLLECTION.examples
