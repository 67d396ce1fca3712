"""Every setting of a text training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from convemo.text.reading import MOST_BACK, Reading


class Corpus(BaseModel):
    """One corpus of the mixture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passes: float | None = Field(None, gt=0, le=100)
    """How often it is gone through in the whole run; `TextConfig.passes` if absent."""
    format: str | None = None
    """The data set as the registry names it; the corpus's name if absent. ``"jsonl"`` for your own data."""
    path: Path | None = None
    """Its file or folder, counted from the working folder; the folder of its name in the folder of data if absent."""
    own_labels: bool = False
    """The labels as the corpus names them, lower case (EmoryNLP has this), instead of those that `data.mappings` makes of them."""
    without: str | None = None
    """Another corpus in the same folder of data: what is said in its dev or test part is left out of training here."""


class TextConfig(BaseModel):
    """Every setting of a text training; ``configs/text.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = "own-text"
    corpora: dict[str, Corpus] = {}
    passes: float = Field(4.0, gt=0, le=100)
    seed: int = 1
    encoder: str | None = None

    context: Literal["none", "cross-encoder", "dialogue"] = "none"
    turns: int = Field(3, ge=1, le=MOST_BACK)
    names: bool = False
    dialogue_layers: int = Field(2, ge=1, le=8)
    dialogue_heads: tuple[int, int, int] = (2, 2, 2)
    dialogue_rate: float = Field(5.0, gt=0, le=100)
    """The dialogue transformer learns so many times faster than the encoder."""

    batch_size: int = Field(64, ge=1, le=4096)
    learning_rate: float = Field(2e-4, gt=0, lt=1)
    layer_decay: float = Field(0.9, gt=0, le=1)
    frozen_layers: int = Field(0, ge=0)
    warmup: float = Field(0.06, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    ema: float = Field(0.0, ge=0, lt=1)
    precision: Literal["float32", "bfloat16"] = "float32"
    train_tokens: int = Field(64, ge=8, le=512)
    max_tokens: int = Field(128, ge=8, le=512)

    raw_share: float = Field(0.5, ge=0, le=1)
    misheard_share: float = Field(0.0, ge=0, le=1)
    word_error_rate: float = Field(0.15, ge=0, le=1)
    word_dropout: float = Field(0.0, ge=0, lt=1)
    history_dropout: float = Field(0.0, ge=0, lt=1)

    class_weight_power: float = Field(0.25, ge=0, le=1)
    oversample_power: float = Field(0.0, ge=0, le=1)
    focal_gamma: float = Field(0.0, ge=0, le=10)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    dimension_loss_weight: float = Field(0.5, ge=0)

    select: Literal["macro_f1", "weighted_f1"] = "macro_f1"
    evaluate_every: int = Field(400, ge=1)
    dev_examples: int = Field(1500, ge=1)
    checkpoint_every: int = Field(100, ge=1)
    threads: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _reach(self) -> TextConfig:
        if self.context == "dialogue" and self.turns % self.dialogue_layers:
            raise ValueError(f"turns must be a multiple of dialogue_layers: {self.turns} is none of {self.dialogue_layers}")
        return self

    @property
    def reading(self) -> Reading:
        """What the trained model reads."""
        return Reading(self.context, 0 if self.context == "none" else self.turns, self.names, self.max_tokens)

    def passes_of(self, corpus: str) -> float:
        return self.corpora[corpus].passes or self.passes

    def format_of(self, corpus: str) -> str:
        return self.corpora[corpus].format or corpus

    def root_of(self, corpus: str, data: Path) -> Path:
        """Where the corpus lies; `data` is the folder of data sets, or one file, which is then the corpus."""
        return data if data.is_file() else self.corpora[corpus].path or data / corpus
