"""Where a system is good and where it is not: the same utterances by who speaks, how long, and whether the emotion has just changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from convemo.evaluation.benchmark import Benchmark
from convemo.types import Dialogue

MIN_UTTERANCES = 20
"""Fewer utterances than these say nothing; the slice is left out."""
MOST_VALUES = 20
"""A field of the dialogues with more values than these is an id, not a slice."""
LENGTHS = ((3, "1-3 words"), (7, "4-7 words"), (15, "8-15 words"), (None, "16 words or more"))
SAME, SHIFT, FIRST = "same", "shift", "first"


def slices(benchmark: Benchmark) -> dict[str, np.ndarray]:
    """Kind → ``(N,)`` the value of each labelled utterance of the test part, in order; an empty text where it has none.

    ``speaker``, ``gender`` (where the data state it), ``length`` (in words), ``shift`` (whether the reference is another than that of the
    same speaker's labelled utterance before, in the same dialogue), and the fields in which dialogues are filed.
    """
    kinds = {
        "speaker": [u.speaker for d in benchmark.test for u in d if u.label is not None],
        "gender": [(d.genders or {}).get(u.speaker, "") for d in benchmark.test for u in d if u.label is not None],
        "length": [_length(u.text) for d in benchmark.test for u in d if u.label is not None],
    }
    if benchmark.ordered:
        kinds["shift"] = [value for d in benchmark.test for value in _shifts(d)]
    for key in dict.fromkeys(key for d in benchmark.test for key in d.groups or () if key != benchmark.fold_key):
        kinds.setdefault(key, [(d.groups or {}).get(key, "") for d in benchmark.test for u in d if u.label is not None])
    return {kind: np.array(values, dtype=object) for kind, values in kinds.items() if _tells(values, kind == "speaker")}


def values_of(kind: np.ndarray, compared: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each value with ``(N,)`` booleans of the compared utterances that have it, where there are enough; the largest first."""
    here = {value: (kind == value) & compared for value in sorted(set(kind[compared])) if value}
    for value, rows in sorted(here.items(), key=lambda item: -item[1].sum()):
        if rows.sum() >= MIN_UTTERANCES:
            yield value, rows


def _tells(values: Sequence[str], however_many: bool) -> bool:
    distinct = len(set(values) - {""})
    return distinct > 1 and (however_many or distinct <= MOST_VALUES)


def _length(text: str | None) -> str:
    words = len((text or "").split())
    return next(name for most, name in LENGTHS if most is None or words <= most) if words else ""


def _shifts(dialogue: Dialogue) -> Iterator[str]:
    before: dict[str, str] = {}
    for utterance in dialogue:
        if utterance.label is not None:
            known = before.get(utterance.speaker)
            yield FIRST if known is None else SAME if known == utterance.label else SHIFT
            before[utterance.speaker] = utterance.label
