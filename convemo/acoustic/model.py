"""The whole acoustic model: frames and a description of one utterance in, a logit for each emotion out.

    frames (T, 67) ─► raw ───────────────────┐
                  └─► against the speaker ───┴─► encoder of frames, to one vector ─┬─► emotions, by sound
                                                       ▲                           │
                                                       └── (film, cross) ◄──┐      ├─► emotions
    description (86), deviations (86), heard (1) ─► what we know of the speaker ───┘
                                                                            └─► emotions, by description

The encoder is one of two: `CepstralEncoder`, which we ship, or `FrameEncoder` here: 2-D convolutions, a transformer, attentive statistics.

An utterance is heard as it is (raw) *and* against what the same speaker did before: its description as causal deviations (see
`speaker_state`), its frames as levels over the speaker's usual spectrum, F0 and energy. While little has been heard, that usual is mostly
the corpus's. Both parts are also judged alone in training (`branches`): else the convolutions, which learn a small corpus by heart, silence
the description, which they cannot replace. Training only; what is shipped is the ONNX file.

Sources: residual blocks (He et al. 2016, arXiv:1512.03385); transformer, pre-norm (Xiong et al. 2020, arXiv:2002.04745); attentive
statistics pooling (Okabe et al. 2018, arXiv:1803.10963); FiLM (Perez et al. 2018, arXiv:1709.07871); auxiliary heads (Szegedy et al.
2015, arXiv:1409.4842).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convemo.acoustic.cepstra import CepstralEncoder
from convemo.acoustic.description import BAND_LEVELS, DESCRIPTION
from convemo.acoustic.speaker_state import SHRINKAGE
from convemo.features import BANDS, ENERGY, F0, FRAME_CHANNELS, MEL, PERIODICITY
from convemo.features.functionals import NAMES

LEVEL, PITCH = NAMES.index("energy_mean_db"), NAMES.index("f0_mean_st")
PITCH_SCALE_ST = 5.0
"""About the spread of F0 within an utterance of lively speech, in semitones."""
TIME_STRIDE = 8
"""Frames that become one step of the transformer: 80 ms, a short syllable."""
SPEAKER_TOKENS = 4
"""Vectors that stand for the speaker where frames attend to them."""

Encoder = Literal["bands", "cepstra"]
Conditioning = Literal["none", "concat", "film", "cross"]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of the network; the defaults, but for `shrinkage`, are what we ship: 0.6 million parameters."""

    encoder: Encoder = "cepstra"
    """`FrameEncoder`, in two dimensions, or `CepstralEncoder`, in one; that has neither `channels` nor `layers`, `heads`, `hidden`."""
    channels: tuple[int, int, int, int] = (24, 48, 64, 96)
    width: int = 256
    layers: int = 1
    heads: int = 4
    hidden: int = 256
    described: int = 192
    """Width of what is made of description and deviations."""
    dropout: float = 0.2
    described_dropout: float = 0.4
    conditioning: Conditioning = "concat"
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
    """Attention of the frames of an utterance to each other, or to other vectors."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(width, width)
        self.answer = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, seen: Tensor, padding: Tensor | None = None) -> Tensor:
        query, key, value = (self._split(part) for part in (self.ask(x), *self.answer(seen).chunk(2, dim=-1)))  # each (B, H, T, D/H)
        scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5  # (B, H, T, S)
        if padding is not None:
            scores = scores.masked_fill(padding[:, None, None, :], -1e9)
        mixed = scores.softmax(dim=-1) @ value  # (B, H, T, D/H)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


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
        normal = self.before_attention(x)
        x = x + self.dropout(self.attention(normal, normal, padding))
        return x + self.dropout(self.mlp(self.before_mlp(x)))


class Residual(nn.Module):
    """Two convolutions over time and frequency beside a short way."""

    def __init__(self, channels: int, out: int, stride: tuple[int, int]):
        super().__init__()
        self.stride = stride[0]
        self.first = nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out))
        self.short = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        padding = None if padding is None else padding[:, :: self.stride]
        body = self.second(_silenced(self.first(x), padding))
        return _silenced(F.relu(body + self.short(x)), padding)


class FrameEncoder(nn.Module):
    """Frames to one vector: two planes of mel levels ``(B, 2, T, 64)`` and pitch ``(B, 3, T)`` → ``(B, 2 · width)``."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        first, second, third, last = config.channels
        self.first = nn.Sequential(nn.Conv2d(2, first, (7, 5), (4, 2), (3, 2), bias=False), nn.BatchNorm2d(first), nn.ReLU())
        self.blocks2d = nn.ModuleList([Residual(first, second, (2, 2)), Residual(second, third, (1, 2)), Residual(third, last, (1, 2))])
        self.dropout2d = nn.Dropout2d(config.dropout)
        self.contour = nn.ModuleList([nn.Conv1d(3, 32, 9, 4, 4), nn.Conv1d(32, 32, 5, 2, 2)])
        self.into = nn.Linear(last * (BANDS // 16) + 32, config.width)
        self.dropout = SharedDropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.attend = nn.Sequential(nn.Linear(config.width, 64), nn.Tanh(), nn.Linear(64, 1))
        if config.conditioning == "film":
            self.film = nn.Linear(config.described, 2 * config.width)
            nn.init.zeros_(self.film.weight), nn.init.zeros_(self.film.bias)  # at first it changes nothing
        if config.conditioning == "cross":
            self.tokens = nn.Linear(config.described, SPEAKER_TOKENS * config.width)
            self.cross = Attention(config.width, config.heads)

    def forward(self, planes: Tensor, contour: Tensor, speaker: Tensor, padding: Tensor | None) -> Tensor:
        quarter, padding = (None, None) if padding is None else (padding[:, ::4], padding[:, ::TIME_STRIDE])
        x = _silenced(self.first(planes.contiguous(memory_format=torch.channels_last)), quarter)  # (B, C, T/4, 32)
        for block, silence in zip(self.blocks2d, (quarter, padding, padding)):
            x = block(x, silence)  # (B, C, T/8, 4) in the end
        x = self.dropout2d(x).transpose(1, 2).flatten(2)  # (B, T/8, 4 C)
        first, second = self.contour
        contour = F.gelu(second(_silenced(F.gelu(first(contour)), quarter)))  # (B, 32, T/8)
        x = self.dropout(self.into(torch.cat([x, contour.transpose(1, 2)], dim=-1)))  # (B, T/8, D)
        for block in self.blocks:
            x = block(x, padding)
        x = self.norm(x)
        if hasattr(self, "film"):
            gain, shift = self.film(speaker)[:, None].chunk(2, dim=-1)  # each (B, 1, D)
            x = x * (1 + gain) + shift
        if hasattr(self, "cross"):
            x = x + self.cross(x, self.tokens(speaker).unflatten(1, (SPEAKER_TOKENS, -1)))
        weight, x = self.attend(x).float(), x.float()  # (B, T/8, 1)
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
        for name, size in (("frame", FRAME_CHANNELS), ("description", len(DESCRIPTION)), ("deviation", len(DESCRIPTION))):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        drop = config.described_dropout
        self.encoder = CepstralEncoder(config) if config.encoder == "cepstra" else FrameEncoder(config)
        self.speaker = nn.Sequential(
            nn.Dropout(drop / 4), nn.Linear(2 * len(DESCRIPTION) + 1, config.described), nn.GELU(), nn.Dropout(drop),
            nn.Linear(config.described, config.described), nn.GELU(), nn.Dropout(drop),
        )  # fmt: skip
        joined = 2 * config.width + (config.described if config.conditioning in ("none", "concat") else 0)
        self.head = nn.Sequential(nn.Linear(joined, config.width), nn.GELU(), nn.Dropout(drop), nn.Linear(config.width, config.labels))
        self.by_description = nn.Linear(config.described, config.labels)
        self.by_sound = nn.Sequential(nn.Dropout(drop), nn.Linear(2 * config.width, config.labels))

    def forward(self, frames: Tensor, functionals: Tensor, deviations: Tensor, heard: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits ``(B, K)``.

        Args:
            frames: ``(B, T, 67)``, see `convemo.features.Features`.
            functionals: ``(B, 86)``, the description of the utterance itself.
            deviations: ``(B, 86)`` from the speaker's earlier utterances, shrunk; zeros if there are none.
            heard: ``(B, 1)`` in ``[0, 1)``: how far the deviations were shrunk, ``n / (n + k)``.
            lengths: ``(B,)`` frames that are not padding; ``None`` if there is none.
        """
        return self.branches(frames, functionals, deviations, heard, lengths)[0]

    def branches(
        self, frames: Tensor, functionals: Tensor, deviations: Tensor, heard: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits ``(B, K)`` by both together, by the description alone, and by the sound alone."""
        if self.config.conditioning == "none":
            deviations, heard = deviations * 0, heard * 0  # not constants: an exported graph takes the same inputs whatever the model
        padding = None if lengths is None else torch.arange(frames.shape[1], device=frames.device) >= lengths[:, None]  # (B, T)
        raw = ((functionals - self.description_mean) / self.description_scale).clamp(-4, 4)
        moved = ((deviations - self.deviation_mean) / self.deviation_scale).clamp(-4, 4)
        speaker = self.speaker(torch.cat([raw, moved, heard], dim=-1))  # (B, S)
        # deviations = heard · (functionals − their mean before): so this is that mean, drawn to the corpus's while little was heard
        usual = (1 - heard) * self.description_mean + heard * functionals - deviations  # (B, 86)
        planes, contour = self._against(frames, usual, padding)
        sound = self.encoder(planes, contour, speaker, padding)  # (B, 2D)
        joined = torch.cat([sound, speaker], dim=-1) if self.config.conditioning in ("none", "concat") else sound
        return self.head(joined), self.by_description(speaker), self.by_sound(sound)

    def _against(self, frames: Tensor, usual: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mel levels as recorded and over the speaker's usual ``(B, 2, T, 64)``; F0, periodicity and energy ``(B, 3, T)`` over it."""
        normal = (frames - self.frame_mean) / self.frame_scale  # (B, T, 67)
        mel = (frames[:, :, MEL] - usual[:, None, BAND_LEVELS]) / self.frame_scale[MEL]  # (B, T, 64)
        f0 = torch.where(frames[:, :, F0] > 0, (frames[:, :, F0] - usual[:, PITCH, None]) / PITCH_SCALE_ST, 0.0)  # (B, T)
        energy = (frames[:, :, ENERGY] - usual[:, LEVEL, None]) / self.frame_scale[ENERGY]
        planes = torch.stack([normal[:, :, MEL], mel], dim=1)
        contour = torch.stack([f0, normal[:, :, PERIODICITY], energy], dim=1)
        if padding is None:
            return planes, contour
        return planes.masked_fill(padding[:, None, :, None], 0.0), contour.masked_fill(padding[:, None, :], 0.0)


def _silenced(x: Tensor, padding: Tensor | None) -> Tensor:
    """Zeros in the padding of ``(B, C, T)`` or ``(B, C, T, F)``: what a convolution finds beyond the end of an unpadded utterance."""
    if padding is None:
        return x
    return x.masked_fill(padding[:, None, :, None] if x.dim() == 4 else padding[:, None], 0.0)
