"""Composed dialogues: what stands in for a free corpus that has sound, words, labels and dialogue together, since there is none.

The turns, words and labels are those of a text corpus. Each labelled utterance is given the scores of a clip that was acted with the same
label, by an actor whom the scoring model has never met, in a corpus that it has never met: trained on Polish, scored on English, and the
reverse. One actor a speaker, one corpus a dialogue. What the two channels say is therefore independent given the label, and the voice is
acted: both flatter fusion, which is why what is fitted on these is held back (`fusion.fit.FitSettings.trust`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convemo.data import read_lines
from convemo.errors import DataError
from convemo.types import LABELS, ChannelResult, Dialogue, ModelInfo

NO_CLIP = "no clip of this label"
MADE_BY = "`convemo train acoustic` with the acoustic_ravdess and acoustic_nemo configurations"


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """What a model says of one acted clip from a corpus it was not trained on."""

    corpus: str
    actor: str
    label: str
    log_probs: np.ndarray  # (7,), order of `LABELS`


def read_clips(path: Path) -> list[Clip]:
    """The cross-corpus scores that the acoustic training writes, one JSON object a line.

    Raises:
        DataError: the file is missing, a line is not in that form, or a model was scored on a corpus it had seen.
    """
    clips = []
    for number, line in enumerate(read_lines(Path(path), MADE_BY), start=1):
        try:
            row = json.loads(line)
            clip = Clip(row["corpus"], row["actor"], row["label"], _distribution(row["log_probs"]))
            seen = clip.corpus in row["trained_on"].split("+")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(path, "corpus, actor, label, trained_on and log_probs of seven labels", repr(error), line=number) from error
        if seen:
            raise DataError(
                path, "scores of a corpus that the model was not trained on", f"{clip.corpus} by {row['trained_on']}", line=number
            )
        clips.append(clip)
    return clips


def read_text_scores(path: Path, field: str = "log_probs") -> dict[str, np.ndarray]:
    """Utterance id → ``(7,)`` log-probabilities, as the text training writes them, one JSON object a line.

    Args:
        path: the file.
        field: which scores: ``"log_probs"``, or ``"log_probs_raw"`` for the text as raw ASR gives it.

    Raises:
        DataError: the file is missing, or a line is not in that form.
    """
    scores = {}
    for number, line in enumerate(read_lines(Path(path), "`convemo train text`"), start=1):
        try:
            row = json.loads(line)
            scores[row["utterance"]] = _distribution(row[field])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(path, f"utterance and {field} of seven labels", repr(error), line=number) from error
    return scores


def _distribution(log_probs: list[float]) -> np.ndarray:
    values = np.array(log_probs, dtype=np.float64)
    if values.shape != (len(LABELS),) or not np.isfinite(values).all():
        raise ValueError(f"expected {len(LABELS)} finite numbers, found {log_probs}")
    return values


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
    text: Mapping[str, np.ndarray],
    clips: Sequence[Clip],
    *,
    seed: int,
    models: Mapping[str, ModelInfo] | None = None,
) -> list[dict[str, ChannelResult]]:
    """The two channels' results for every dialogue, in one random composition.

    Args:
        dialogues: with labels; an utterance without one keeps its place and gets no voice.
        text: utterance id → ``(7,)`` log-probabilities; an utterance that is not there has no text score.
        clips: to draw from; without any there is no acoustic channel.
        seed: another one gives another composition.
        models: for ``"text"`` and ``"acoustic"``, the models in whose name the scores are entered.

    Returns:
        For each dialogue, ``"text"`` and, if there are clips, ``"acoustic"``.
    """
    random = np.random.default_rng(seed)
    shelves: dict[str, dict[str, dict[str, list[Clip]]]] = {}  # corpus → actor → label → clips
    for clip in clips:
        shelves.setdefault(clip.corpus, {}).setdefault(clip.actor, {}).setdefault(clip.label, []).append(clip)
    models = models or {}
    composed = []
    for dialogue in dialogues:
        channels = {"text": _result("text", [text.get(u.id) for u in dialogue], "no text score", models.get("text"))}
        if shelves:
            actors = shelves[sorted(shelves)[random.integers(len(shelves))]]
            channels["acoustic"] = _result("acoustic", _voices(dialogue, actors, random), NO_CLIP, models.get("acoustic"))
        composed.append(channels)
    return composed


def _voices(dialogue: Dialogue, actors: Mapping[str, Mapping[str, list[Clip]]], random: np.random.Generator) -> list[np.ndarray | None]:
    """A clip's scores for every utterance of which its actor has one of that label. A scene with more speakers than actors shares them."""
    cast = random.permutation(sorted(actors)).tolist()
    part = {speaker.id: cast[i % len(cast)] for i, speaker in enumerate(dialogue.speakers)}
    voices = []
    for utterance in dialogue:
        fitting = actors[part[utterance.speaker]].get(utterance.label or "", [])
        voices.append(fitting[random.integers(len(fitting))].log_probs if fitting else None)
    return voices


def _result(channel: str, rows: Sequence[np.ndarray | None], reason: str, model: ModelInfo | None) -> ChannelResult:
    log_probs = np.array([np.zeros(len(LABELS)) if row is None else row for row in rows])
    reasons = tuple(reason if row is None else None for row in rows)
    return ChannelResult(channel, LABELS, log_probs.reshape(len(rows), len(LABELS)), reasons, model=model or ModelInfo(""))
