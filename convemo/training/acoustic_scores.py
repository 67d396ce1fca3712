"""Scoring clips with the causal history of their speakers, and what comes of it: UA, WA, intervals, predictions on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.acoustic.speaker_state import SpeakerState
from convemo.metrics import accuracy, expected_calibration_error, interval, negative_log_likelihood, unweighted_average_recall
from convemo.training.acoustic_clips import UNLABELLED, Clips, pad

if TYPE_CHECKING:
    from convemo.acoustic.model import AcousticModel


@dataclass(frozen=True)
class Scores:
    """What a model said of every clip."""

    clips: Clips
    log_probs: np.ndarray
    """``(N, K)``."""

    def uar(self) -> float:
        """Mean recall of the labels that occur, the choice being among these."""
        rows, present = self.clips.labels != UNLABELLED, self.clips.present
        chosen = np.where(present, self.log_probs[rows], -np.inf).argmax(axis=1)
        return unweighted_average_recall(chosen, self.clips.labels[rows])

    def summary(self, among: np.ndarray | None = None) -> dict[str, Any]:
        """UA and WA with 95 % intervals over speakers, NLL, ECE, and the recall of each label.

        Args:
            among: ``(K,)`` booleans: choose among these labels only, and leave the clips of other labels out.
        """
        names = self.clips.label_set
        among = np.ones(len(names), dtype=bool) if among is None else among
        rows = (self.clips.labels != UNLABELLED) & among[self.clips.labels]
        labels, speakers = self.clips.labels[rows], self.clips.speakers[rows]
        log_probs = np.where(among, self.log_probs[rows], -np.inf)
        probabilities = np.exp(log_probs - log_probs.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        chosen = probabilities.argmax(axis=1)
        result: dict[str, Any] = {"clips": len(labels), "actors": len(np.unique(speakers)), "labels": int(among.sum())}
        for name, metric in (("ua", unweighted_average_recall), ("wa", accuracy)):
            found = interval(metric, speakers, chosen, labels)
            result[name], result[f"{name}_95"] = found.value, [found.low, found.high]
        result["nll"] = negative_log_likelihood(probabilities, labels)
        result["ece"] = expected_calibration_error(probabilities, labels)
        result["recall"] = {names[k]: float((chosen[labels == k] == k).mean()) for k in np.unique(labels)}
        return result


def score(
    model: AcousticModel, clips: Clips, condition: str | None = None, session: int | None = None, seed: int = 0, batch: int = 32
) -> Scores:
    """Every clip's log-probabilities, with the causal history of its speaker.

    Args:
        model: in whatever mode; it is scored without dropout and then put back.
        clips: a conversation's in their order; an actor's in a random but fixed one.
        condition: one of the clips' conditions; the first if not given.
        session: after so many clips an actor is forgotten; 1 scores every clip without history.
        seed: of the order.
        batch: clips scored together.
    """
    import torch

    c = 0 if condition is None else clips.conditions.index(condition)
    deviations, heard = histories(clips, c, session, seed, model.config.shrinkage)
    log_probs = np.zeros((len(clips), len(clips.label_set)))
    was_training = model.training
    model.eval()
    order = np.argsort(clips.lengths(c))
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            frames, lengths = pad([clips.clip_frames(c, i) for i in rows])
            device = model.frame_mean.device
            inputs = (torch.from_numpy(x).to(device) for x in (frames, clips.descriptions[c, rows], deviations[rows], heard[rows], lengths))
            log_probs[rows] = model(*inputs).log_softmax(dim=-1).cpu().numpy()
    model.train(was_training)
    return Scores(clips, log_probs)


def histories(clips: Clips, condition: int, session: int | None, seed: int, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Deviations ``(N, 86)`` from the speaker's earlier clips, and how far these are known, ``(N, 1)``."""
    rng = np.random.default_rng(seed)
    descriptions = clips.descriptions[condition]
    deviations, heard = np.zeros_like(descriptions), np.zeros((len(clips), 1), dtype=np.float32)
    for speaker in np.unique(clips.speakers):
        mine = np.flatnonzero(clips.speakers == speaker)
        state = SpeakerState(shrinkage)
        for place, i in enumerate(mine if clips.conversations else rng.permutation(mine)):
            if session is not None and place % session == 0 and (session == 1 or not clips.conversations):
                state = SpeakerState(shrinkage)
            deviations[i], heard[i] = state.deviation(speaker, descriptions[i])
            state.update(speaker, descriptions[i])
    return deviations, heard


def write_predictions(path: Path, scores: Iterable[Scores]) -> None:
    """One JSON object an utterance: ``dialogue``, ``utterance``, ``probabilities``; what ``convemo eval --channel NAME=FILE`` reads."""
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as file:
        for said in scores:
            for dialogue, id, log_probs in zip(said.clips.dialogues, said.clips.ids, said.log_probs):
                probabilities = {label: round(float(p), 6) for label, p in zip(said.clips.label_set, np.exp(log_probs))}
                line = {"dialogue": str(dialogue), "utterance": str(id), "probabilities": probabilities}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    part.replace(path)
