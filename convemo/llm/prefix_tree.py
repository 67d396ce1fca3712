"""Which tokens of many prompts are computed, so that what they begin with alike is computed once.

The prompts of a conversation are branches of one tree: instruction, then line after line of history, and off each line an utterance to
judge, in several orders of the options. The tree is cut into paths so that each prompt is the end of one (heavy paths: at a fork, the
path goes on to where most prompts are; Sleator & Tarjan 1983, doi:10.1016/0022-0000(83)90006-5). What lies on one path is computed in
one go, paths that leave others that are done go together in a batch, and no more batches wait for each other than log₂ of the number
of prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np


@dataclass(slots=True, eq=False)
class Path:
    """The tokens ``[start, end)`` of a sequence; those before are on the path it leaves."""

    sequence: int
    """Which sequence; -1 is the root, whose tokens have been computed before."""
    start: int
    end: int
    leaves: list[Path] = field(default_factory=list)
    """Paths that leave this one."""

    @property
    def needed(self) -> int:
        """Up to which token somebody else needs what was computed; at most `end`."""
        return max((leaf.start for leaf in self.leaves), default=0)


def tree(sequences: Sequence[np.ndarray], kept: np.ndarray | None = None) -> Path:
    """The root of a tree of paths in which each sequence is the end of exactly one.

    Args:
        sequences: token ids, no two the same, none empty.
        kept: token ids that have been computed before: the root.

    Returns:
        The root. At least the last token of each sequence is on its own path, since there its answer is read.

    >>> root = tree([np.array([1, 2, 3, 4, 9]), np.array([1, 2, 3, 8]), np.array([1, 2, 7])], kept=np.array([1, 5]))
    >>> root.leaves[0]
    Path(sequence=0, start=1, end=5, leaves=[Path(sequence=2, start=2, end=3, leaves=[]), Path(sequence=1, start=3, end=4, leaves=[])])
    """
    kept = np.zeros(0, np.int64) if kept is None else kept
    root = Path(-1, 0, len(kept))
    order = sorted(range(len(sequences)), key=lambda i: np.asarray(sequences[i], ">u4").tobytes())
    shared = np.array([alike(sequences[a], sequences[b]) for a, b in pairwise(order)], np.int64)
    from_root = np.array([alike(sequences[i], kept) for i in order], np.int64)
    for depth in np.unique(from_root):
        places = np.flatnonzero(from_root == depth)
        for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
            _grow(sequences, order, shared, int(run[0]), int(run[-1]) + 1, int(depth), root)
    return root


def unique_tokens(sequences: Sequence[np.ndarray]) -> int:
    """How many tokens have to be computed if no beginning is computed twice.

    >>> unique_tokens([np.array([1, 2, 3]), np.array([1, 2, 4]), np.array([1, 2, 3])])
    4
    """
    ordered = sorted(sequences, key=lambda ids: np.asarray(ids, ">u4").tobytes())
    return sum(map(len, ordered)) - sum(alike(a, b) for a, b in pairwise(ordered))


def alike(a: np.ndarray, b: np.ndarray) -> int:
    """How many tokens two sequences begin with alike."""
    length = min(len(a), len(b))
    differs = np.flatnonzero(a[:length] != b[:length])
    return int(differs[0]) if len(differs) else length


def _grow(sequences: Sequence[np.ndarray], order: list[int], shared: np.ndarray, low: int, high: int, start: int, parent: Path) -> None:
    """Hangs the sequences ``order[low:high]``, which have `start` tokens in common with `parent`, on it."""
    forks = []
    while high - low > 1:
        depth = shared[low : high - 1].min()
        borders = [low, *(low + 1 + np.flatnonzero(shared[low : high - 1] == depth)).tolist(), high]
        parts = list(pairwise(borders))
        # Of forks with as many prompts, the one with the longest: it is the latest utterance's, which the next call goes on from.
        low, high = max(parts, key=lambda part: (part[1] - part[0], max(len(sequences[i]) for i in order[slice(*part)])))
        forks += [(part, int(depth)) for part in parts if part != (low, high)]
    leader = order[low]
    path = Path(leader, min(start, len(sequences[leader]) - 1), len(sequences[leader]))
    parent.leaves.append(path)
    for (first, last), depth in forks:
        _grow(sequences, order, shared, first, last, depth, path)
