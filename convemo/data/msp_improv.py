"""MSP-IMPROV: twelve actors in six sessions of two improvise around target sentences, 8,438 turns.

C. Busso et al., "MSP-IMPROV: An Acted Corpus of Dyadic Interactions to Study Emotion Perception", IEEE Transactions on Affective
Computing 8(1), 2017, https://doi.org/10.1109/TAFFC.2016.2515617. For research, by agreement:
https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html.

Layout, as released:

- ``Evalution.txt`` (spelled so; ``Evaluation.txt`` will do): ``UTD-IMPROV-S01A-F01-S-FM01.avi; N; A:3.0; V:3.5; …``, the letter being
  the judges' majority;
- ``session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav`` (or below ``Audio``): the name has sentence and intended emotion (``S01A``),
  speaker (``F01``, a woman, of session 1) and scenario (``S`` target sentence, ``T`` other improvised turns, ``R`` read, ``P`` between
  the takes);
- ``Human_transcriptions/All_human_transcriptions/MSP-IMPROV-S01A-F01-S-FM01.txt``: what was said, if it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from convemo.data import check_split, read_lines
from convemo.data.clips import by_speaker, find_clips, part_of
from convemo.data.mappings import MSP_IMPROV
from convemo.errors import DataError
from convemo.types import Dialogue, Utterance

SOURCE = "https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html (by agreement)"
SPLIT = {"test": ("F06", "M06"), "dev": ("F05", "M05")}
"""Actors by part, the others train: a session each. The authors have no parts."""
_CLIP = re.compile(r"S\d\d[AHSN]-(?P<actor>[FM]0[1-6])-[PRST]-[FM]{2}\d+")


def load(root: Path, split: str | None = None) -> tuple[Dialogue, ...]:
    """One dialogue an actor, in the order of the file names; labels mapped by `mappings.MSP_IMPROV`.

    No conversations: the release has no times by which the two actors' turns could be put in order.

    Args:
        root: the folder that holds ``Evalution.txt``.
        split: ``"train"``, ``"dev"`` or ``"test"`` (disjoint in sessions, see `SPLIT`); ``None`` for all.

    Raises:
        DataError: the labels or a labelled clip are missing, or a line or name is not of the documented form.
        ValueError: no such split.
    """
    check_split(split)
    root = Path(root)
    clips = find_clips(root)
    texts = {path.stem: path for path in (root / "Human_transcriptions" / "All_human_transcriptions").glob("*.txt")}
    labels = next((root / name for name in ("Evalution.txt", "Evaluation.txt") if (root / name).is_file()), root / "Evalution.txt")
    utterances = []
    for line, name, emotion in _labels(labels):
        match, clip = _CLIP.fullmatch(name), f"MSP-IMPROV-{name}"
        if match is None or emotion not in MSP_IMPROV:
            raise DataError(labels, "a clip such as UTD-IMPROV-S01A-F01-S-FM01.avi and a known emotion", f"{name}; {emotion}", line=line)
        if clip not in clips:
            raise DataError(labels, f"a clip {clip}.wav below {root}", "none", f"Get it from {SOURCE}.", line=line)
        if split in (None, part_of(match["actor"], SPLIT)):
            text = " ".join(" ".join(read_lines(texts[clip], SOURCE)).split()) if clip in texts else None
            speaker = f"msp-improv-{match['actor']}"
            utterances.append(Utterance(clip, speaker, text, label=MSP_IMPROV[emotion], audio=str(clips[clip])))
    utterances.sort(key=lambda utterance: utterance.id)
    genders = {u.speaker: "female" if u.speaker[-3] == "F" else "male" for u in utterances}
    return by_speaker(utterances, "en", genders)


def _labels(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, clip and letter of each line that begins with a clip; the others are single judges' opinions."""
    for number, line in enumerate(read_lines(path, SOURCE), 1):
        if line.startswith("UTD-IMPROV-"):
            clip, _, rest = line.removeprefix("UTD-IMPROV-").partition(";")
            yield number, clip.strip().removesuffix(".avi"), rest.partition(";")[0].strip()
