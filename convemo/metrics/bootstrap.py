"""How sure a figure itself is: whole dialogues or speakers are drawn again, for utterances within one are not independent.

Cluster bootstrap with percentile limits (Efron & Tibshirani 1993, chapters 8 and 13; Bisani & Ney 2004, doi:10.1109/ICASSP.2004.1326009,
for the paired form in speech recognition).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
"""Draws: enough that the limits move by less than the digits that are reported."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the limits between which it lies at the given level."""

    value: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Difference:
    """First system less second, on the same draws, and how likely so large a difference is by chance."""

    value: float
    low: float
    high: float
    p_value: float
    """Two-sided: twice the share of draws on the other side of zero."""
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}], p = {self.p_value:.3f}"


def interval(
    metric: Callable[..., float],
    groups: np.ndarray,
    *arrays: np.ndarray,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A metric on all samples, with a bootstrap interval over whole groups.

    Args:
        metric: called as ``metric(*arrays)`` on all rows and on every draw.
        groups: ``(N,)`` what each row belongs to: its dialogue (ERC) or its speaker (SER).
        arrays: ``(N, …)`` each, what the metric takes.
        resamples: number of draws, at least 1.
        level: share of the draws between the limits, in ``(0, 1)``.
        seed: the same seed gives the same limits.

    Returns:
        The value on all rows and the limits. Draws on which the metric is NaN are left out.

    Raises:
        ValueError: lengths disagree, there are no rows, or `resamples` or `level` are out of range.

    >>> right = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    >>> dialogues = np.array(["a", "a", "b", "b", "c", "c"])
    >>> print(interval(np.mean, dialogues, right))
    0.667 [0.500, 1.000]
    """
    _check(groups, arrays, resamples, level)
    draws = [metric(*(a[rows] for a in arrays)) for rows in _draws(groups, resamples, seed)]
    value = float(metric(*arrays))
    return Interval(value, *limits(np.array(draws, dtype=np.float64), value, level), level)


def paired_difference(
    metric: Callable[..., float],
    groups: np.ndarray,
    first: tuple[np.ndarray, ...],
    second: tuple[np.ndarray, ...],
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """By how much one system's metric exceeds another's on the same samples.

    Both are computed on the same draws, so that what is hard for both cancels: the interval is narrower than two single ones suggest.

    Args:
        metric: called as ``metric(*first)`` and ``metric(*second)``.
        groups: ``(N,)`` what each row belongs to: its dialogue or its speaker.
        first: arrays of ``(N, …)`` for the first system, e.g. ``(predictions, labels)``.
        second: likewise for the second.
        resamples: number of draws, at least 1.
        level: share of the draws between the limits, in ``(0, 1)``.
        seed: the same seed gives the same limits.

    Returns:
        The difference, its limits and a two-sided p-value, never below ``2 / (resamples + 1)``.

    Raises:
        ValueError: lengths disagree, there are no rows, or `resamples` or `level` are out of range.

    >>> truth, dialogues = np.array([0, 1, 0, 1]), np.array([1, 1, 2, 2])
    >>> agreement = lambda predictions, labels: float(np.mean(predictions == labels))
    >>> paired_difference(agreement, dialogues, (truth, truth), (1 - truth, truth), resamples=99).p_value
    0.02
    """
    _check(groups, (*first, *second), resamples, level)
    draws = np.array(
        [metric(*(a[rows] for a in first)) - metric(*(a[rows] for a in second)) for rows in _draws(groups, resamples, seed)],
        dtype=np.float64,
    )
    value = float(metric(*first) - metric(*second))
    return difference(draws, value, level)


def draw_counts(groups: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each row is in each draw of whole groups: what `metrics.resampled` computes with, on the draws of `interval`.

    Args:
        groups: ``(N,)`` what each row belongs to.
        resamples: number of draws ``R``.
        seed: the same seed gives the same draws, here and in `interval`.

    Returns:
        ``(R, N)`` whole numbers from 0.

    >>> draw_counts(np.array(["a", "a", "b"]), resamples=2).tolist()
    [[0, 0, 2], [1, 1, 1]]
    """
    _, group_of_row = np.unique(np.asarray(groups), return_inverse=True)
    drawn = _drawn_groups(group_of_row.max() + 1, resamples, seed)
    counts = np.array([np.bincount(groups, minlength=group_of_row.max() + 1) for groups in drawn], dtype=np.int32)  # (R, G)
    return counts[:, group_of_row]


def difference(draws: np.ndarray, value: float, level: float = 0.95) -> Difference:
    """A difference with its limits and p-value, from the difference on each of the ``(R,)`` draws."""
    low, high = limits(draws, value, level)
    tail = min(int(np.sum(draws <= 0)), int(np.sum(draws >= 0)))
    p_value = min(1.0, 2 * (tail + 1) / (len(draws) + 1))  # + 1: the data themselves are one of the draws (Davison & Hinkley 1997, 4.2)
    return Difference(value, low, high, p_value, level)


def _draws(groups: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Row indices of as many groups as there are, drawn with replacement."""
    _, group_of_row = np.unique(np.asarray(groups), return_inverse=True)
    rows_of_group = np.split(np.argsort(group_of_row, kind="stable"), np.cumsum(np.bincount(group_of_row))[:-1])
    for drawn in _drawn_groups(len(rows_of_group), resamples, seed):
        yield np.concatenate([rows_of_group[g] for g in drawn])


def _drawn_groups(groups: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield random.integers(groups, size=groups)


def limits(draws: np.ndarray, value: float, level: float = 0.95) -> tuple[float, float]:
    """Percentiles of the ``(R,)`` draws, moved so that their median is the value, but not beyond what was ever drawn.

    Most metrics stay where they are. ECE and its like lie too high on every draw, for what is drawn twice looks like miscalibration:
    without the move an interval would often not even hold its own value.
    """
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return float("nan"), float("nan")
    low, median, high = np.quantile(defined, [(1 - level) / 2, 0.5, (1 + level) / 2])
    low, high = np.clip([low + value - median, high + value - median], min(defined.min(), value), max(defined.max(), value))
    return float(low), float(high)


def _check(groups: np.ndarray, arrays: tuple[np.ndarray, ...], resamples: int, level: float) -> None:
    lengths = {len(groups), *(len(a) for a in arrays)}
    if len(lengths) != 1 or 0 in lengths or not arrays:
        raise ValueError(f"expected groups and arrays of one length above 0, found lengths {sorted(lengths)}")
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"expected at least 1 draw and a level in (0, 1), found {resamples} and {level}")
