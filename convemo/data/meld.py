"""MELD: 1,432 dialogues and 13,708 utterances of *Friends*, seven emotions, with sound.

S. Poria et al., "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations", ACL 2019,
https://aclanthology.org/P19-1050. GPL-3.0, https://github.com/declare-lab/MELD; the series itself is under copyright.

Layout: ``train_sent_emo.csv``, ``dev_sent_emo.csv`` and ``test_sent_emo.csv``, with the authors' parts. Beside them, if there are any:

- the clips ``diaD_uttU.mp4`` (or another of `clips.SUFFIXES`), in the folders of the official archive (``train_splits``,
  ``dev_splits_complete``, ``output_repeated_splits_test``) or in ``train``, ``dev`` and ``test``;
- ``train_prosody.csv`` and its fellows: Praat's features of each clip, see `PROSODY`.

Dialogues are numbered anew in each part, so clips and features belong to the rows of their own part alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from convemo.data import SPLITS, check_split, clock_seconds, conversation, read_table
from convemo.data.clips import find_clips
from convemo.data.mappings import MELD
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

SOURCE = "https://github.com/declare-lab/MELD (data/MELD; the clips by the link in its README)"
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "Season", "Episode", "StartTime", "EndTime")
PROSODY = {
    "duration": "duration_s",
    "avg_intensity": "intensity_mean_db",
    "intensity_variation": "intensity_std_db",
    "avg_pitch": "f0_mean_hz",
    "pitch_std": "f0_std_hz",
    "pitch_range": "f0_range_hz",
    "articulation_rate": "syllables_per_s",
    "mean_hnr": "hnr_mean_db",
}
"""Column of the prosody files → name in `Utterance.features`. Empty cells are features that the utterance lacks."""
CLIP_FOLDERS = {
    "train": ("train_splits", "train"),
    "dev": ("dev_splits_complete", "dev"),
    "test": ("output_repeated_splits_test", "test"),
}
WITHOUT_CLIP = {"train": {"dia125_utt3"}, "dev": {"dia110_utt7"}, "test": set()}
"""What the official archive lacks or holds broken."""
_C1_AS_WINDOWS_1252 = {code: text for code in range(0x80, 0xA0) if (text := bytes([code]).decode("cp1252", "ignore"))}


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """The dialogues in order, times counting from the beginning of the episode, as published.

    A few times are wrong in the csv files: the longest utterance of the test part would last 305 s.

    Args:
        root: the folder that holds ``train_sent_emo.csv`` and its fellows.
        split: ``"train"``, ``"dev"``, ``"test"``; ``None`` for all.

    Raises:
        DataError: a file is missing or not in this layout, or clips or features are there for some of a part's utterances only.
        ValueError: no such split.
    """
    check_split(split)
    parts = SPLITS if split is None else (split,)
    return tuple(dialogue for part in parts for dialogue in _read(Path(root), part))


def mend(text: str) -> str:
    """A text whose quotes went through Windows-1252, as it was written.

    The csv files were published with control characters in place of quotes (MELD pull request 28), and many copies are from then.

    >>> mend("It\\x92s"), mend("Itâ€™s"), mend("ItÂ’s"), mend("café’s")
    ('It’s', 'It’s', 'It’s', 'café’s')
    """
    with suppress(UnicodeError):  # raised unless somebody took UTF-8 for Windows-1252
        text = text.encode("cp1252").decode("utf-8")
    return text.translate(_C1_AS_WINDOWS_1252).replace("\u00a0", " ").strip()


def _read(root: Path, part: str) -> list[Dialogue]:
    path = root / f"{part}_sent_emo.csv"
    rows: dict[tuple[int, str], list[tuple[int, Utterance]]] = {}
    clips, features = _clips(root, part), _features(root / f"{part}_prosody.csv")
    for line, row in read_table(path, SOURCE, COLUMNS):
        try:
            number, order = int(row["Dialogue_ID"]), int(row["Utterance_ID"])
            episode = f"s{int(row['Season']):02}e{int(row['Episode']):02}"
            start, end = clock_seconds(row["StartTime"]), clock_seconds(row["EndTime"])
            label = MELD[row["Emotion"].strip()]
        except (KeyError, ValueError) as error:
            raise DataError(path, "numbers, times and a known emotion", repr(error), line=line) from error
        name = f"dia{number}_utt{order}"
        utterance = Utterance(
            f"meld-{part}-{name}",
            mend(row["Speaker"]),
            mend(row["Utterance"]),
            start,
            end,
            label=label,
            audio=str(clips[name]) if name in clips else None,
            features=features.get(name),
        )
        rows.setdefault((number, episode), []).append((order, utterance))
    utterances = [utterance for numbered in rows.values() for _, utterance in numbered]
    _check_complete(root, part, "clips", [u.id for u in utterances if clips and u.audio is None])
    _check_complete(root, part, "features", [u.id for u in utterances if features and u.features is None])
    return [
        conversation(f"meld-{part}-dia{number}", [u for _, u in sorted(numbered, key=lambda pair: pair[0])], {"episode": episode})
        for (number, episode), numbered in rows.items()
    ]


def _clips(root: Path, part: str) -> dict[str, Path]:
    found = find_clips(*(root / folder for folder in CLIP_FOLDERS[part]))
    # The test archive has 132 clips twice; those of this prefix are the corrected ones.
    corrected = {name.removeprefix("final_videos_test"): path for name, path in found.items() if name.startswith("final_videos_test")}
    return found | corrected


def _features(path: Path) -> dict[str, Mapping[str, float]]:
    """Name of the clip → the features that it has; nothing where there is no such file."""
    if not path.is_file():
        return {}
    features = {}
    for line, row in read_table(path, SOURCE, ("filename", *PROSODY)):
        name = re.search(r"dia\d+_utt\d+", row["filename"])
        try:
            values = {ours: float(row[theirs]) for theirs, ours in PROSODY.items() if row[theirs].strip()}
        except ValueError as error:
            raise DataError(path, "numbers or empty cells", repr(error), line=line) from error
        if name is None:
            raise DataError(path, "a file name such as dia0_utt0.wav", repr(row["filename"]), line=line)
        if "f0_mean_hz" not in values:  # nothing voiced: the zeros beside the empty cell are no measurements
            values = {feature: value for feature, value in values.items() if not feature.startswith("f0_")}
        features[name[0]] = {feature: value for feature, value in values.items() if math.isfinite(value)}
    return features


def _check_complete(root: Path, part: str, what: str, lacking: list[str]) -> None:
    if missing := [id for id in lacking if id.removeprefix(f"meld-{part}-") not in WITHOUT_CLIP[part]]:
        hint = f"Get all of them from {SOURCE}, or take those away that are there."
        raise DataError(root, f"{what} of all utterances of {part}", f"{len(missing)} without, e.g. {missing[0]}", hint)
