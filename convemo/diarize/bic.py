"""Which stretches of speech are one voice: Gaussians and the Bayesian information criterion.

Each stretch is described by the mean and the full covariance of its frames. Two stretches are one speaker if one
Gaussian for both explains them so nearly as well as two that the second is not worth its parameters
(Chen and Gopalakrishnan 1998, "Speaker, environment and channel change detection and clustering via the Bayesian
information criterion"; the penalty counts the frames of the two alone, as Barras et al. 2006,
https://doi.org/10.1109/TASL.2006.878261, found better).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

PRIOR_FRAMES = 200.0
"""Frames of all speech together that are mixed into each covariance: a second of speech alone has too few for 15 × 15."""
MOST_FRAMES = 2000
"""Frames that a voice counts for at most (20 seconds of speech). The criterion's gain grows with them and its penalty
with their logarithm, so without a bound an hour of one voice, which is never quite the same, falls into many."""
AT_ONCE = 400
"""Stretches that are clustered in one go (about ten minutes of talk)."""


@dataclass(slots=True)
class Voices:
    """Sufficient statistics of K stretches of speech, one Gaussian each."""

    count: np.ndarray
    """``(K,)`` frames."""
    total: np.ndarray
    """``(K, D)`` sums."""
    square: np.ndarray
    """``(K, D, D)`` sums of outer products."""
    prior: np.ndarray
    """``(D, D)`` covariance of all speech."""

    @classmethod
    def of(cls, frames: np.ndarray, borders: np.ndarray) -> Voices:
        """The stretches between neighbouring borders (indices of frames, ``(K + 1,)``) of ``(T, D)`` frames."""
        pieces = [frames[a:b].astype(np.float64) for a, b in pairwise(borders)]
        return cls(
            count=np.diff(borders).astype(np.float64),
            total=np.array([p.sum(axis=0) for p in pieces]),
            square=np.array([p.T @ p for p in pieces]),
            prior=np.cov(frames.T.astype(np.float64)) + 1e-6 * np.eye(frames.shape[1]),
        )

    def summed(self, labels: np.ndarray) -> Voices:
        """One stretch for each label ``0 … max``: the sum of all that carry it."""
        parts = [np.zeros((labels.max() + 1, *field.shape[1:])) for field in (self.count, self.total, self.square)]
        for part, field in zip(parts, (self.count, self.total, self.square)):
            np.add.at(part, labels, field)
        voices = Voices(*parts, self.prior)
        voices.cap(np.arange(len(voices.count)))
        return voices

    def cap(self, chosen: np.ndarray) -> None:
        """Lets no voice count for more than `MOST_FRAMES`; its mean and covariance stay."""
        for index in chosen[self.count[chosen] > MOST_FRAMES]:
            scale = MOST_FRAMES / self.count[index]
            for field in (self.count, self.total, self.square):
                field[index] *= scale

    def only(self, chosen: slice) -> Voices:
        """Some of the stretches, as copies."""
        return Voices(self.count[chosen].copy(), self.total[chosen].copy(), self.square[chosen].copy(), self.prior)

    def cost(self, a: np.ndarray | int | slice = slice(None), b: np.ndarray | None = None) -> np.ndarray:
        """Frames × log determinant of the covariance of `a`, or of `a` and `b` in one: −2 × log-likelihood, up to a constant."""
        count, total, square = self.count[a], self.total[a], self.square[a]
        if b is not None:
            count, total, square = count + self.count[b], total + self.total[b], square + self.square[b]
        return count * np.linalg.slogdet(covariance(count, total, square, self.prior))[1]


def covariance(count: np.ndarray, total: np.ndarray, square: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """``(K, D, D)`` covariances, drawn towards `prior` where there are few frames."""
    mean = total / count[:, None]
    scatter = square - count[:, None, None] * mean[:, :, None] * mean[:, None, :]
    return (scatter + PRIOR_FRAMES * prior) / (count + PRIOR_FRAMES)[:, None, None]


def distance(voices: Voices, index: int, others: np.ndarray, alone: np.ndarray, penalty: float) -> np.ndarray:
    """ΔBIC of stretch `index` and each of `others`: above 0 they are better kept apart.

    Args:
        alone: `Voices.cost` of all stretches.
        penalty: weight of the parameters, Chen and Gopalakrishnan's λ.
    """
    size = voices.total.shape[1]
    parameters = size + size * (size + 1) / 2
    gain = 0.5 * (voices.cost(others, np.full(len(others), index)) - alone[index] - alone[others])
    return gain - penalty * 0.5 * parameters * np.log(voices.count[index] + voices.count[others])


def cluster(voices: Voices, penalty: float, fewest: int = 1, most: int | None = None) -> np.ndarray:
    """Merges the nearest two, again and again, until every two are better apart: ``(K,)`` cluster numbers from 0.

    The work grows with the square of K, so long recordings are clustered part by part first, then their clusters.

    Args:
        penalty: see `distance`; more of it gives fewer clusters.
        fewest, most: bounds on the number of clusters, stronger than the criterion.
    """
    labels = np.arange(len(voices.count))
    current = voices
    while len(current.count) > AT_ONCE:
        found, offset = [], 0
        parts = -(-len(current.count) // AT_ONCE)  # of equal size: a small rest would be clustered on too little
        borders = np.linspace(0, len(current.count), parts + 1).round().astype(int)
        for first, last in pairwise(borders):
            part = _cluster(current.only(slice(first, last)), penalty, fewest)
            found.append(part + offset)
            offset += int(part.max()) + 1
        step = np.concatenate(found)
        if offset == len(current.count):
            break  # every stretch is a voice of its own: nothing is gained by going on in parts
        labels, current = step[labels], current.summed(step)
    return _cluster(current.only(slice(None)), penalty, fewest, most)[labels]


def _cluster(voices: Voices, penalty: float, fewest: int = 1, most: int | None = None) -> np.ndarray:
    """As `cluster`, all at once; `voices` are used up."""
    size = len(voices.count)
    alone, apart = voices.cost(), np.full((size, size), np.inf)
    for i in range(size - 1):
        apart[i, i + 1 :] = distance(voices, i, np.arange(i + 1, size), alone, penalty)
    labels, alive = np.arange(size), np.ones(size, bool)
    while alive.sum() > max(1, fewest):
        kept, gone = divmod(int(apart.argmin()), size)
        if apart[kept, gone] > 0 and (most is None or alive.sum() <= most):
            break
        for field in (voices.count, voices.total, voices.square):
            field[kept] += field[gone]
        voices.cap(np.array([kept]))
        labels[labels == gone], alive[gone] = kept, False
        apart[gone, :] = apart[:, gone] = np.inf
        alone[kept] = voices.cost(np.array([kept]))[0]
        others = np.setdiff1d(np.flatnonzero(alive), [kept])
        apart[np.minimum(kept, others), np.maximum(kept, others)] = distance(voices, kept, others, alone, penalty)
    return np.unique(labels, return_inverse=True)[1]
