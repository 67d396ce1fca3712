"""EmoDB, the Berlin database of emotional speech: ten actors say ten German sentences in seven emotions, 535 clips.

F. Burkhardt et al., "A Database of German Emotional Speech", Interspeech 2005, https://doi.org/10.21437/Interspeech.2005-446. Clips that
fewer than 80 % of listeners recognised were left out by the authors. http://emodb.bilderbar.info.

Layout: ``wav/03a01Fa.wav`` (or another of `clips.SUFFIXES`, or directly in the folder), the name being speaker (2 digits), text (3
characters), emotion (a letter) and version.
"""

from __future__ import annotations

import re
from pathlib import Path

from convemo.data import check_split
from convemo.data.clips import by_speaker, find_clips, part_of
from convemo.data.mappings import EMODB
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

SOURCE = "http://emodb.bilderbar.info (download.zip)"
WOMEN, MEN = ("08", "09", "13", "14", "16"), ("03", "10", "11", "12", "15")
SPLIT = {"test": ("15", "16"), "dev": ("11", "14")}
"""Actors by part, the others train: a man and a woman each."""
TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_NAME = re.compile(r"(?P<actor>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[A-Z])[a-z]?")


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue an actor, in the order of the file names; boredom unlabelled (`mappings.EMODB`).

    Args:
        root: the folder that holds ``wav`` or the clips.
        split: ``"train"``, ``"dev"`` or ``"test"`` (disjoint in actors, see `SPLIT`); ``None`` for all.

    Raises:
        DataError: no clips there, or a file name that is not of the documented form.
        ValueError: no such split.
    """
    check_split(split)
    clips = find_clips(Path(root))
    if not clips:
        raise DataError(root, "clips such as wav/03a01Fa.wav", "none", f"Get them from {SOURCE}.")
    utterances = []
    for name in sorted(clips):
        match = _NAME.fullmatch(name)
        if match is None or match["text"] not in TEXTS or match["emotion"] not in EMODB or match["actor"] not in WOMEN + MEN:
            raise DataError(clips[name], "a name such as 03a01Fa, of a known speaker, text and emotion", name)
        if split in (None, part_of(match["actor"], SPLIT)):
            speaker, text, label = f"emodb-{match['actor']}", TEXTS[match["text"]], EMODB[match["emotion"]]
            utterances.append(Utterance(f"emodb-{name}", speaker, text, label=label, audio=str(clips[name])))
    genders = {f"emodb-{actor}": gender for gender, actors in (("female", WOMEN), ("male", MEN)) for actor in actors}
    return by_speaker(utterances, "de", genders)
