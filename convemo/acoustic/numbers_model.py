"""The two-level acoustic model with numbers in place of frames: what a dialogue's features say, each utterance in what went before.

    values, deviations ─► normalise ─► mark where missing ─► bins ─► one vector an utterance ─► dialogue transformer ─► K logits

A missing value stands at the mean, beside a mark that it is missing. Each value enters as it is, held within four standard deviations, and
as its place among quantile bins (piecewise linear encoding, Gorishniy et al. 2022, arXiv:2203.05556), which lets so small a network
treat a whisper and a shout as different things, as trees do. The statistics are the training part's and belong to the graph: callers pass
plain units. Training only; what is used afterwards is the ONNX file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convemo.dialogue.transformer import DialogueTransformer

FAR = 4.0
"""Standard deviations beyond which a value says no more than that it is extreme."""


@dataclass(frozen=True, slots=True)
class NumbersConfig:
    """The shape of the network; the defaults make about 50,000 parameters with ten columns."""

    columns: int
    labels: int
    width: int = 48
    layers: int = 2
    heads: tuple[int, int, int] = (2, 1, 1)
    reach: int = 16
    dropout: float = 0.2
    bins: int = 8


class NumbersModel(nn.Module):
    """Scores the utterances of one dialogue, or of a padded batch of them.

    Args:
        config: its shape.
    """

    def __init__(self, config: NumbersConfig):
        super().__init__()
        self.config = config
        columns, width = config.columns, config.width
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("scale", torch.ones(columns))
        self.register_buffer("deviation_scale", torch.ones(2 * columns))
        self.register_buffer("edges", torch.linspace(-2, 2, config.bins + 1).repeat(columns, 1))  # (F, bins + 1)
        read = columns * (2 + config.bins) + 2 * columns + 2
        self.read = nn.Sequential(nn.Linear(read, width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(width, width))
        self.dialogue = DialogueTransformer(width, config.layers, config.heads, config.reach, config.dropout, hidden=2 * width)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(width, config.labels))

    def forward(
        self, values: Tensor, missing: Tensor, deviations: Tensor, heard: Tensor, speakers: Tensor, padding: Tensor | None = None
    ) -> Tensor:
        """Logits ``(B, N, K)``; the other shapes as in `convemo.acoustic.numbers.Numbers`, with the batch in front.

        Args:
            values: ``(B, N, F)``; whatever stands where one is missing does not count.
            missing: ``(B, N, F)``, 1 where missing.
            deviations: ``(B, N, 2F)``.
            heard: ``(B, N, 2)``.
            speakers: ``(B, N)`` int64.
            padding: ``(B, N)`` booleans, true where there is no utterance; ``None`` if there is one everywhere.
        """
        values = torch.where(missing > 0, self.mean, values)
        low, high = self.edges[:, :-1], self.edges[:, 1:]  # each (F, bins)
        place = ((values[..., None] - low) / (high - low)).clamp(0, 1).flatten(-2) - 0.5  # (B, N, F · bins)
        moved = (deviations / self.deviation_scale).clamp(-FAR, FAR)
        values = ((values - self.mean) / self.scale).clamp(-FAR, FAR)
        x = self.read(torch.cat([values, missing, place, moved, heard], dim=-1))  # (B, N, W)
        return self.head(x + self.dialogue(x, speakers, padding))

    def measure(self, values: Tensor, missing: Tensor, deviations: Tensor) -> None:
        """Takes the statistics of the training part: ``(M, F)``, ``(M, F)`` and ``(M, 2F)``, over all its utterances."""
        shares = torch.linspace(0, 1, self.config.bins + 1)
        for column in range(self.config.columns):
            found = values[missing[:, column] == 0, column]
            if len(found) and found.max() > found.min():
                self.mean[column], self.scale[column] = found.mean(), found.std(correction=0)
                self.edges[column] = found.quantile(shares)
            elif len(found):  # always the same: whatever differs later is far away
                self.mean[column], self.edges[column] = found[0], self.edges[column] + found[0]
        # Where a value is frequent its quantiles fall together; a bin needs some width.
        self.edges += self.scale[:, None] * 1e-3 * torch.arange(self.config.bins + 1)
        spread = deviations.std(dim=0, correction=0)
        self.deviation_scale.copy_(torch.where(spread > 0, spread, 1.0))


class NumbersEnsemble(nn.Module):
    """What is exported: the mean probabilities of several trainings after a decision rule, as log-probabilities.

    Args:
        members: trained on the same columns and labels.
        scale, shift: ``(K,)``: of ``scale · p + shift``, see `convemo.training.decision`; ones and zeros for no rule.
    """

    def __init__(self, members: Sequence[NumbersModel], scale: Tensor, shift: Tensor):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, values: Tensor, missing: Tensor, deviations: Tensor, heard: Tensor, speakers: Tensor) -> Tensor:
        """Log-probabilities ``(B, N, K)``."""
        each = torch.stack([member(values, missing, deviations, heard, speakers).softmax(dim=-1) for member in self.members])
        return (each.mean(dim=0) * self.scale + self.shift).log().log_softmax(dim=-1)

    @property
    def context(self) -> int:
        """How many earlier utterances a row depends on at most."""
        return self.members[0].dialogue.context
