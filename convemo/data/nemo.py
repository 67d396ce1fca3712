"""nEMO: nine Polish actors say 90 sentences in six emotions, 4,481 clips.

I. Christop, "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING 2024, https://aclanthology.org/2024.lrec-main.1059.
CC BY-NC-SA 4.0: weights trained on it carry that licence.

Layout: ``data.tsv`` with the columns file_id, emotion, raw_text, normalized_text, speaker_id, gender, age, and the clips in
``audio/`` (or ``samples/``); the table names them ``.wav``, and they may have any of `clips.SUFFIXES`.
"""

from __future__ import annotations

from pathlib import Path

from convemo.data import check_split, read_table
from convemo.data.clips import by_speaker, find_clips, part_of
from convemo.data.mappings import NEMO
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

LICENCE = "CC-BY-NC-SA-4.0"
SPLIT = {"test": ("IC0", "WR0"), "dev": ("MK0", "MP0")}
"""Actors by part, the others train: a woman and a man each; dev has the two with the fewest clips."""
SOURCE = "https://github.com/amu-cai/nEMO"
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender")


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
    table, clips = root / "data.tsv", find_clips(root / "audio", root / "samples")
    utterances, genders = [], {}
    for line, row in read_table(table, SOURCE, COLUMNS, delimiter="\t"):
        clip, emotion, actor = Path(row["file_id"].strip()).stem, row["emotion"].strip(), row["speaker_id"].strip()
        if emotion not in NEMO:
            raise DataError(table, f"one of {', '.join(NEMO.labels)}", repr(emotion), line=line)
        if clip not in clips:
            raise DataError(table, f"a clip {clip} in {root / 'audio'}", "none", f"Download nEMO from {SOURCE}.", line=line)
        speaker = f"nemo-{actor}"
        genders[speaker] = row["gender"].strip()
        if split in (None, part_of(actor, SPLIT)):
            utterances.append(Utterance(clip, speaker, row["raw_text"].strip(), label=NEMO[emotion], audio=str(clips[clip])))
    return by_speaker(utterances, "pl", genders)
