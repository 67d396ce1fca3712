"""The settings of one training of the acoustic model: what a ``.toml`` for ``convemo train acoustic`` may say."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from convemo.training.acoustic_batches import Augmentation, Sampling

Corpus = Literal["ravdess", "nemo", "emodb", "emobox"]
Condition = Literal["clean", "slow", "fast", "telephone", "room", "codec"]


class Network(BaseModel):
    """See `convemo.acoustic.model.ModelConfig`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: Literal["bands", "cepstra"] = "cepstra"
    channels: tuple[int, int, int, int] = (24, 48, 64, 96)
    width: int = Field(256, ge=8)
    layers: int = Field(1, ge=0)
    heads: int = Field(4, ge=1)
    hidden: int = Field(256, ge=8)
    described: int = Field(192, ge=8)
    dropout: float = Field(0.2, ge=0, lt=1)
    described_dropout: float = Field(0.4, ge=0, lt=1)
    conditioning: Literal["none", "concat", "film", "cross"] = "concat"
    shrinkage: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _fits_together(self) -> Network:
        if self.encoder == "cepstra" and self.conditioning not in ("none", "concat"):
            raise ValueError(f'encoder = "cepstra" takes conditioning = "concat" or "none"; got "{self.conditioning}"')
        return self


class Loss(BaseModel):
    """What an error costs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    smoothing: float = Field(0.1, ge=0, lt=1)
    """Acted labels are what an actor meant, not what was heard, and a softmax sure of them is badly calibrated."""
    focus: float = Field(0.0, ge=0)
    """``γ`` of the focal loss (Lin et al. 2017, arXiv:1708.02002): what is right already counts less. 0 is cross-entropy."""
    weighting: float = Field(0.0, ge=0, le=1)
    """A label's errors count by ``n ** -weighting``, ``n`` being how many clips have it, the mean over the clips staying 1."""
    branches: float = Field(0.5, ge=0)
    """What the description's own judgement and the sound's own count beside the joint one."""


class AcousticConfig(BaseModel):
    """One training run of the acoustic model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field("convemo-acoustic", min_length=1)
    """What the model is called in provenance."""
    corpora: tuple[Corpus, ...] = ()
    """What is trained on, in the folder of data sets; with a file of one's own there are none to name."""
    fold: int = Field(1, ge=1, le=6)
    """Of `emobox`."""
    train_parts: tuple[Literal["train", "dev", "test"], ...] = ("train",)
    """Parts trained on. What is among them cannot choose the epoch (then the last one counts) or be scored as unheard."""
    zero_shot: tuple[Corpus, ...] = ()
    """Corpora that the model does not see and is scored on, all their clips."""
    seed: int = Field(1, ge=0)
    epochs: int = Field(60, ge=1)
    batch: int = Field(32, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    warm_up: float = Field(0.1, ge=0, lt=1)
    """Share of the steps in which the learning rate grows; then it falls along a cosine."""
    average: float = Field(0.995, ge=0, lt=1)
    """Decay of the running mean of the weights, a step."""
    conditions: tuple[Condition, ...] = ("clean", "slow", "fast")
    """What the training hears, see `acoustic_conditions`; the first is what dev and test hear."""
    scored_conditions: tuple[Condition, ...] = ()
    """In which the test part (without one, dev) is scored besides."""
    session: int | None = Field(None, ge=1)
    """After so many clips of a dev or test actor their history begins anew; by default it does not. Conversations have their own."""
    noise: Path | None = None
    """Folder with impulse responses and noises for the condition ``room``; by default ``noise/`` in the folder of data sets."""
    network: Network = Network()
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    sampling: Sampling = Sampling()
    bfloat16: bool = True
    """Mixed precision on a CPU: half the time where there is AMX, no loss of UA seen."""
    threads: int = Field(1, ge=1)
    export: bool = False
    """Whether to write the ONNX model, its manifest and card into ``model/`` in the output folder."""
    licence: str | None = None
    """SPDX identifier of the weights; by default what the corpora leave."""

    @model_validator(mode="after")
    def _unseen_is_unseen(self) -> AcousticConfig:
        def heard(corpora: tuple[str, ...]) -> set[str]:
            return {"ravdess" if name == "emobox" else name for name in corpora}

        if seen := heard(self.corpora) & heard(self.zero_shot):
            raise ValueError(f"{', '.join(sorted(seen))} cannot be both trained on and scored unheard")
        if "clean" not in self.conditions[:1]:
            raise ValueError(f"the first of the conditions must be 'clean'; got {list(self.conditions)}")
        if "train" not in self.train_parts:
            raise ValueError("train_parts must hold 'train'")
        return self
