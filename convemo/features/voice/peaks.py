"""Where a sampled curve really peaks, between its samples."""

from __future__ import annotations

import numpy as np

DEPTH = 16
"""Samples on either side that the interpolation sees."""


def interpolate(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values of band-limited curves between their samples: a sinc under a Hann window.

    A parabola through three samples is too low at a narrow peak, by so much that a clean voice would seem noisy
    (Boersma 1993, section "Interpolation").

    Args:
        rows: ``(N, L)``, curves that go on symmetrically before index 0, as correlations do.
        at: ``(N, P)`` positions in samples, in ``[0, L - DEPTH)``.

    Returns:
        ``(N, P)``.

    >>> curve = np.cos(2 * np.pi * np.arange(64) / 9.5)
    >>> round(float(interpolate(curve[None], np.array([[19.0 + 9.5]]))[0, 0]), 3)
    1.0
    """
    first = np.floor(at).astype(np.int64)
    index = first[..., None] + np.arange(1 - DEPTH, DEPTH + 1)  # (N, P, 2 DEPTH)
    away = at[..., None] - index
    kernel = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * away / DEPTH))
    return (np.take_along_axis(rows[:, None, :], np.abs(index), axis=2) * kernel).sum(axis=2)


def summits(rows: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position and height of the summit near each of these samples.

    Args:
        rows: ``(N, L)``, as in `interpolate`.
        near: ``(N,)`` positions within a sample of the summit.

    Returns:
        ``(N,)`` positions in samples and ``(N,)`` heights.

    >>> curve = np.cos(2 * np.pi * np.arange(64) / 9.5)
    >>> [round(float(x[0]), 3) for x in summits(curve[None], np.array([28.0]))]
    [28.5, 1.0]
    """
    position = near.astype(np.float64)
    for step in (0.5, 0.1):  # a parabola through ever closer points
        left, middle, right = interpolate(rows, position[:, None] + np.array([-step, 0.0, step])).T
        curvature = left - 2 * middle + right
        shift = np.divide(0.5 * (left - right), curvature, out=np.zeros_like(curvature), where=curvature < -1e-12)
        position = position + step * np.clip(shift, -1.0, 1.0)
    return position, interpolate(rows, position[:, None])[:, 0]
