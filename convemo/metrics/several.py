"""Several tests at once: of twenty, one is significant by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    r"""p-values corrected so that the chance of any false alarm among all of them stays below the level that each is held against.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min\left(1, (m - j + 1)\, p_{(j)}\right)

    Holm 1979 (jstor.org/stable/4615733): step-down, valid however the tests depend on each other, never weaker than Bonferroni.

    Args:
        p_values: ``m`` of them, each in ``[0, 1]``.

    Returns:
        As many, in the same order, each in ``[0, 1]`` and not below what it was.

    Raises:
        ValueError: one is outside ``[0, 1]``.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if len(p) and not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"expected p-values in [0, 1], found {p.min()} to {p.max()}")
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    return corrected.tolist()
