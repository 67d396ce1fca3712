"""RAVDESS: 24 actors say two sentences in eight emotions, 1,440 clips of speech.

S. R. Livingstone and F. A. Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE 13(5), 2018,
https://doi.org/10.1371/journal.pone.0196391. CC BY-NC-SA 4.0: weights trained on it carry that licence.

Layout: ``Actor_01/03-01-05-02-01-01-01.flac`` (or ``.wav``), the name being
modality-channel-emotion-intensity-statement-repetition-actor; actors with an even number are women.
"""

from __future__ import annotations

from pathlib import Path

from convemo.data import check_split
from convemo.data.clips import by_speaker, find_clips, part_of
from convemo.data.mappings import RAVDESS, LabelMapping
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
"""Third field of a file name → the data set's own label."""
TEXTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
"""Fifth field of a file name → what is said."""
SOURCE = "zenodo.org/record/1188976 (Audio_Speech_Actors_01-24.zip)"
LICENCE = "CC-BY-NC-SA-4.0"
SPLIT = {"test": ("01", "11", "20", "21"), "dev": ("02", "03", "04", "05")}
"""Actors by part, the others train: the test actors of EmoBox's fold 1, and for dev the two men and two women that come first."""


def load(root: Path, split: str | None = None, *, mapping: LabelMapping = RAVDESS) -> tuple[Dialogue, ...]:
    """One dialogue an actor, in the order of the file names; labels mapped by `mappings.RAVDESS` (calm becomes neutral).

    Args:
        root: the folder that holds ``Actor_01`` … ``Actor_24``.
        split: ``"train"``, ``"dev"`` or ``"test"`` (disjoint in actors, see `SPLIT`); ``None`` for all.
        mapping: another one, e.g. `mappings.RAVDESS_8`.

    Raises:
        DataError: no clips there, or a file name that is not of the documented form.
        ValueError: no such split.
    """
    check_split(split)
    root = Path(root)
    clips = [path for folder in sorted(root.glob("Actor_*")) for path in find_clips(folder).values()]
    if not clips:
        raise DataError(root, "folders Actor_01 … with clips", "none", f"Download RAVDESS speech from {SOURCE}.")
    utterances, genders = [], {}
    for path in clips:
        fields = path.stem.split("-")
        if len(fields) != 7 or fields[2] not in EMOTIONS or fields[4] not in TEXTS or not fields[6].isdecimal():
            raise DataError(path, "a name of seven numbers such as 03-01-05-02-01-01-01", path.name)
        actor, speaker = fields[6], f"ravdess-{fields[6]}"
        genders[speaker] = "male" if int(actor) % 2 else "female"
        if split in (None, part_of(actor, SPLIT)):
            label = mapping[EMOTIONS[fields[2]]]
            utterances.append(Utterance(path.stem, speaker, TEXTS[fields[4]], label=label, audio=str(path)))
    return by_speaker(utterances, "en", genders)
