"""EmoryNLP: four seasons of *Friends*, 12,606 utterances in scenes, seven emotions (9,489 of them with times, in the csv files
that most later work shares).

S. Zahiri and J. Choi, "Emotion Detection on TV Show Transcripts with Sequence-based Convolutional Neural Networks", 2018,
https://arxiv.org/abs/1708.04299. Apache-2.0, https://github.com/emorynlp/emotion-detection.

MELD is cut from the same show, so a model trained on this may have met lines of MELD's test part.
"""

from __future__ import annotations

import ast
from pathlib import Path

from convemo.data import SPLITS, check_split, clock_seconds, conversation, read_table
from convemo.data.mappings import EMORYNLP, EMORYNLP_7, LabelMapping
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

SOURCE = "https://github.com/emorynlp/emotion-detection (as three csv files with the columns below)"
LICENCE = "Apache-2.0"
COLUMNS = ("Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode", "Start_Time", "End_Time")


def load(root: Path, split: str | None = None, *, own_labels: bool = False) -> tuple[Dialogue, ...]:
    """One dialogue a scene, its utterances in order, powerful and peaceful ones unlabelled (`mappings.EMORYNLP`).

    Times count from the beginning of the episode. Where several speak at once they are one speaker, named as all of them.

    Args:
        root: the folder that holds ``emorynlp_train_final.csv`` and its fellows.
        split: ``"train"``, ``"dev"``, ``"test"``; ``None`` for all.
        own_labels: all seven labels that published figures are on, powerful and peaceful among them (`mappings.EMORYNLP_7`).

    Raises:
        DataError: a file is missing or not in this layout.
        ValueError: no such split.
    """
    check_split(split)
    parts, mapping = SPLITS if split is None else (split,), EMORYNLP_7 if own_labels else EMORYNLP
    return tuple(dialogue for part in parts for dialogue in _read(Path(root) / f"emorynlp_{part}_final.csv", part, mapping))


def _read(path: Path, part: str, mapping: LabelMapping) -> list[Dialogue]:
    scenes: dict[tuple[str, str], list[tuple[int, Utterance]]] = {}
    for line, row in read_table(path, SOURCE, COLUMNS):
        try:
            episode = f"s{int(row['Season']):02}e{int(row['Episode']):02}"
            scene = f"emorynlp-{part}-{episode}-{int(row['Scene_ID']):02}"
            order = int(row["Utterance_ID"])
            speaker = " & ".join(ast.literal_eval(row["Speaker"]))
            start, end = (clock_seconds(row[column]) for column in ("Start_Time", "End_Time"))
            label = mapping[row["Emotion"]]
        except (KeyError, TypeError, ValueError, SyntaxError) as error:
            raise DataError(path, "season, episode, scene, speakers, times and a known emotion", repr(error), line=line) from error
        utterance = Utterance(f"{scene}-{order:03}", speaker, row["Utterance"].strip(), start, end, label=label)
        scenes.setdefault((scene, episode), []).append((order, utterance))
    return [
        conversation(scene, [u for _, u in sorted(numbered, key=lambda pair: pair[0])], {"episode": episode})
        for (scene, episode), numbered in scenes.items()
    ]
