"""Every setting of a fine-tuning of a language model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from convemo.llm.prompt import DEFAULT
from convemo.training.finetune import SELECTION


class LoraSettings(BaseModel):
    """The adapter (Hu et al. 2022, arXiv:2106.09685)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=0, le=1024)
    """0 trains every weight instead, and gives a whole checkpoint."""
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"
    """Modules that get an adapter, by name; ``"all-linear"``: every linear layer but the last."""


class LlmConfig(BaseModel):
    """The settings; ``configs/llm_8b.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    init: str | None = None
    corpora: tuple[str, ...] = ()
    prompt: str = DEFAULT
    seed: int = 1
    epochs: int = Field(2, ge=1)
    batch_size: int = Field(32, ge=1)
    together: int = Field(8, ge=1)
    orders: int = Field(1, ge=0)
    """Random orders of the options in which an utterance is asked about, in each epoch; 0: always the labels' own, dev and test too."""
    pack_tokens: int = Field(4096, ge=1)
    longest: int = Field(4096, ge=32)
    learning_rate: float = Field(2e-4, gt=0, lt=1)
    warmup: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0, lt=1)
    beyond_options: float = Field(1.0, ge=0)
    class_weight_power: float = Field(0.0, ge=0, le=1)
    select: Literal[("nll", *SELECTION)] = "weighted_f1"
    evaluations: int = Field(2, ge=1)
    permutations: int = Field(2, ge=1, le=100)
    gradient_checkpointing: bool = False
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(1, ge=1)
    lora: LoraSettings = LoraSettings()

    @property
    def asked_orders(self) -> int:
        """Orders of the options that dev and test are asked in: the one that was taught, or `permutations`."""
        return self.permutations if self.orders else 1
