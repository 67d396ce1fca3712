"""CMU-MOSEI: 23,453 judged segments of 3,228 videos in which someone speaks to the camera, six emotions and their intensities.

A. Zadeh et al., "Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph", ACL 2018,
https://aclanthology.org/P18-1208. http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset.

Of the many forms in which it goes round this is the raw release (``CMU_MOSEI.zip``); the folder may be its ``Raw`` or the one above:

- ``Transcript/Segmented/Combined/VIDEO.txt``: ``VIDEO___SEGMENT___begin___end___words``, a segment a line;
- ``Labels/*.csv``: what each judge said, with ``Input.VIDEO_ID``, ``Input.CLIP`` and ``Answer.happiness`` … from 0 to 3;
- ``cmu_mosei_std_folds.py``: the published parts by video, from the authors' SDK (read as text, never run);
- the segments' sound, if it is there: ``VIDEO_SEGMENT.wav`` in ``Audio/Segmented`` or the release's videos in
  ``Videos/Segmented/Combined``. The release's own sound files hold whole videos and are not used.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from convemo.data import SPLITS, check_split, read_lines, read_table
from convemo.data.clips import find_clips
from convemo.data.mappings import CMU_MOSEI
from convemo.errors import DataError
from convemo.types import Dialogue, Speaker, Utterance

SOURCE = "http://multicomp.cs.cmu.edu/resources/cmu-mosei-dataset (CMU_MOSEI.zip)"
FOLDS_SOURCE = "https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK (mmsdk/mmdatasdk/dataset/standard_datasets/CMU_MOSEI)"
EMOTIONS = ("happiness", "sadness", "anger", "fear", "disgust", "surprise")
FOLDS = {"standard_train_fold": "train", "standard_valid_fold": "dev", "standard_test_fold": "test"}


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue a video, its segments in the order in which they begin; the label is the dominant emotion, see `dominant`.

    Segments that nobody judged stay, unlabelled. Who speaks is not known beyond the video.

    Args:
        root: the folder that holds ``Transcript`` and ``Labels``, or the one above it.
        split: ``"train"``, ``"dev"``, ``"test"`` as published, by video; ``None`` for all videos, in a part or not.

    Raises:
        DataError: a folder or file is missing or not in this layout.
        ValueError: no such split.
    """
    check_split(split)
    root = Path(root)
    root = root / "Raw" if (root / "Raw").is_dir() else root
    transcripts = sorted(p for p in (root / "Transcript" / "Segmented" / "Combined").glob("*.txt") if not p.name.startswith("."))
    if not transcripts:
        raise DataError(root / "Transcript" / "Segmented" / "Combined", "a file of segments a video", "none", f"Get it from {SOURCE}.")
    wanted = None if split is None else _parts(root)[split]
    labels = {segment: CMU_MOSEI[dominant(judged)] for segment, judged in _intensities(root / "Labels").items()}
    clips = find_clips(root / "Audio" / "Segmented", root / "Videos" / "Segmented" / "Combined")
    return tuple(_dialogue(path, labels, clips) for path in transcripts if wanted is None or path.stem in wanted)


def dominant(intensities: Mapping[str, float]) -> str:
    """The emotion whose mean intensity is greatest, ``"none"`` if all are 0, ``"tie"`` if two are greatest.

    >>> dominant({"happiness": 0.67, "anger": 0.33}), dominant({"happiness": 0.0}), dominant({"sadness": 1.0, "fear": 1.0})
    ('happiness', 'none', 'tie')
    """
    greatest = max(intensities.values())
    strongest = [emotion for emotion, intensity in intensities.items() if intensity == greatest]
    return "none" if greatest == 0 else strongest[0] if len(strongest) == 1 else "tie"


def _dialogue(path: Path, labels: Mapping[tuple[str, str], str | None], clips: Mapping[str, Path]) -> Dialogue:
    speaker, utterances = f"cmu-mosei-{path.stem}", []
    for number, line in enumerate(read_lines(path, SOURCE), 1):
        if not line.strip():
            continue
        try:
            video, segment, start, end, text = line.split("___", 4)
            start, end = max(0.0, float(start)), float(end)  # where a segment begins with the video, the first is up to −0.5
        except ValueError as error:
            raise DataError(path, "VIDEO___SEGMENT___begin___end___words", repr(line), line=number) from error
        name = f"{video}_{segment}"
        utterance = Utterance(
            f"cmu-mosei-{name}",
            speaker,
            text.strip(" _"),  # some lines have more than three underscores
            start,
            end,
            label=labels.get((video, segment)),
            audio=str(clips[name]) if name in clips else None,
        )
        utterances.append(utterance)
    utterances.sort(key=lambda utterance: utterance.start)
    return Dialogue(speaker, tuple(utterances), (Speaker(speaker),), "en")


def _intensities(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    """(video, segment) → emotion → its mean intensity over the judges."""
    tables = sorted(folder.glob("*.csv"))
    if not tables:
        raise DataError(folder, "tables of judgements (*.csv)", "none", f"Get them from {SOURCE}.")
    judged: dict[tuple[str, str], dict[object, list[float]]] = {}
    for path in tables:
        for line, row in read_table(path, SOURCE, ("Input.VIDEO_ID", "Input.CLIP", *(f"Answer.{e}" for e in EMOTIONS))):
            try:
                answers = [float(row[f"Answer.{emotion}"]) for emotion in EMOTIONS]
            except ValueError as error:
                raise DataError(path, "an intensity of each emotion", repr(error), line=line) from error
            segment = (row["Input.VIDEO_ID"].rpartition("/")[2].strip(), row["Input.CLIP"].strip())
            # An assignment that is in two tables counts once.
            judged.setdefault(segment, {})[row.get("AssignmentId") or (path, line)] = answers
    return {
        segment: {emotion: sum(column) / len(column) for emotion, column in zip(EMOTIONS, zip(*answers.values()))}
        for segment, answers in judged.items()
    }


def _parts(root: Path) -> dict[str, set[str]]:
    """Part → its videos."""
    path = next((p for p in (root, root.parent) if (p / "cmu_mosei_std_folds.py").is_file()), root) / "cmu_mosei_std_folds.py"
    text = "\n".join(read_lines(path, FOLDS_SOURCE))
    try:
        parts = dict(_folds(text))
    except (SyntaxError, ValueError, TypeError) as error:
        raise DataError(path, "lists of videos", repr(error), f"Get it from {FOLDS_SOURCE}.") from error
    if missing := [part for part in SPLITS if part not in parts]:
        raise DataError(path, f"the lists {', '.join(FOLDS)}", f"none for {', '.join(missing)}", f"Get it from {FOLDS_SOURCE}.")
    return parts


def _folds(text: str) -> Iterator[tuple[str, set[str]]]:
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[0], ast.Name) and target.id in FOLDS:
            yield FOLDS[target.id], set(ast.literal_eval(statement.value))
