"""Prompts packed into one row, in which what several begin with is computed once.

Prompts of one conversation share the instruction and most of the history. So a pack is a tree: a token that several prompts have in
common, after the same tokens, is there once, and attends to those before it in its own prompts alone. Positions count from each prompt's
beginning. To every prompt the network answers as if it were alone: prompts that share nothing are the usual block-diagonal packing, and
those that share save what they share (cf. Krell et al. 2021, arXiv:2107.02027; the tree's mask as in Miao et al. 2024, arXiv:2305.09781).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

ROOT = -1


@dataclass(slots=True, eq=False)
class Pack:
    """Prompts as one row of ``T`` tokens.

    >>> pack = Pack()
    >>> pack.add([7, 8, 9]), pack.add([7, 8, 5, 6]), pack.tokens
    (0, 1, [7, 8, 9, 5, 6])
    >>> pack.positions, pack.ends
    ([0, 1, 2, 2, 3], [2, 4])
    >>> pack.visible().astype(int).tolist()[3]
    [1, 1, 0, 1, 0]
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    """The token before, in the same prompt; `ROOT` at its beginning."""
    ends: list[int] = field(default_factory=list)
    """Where each prompt's last token is: there the answer is read."""
    whole_tokens: int = 0
    """How many tokens the prompts have one by one."""
    _children: dict[tuple[int, int], int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, prompt: Sequence[int]) -> int:
        """Takes a prompt in; its number in `ends`."""
        node = ROOT
        for depth, token in enumerate(prompt):
            found = self._children.get((node, token))
            if found is None:
                found = self._children[node, token] = len(self.tokens)
                self.tokens.append(token)
                self.positions.append(depth)
                self.parents.append(node)
            node = found
        self.ends.append(node)
        self.whole_tokens += len(prompt)
        return len(self.ends) - 1

    def cost(self, prompt: Sequence[int]) -> int:
        """How many tokens longer the row would be with this prompt."""
        node = ROOT
        for depth, token in enumerate(prompt):
            node = self._children.get((node, token), None)
            if node is None:
                return len(prompt) - depth
        return 0

    def visible(self) -> np.ndarray:
        """``(T, T)`` booleans: which tokens (columns) each token (row) attends to."""
        seen = np.zeros((len(self), len(self)), dtype=bool)
        for row, parent in enumerate(self.parents):
            if parent != ROOT:
                seen[row, : parent + 1] = seen[parent, : parent + 1]
            seen[row, row] = True
        return seen


def pack_prompts(prompts: Iterable[Sequence[int]], most_tokens: int) -> list[Pack]:
    """Packs of at most so many tokens, the prompts in their order; one that is longer by itself has a pack of its own.

    >>> [(len(pack), len(pack.ends)) for pack in pack_prompts([[1, 2, 3], [1, 2, 4], [5, 6]], 4)]
    [(4, 2), (2, 1)]
    """
    packs: list[Pack] = []
    for prompt in prompts:
        if not packs or len(packs[-1]) + packs[-1].cost(prompt) > most_tokens:
            packs.append(Pack())
        packs[-1].add(prompt)
    return packs


def one_by_one(prompts: Iterable[Sequence[int]]) -> list[Pack]:
    """A pack for each prompt: for networks that cannot be told what to attend to."""
    return [pack for prompt in prompts for pack in pack_prompts([prompt], 0)]


def answer_logits(model: Any, pack: Pack, *, packed: bool = True) -> torch.Tensor:
    """What the network says after each prompt of a pack: ``(prompts, vocabulary)`` logits.

    Args:
        model: a causal language model of transformers, with or without an adapter.
        pack: the prompts.
        packed: whether positions and mask are passed; otherwise the pack must hold one prompt, and goes in as any text does.
    """
    device = model.device
    inputs: dict[str, Any] = {"input_ids": torch.tensor([pack.tokens], device=device), "use_cache": False}  # (1, T)
    if packed:
        inputs["position_ids"] = torch.tensor([pack.positions], device=device)  # (1, T)
        inputs["attention_mask"] = attention_bias(pack, _dtype(model), device)
    elif len(pack.ends) != 1:
        raise ValueError(f"expected one prompt where nothing is packed, found {len(pack.ends)}")
    ends = torch.tensor(pack.ends, device=device)
    if keeps_logits(model):
        return model(**inputs, logits_to_keep=ends).logits[0]  # the vocabulary is large: only where answers are
    return model(**inputs).logits[0, ends]


def attention_bias(pack: Pack, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """``(1, 1, T, T)``: 0 where a token attends, as little as there is elsewhere; what ``sdpa`` and ``eager`` attention add."""
    seen = torch.from_numpy(pack.visible()).to(device)
    return torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill_(~seen, torch.finfo(dtype).min)[None, None]


def packs_faithfully(model: Any, prompts: Sequence[Sequence[int]], tolerance: float) -> bool:
    """Whether this network answers to packed prompts as to single ones.

    Not every architecture heeds a mask of one's own: recurrent ones do not, nor do those with a window narrower than the prompts. They
    are told by asking, at the beginning of every training.

    Args:
        model: in the mode and precision in which it will be asked.
        prompts: at least two, which share a beginning.
        tolerance: of log-probabilities, on average.
    """
    whole = pack_prompts(prompts, sum(map(len, prompts)))[0]
    with torch.no_grad():
        try:
            together = torch.log_softmax(answer_logits(model, whole).float(), -1)
        except (TypeError, ValueError, RuntimeError, IndexError):  # it takes no such mask
            return False
        alone = torch.cat([torch.log_softmax(answer_logits(model, pack, packed=False).float(), -1) for pack in one_by_one(prompts)])
    weights = alone.exp()
    return bool(((together - alone).abs() * weights).sum(-1).max() <= tolerance)


def keeps_logits(model: Any) -> bool:
    """Whether its forward pass can be told where logits are wanted."""
    from inspect import signature

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in signature(inner.forward).parameters


def _dtype(model: Any) -> torch.dtype:
    """The precision in which attention is computed: autocast's where it is on."""
    device = model.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else model.dtype
