"""Frames to one vector: cepstra as channels, convolutions over time alone.

    mel levels (2, T, 64) ─► their cosine transform, over the clip's level, over its usual spectrum, over the speaker's ─┐
    F0, periodicity, energy (3, T), and over the clip's own ─────────────────────────────────────────────────────────────┤
                                          mean over time, and greatest ◄─── convolutions, T/8 ◄──────────────────────────┘

A two-dimensional network (`convemo.acoustic.model.FrameEncoder`) looks for the same shape at any pitch; this one knows at which. On few
speakers it went further (docs/acoustic.md, "Against published figures"). Sources: mel-frequency cepstra (Davis and Mermelstein 1980,
doi:10.1109/TASSP.1980.1163420); their mean over the clip taken off (Atal 1974, doi:10.1121/1.1914702).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convemo.features import BANDS

if TYPE_CHECKING:
    from convemo.acoustic.model import ModelConfig

CEPSTRA = 40
"""Of 64 bands: what is left out are differences between neighbours, harmonics rather than formants."""
CONTOURS = 3


class CepstralEncoder(nn.Module):
    """In place of `convemo.acoustic.model.FrameEncoder`: ``(B, 2, T, 64)`` and ``(B, 3, T)`` → ``(B, 2 · width)``.

    Of what is known of the speaker it hears what the second plane and the contour hold, no more: `speaker` is for the other encoder.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        place = (torch.arange(BANDS) + 0.5) * torch.pi / BANDS
        self.register_buffer("cosine", torch.cos(torch.arange(CEPSTRA)[:, None] * place) * (2 / BANDS) ** 0.5, persistent=False)  # (40, 64)
        sizes = (3 * CEPSTRA + 2 * CONTOURS, config.width // 2, config.width // 2, config.width)
        self.norm = nn.BatchNorm1d(sizes[0])
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, 5, padding=2), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(config.dropout))
            for a, b in pairwise(sizes)
        )

    def forward(self, planes: Tensor, contour: Tensor, speaker: Tensor, padding: Tensor | None) -> Tensor:
        live = (
            planes.new_ones(planes.shape[0], 1, planes.shape[2]) if padding is None else (~padding)[:, None].to(planes.dtype)
        )  # (B, 1, T)
        count = live.sum(dim=2, keepdim=True)  # (B, 1, 1)
        raw, moved = ((plane @ self.cosine.T).transpose(1, 2) for plane in planes.unbind(1))  # each (B, 40, T)
        usual = raw.sum(dim=2, keepdim=True) / count  # (B, 40, 1); padding is 0 in all planes
        level = torch.cat([usual[:, :1], torch.zeros_like(usual[:, 1:])], dim=1)  # the first is the level of all bands together
        own = contour - contour.sum(dim=2, keepdim=True) / count
        x = self.norm(torch.cat([raw - level, raw - usual, moved, contour, own], dim=1)) * live  # (B, 126, T)
        for block in self.blocks:
            x = F.max_pool1d(block(x) * live, 2, ceil_mode=True)  # nothing is below 0, so what is padding never is the greatest
            live = F.max_pool1d(live, 2, ceil_mode=True)
        x = x.float()
        return torch.cat([x.sum(dim=2) / live.sum(dim=2), x.amax(dim=2)], dim=-1)
