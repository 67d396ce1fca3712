"""Data sets as dialogues, for training and for evaluation.

Every data set is one module with ``load(root, split=None) -> tuple[Dialogue, ...]``, where `root` is the data set's own folder and
`split` is ``"train"``, ``"dev"``, ``"test"`` or ``None`` for all; what else a data set can be asked (a fold, another mapping of its
labels) is a keyword. `DataError` says which file is missing or not in the documented layout, `ValueError` that a part is unknown.

A dialogue is a conversation where the data set has conversations; else one dialogue is one speaker's clips (`data.clips`) or one text
(`TextCollection`). Labels are mapped by `data.mappings`; an utterance without a label that maps stays, unlabelled, as history. Sound
is named, never opened. How to get each data set is on the page "Data sets" of the documentation.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from convemo.errors import DataError
from convemo.types import Dialogue, Speaker, Utterance

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class TextExample:
    """A text with everything that its annotators said of it."""

    text: str
    targets: Mapping[str, float] = field(default_factory=dict)
    """Label → weight, summing to 1; empty if nobody judged the emotion."""
    dimensions: Mapping[str, float] = field(default_factory=dict)
    """``"valence"``, ``"arousal"``, ``"dominance"`` in ``[-1, 1]``; empty if nobody judged them."""

    @property
    def label(self) -> str | None:
        """The one label, where the annotators gave no more than one."""
        return next(iter(self.targets)) if len(self.targets) == 1 else None


def even_targets(labels: Iterable[str | None]) -> dict[str, float]:
    """Equal weight for every distinct label that the mapping keeps.

    >>> even_targets(["joy", None, "surprise", "joy"])
    {'joy': 0.5, 'surprise': 0.5}
    """
    kept = list(dict.fromkeys(label for label in labels if label is not None))
    return {label: 1 / len(kept) for label in kept}


@dataclass(frozen=True, slots=True)
class TextCollection:
    """A data set of English texts that belong to no conversation.

    Its module offers the two methods as its own ``load`` and ``examples``.
    """

    read: Callable[[Path, str | None], Iterable[tuple[str, TextExample]]]
    """``read(root, split)`` gives ``(id, example)`` pairs."""

    def load(self, root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
        """One dialogue of a single utterance a text; labelled where its emotions map to exactly one of ours.

        Args:
            root: the data set's folder, as its module describes it.
            split: ``"train"``, ``"dev"``, ``"test"``; ``None`` for all.

        Raises:
            DataError: a file is missing or not in the documented layout.
            ValueError: no such split.
        """
        return tuple(
            Dialogue(
                id,
                (Utterance(id, "writer", example.text, label=example.label, dimensions=dict(example.dimensions) or None),),
                (Speaker("writer"),),
                "en",
            )
            for id, example in self._read(root, split)
        )

    def examples(self, root: Path, split: str | None = None) -> Iterator[TextExample]:
        """The texts with all that their annotators said and we have a name for; those with none are left out. As `load` otherwise."""
        return (example for _, example in self._read(root, split) if example.targets or example.dimensions)

    def _read(self, root: Path, split: str | None) -> Iterable[tuple[str, TextExample]]:
        check_split(split)
        return self.read(Path(root), split)


def conversation(id: str, utterances: Iterable[Utterance], groups: Mapping[str, str]) -> Dialogue:
    """Utterances of people who are known by their names as an English dialogue, speakers in the order in which they begin."""
    utterances = tuple(utterances)
    names = dict.fromkeys(utterance.speaker for utterance in utterances)
    return Dialogue(id, utterances, tuple(Speaker(name, name) for name in names), "en", groups=groups)


def as_raw_asr(text: str) -> str:
    """A text as a recogniser without punctuation gives it: lower case, apostrophes inside words only.

    >>> as_raw_asr("Well… I DON'T know -- 'maybe'?")
    "well i don't know maybe"
    """
    return " ".join(re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower()))


def split_by_hash(text: str, dev_percent: int = 10, test_percent: int = 10) -> str:
    """The part that a text belongs to, where a data set has no parts of its own: the same everywhere and for ever.

    Texts that differ in case, spacing or punctuation alone land in the same part, so none is tested on its own twin.

    >>> split_by_hash("Get out!") == split_by_hash("get out .")
    True
    """
    percent = int.from_bytes(hashlib.sha256(as_raw_asr(text).encode()).digest()[:8]) % 100
    return "test" if percent < test_percent else "dev" if percent < test_percent + dev_percent else "train"


def check_split(split: str | None) -> None:
    """Raises ValueError if this is not the name of a part."""
    if split is not None and split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, or None for all; got {split!r}")


def read_lines(path: Path, source: str) -> list[str]:
    """The lines of a data set's text file, without their ends.

    Args:
        path: the file.
        source: where to get the data set, for the error.

    Raises:
        DataError: there is no such file, or it is not UTF-8.
    """
    try:
        # Not splitlines: it also breaks at U+2028, U+0085 and the like, which occur inside comments and subtitles.
        return [line.removesuffix("\r") for line in path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(path, "a file of the data set", "no such file", f"Get it from {source}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            path, "UTF-8 text", f"byte {error.object[error.start]:#04x} at {error.start}", f"Get it again from {source}."
        ) from error


def read_table(
    path: Path, source: str, columns: Iterable[str], *, delimiter: str = ",", quoted: bool = True
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with a line of column names.

    Args:
        path: the file, UTF-8.
        source: where to get the data set, for the error.
        columns: those that must be there; others are given too.
        delimiter: what stands between two cells.
        quoted: whether ``"`` quotes a cell; otherwise it is a character like any other.

    Yields:
        The number of the row's last line, and its cells by column.

    Raises:
        DataError: there is no such file, a column is missing, or a row has more or fewer cells than there are columns.
    """
    lines = (line + "\n" for line in read_lines(path, source))
    rows = csv.DictReader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    if missing := [column for column in columns if column not in (rows.fieldnames or ())]:
        raise DataError(path, f"the columns {', '.join(columns)}", f"no {', '.join(missing)}", f"Get it from {source}.", line=1)
    for row in rows:
        if None in row or None in row.values():
            raise DataError(path, f"{len(rows.fieldnames)} cells", repr([*row.values()]), line=rows.line_num)
        yield rows.line_num, row


def clock_seconds(clock: str) -> float:
    """A time as subtitles write it, in seconds.

    Raises:
        ValueError: it is not of that form.

    >>> clock_seconds("00:01:02,500")
    62.5
    """
    match = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", clock.strip().replace(",", "."))
    if match is None:
        raise ValueError(f"{clock!r} is not of the form 00:01:02,500")
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
