"""Keys and values of tokens that have been computed: kept as long as something begins with them, within a bound of memory.

They are held as plain tensors, one piece a path of `convemo.llm.prefix_tree`, and put together anew for each batch. So no cache is ever
cut back, which most caches of transformers allow and some (sliding windows, recurrent states) silently get wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from convemo.llm.prefix_tree import alike

MOST_KEPT = 4
"""Prompts whose keys and values outlast a call, at most: conversations that are listened to at the same time."""

Layers = list[tuple[Any, Any]]
"""Keys and values ``(H, T, D)`` of each layer."""


@dataclass(slots=True, eq=False)
class Segment:
    """Keys and values of the tokens ``[start, start + T)``; those before are the parent's."""

    start: int
    layers: Layers
    parent: Segment | None = None

    def pieces(self, end: int) -> list[tuple[Layers, int]]:
        """The first `end` tokens' pieces, each with how many of its tokens count, first piece first."""
        found, segment = [], self
        while segment is not None and end > 0:
            if end > segment.start:
                found.append((segment.layers, end - segment.start))
                end = segment.start
            segment = segment.parent
        return found[::-1]


def together(rows: Sequence[tuple[Segment | None, int]]) -> Layers:
    """Keys and values ``(B, H, P, D)`` of what goes before the rows of a batch, each layer's, flush right; zeros on the left.

    Args:
        rows: a segment and how many tokens up to it count, for each row; at least one counts some.
    """
    import torch

    pieces = [segment.pieces(end) if segment is not None else [] for segment, end in rows]
    longest = max(end for _, end in rows)
    like = next(layers for found in pieces for layers, _ in found)
    batch = []
    for layer, pair in enumerate(like):
        made = []
        for which, example in enumerate(pair):
            if all(row == rows[0] for row in rows[1:]):
                one = torch.cat([layers[layer][which][:, :count] for layers, count in pieces[0]], dim=1)
                made.append(one[None].expand(len(rows), -1, -1, -1))
                continue
            whole = example.new_zeros(len(rows), example.shape[0], longest, example.shape[2])  # (B, H, P, D)
            for row, (_, end) in enumerate(rows):
                at = longest - end
                for layers, count in pieces[row]:
                    whole[row, :, at : at + count] = layers[layer][which][:, :count]
                    at += count
            made.append(whole)
        batch.append((made[0], made[1]))
    return batch


@dataclass(slots=True, eq=False)
class Kept:
    """A prompt's tokens, and their keys and values."""

    ids: np.ndarray
    segment: Segment

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(tensor.numel() * tensor.element_size() for pair in self.segment.layers for tensor in pair)


class PrefixCache:
    """Prompts that outlast a call; the one that was not used for longest goes first.

    Args:
        most_bytes: what they may take together. A prompt that is larger by itself is not kept.
    """

    def __init__(self, most_bytes: int):
        self.most_bytes = most_bytes
        self._kept: list[Kept] = []

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(kept.size for kept in self._kept)

    def best(self, ids: np.ndarray) -> Kept | None:
        """The one that begins with most of these tokens; ``None`` if none begins with any."""
        found = max(self._kept, key=lambda kept: alike(ids, kept.ids), default=None)
        return found if found is not None and alike(ids, found.ids) else None

    def keep(self, ids: np.ndarray, segment: Segment) -> None:
        """Keeps a prompt, in place of those that it goes on from: of which it has three quarters."""
        layers = [tuple(tensor[0].clone() for tensor in pair) for pair in together([(segment, len(ids))])]
        new = Kept(ids, Segment(0, layers))
        self._kept = [kept for kept in self._kept if alike(ids, kept.ids) < len(kept.ids) * 3 / 4]
        self._kept.append(new)
        while self._kept and (len(self._kept) > MOST_KEPT or self.size > self.most_bytes):
            self._kept.pop(0)

    def touch(self, kept: Kept) -> None:
        """Says that this one is in use."""
        self._kept.sort(key=lambda other: other is kept)

    def clear(self) -> None:
        """Forgets them all."""
        self._kept.clear()
