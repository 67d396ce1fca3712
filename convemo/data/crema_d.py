"""CREMA-D: 91 actors say twelve sentences in six emotions, 7,442 clips.

H. Cao et al., "CREMA-D: Crowd-Sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing 5(4), 2014,
https://doi.org/10.1109/TAFFC.2014.2336244. ODbL 1.0, https://github.com/CheyneyComputerScience/CREMA-D.

Layout: ``AudioWAV/1001_DFA_ANG_XX.wav``, the name being actor, sentence, emotion and intensity; and ``VideoDemographics.csv``, which
tells each actor's sex.
"""

from __future__ import annotations

from pathlib import Path

from convemo.data import check_split, read_table
from convemo.data.clips import by_speaker, find_clips, part_of
from convemo.data.mappings import CREMA_D
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

SOURCE = "https://github.com/CheyneyComputerScience/CREMA-D (with Git LFS)"
ACTORS = tuple(str(actor) for actor in range(1001, 1092))
SPLIT = {"test": ACTORS[4::5], "dev": ACTORS[0::5]}
"""Actors by part, the others train: 18 test (1005, 1010, …), 19 dev (1001, 1006, …), 54 train. The authors have no parts."""
TEXTS = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
SILENT = {"1076_MTI_SAD_XX"}
"""Holds no sound, as the authors say; left out."""


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue an actor, in the order of the file names; the label is what the actor was asked for (`mappings.CREMA_D`).

    Listeners often heard something else: by voice alone they recognised 40.9 % of the clips (Cao et al. 2014).

    Args:
        root: the folder that holds ``AudioWAV`` and ``VideoDemographics.csv``.
        split: ``"train"``, ``"dev"`` or ``"test"`` (disjoint in actors, see `SPLIT`); ``None`` for all.

    Raises:
        DataError: no clips there, no table, or a file name that is not of the documented form.
        ValueError: no such split.
    """
    check_split(split)
    root = Path(root)
    clips = find_clips(root / "AudioWAV")
    if not clips:
        raise DataError(root / "AudioWAV", "clips such as 1001_DFA_ANG_XX.wav", "none", f"Get them from {SOURCE}.")
    table = read_table(root / "VideoDemographics.csv", SOURCE, ("ActorID", "Sex"))
    genders = {f"crema-d-{row['ActorID']}": row["Sex"].strip().lower() for _, row in table}
    utterances = []
    for name in sorted(clips.keys() - SILENT):
        # The last field is not looked at: one file is named 1040_ITH_SAD_X.
        actor, text, emotion = (name.split("_") + [""] * 3)[:3]
        if actor not in ACTORS or text not in TEXTS or emotion not in CREMA_D:
            raise DataError(clips[name], "a name such as 1001_DFA_ANG_XX, of a known actor, sentence and emotion", name)
        if split in (None, part_of(actor, SPLIT)):
            speaker = f"crema-d-{actor}"
            utterances.append(Utterance(f"crema-d-{name}", speaker, TEXTS[text], label=CREMA_D[emotion], audio=str(clips[name])))
    return by_speaker(utterances, "en", genders)
