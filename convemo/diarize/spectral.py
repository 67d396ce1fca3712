"""Which windows are one voice, and how many voices there are: a graph of nearest neighbours, cut where it is thin.

Each window is joined to those it is most alike, and the graph is cut where that severs fewest joints (Shi and Malik 2000, "Normalized
cuts and image segmentation", https://doi.org/10.1109/34.868688). Whether the halves are two voices is decided by how unlike they are and
by how much easier this cut is than the next (the eigengap). Each half is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 0.3
"""Share of the windows that each is joined to."""
APART_WEIGHT, GAP_WEIGHT, BIAS = 35.6, 2.7, -4.59
"""Log-odds that two halves are two voices: of `apartness` and of the gap between the second and the third eigenvalue.
Fitted by ``python benchmarks/speaker_conversations.py DATA --fit --count 100``, half of whose recordings are of one speaker."""
CONVERSATION = float(np.log(4))
"""Log-odds, before anything is heard, that a recording has two speakers at least: what is analysed are conversations, so four in five
are taken to. Three in four to nine in ten give the same on the recordings that we have (docs/speakers.md)."""
ALIKE = 0.1
"""Of three groups or more, two that are no further apart, by `apartness`, are one voice that was cut in two on the way."""
FEWEST = 5
"""Windows (2 s of voice, with their overlap 3) that a voice has at least."""
AT_ONCE = 1000
"""Windows that the voices are looked for in. Of a longer recording evenly spread ones are taken: memory and time are bounded."""

_INDEPENDENT_S = 1.6  # windows that are nearer share sound, and are alike for that alone
_USUAL = 0.7  # cosine within a group too short to tell


def split(embeddings: np.ndarray, seconds: np.ndarray, fewest: int = 1) -> np.ndarray:
    """Cuts the graph where two halves are most surely two voices, and each half again, until none is.

    Args:
        embeddings: ``(N, D)`` of length 1.
        seconds: ``(N,)`` when each is.
        fewest: groups to end with at least, however alike (fewer only if there are fewer windows).

    Returns:
        ``(N,)`` group numbers from 0.
    """
    labels = np.zeros(len(embeddings), np.int64)
    cuts = {0: best_cut(embeddings, seconds)}
    while cuts:
        group = max(cuts, key=lambda g: cuts[g].log_odds)
        log_odds, half = cuts[group].log_odds, cuts.pop(group).half
        log_odds += CONVERSATION if labels.max() == 0 else 0.0
        forced = labels.max() + 1 < fewest and 0 < half.sum() < len(half)
        if forced or (log_odds > 0 and FEWEST <= half.sum() <= len(half) - FEWEST):
            new = labels.max() + 1
            labels[np.flatnonzero(labels == group)[half]] = new
            cuts |= {part: best_cut(embeddings[labels == part], seconds[labels == part]) for part in (group, new)}
    return labels


@dataclass(frozen=True)
class Cut:
    """A group in two halves."""

    half: np.ndarray
    """``(N,)`` booleans: who is in the second half."""
    apart: float = 0.0
    """`apartness` of the two."""
    gap: float = 0.0
    """How much easier this cut is than the next: third eigenvalue − second."""
    log_odds: float = -np.inf
    """That they are two voices."""


def best_cut(embeddings: np.ndarray, seconds: np.ndarray) -> Cut:
    """Where the graph is thinnest; arguments as for `split`."""
    count = len(embeddings)
    likeness = (embeddings @ embeddings.T).astype(np.float64)
    if count < 2 * FEWEST:  # no graph to speak of: around the two that are least alike
        one, other = np.unravel_index(likeness.argmin(), likeness.shape)
        return Cut(likeness[other] > likeness[one])
    joined = max(4, round(NEIGHBOURS * count))
    nearest = likeness >= np.partition(likeness, count - joined, axis=1)[:, count - joined, None]
    weights = (nearest.astype(np.float64) + nearest.T) / 2
    degrees = weights.sum(axis=1)
    values, vectors = np.linalg.eigh(np.eye(count) - weights / np.sqrt(np.outer(degrees, degrees)))
    half = _two_means(vectors[:, :2] / np.linalg.norm(vectors[:, :2], axis=1, keepdims=True))
    half = _by_voice(embeddings, half)
    if half.all() or not half.any():
        return Cut(half)
    apart, gap = float(apartness(embeddings, half.astype(np.int64), seconds)[0, 1]), float(values[2] - values[1])
    return Cut(half, apart, gap, APART_WEIGHT * apart + GAP_WEIGHT * gap + BIAS)


def _by_voice(embeddings: np.ndarray, half: np.ndarray, rounds: int = 5) -> np.ndarray:
    """Each window to the nearer of the two mean voices."""
    for _ in range(rounds):
        if half.all() or not half.any():
            break
        one, other = (embeddings[part].sum(axis=0) for part in (~half, half))
        before, half = half, embeddings @ (other / np.linalg.norm(other) - one / np.linalg.norm(one)) > 0
        if (half == before).all():
            break
    return half


def _two_means(points: np.ndarray) -> np.ndarray:
    """Spherical 2-means, from the point in the middle and the one that is furthest from it."""
    middle = points[(points @ points.mean(axis=0)).argmax()]
    centres = np.stack([middle, points[(points @ middle).argmin()]])
    second = points @ (centres[1] - centres[0]) > 0
    for _ in range(30):
        if second.all() or not second.any():
            break
        before, second = second, points @ (points[second].mean(axis=0) - points[~second].mean(axis=0)) > 0
        if (second == before).all():
            break
    return second


def apartness(embeddings: np.ndarray, labels: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    r"""How unlike two groups are, ``(K, K)``: 0 if they are one voice, whatever the noise in each window.

    .. math:: 1 - \bar s_{ab} / \sqrt{\bar s_{aa} \bar s_{bb}}

    with :math:`\bar s` the mean cosine over pairs of windows that share no sound: the correction for attenuation of Spearman (1904).
    Infinite on the diagonal.
    """
    count = labels.max() + 1
    member = (labels[:, None] == np.arange(count)).astype(np.float64)  # (N, K)
    independent = (np.abs(seconds[:, None] - seconds) >= _INDEPENDENT_S).astype(np.float64)
    pairs = member.T @ independent @ member  # (K, K)
    likeness = member.T @ (independent * (embeddings @ embeddings.T)) @ member
    mean = np.divide(likeness, pairs, out=np.full_like(pairs, _USUAL), where=pairs > 0)
    within = np.maximum(np.diag(mean), 0.1)
    apart = 1 - mean / np.sqrt(np.outer(within, within))
    np.fill_diagonal(apart, np.inf)
    return apart
