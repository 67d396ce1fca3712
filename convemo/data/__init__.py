"""Data sets as dialogues, for training and for evaluation.

Every data set is one module with ``load(root, split=None) -> tuple[Dialogue, ...]``, where `root` is the data set's own folder and
`split` is ``"train"``, ``"dev"`` or ``"test"``. A text collection without dialogues gives one dialogue an item. Those with more to
say than one label an item also have ``examples(root, split) -> Iterator[TextExample]``, which trainings read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
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


def one_each(examples: Iterable[tuple[str, TextExample]], language: str = "en") -> tuple[Dialogue, ...]:
    """Texts that belong to no conversation as dialogues of a single utterance.

    Args:
        examples: ``(id, example)``; the label is kept where there is exactly one, the dimensions become `Utterance.features`.
        language: ISO 639-1 code of all of them.
    """
    return tuple(
        Dialogue(
            id,
            (Utterance(id, "writer", example.text, label=example.label, features=dict(example.dimensions) or None),),
            (Speaker("writer"),),
            language,
        )
        for id, example in examples
    )


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
