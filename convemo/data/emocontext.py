"""EmoContext (SemEval-2019 task 3): 38,424 chats of three turns between a user and a chat bot; is the last turn happy, sad or angry?

A. Chatterjee et al., "SemEval-2019 Task 3: EmoContext Contextual Emotion Detection in Text", SemEval 2019,
https://aclanthology.org/S19-2005. For research, https://www.humanizing-ai.com/emocontext.html.

Layout: ``train.txt``, ``dev.txt`` (or ``valid.txt``) and ``test.txt``, with the columns id, turn1, turn2, turn3, label between tabs. The
parts are the organisers'; they have far fewer emotions in dev and test (15 %) than in train (50 %).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from convemo.data import SPLITS, check_split, read_table
from convemo.data.mappings import EMOCONTEXT, LabelMapping
from convemo.errors import DataError
from convemo.types import Dialogue, Speaker, Utterance

SOURCE = "https://www.humanizing-ai.com/emocontext.html (the files with labels)"
USER, BOT = Speaker("user"), Speaker("bot")


def load(root: Path, split: str | None = None, *, mapping: LabelMapping = EMOCONTEXT) -> tuple[Dialogue, ...]:
    """One dialogue a chat: the user, the bot, and the user again, whose last turn carries the label.

    Args:
        root: the folder that holds ``train.txt`` and its fellows.
        split: ``"train"``, ``"dev"``, ``"test"``; ``None`` for all.
        mapping: `mappings.EMOCONTEXT` leaves "others" unlabelled; `mappings.EMOCONTEXT_4` keeps it, as the task's own score asks for
            (micro F1 over happy, sad and angry).

    Raises:
        DataError: a file is missing or not in this layout.
        ValueError: no such split.
    """
    check_split(split)
    parts = SPLITS if split is None else (split,)
    return tuple(dialogue for part in parts for dialogue in _read(Path(root), part, mapping))


def _read(root: Path, part: str, mapping: LabelMapping) -> Iterator[Dialogue]:
    path = root / f"{part}.txt"
    if part == "dev" and not path.is_file():
        path = root / "valid.txt"
    for line, row in read_table(path, SOURCE, ("id", "turn1", "turn2", "turn3", "label"), delimiter="\t", quoted=False):
        label = row["label"].strip()
        if label not in mapping:
            raise DataError(path, f"one of {', '.join(mapping.labels)}", repr(label), line=line)
        id = f"emocontext-{part}-{row['id']}"
        turns = (
            Utterance(f"{id}-1", USER.id, row["turn1"].strip()),
            Utterance(f"{id}-2", BOT.id, row["turn2"].strip()),
            Utterance(f"{id}-3", USER.id, row["turn3"].strip(), label=mapping[label]),
        )
        yield Dialogue(id, turns, (USER, BOT), "en")
