"""RAVDESS: 24 actors say two sentences in eight emotions, 1,440 clips of speech.

S. R. Livingstone and F. A. Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE 13(5), 2018,
https://doi.org/10.1371/journal.pone.0196391. CC BY-NC-SA 4.0: weights trained on it carry that licence.

Layout: ``Actor_01/03-01-05-02-01-01-01.flac`` (or ``.wav``), the name being
modality-channel-emotion-intensity-statement-repetition-actor; actors with an even number are women.
"""

from __future__ import annotations

from pathlib import Path

from convemo.data import check_split
from convemo.data.mappings import RAVDESS
from convemo.errors import DataError
from convemo.types import Dialogue, Speaker, Utterance

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
LICENCE = "CC-BY-NC-SA-4.0"
SPLIT = {"test": ("01", "11", "20", "21"), "dev": ("02", "03", "04", "05")}
"""Actors by part, the others train: the test actors of EmoBox's fold 1, and for dev the two men and two women that come first."""


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue an actor, in the order of the file names; labels mapped by `mappings.RAVDESS` (calm becomes neutral).

    Args:
        root: the folder that holds ``Actor_01`` … ``Actor_24``.
        split: ``"train"``, ``"dev"`` or ``"test"`` (disjoint in actors, see `SPLIT`); ``None`` for all.

    Raises:
        DataError: no clips there, or a file name that is not of the documented form.
        ValueError: no such split.
    """
    check_split(split)
    clips = sorted(p for p in Path(root).glob("Actor_*/*") if p.suffix in (".flac", ".wav"))
    if not clips:
        raise DataError(
            root, "folders Actor_01 … with .flac or .wav clips", "none", "Download RAVDESS speech from zenodo.org/record/1188976."
        )
    by_actor: dict[str, list[Utterance]] = {}
    for path in clips:
        fields = path.stem.split("-")
        if len(fields) != 7 or fields[2] not in EMOTIONS:
            raise DataError(path, "a name of seven numbers such as 03-01-05-02-01-01-01", path.name)
        actor = fields[6]
        utterance = Utterance(path.stem, f"ravdess-{actor}", label=RAVDESS[EMOTIONS[fields[2]]], audio=str(path))
        by_actor.setdefault(actor, []).append(utterance)
    return tuple(
        Dialogue(f"ravdess-{actor}", tuple(utterances), (Speaker(f"ravdess-{actor}"),), language="en")
        for actor, utterances in by_actor.items()
        if split in (None, _part(actor))
    )


def _part(actor: str) -> str:
    return next((part for part, actors in SPLIT.items() if actor in actors), "train")
