"""The borders between voices, found again once the voices are known."""

from __future__ import annotations

import numpy as np

from convemo.diarize.encoder import FRAMES
from convemo.diarize.voiced import Voiced

STEP = 5
"""Voiced frames that are decided in one go: 50 ms."""
CHANGE_COST, PAUSE_COST = 0.05, 0.017
"""Seconds of voice × difference of cosines that a change of speaker costs within speech, and at a pause."""
_PAUSE = 20  # frames (0.2 s) between two voiced ones: a pause
_REACH = FRAMES // 2 // STEP  # decisions on either side of its middle that a window speaks for


def centroids(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """``(K, D)``: the mean voice of each label 0 … K − 1, of length 1."""
    sums = np.zeros((labels.max() + 1, embeddings.shape[1]))
    np.add.at(sums, labels, embeddings)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)


def likeness(voiced: Voiced, voices: np.ndarray) -> np.ndarray:
    """``(S, K)`` float32: how alike each 50 ms of voice is to each of the voices ``(K, D)``.

    A window speaks for the sound around its middle: the mean over windows, weighted by a triangle as wide as a window.
    """
    scores = (voiced.embeddings @ voices.T).astype(np.float32)  # (N, K)
    steps = -(-len(voiced.frames) // STEP)
    total, weight = np.zeros((steps, len(voices)), np.float32), np.zeros(steps, np.float32)
    middles = voiced.middles / STEP
    for offset in range(-_REACH, _REACH + 1):
        at = middles.astype(np.int64) + offset
        near = np.maximum(0, 1 - np.abs(at + 0.5 - middles) / _REACH).astype(np.float32)
        inside = (at >= 0) & (at < steps)
        np.add.at(total, at[inside], near[inside, None] * scores[inside])
        np.add.at(weight, at[inside], near[inside])
    return total / np.maximum(weight, 1e-6)[:, None]


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


def resegment(voiced: Voiced, labels: np.ndarray, rounds: int, keep: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Finds the voices' means and the best path, again and again.

    Args:
        voiced: what was heard.
        labels: ``(N,)`` of the windows, from 0.
        rounds: how often at most.
        keep: whether a voice that the path leaves out keeps its windows; else it dies out.

    Returns:
        Labels of the windows ``(N,)``, the path ``(S,)`` in steps of 50 ms, and the likeness ``(S, K)`` that it was found by.
    """
    frames = voiced.frames[::STEP]
    cost = np.where(np.diff(frames, prepend=frames[0]) > STEP + _PAUSE, PAUSE_COST, CHANGE_COST) * (100 / STEP)
    middles = np.minimum((voiced.middles / STEP).astype(np.int64), len(frames) - 1)
    for _ in range(rounds):
        scores = likeness(voiced, centroids(voiced.embeddings, labels))
        path = best_path(scores, cost)
        found = path[middles]
        if keep and len(np.unique(found)) < scores.shape[1]:
            break
        kept, found = np.unique(found, return_inverse=True)
        scores = scores[:, kept]
        path = np.searchsorted(kept, path) if len(kept) == labels.max() + 1 else scores.argmax(axis=1)
        if np.array_equal(found, labels):
            break
        labels = found
    return labels, path, scores
