"""The borders between voices, found again frame by frame once the voices are known."""

from __future__ import annotations

import numpy as np

from convemo.diarize.bic import Voices, covariance


def log_likelihoods(frames: np.ndarray, labels: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """``(T, K)``: how well each frame fits the Gaussian of each label, up to a constant.

    Args:
        frames: ``(T, D)``.
        labels: ``(T,)`` from 0 to K − 1, none of them empty.
        prior: ``(D, D)`` covariance of all speech.
    """
    columns = []
    for label in range(labels.max() + 1):
        own = frames[labels == label].astype(np.float64)
        spread = covariance(np.array([len(own)]), own.sum(axis=0)[None], (own.T @ own)[None], prior)[0]  # (D, D)
        whiten = np.linalg.inv(np.linalg.cholesky(spread)).T
        white = (frames - own.mean(axis=0)) @ whiten
        columns.append(-0.5 * np.einsum("td,td->t", white, white) + np.log(np.diag(whiten)).sum())
    return np.column_stack(columns)


def best_path(scores: np.ndarray, change_cost: np.ndarray) -> np.ndarray:
    """The labels ``(T,)`` with the best sum of scores, where each change of label costs something (Viterbi 1967).

    Args:
        scores: ``(T, K)``.
        change_cost: ``(T,)``: the cost of changing just before frame t.

    >>> scores = np.array([[0, -5], [0, -5], [-2, 0], [0, -5], [-9, 0], [-9, 0]])
    >>> best_path(scores, np.full(6, 3.0)).tolist()
    [0, 0, 0, 0, 1, 1]
    """
    length, size = scores.shape
    total, came_from, stay = np.zeros(size), np.empty((length, size), np.int16), np.arange(size)
    for t in range(length):
        best = total.argmax()
        stays = total >= total[best] - change_cost[t]
        came_from[t] = np.where(stays, stay, best)
        total = np.maximum(total, total[best] - change_cost[t]) + scores[t]
    path = np.empty(length, np.int64)
    label = int(total.argmax())
    for t in range(length - 1, -1, -1):
        path[t] = label
        label = came_from[t, label]
    return path


def resegment(frames: np.ndarray, labels: np.ndarray, change_cost: np.ndarray, rounds: int) -> np.ndarray:
    """Fits a Gaussian a voice and finds the best path, again and again; a voice may die out. ``(T,)`` labels from 0."""
    prior = Voices.of(frames, np.array([0, len(frames)])).prior
    for _ in range(rounds):
        labels = np.unique(labels, return_inverse=True)[1]
        if labels.max() == 0:
            break
        labels = best_path(log_likelihoods(frames, labels, prior), change_cost)
    return np.unique(labels, return_inverse=True)[1]
