"""Scoring clips of acted speech as if each actor held conversations, and what comes of it: UA, WA, intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.acoustic.speaker_state import SpeakerState
from convemo.metrics import accuracy, expected_calibration_error, interval, negative_log_likelihood, unweighted_average_recall
from convemo.training.acoustic_batches import pad
from convemo.training.acoustic_clips import CONDITIONS, Clips
from convemo.types import LABELS

if TYPE_CHECKING:
    from convemo.acoustic.model import AcousticModel

SESSION = 20
"""Clips of an actor that make one conversation: about what a speaker says in a short call. Then the history begins anew."""


@dataclass(frozen=True)
class Scores:
    """What a model said of every clip of a corpus."""

    clips: Clips
    log_probs: np.ndarray
    """``(N, 7)``."""

    def summary(self, among: np.ndarray | None = None) -> dict[str, Any]:
        """UA and WA with 95 % intervals over actors, NLL, ECE, and the recall of each label.

        Args:
            among: ``(7,)`` booleans: choose among these labels only, and leave the clips of other labels out.
        """
        among = np.ones(len(LABELS), dtype=bool) if among is None else among
        rows = among[self.clips.labels]
        labels, actors = self.clips.labels[rows], self.clips.actors[rows]
        log_probs = np.where(among, self.log_probs[rows], -np.inf)
        probabilities = np.exp(log_probs - log_probs.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        chosen = probabilities.argmax(axis=1)
        result: dict[str, Any] = {"clips": len(labels), "actors": len(np.unique(actors)), "labels": int(among.sum())}
        for name, metric in (("ua", unweighted_average_recall), ("wa", accuracy)):
            found = interval(metric, actors, chosen, labels)
            result[name], result[f"{name}_95"] = found.value, [found.low, found.high]
        result["nll"] = negative_log_likelihood(probabilities, labels)
        result["ece"] = expected_calibration_error(probabilities, labels)
        result["recall"] = {LABELS[k]: float((chosen[labels == k] == k).mean()) for k in np.unique(labels)}
        return result


def score(model: AcousticModel, clips: Clips, condition: str = "clean", session: int = SESSION, seed: int = 0, batch: int = 32) -> Scores:
    """Every clip's log-probabilities, each actor's clips in a random but fixed order, with the causal history of a conversation.

    Args:
        model: in whatever mode; it is scored without dropout and then put back.
        condition: one of `CONDITIONS`.
        session: after so many clips an actor is forgotten; 1 scores every clip without history.
        seed: of the order.
    """
    import torch

    c = CONDITIONS.index(condition)
    deviations, heard = histories(clips, c, session, seed, model.config.shrinkage)
    order = np.argsort(clips.ends[c] - clips.starts[c])
    log_probs = np.zeros((len(clips), len(LABELS)))
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            frames, lengths = pad([clips.clip_frames(c, i) for i in rows])
            device = model.frame_mean.device
            inputs = (torch.from_numpy(x).to(device) for x in (frames, clips.functionals[c, rows], deviations[rows], heard[rows], lengths))
            log_probs[rows] = model(*inputs).log_softmax(dim=-1).cpu().numpy()
    model.train(was_training)
    return Scores(clips, log_probs)


def histories(clips: Clips, condition: int, session: int, seed: int, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Deviations ``(N, 22)`` from the actor's earlier clips, and how far these are known, ``(N, 1)``."""
    rng = np.random.default_rng(seed)
    functionals = clips.functionals[condition]
    deviations, heard = np.zeros_like(functionals), np.zeros((len(clips), 1), dtype=np.float32)
    for actor in np.unique(clips.actors):
        for place, i in enumerate(rng.permutation(np.flatnonzero(clips.actors == actor))):
            if place % session == 0:
                state = SpeakerState(shrinkage)
            deviations[i], heard[i] = state.deviation(actor, functionals[i])
            state.update(actor, functionals[i])
    return deviations, heard
