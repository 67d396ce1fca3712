"""Composed dialogues: what stands in for a free corpus that has sound, words, labels and dialogue together, since there is none.

The turns, words and labels are those of a text corpus. Each labelled utterance is given the scores of a clip that was acted with the same
label, by an actor whom the scoring model has never met, in a corpus that it has never met: trained on Polish, scored on English, and the
reverse. One actor a speaker, one corpus a dialogue. What the two channels say is therefore independent given the label, and the voice is
acted: both flatter fusion, which is why what is fitted on these is held back (`fusion.fit.FitSettings.trust`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from convemo.data import read_lines
from convemo.errors import DataError
from convemo.types import LABELS, ChannelResult, Dialogue, Evidence, ModelInfo, Utterance

T = TypeVar("T")
NO_CLIP = "no clip of this label"
MADE_BY = "`convemo train scores`"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the text model says of one reading of an utterance."""

    log_probs: np.ndarray  # (7,), order of `LABELS`
    evidence: Evidence


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What a model says of one acted clip from a corpus it was not trained on."""

    corpus: str
    actor: str
    label: str
    log_probs: np.ndarray  # (7,), order of `LABELS`
    evidence: Evidence


Readings = Mapping[str, Sequence[Reading]]
"""Utterance id → all that was read of it in one way: one as written, several misheard."""


def read_clips(path: Path, room: str) -> list[Clip]:
    """The clips of one of `scores.ROOMS`, from the file that the scoring writes, one JSON object a line.

    Raises:
        DataError: the file is missing, a line is not in that form, or a model was scored on a corpus it had seen.
    """

    def read(row: dict[str, Any]) -> Clip | None:
        clip = Clip(row["corpus"], row["actor"], row["label"], *_said(row))
        if clip.corpus in row["trained_on"]:
            raise ValueError(f"scores of {clip.corpus} by a model that was trained on it")
        return clip if row["room"] == room else None

    return _read(path, "corpus, actor, label, trained_on, room, evidence and log_probs of seven labels by a model that is new to it", read)


def read_texts(path: Path, reading: str) -> Readings:
    """What was read in one of `scores.READINGS`, from the file that the scoring writes, one JSON object a line.

    Raises:
        DataError: the file is missing, or a line is not in that form.
    """

    def read(row: dict[str, Any]) -> tuple[str, Reading] | None:
        found = row["utterance"], Reading(*_said(row))
        return found if row["reading"] == reading else None

    readings: dict[str, list[Reading]] = {}
    for utterance, found in _read(path, "utterance, reading, evidence and log_probs of seven labels", read):
        readings.setdefault(utterance, []).append(found)
    return readings


def _read(path: Path, form: str, read: Callable[[dict[str, Any]], T | None]) -> list[T]:
    found = []
    for number, line in enumerate(read_lines(Path(path), MADE_BY), start=1):
        try:
            found.append(read(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(path, form, repr(error), f"Make it again with {MADE_BY}.", line=number) from error
    return [one for one in found if one is not None]


def _said(row: Mapping[str, Any]) -> tuple[np.ndarray, Evidence]:
    values = np.array(row["log_probs"], dtype=np.float64)
    if values.shape != (len(LABELS),) or not np.isfinite(values).all():
        raise ValueError(f"expected {len(LABELS)} finite numbers, found {row['log_probs']}")
    return values, Evidence(**row["evidence"])


def split_actors(clips: Sequence[Clip], seed: int) -> tuple[list[Clip], list[Clip]]:
    """Two halves of the actors of every corpus: one to fit on, one to report on."""
    random = np.random.default_rng(seed)
    first: set[tuple[str, str]] = set()
    for corpus in sorted({clip.corpus for clip in clips}):
        actors = sorted({clip.actor for clip in clips if clip.corpus == corpus})
        first |= {(corpus, actor) for actor in random.permutation(actors)[: len(actors) // 2].tolist()}
    halves: tuple[list[Clip], list[Clip]] = ([], [])
    for clip in clips:
        halves[(clip.corpus, clip.actor) not in first].append(clip)
    return halves


def compose(
    dialogues: Sequence[Dialogue],
    texts: Readings,
    clips: Sequence[Clip],
    *,
    seed: int,
    models: Mapping[str, ModelInfo] | None = None,
) -> tuple[list[Dialogue], list[dict[str, ChannelResult]]]:
    """Every dialogue with the two channels' results, in one random composition.

    Args:
        dialogues: with labels; an utterance without one keeps its place and gets no voice.
        texts: one reading of each utterance is drawn; an utterance that is not there has no text score.
        clips: to draw from; without any there is no acoustic channel.
        seed: another one gives another composition.
        models: for ``"text"`` and ``"acoustic"``, the models in whose name the scores are entered.

    Returns:
        The dialogues with the evidence of what was drawn, and for each of them ``"text"`` and, if there are clips, ``"acoustic"``.
    """
    random = np.random.default_rng(seed)
    shelves: dict[str, dict[str, dict[str, list[Clip]]]] = {}  # corpus → actor → label → clips
    for clip in clips:
        shelves.setdefault(clip.corpus, {}).setdefault(clip.actor, {}).setdefault(clip.label, []).append(clip)
    models = models or {}
    performed, composed = [], []
    for dialogue in dialogues:
        actors = shelves[sorted(shelves)[random.integers(len(shelves))]] if shelves else {}
        voices = _voices(dialogue, actors, random)
        readings = [_drawn(texts.get(u.id, ()), random) for u in dialogue]
        channels = {"text": _result("text", readings, "no text score", models.get("text"))}
        if shelves:
            channels["acoustic"] = _result("acoustic", voices, NO_CLIP, models.get("acoustic"))
        composed.append(channels)
        performed.append(replace(dialogue, utterances=tuple(map(_with_evidence, dialogue, readings, voices))))
    return performed, composed


def _voices(dialogue: Dialogue, actors: Mapping[str, Mapping[str, list[Clip]]], random: np.random.Generator) -> list[Clip | None]:
    """A clip for every utterance of which its actor has one of that label. A scene with more speakers than actors shares them."""
    if not actors:
        return [None] * len(dialogue)
    cast = random.permutation(sorted(actors)).tolist()
    part = {speaker.id: cast[i % len(cast)] for i, speaker in enumerate(dialogue.speakers)}
    return [_drawn(actors[part[utterance.speaker]].get(utterance.label or "", ()), random) for utterance in dialogue]


def _drawn(some: Sequence[T], random: np.random.Generator) -> T | None:
    return some[random.integers(len(some))] if some else None


def _with_evidence(utterance: Utterance, reading: Reading | None, voice: Clip | None) -> Utterance:
    """What the sound is like, as far as there is any, and how sure the recogniser was of its words."""
    evidence = voice.evidence if voice else Evidence()
    return replace(utterance, evidence=replace(evidence, asr_confidence=reading.evidence.asr_confidence if reading else None))


def _result(channel: str, rows: Sequence[Reading | Clip | None], reason: str, model: ModelInfo | None) -> ChannelResult:
    log_probs = np.array([np.zeros(len(LABELS)) if row is None else row.log_probs for row in rows])
    reasons = tuple(reason if row is None else None for row in rows)
    return ChannelResult(channel, LABELS, log_probs.reshape(len(rows), len(LABELS)), reasons, model=model or ModelInfo(""))
