"""Two networks that everybody has written once: a convolutional one on MFCC, a recurrent one with attention."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from convemo.features import FRAME_CHANNELS, MEL
from convemo.training.acoustic_clips import pad

if TYPE_CHECKING:
    from convemo.training.acoustic_clips import Clips

MFCC = 40


class _OnFrames(nn.Module):
    """What both share: frames are standardised by the training part's mean and spread."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(FRAME_CHANNELS))
        self.register_buffer("scale", torch.ones(FRAME_CHANNELS))

    def measure(self, frames: np.ndarray) -> None:
        """Takes the statistics of ``(rows, 67)``."""
        self.mean.copy_(torch.from_numpy(frames.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(np.maximum(frames.std(axis=0), 1e-3)))

    def of(self, clips: Clips, rows: np.ndarray) -> Tensor:
        """Logits ``(B, K)`` of some clips in their first condition."""
        frames, lengths = pad([clips.clip_frames(0, i) for i in rows])
        padding = torch.arange(frames.shape[1]) >= torch.from_numpy(lengths)[:, None]  # (B, T)
        x = ((torch.from_numpy(frames) - self.mean) / self.scale).masked_fill(padding[..., None], 0.0)
        return self(x, padding)


class MfccCnn(_OnFrames):
    """MFCC as a cosine transform of the log-mel bands, then three convolutions, each halving time."""

    def __init__(self, labels: int, width: int, dropout: float):
        super().__init__()
        bands = MEL.stop - MEL.start
        place = (torch.arange(bands) + 0.5) * torch.pi / bands
        self.register_buffer("cosine", torch.cos(torch.arange(MFCC)[:, None] * place) * (2 / bands) ** 0.5)  # (40, 64)
        sizes = (MFCC, width, width, 2 * width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, 5, padding=2), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(dropout)) for a, b in pairwise(sizes)
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * width, labels))

    def forward(self, frames: Tensor, padding: Tensor) -> Tensor:
        x = (frames[..., MEL] @ self.cosine.T).transpose(1, 2)  # (B, 40, T)
        for block in self.blocks:
            x = block(x).masked_fill(padding[:, None], 0.0)
            x, padding = nn.functional.max_pool1d(x, 2, ceil_mode=True), padding[:, ::2]
        mean = x.sum(dim=-1) / (~padding).sum(dim=-1, keepdim=True)
        return self.head(torch.cat([mean, x.amax(dim=-1)], dim=-1))


class BilstmAttention(_OnFrames):
    """A bidirectional LSTM over every third frame's neighbourhood, and a weight for each moment."""

    TOGETHER = 3

    def __init__(self, labels: int, width: int, dropout: float):
        super().__init__()
        self.read = nn.Sequential(nn.Linear(self.TOGETHER * FRAME_CHANNELS, width), nn.ReLU(), nn.Dropout(dropout))
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.attend = nn.Linear(2 * width, 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, labels))

    def forward(self, frames: Tensor, padding: Tensor) -> Tensor:
        short = -frames.shape[1] % self.TOGETHER
        frames = nn.functional.pad(frames, (0, 0, 0, short))
        padding = nn.functional.pad(padding, (0, short), value=True)[:, :: self.TOGETHER]  # (B, T/3)
        x = self.read(frames.reshape(len(frames), -1, self.TOGETHER * FRAME_CHANNELS))  # (B, T/3, W)
        packed = nn.utils.rnn.pack_padded_sequence(x, (~padding).sum(dim=-1), batch_first=True, enforce_sorted=False)
        x, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])  # (B, T/3, 2W)
        weight = self.attend(x).masked_fill(padding[..., None], -1e9).softmax(dim=1)  # (B, T/3, 1)
        return self.head((weight * x).sum(dim=1))


NETWORKS = {"mfcc-cnn": MfccCnn, "bilstm-attention": BilstmAttention}


def log_probs(model: _OnFrames, clips: Clips, batch: int = 64) -> np.ndarray:
    """``(N, K)``."""
    model.eval()
    rows = np.argsort(clips.lengths(0))
    found = np.zeros((len(clips), len(clips.label_set)))
    with torch.inference_mode():
        for start in range(0, len(rows), batch):
            chosen = rows[start : start + batch]
            found[chosen] = model.of(clips, chosen).log_softmax(dim=-1).double().numpy()
    return found
