"""IEMOCAP: ten actors in five sessions of two, 151 dialogues, improvised or from a script, 10,039 turns judged by three people each.

C. Busso et al., "IEMOCAP: Interactive emotional dyadic motion capture database", Language Resources and Evaluation 42, 2008,
https://doi.org/10.1007/s10579-008-9076-6. For research, by agreement: https://sail.usc.edu/iemocap.

Layout, as released (``IEMOCAP_full_release``), for each of ``Session1`` to ``Session5``:

- ``dialog/EmoEvaluation/Ses01F_impro01.txt``: times, consensus label and mean valence, activation and dominance of each turn;
- ``dialog/transcriptions/Ses01F_impro01.txt``: what was said, and when;
- ``sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav``: the turns' clips, if they are there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from convemo.data import check_split, read_lines
from convemo.data.clips import find_clips
from convemo.data.mappings import IEMOCAP, LabelMapping
from convemo.errors import DataError
from convemo.types import Dialogue, Speaker, Utterance

SOURCE = "https://sail.usc.edu/iemocap (by agreement, free for research)"
SESSIONS = (1, 2, 3, 4, 5)
GENDERS = {"F": "female", "M": "male"}
# [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]
_JUDGED = re.compile(r"\[(?P<start>[\d.]+) - (?P<end>[\d.]+)\]\t(?P<turn>\w+)\t(?P<emotion>\w+)\t\[(?P<vad>[\d., ]+)\]")
# Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
_SAID = re.compile(r"(?P<turn>Ses0\w+) \[(?P<start>[\d.]+)-(?P<end>[\d.]+)\]:(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class _Judgement:
    start: float
    end: float
    emotion: str
    dimensions: dict[str, float]


def load(root: Path, split: str | None = None, *, test_session: int = 5, mapping: LabelMapping = IEMOCAP) -> tuple[Dialogue, ...]:
    """One dialogue a recording, both actors' turns in the order in which they begin.

    Turns that nobody judged stay, unlabelled. `groups` tells the session (``"Ses01"``, for leaving one session out) and the kind
    (``"impro"`` or ``"script"``).

    Args:
        root: the folder that holds ``Session1`` … ``Session5``.
        split: ``"test"`` is `test_session`, ``"dev"`` the session before it (5 before 1), ``"train"`` the other three; ``None`` for all.
            The published split for conversations tests on session 5 as well.
        test_session: 1 to 5; all five in turn are the usual leave-one-session-out.
        mapping: `mappings.IEMOCAP` for our seven labels, or `IEMOCAP_4`, `IEMOCAP_5`, `IEMOCAP_6` for those of the literature.

    Raises:
        DataError: a folder or a file is missing or not in this layout.
        ValueError: no such split or session.
    """
    check_split(split)
    if test_session not in SESSIONS:
        raise ValueError(f"test_session must be 1 to 5; got {test_session!r}")
    dev_session = SESSIONS[test_session - 2]
    sessions = {"test": [test_session], "dev": [dev_session], "train": [s for s in SESSIONS if s not in (test_session, dev_session)]}
    wanted = SESSIONS if split is None else sessions[split]
    return tuple(dialogue for session in wanted for dialogue in _read(Path(root) / f"Session{session}", mapping))


def _read(folder: Path, mapping: LabelMapping) -> list[Dialogue]:
    files = sorted(p for p in (folder / "dialog" / "EmoEvaluation").glob("*.txt") if not p.name.startswith("."))
    if not files:
        raise DataError(folder / "dialog" / "EmoEvaluation", "a file of judgements for each dialogue", "none", f"Get it from {SOURCE}.")
    clips = find_clips(folder / "sentences" / "wav")
    return [_dialogue(path, folder / "dialog" / "transcriptions" / path.name, clips, mapping) for path in files]


def _dialogue(judgements: Path, transcript: Path, clips: dict[str, Path], mapping: LabelMapping) -> Dialogue:
    judged, said = _judged(judgements, mapping), _said(transcript)
    utterances = []
    for turn in judged.keys() | said.keys():
        judgement = judged.get(turn)
        start, end = (judgement.start, judgement.end) if judgement else said[turn][:2]
        utterance = Utterance(
            turn,
            _speaker(turn),
            said[turn][2] if turn in said else None,
            start,
            end,
            label=mapping[judgement.emotion] if judgement else None,
            audio=str(clips[turn]) if turn in clips else None,
            dimensions=judgement.dimensions if judgement else None,
        )
        utterances.append(utterance)
    utterances.sort(key=lambda u: (u.start, u.end, u.id))
    speakers = dict.fromkeys(u.speaker for u in utterances)
    return Dialogue(
        judgements.stem,
        tuple(utterances),
        tuple(map(Speaker, speakers)),
        "en",
        groups={"session": judgements.stem[:5], "kind": "impro" if "impro" in judgements.stem else "script"},
        genders={speaker: GENDERS[speaker[-1]] for speaker in speakers},
    )


def _speaker(turn: str) -> str:
    """The session's actor: its woman says ``Ses01M_impro01_F000``, whoever of the two wore the markers (the first ``M``).

    >>> _speaker("Ses01M_impro01_F000")
    'Ses01F'
    """
    return turn[:5] + turn.rpartition("_")[2][0]


def _judged(path: Path, mapping: LabelMapping) -> dict[str, _Judgement]:
    judged = {}
    for number, line in enumerate(read_lines(path, SOURCE), 1):
        if not line.startswith("["):
            continue  # a single judge's opinion, or a blank between two turns
        match = _JUDGED.match(line)
        if match is None or not _is_turn(match["turn"]):
            raise DataError(path, "[start - end], turn, emotion and [V, A, D] between tabs", repr(line), line=number)
        if match["emotion"] not in mapping:
            raise DataError(path, f"one of {', '.join(mapping.labels)}", repr(match["emotion"]), line=number)
        # 1 to 5, from most negative, calm, weak; named as EmoBank's. A few means of the release lie outside, at 0.5 and 5.5.
        vad = (min(max((float(value) - 3) / 2, -1.0), 1.0) for value in match["vad"].split(","))
        dimensions = dict(zip(("valence", "arousal", "dominance"), vad))
        judged[match["turn"]] = _Judgement(float(match["start"]), float(match["end"]), match["emotion"], dimensions)
    if not judged:
        raise DataError(path, "judged turns", "none", f"Get it again from {SOURCE}.")
    return judged


def _said(path: Path) -> dict[str, tuple[float, float, str]]:
    """Turn → when it begins and ends, and its words. Lines without a turn's name and times (interjections) are passed over."""
    matches = filter(None, map(_SAID.match, read_lines(path, SOURCE)))
    return {m["turn"]: (float(m["start"]), float(m["end"]), m["text"].strip()) for m in matches if _is_turn(m["turn"])}


def _is_turn(name: str) -> bool:
    return name.rpartition("_")[2][:1] in GENDERS
