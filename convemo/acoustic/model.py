"""The whole acoustic model: frames and functionals of one utterance in, seven emotions out.

    frames (T, 67) ─► normalise ─► convolutions, T/4 ─► transformer ─► attentive statistics ─┐
                                                                                             ├─► condition ─► 7 logits
    functionals (22), deviations (22), heard (1) ─► normalise ─► what we know of the speaker ┘

An utterance is heard as it is (raw) *and* against what the same speaker did before (deviations); see `speaker_state`.
The statistics used for normalising are those of the corpus, never the utterance's or the speaker's own: taking these out
takes the emotion out with them. Training only; what is shipped is the ONNX file.

Sources: convolutional subsampling and transformer as in Speech-Transformer (Dong et al. 2018); pre-norm (Xiong et al. 2020,
arXiv:2002.04745); positions by a depthwise convolution (wav2vec 2.0, arXiv:2006.11477); attentive statistics pooling (Okabe et
al. 2018, arXiv:1803.10963); FiLM (Perez et al. 2018, arXiv:1709.07871).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convemo.acoustic.speaker_state import SHRINKAGE
from convemo.features import FRAME_CHANNELS
from convemo.features.functionals import NAMES


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of the network; the defaults make 0.3 million parameters."""

    width: int = 96
    layers: int = 2
    heads: int = 4
    hidden: int = 256
    dropout: float = 0.1
    conditioning: Literal["concat", "film"] = "concat"
    labels: int = 7
    shrinkage: float = SHRINKAGE
    """``k`` of the deviations that the model was trained with; the channel must use the same."""


class SharedDropout(nn.Module):
    """Dropout that takes away a feature at all times of an utterance at once (Gal and Ghahramani 2016, arXiv:1512.05287).

    A frame's neighbours say the same, so dropping single values takes little away; and drawing them is a quarter of a step on a CPU.
    """

    def __init__(self, share: float):
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return x
        return x * F.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), self.share)  # (B, 1, D)


class Attention(nn.Module):
    """Self-attention over the frames of one utterance."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        batch, length, width = x.shape
        qkv = self.project(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D/H)
        scores = query @ key.transpose(-2, -1) * (width // self.heads) ** -0.5  # (B, H, T, T)
        if padding is not None:
            scores = scores.masked_fill(padding[:, None, None, :], -1e9)
        mixed = scores.softmax(dim=-1) @ value  # (B, H, T, D/H)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """One transformer layer, normalised before each part."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.before_attention = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.before_mlp = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.hidden), nn.GELU(), SharedDropout(config.dropout), nn.Linear(config.hidden, config.width)
        )
        self.dropout = SharedDropout(config.dropout)

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x), padding))
        return x + self.dropout(self.mlp(self.before_mlp(x)))


class FrameEncoder(nn.Module):
    """Frames to one vector: ``(B, T, 67)`` → ``(B, 2 · width)``."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        width = config.width
        self.first = nn.Conv1d(FRAME_CHANNELS, width, 5, stride=2, padding=2)
        self.second = nn.Conv1d(width, width, 5, stride=2, padding=2)
        self.position = nn.Conv1d(width, width, 15, padding=7, groups=width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.attend = nn.Sequential(nn.Linear(width, 64), nn.Tanh(), nn.Linear(64, 1))
        self.dropout = SharedDropout(config.dropout)

    def forward(self, frames: Tensor, padding: Tensor | None) -> Tensor:
        x = F.gelu(self.first(_silenced(frames.transpose(1, 2), padding)))  # (B, D, T/2)
        padding = None if padding is None else padding[:, ::2]
        x = F.gelu(self.second(_silenced(x, padding)))  # (B, D, T/4)
        padding = None if padding is None else padding[:, ::2]
        x = x + F.gelu(self.position(_silenced(x, padding)))
        x = self.dropout(x.transpose(1, 2))  # (B, T/4, D)
        for block in self.blocks:
            x = block(x, padding)
        x = self.norm(x)
        weight = self.attend(x)  # (B, T/4, 1)
        if padding is not None:
            weight = weight.masked_fill(padding[:, :, None], -1e9)
        weight = weight.softmax(dim=1)
        mean = (weight * x).sum(dim=1)  # (B, D)
        spread = ((weight * x * x).sum(dim=1) - mean * mean).clamp(min=1e-4).sqrt()
        return torch.cat([mean, spread], dim=-1)  # (B, 2D)


class AcousticModel(nn.Module):
    """Scores one utterance, or a padded batch of them.

    Args:
        config: its shape.

    The buffers ``*_mean`` and ``*_scale`` hold the normalisation and are part of the graph: callers pass plain units.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        for name, size in (("frame", FRAME_CHANNELS), ("functional", len(NAMES)), ("deviation", len(NAMES))):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        width = config.width
        self.encoder = FrameEncoder(config)
        self.speaker = nn.Sequential(nn.Linear(2 * len(NAMES) + 1, width), nn.GELU(), nn.Dropout(config.dropout))
        if config.conditioning == "film":
            self.film = nn.Linear(width, 4 * width)
        joined = 3 * width if config.conditioning == "concat" else 2 * width
        self.head = nn.Sequential(nn.Linear(joined, width), nn.GELU(), nn.Dropout(2 * config.dropout), nn.Linear(width, config.labels))

    def forward(self, frames: Tensor, functionals: Tensor, deviations: Tensor, heard: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits ``(B, 7)``.

        Args:
            frames: ``(B, T, 67)``, see `convemo.features.Features`.
            functionals: ``(B, 22)`` of the utterance itself.
            deviations: ``(B, 22)`` from the speaker's earlier utterances, shrunk; zeros if there are none.
            heard: ``(B, 1)`` in ``[0, 1)``: how far the deviations were shrunk, ``n / (n + k)``.
            lengths: ``(B,)`` frames that are not padding; ``None`` if there is none.
        """
        padding = None if lengths is None else torch.arange(frames.shape[1], device=frames.device) >= lengths[:, None]  # (B, T)
        sound = self.encoder((frames - self.frame_mean) / self.frame_scale, padding)  # (B, 2D)
        raw = ((functionals - self.functional_mean) / self.functional_scale).clamp(-4, 4)
        moved = ((deviations - self.deviation_mean) / self.deviation_scale).clamp(-4, 4)
        speaker = self.speaker(torch.cat([raw, moved, heard], dim=-1))  # (B, D)
        if self.config.conditioning == "concat":
            return self.head(torch.cat([sound, speaker], dim=-1))
        gain, shift = self.film(speaker).chunk(2, dim=-1)  # each (B, 2D)
        return self.head(sound * (1 + gain) + shift)


def _silenced(x: Tensor, padding: Tensor | None) -> Tensor:
    """Zeros in the padding of ``(B, D, T)``: what a convolution finds beyond the end of an utterance without padding."""
    return x if padding is None else x.masked_fill(padding[:, None, :], 0.0)
