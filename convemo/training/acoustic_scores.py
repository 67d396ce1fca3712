"""Scoring clips with the causal history of their speakers, and what comes of it: UA, WA, intervals, predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.acoustic.speaker_state import SpeakerState
from convemo.metrics import accuracy, expected_calibration_error, interval, negative_log_likelihood, unweighted_average_recall
from convemo.training.acoustic_clips import UNLABELLED, Clips, pad
from convemo.training.predictions import Said, write_predictions

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

    def said(self) -> Iterator[Said]:
        """Every clip's probabilities, for `write_predictions`."""
        for dialogue, id, log_probs in zip(self.clips.dialogues.tolist(), self.clips.ids.tolist(), self.log_probs):
            yield dialogue, id, dict(zip(self.clips.label_set, np.exp(log_probs).tolist(), strict=True))


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
    descriptions = clips.descriptions[condition]
    deviations, heard = np.zeros_like(descriptions), np.zeros((len(clips), 1), dtype=np.float32)
    for mine in in_order(clips, seed):
        state, speaker = SpeakerState(shrinkage), clips.speakers[mine[0]]
        for place, i in enumerate(mine):
            if session is not None and place % session == 0 and (session == 1 or not clips.conversations):
                state = SpeakerState(shrinkage)
            deviations[i], heard[i] = state.deviation(speaker, descriptions[i])
            state.update(speaker, descriptions[i])
    return deviations, heard


def in_order(clips: Clips, seed: int = 0) -> Iterator[np.ndarray]:
    """Of each speaker the rows of their clips: as they were said, or, of acted clips, in a random but fixed order."""
    rng = np.random.default_rng(seed)
    for speaker in np.unique(clips.speakers):
        mine = np.flatnonzero(clips.speakers == speaker)
        yield mine if clips.conversations else rng.permutation(mine)


def write_scores(out: Path, said: Mapping[str, Sequence[Scores]]) -> None:
    """Each file of predictions into `out`; none where there is nothing to say."""
    for file, scores in said.items():
        if scores:
            write_predictions(out / file, (line for found in scores for line in found.said()))
