"""Every setting of an analysis, in one frozen object that also loads from TOML."""

from __future__ import annotations

import hashlib
import json
import tomllib
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from convemo.errors import ConfigError
from convemo.limits import Limits
from convemo.policy import Policy
from convemo.types import Role

CHANNELS = ("text", "acoustic", "fused")
"""Which opinions are formed if nobody says; where a language model is given, its own before they are fused."""


class AnalyzerConfig(BaseModel):
    """What an `Analyzer` does. Unknown settings are errors, so that a typing mistake is not silently the default.

    >>> AnalyzerConfig(asr="none", channels="acoustic").channels
    ('acoustic',)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asr: str = "auto"
    """``"auto"``, ``"none"``, or an engine with its model: ``"faster-whisper:small"``, ``"openai-whisper:base"``, ``"pocketsphinx"``."""
    diarizer: str = "auto"
    """``"auto"``, ``"none"`` (one speaker), ``"channels"``, ``"embedded"``, ``"pyannote"``."""
    text: str = "default"
    """The text channel: ``"default"``, ``"default:FOLDER"`` with weights of your own, or ``"transformers:PATH_OR_ID"``, any checkpoint."""
    acoustic: str = "default"
    """The acoustic channel: as for text; ``"transformers:PATH_OR_ID"`` is an audio classifier (wav2vec2, HuBERT, WavLM, Whisper …)."""
    llm: str | None = None
    """A language model that reads the words too: ``"openai:URL#MODEL"``, ``"transformers:PATH"``, ``"vllm:MODEL"``, or the folder that
    ``convemo train llm`` wrote; see docs/llm.md."""
    llm_prompt: str | None = None
    """How it is asked: a name that ``convemo prompts list`` shows, or the path of a TOML file of that form. ``None``: with the prompt that
    it was taught with, and any other model with ``"zero-shot"``."""
    llm_permutations: int | None = Field(None, ge=1, le=100)
    """Orders of the options that its answers are averaged over; ``None`` for as many as there are labels."""
    llm_calibration: Literal["none", "null", "batch"] = "none"
    """What is taken out of its answers: ``"null"``, what it answers to nothing; ``"batch"``, the mean of the conversation so far."""
    denoise: str = "none"
    """What cleans the sound for the acoustic channel alone: ``"none"``, or a denoiser and its strength, ``"webrtc:1"`` to ``"…:4"``."""
    fusion: str = "shipped"
    """``"shipped"``, or what you have fitted: the folder that ``convemo train fusion`` wrote, or a fusion.json."""
    channels: tuple[Literal["text", "acoustic", "llm", "fused"], ...] = CHANNELS
    """Which opinions to form; where `llm` is given, its own is among them unless others are named.
    Without ``"fused"`` the first one named is each utterance's label, and history is not used."""
    weights: Literal["all", "permissive"] = "all"
    """``"permissive"`` leaves off every channel whose weights may not be used commercially."""
    language: str | None = Field(None, pattern="^[a-z]{2,3}$")
    """ISO 639-1 code of what is spoken; ``None`` to detect it."""
    translate: bool = False
    """Whether Whisper translates what is spoken in another language into English, which the text channel reads."""
    num_speakers: int | None = Field(None, ge=1)
    min_speakers: int | None = Field(None, ge=1)
    max_speakers: int | None = Field(None, ge=1)
    enroll: dict[str, str] = {}
    """Name → a recording of that person's voice alone. Speakers who sound like it get the name; nothing of the voice is stored."""
    roles: dict[str, Role] = {}
    """Speaker id or name, or ``"channel:0"`` → ``"agent"``, ``"customer"`` or ``"other"``."""
    policy: Policy = Policy()
    smooth: bool = False
    """Whether later utterances may inform earlier ones. Off, every utterance is judged as it would be in a live call."""
    describe: bool = False
    """Whether each utterance's voice is described in numbers (F0, loudness, rate, jitter, formants …): see docs/voice.md."""
    offline: bool = False
    """Whether the network is out of bounds: weights that are not here are then not fetched."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str | None = None
    """What faster-whisper computes in, e.g. ``"float32"``; ``None`` is int8 on a processor and float16 on a GPU."""
    limits: Limits = Limits()

    @field_validator("channels", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("channels")
    @classmethod
    def _some_channel(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not set(value) - {"fused"}:
            raise ValueError("name at least one of text, acoustic, llm: 'fused' alone has nothing to fuse")
        return tuple(dict.fromkeys(value))

    @field_validator("roles", mode="before")
    @classmethod
    def _lower_case(cls, value: Any) -> Any:
        return {who: r.casefold() if isinstance(r, str) else r for who, r in value.items()} if isinstance(value, dict) else value

    @field_validator("policy", mode="before")
    @classmethod
    def _parsed_policy(cls, value: Any) -> Any:
        return Policy.parse(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> AnalyzerConfig:
        if self.llm is not None and "channels" not in self.model_fields_set:
            # Around pydantic: it was not set by anybody, so that a config made from this one without an llm asks for none.
            object.__setattr__(self, "channels", ("text", "acoustic", "llm", "fused"))
        if self.llm is None and "llm" in self.channels:
            raise ValueError("channels: llm needs a language model: llm='transformers:PATH', --llm")
        if self.min_speakers and self.max_speakers and self.min_speakers > self.max_speakers:
            raise ValueError(f"min_speakers {self.min_speakers} is more than max_speakers {self.max_speakers}")
        if self.num_speakers and not (self.min_speakers or 1) <= self.num_speakers <= (self.max_speakers or self.num_speakers):
            raise ValueError(f"num_speakers {self.num_speakers} is not between min_speakers and max_speakers")
        return self

    @classmethod
    def make(cls, base: AnalyzerConfig | str | PathLike | None = None, **settings: Any) -> AnalyzerConfig:
        """A config, or the one in a TOML file, with some settings changed.

        Raises:
            ConfigError: a setting is unknown or makes no sense; the message names it.
        """
        if isinstance(base, str | PathLike):
            base = cls.from_toml(base)
        if base is not None and not isinstance(base, AnalyzerConfig):
            raise ConfigError(
                "an AnalyzerConfig or the path of a TOML file", type(base).__name__, "Single settings go by name: asr='none'."
            )
        given = {name: getattr(base, name) for name in base.model_fields_set} if base is not None else {}
        try:
            return cls(**{**given, **settings})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "settings"
            unknown = first["type"] == "extra_forbidden"
            known = Policy.model_fields if first["loc"][:1] == ("policy",) and len(first["loc"]) > 1 else cls.model_fields
            expected = f"one of {', '.join(known)}" if unknown else first["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{name}: {expected}", repr(first["input"])[:80]) from error

    @classmethod
    def from_toml(cls, path: str | PathLike) -> AnalyzerConfig:
        """The config in a TOML file; ``[policy]``, ``[roles]`` and ``[limits]`` are tables.

        Raises:
            ConfigError: the file is missing, is not TOML, or holds a setting that makes no sense.
        """
        try:
            settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"a TOML file at {path}", str(error)) from error
        try:
            return cls.make(**settings)
        except ConfigError as error:
            raise ConfigError(f"in {path}, {error.expected}", error.found, error.hint) from error

    def sha256(self) -> str:
        """A fingerprint: the same for the same settings, whatever order they were given in."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
