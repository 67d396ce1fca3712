"""The dialogue transformer that text and acoustic share: one vector an utterance in, one that knows what went before out.

    utterance i ─► x_i ─┐        ┌─ all:    itself and everybody before it
    utterance i-1 ─►    ├─ heads ┼─ same:   itself and what this speaker said before
    …  at most `reach`  ┘        └─ others: what the others said before, never itself

Who speaks enters by these three kinds of heads alone, as in DialogXL (Shen et al. 2021, arXiv:2012.08695): there are no speaker ids, so a
speaker never met is like any other, and calling them by other names changes nothing. How long ago is a learned bias by the number of
utterances in between (Raffel et al. 2020, arXiv:1910.10683, without its buckets); there are no absolute positions, so an utterance is
judged the same in the first minute and in the tenth hour.

**Causal and banded**: no layer looks ahead, each looks `reach` utterances back, all of them together `context`. Whoever wants the rows
from `since` on feeds the utterances from ``since - context`` on and gets the rows that the whole dialogue gives.

Training only; what is shipped is an ONNX file that holds it. Pre-norm (Xiong et al. 2020, arXiv:2002.04745); initialised as GPT-2.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

MASKED = -1e9
"""Added to a score instead of minus infinity, which turns into NaN where nothing at all may be seen."""


class DialogueAttention(nn.Module):
    """Attention between the utterances of a dialogue, with heads that may see different people."""

    def __init__(self, width: int, heads: int, reach: int, dropout: float):
        super().__init__()
        self.heads, self.reach = heads, reach
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.distance = nn.Parameter(torch.zeros(heads, reach + 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, visible: Tensor, back: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.project(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, N, W/H)
        scores = query @ key.transpose(-2, -1) * (width // self.heads) ** -0.5  # (B, H, N, N)
        scores = scores + self.distance[:, back.clamp(0, self.reach)]  # (H, N, N)
        weights = scores.masked_fill(~visible, MASKED).softmax(dim=-1)
        weights = self.dropout(weights * visible)  # where nobody is to be seen the softmax is uniform: zeros instead
        mixed = weights.to(value.dtype) @ value  # (B, H, N, W/H)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class DialogueBlock(nn.Module):
    """One layer, normalised before each part."""

    def __init__(self, width: int, heads: int, reach: int, hidden: int, dropout: float):
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = DialogueAttention(width, heads, reach, dropout)
        self.before_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, visible: Tensor, back: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x), visible, back))
        return x + self.dropout(self.mlp(self.before_mlp(x)))


class DialogueTransformer(nn.Module):
    """Tells each utterance what was said before it, and by whom.

    Args:
        width: of the vectors, a multiple of the number of heads.
        layers: at least 1.
        heads: how many see all, the same speaker, the others.
        reach: how many utterances a layer looks back.
        dropout: in ``[0, 1)``.
        hidden: width of the feed-forward part; ``4 * width`` if ``None``.

    Raises:
        ValueError: `width` is no multiple of the number of heads, or there is no head, layer or reach.

    >>> model = DialogueTransformer(8, layers=2, heads=(2, 1, 1), reach=16)
    >>> model(torch.randn(1, 5, 8), torch.tensor([[0, 1, 0, 2, 1]])).shape
    torch.Size([1, 5, 8])
    >>> model.context
    32
    """

    def __init__(
        self,
        width: int,
        layers: int = 2,
        heads: tuple[int, int, int] = (2, 1, 1),
        reach: int = 32,
        dropout: float = 0.1,
        *,
        hidden: int | None = None,
    ):
        super().__init__()
        if layers < 1 or reach < 1 or min(heads) < 0 or sum(heads) < 1 or width % sum(heads):
            raise ValueError(
                f"expected layers, heads and reach, and width a multiple of the heads; got {layers}, {heads}, {reach}, {width}"
            )
        self.kinds, self.layers, self.reach = tuple(heads), layers, reach
        self.blocks = nn.ModuleList(DialogueBlock(width, sum(heads), reach, hidden or 4 * width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.apply(_initialise)
        for last in chain.from_iterable((block.attention.out, block.mlp[-1]) for block in self.blocks):
            nn.init.normal_(last.weight, std=0.02 * (2 * layers) ** -0.5)

    @property
    def context(self) -> int:
        """How many earlier utterances a row depends on at most: ``layers * reach``."""
        return self.layers * self.reach

    def forward(self, x: Tensor, speakers: Tensor, padding: Tensor | None = None) -> Tensor:
        """``(B, N, W)``, normalised; rows of padding mean nothing.

        Args:
            x: ``(B, N, W)``, one vector an utterance, in the order of the dialogue.
            speakers: ``(B, N)`` int64, who speaks: any numbers, equal within a dialogue where the speaker is the same.
            padding: ``(B, N)`` booleans, true where there is no utterance; ``None`` if there is one everywhere.
        """
        visible, back = self._visible(speakers, padding)
        for block in self.blocks:
            x = block(x, visible, back)
        return self.norm(x)

    def _visible(self, speakers: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
        """Whom each head may see from each row, ``(B, H, N, N)``, and how many utterances ago that was, ``(N, N)``."""
        place = torch.arange(speakers.shape[1], device=speakers.device)
        back = place[:, None] - place[None, :]  # (N, N)
        near = ((back >= 0) & (back <= self.reach))[None]  # (1, N, N)
        same = speakers[:, :, None] == speakers[:, None, :]  # (B, N, N)
        near = near & (same | ~same)  # (B, N, N): a batch of it, in a form that a trace keeps for any size
        if padding is not None:
            near = near & ~padding[:, None, :]
        everyone, own, others = self.kinds
        kinds = [near] * everyone + [near & same] * own + [near & ~same] * others
        return torch.stack(kinds, dim=1), back


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
