"""nEMO: nine Polish actors say 90 sentences in six emotions, 4,481 clips.

I. Christop, "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING 2024, https://aclanthology.org/2024.lrec-main.1059.
CC BY-NC-SA 4.0: weights trained on it carry that licence.

Layout: ``data.tsv`` with the columns file_id, emotion, raw_text, normalized_text, speaker_id, gender, age, and the clips in
``audio/`` (or ``samples/``); the table names them ``.wav``, and they may also be ``.opus`` or ``.flac``.
"""

from __future__ import annotations

import csv
from pathlib import Path

from convemo.data import check_split
from convemo.data.mappings import NEMO
from convemo.errors import DataError
from convemo.types import Dialogue, Speaker, Utterance

LICENCE = "CC-BY-NC-SA-4.0"
SPLIT = {"test": ("IC0", "WR0"), "dev": ("MK0", "MP0")}
"""Actors by part, the others train: a woman and a man each; dev has the two with the fewest clips."""
_COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id")
_SUFFIXES = (".opus", ".flac", ".wav")


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue an actor, in the order of the table; labels mapped by `mappings.NEMO`.

    Args:
        root: the folder that holds ``data.tsv``.
        split: ``"train"``, ``"dev"`` or ``"test"`` (disjoint in actors, see `SPLIT`); ``None`` for all.

    Raises:
        DataError: the table or a clip is missing, a column is, or an emotion is unknown.
        ValueError: no such split.
    """
    check_split(split)
    root = Path(root)
    table = root / "data.tsv"
    if not table.is_file():
        raise DataError(table, "the table of nEMO's clips", "no such file", "Download nEMO from github.com/amu-cai/nEMO.")
    by_actor: dict[str, list[Utterance]] = {}
    clips = {path.stem: path for folder in ("audio", "samples") for path in sorted((root / folder).glob("*")) if path.suffix in _SUFFIXES}
    with table.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        if missing := set(_COLUMNS) - set(rows.fieldnames or ()):
            raise DataError(table, f"the columns {', '.join(_COLUMNS)}", f"no {', '.join(sorted(missing))}", line=1)
        for row in rows:
            clip, emotion, actor = Path(row["file_id"].strip()).stem, row["emotion"].strip(), row["speaker_id"].strip()
            if emotion not in NEMO:
                raise DataError(table, f"one of {', '.join(NEMO.labels)}", repr(emotion), line=rows.line_num)
            if clip not in clips:
                raise DataError(table, f"a clip {clip} in {root / 'audio'}", "none", line=rows.line_num)
            utterance = Utterance(clip, f"nemo-{actor}", text=row["raw_text"].strip(), label=NEMO[emotion], audio=str(clips[clip]))
            by_actor.setdefault(actor, []).append(utterance)
    return tuple(
        Dialogue(f"nemo-{actor}", tuple(utterances), (Speaker(f"nemo-{actor}"),), language="pl")
        for actor, utterances in sorted(by_actor.items())
        if split in (None, _part(actor))
    )


def _part(actor: str) -> str:
    return next((part for part, actors in SPLIT.items() if actor in actors), "train")
