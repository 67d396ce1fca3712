"""An llm channel by its spec: ``ENGINE:ARGUMENT``, and how it is asked: ``transformers:PATH?prompt=few-shot&permutations=3``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convemo import registry
from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.calibration import CALIBRATIONS
from convemo.llm.channel import MOST_PERMUTATIONS, LlmChannel, Unavailable
from convemo.llm.prompt import DEFAULT, Prompt
from convemo.weights import MANIFEST, load_manifest

KEYS = ("prompt", "permutations", "calibration")
"""What may stand after ``?`` about the asking; everything else there is the engine's own."""
PROMPT = "prompt.toml"
"""In a model folder of ``convemo train llm``: how it was asked when it was taught."""


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """Which engine, and how it is asked.

    >>> ChannelSpec.parse("openai:http://localhost:8000/v1#Qwen?prompt=few-shot&permutations=3")
    ChannelSpec(engine='openai:http://localhost:8000/v1#Qwen', prompt='few-shot', permutations=3, calibration='none')
    """

    engine: str
    prompt: str | None = None
    """A name or a file; ``None`` for the one that the model was taught with, or else `convemo.llm.prompt.DEFAULT`."""
    permutations: int | None = None
    calibration: str = "none"

    @classmethod
    def parse(cls, spec: str, **settings: Any) -> ChannelSpec:
        """The spec in a text.

        Args:
            spec: what somebody wrote; what it says of the asking wins over the settings.
            settings: fields of `ChannelSpec`; ``None`` stands for the default.

        Raises:
            ConfigError: a number is none.
        """
        before, mark, query = spec.rpartition("?")
        pairs = [pair.partition("=")[::2] for pair in query.split("&")] if mark else []
        own = {key: value for key, value in pairs if key in KEYS}
        rest = [f"{key}={value}" if value else key for key, value in pairs if key not in KEYS]
        engine = (before + (f"?{'&'.join(rest)}" if rest else "")) if own else spec
        given = {name: value for name, value in settings.items() if value is not None} | own
        if isinstance(count := given.get("permutations"), str):
            if not count.isdecimal() or len(count) > 9:
                raise ConfigError("a whole number after permutations=", repr(count))
            given["permutations"] = int(count)
        return cls(engine, **given)

    def check(self, offline: bool = False) -> ChannelSpec:
        """The spec itself, if what can be told without loading anything is in order.

        Raises:
            ConfigError: there is no such prompt, it makes no sense, or one cannot be asked so; or the engine's argument makes no sense.
            UnknownEngine: nobody registered the engine.
        """
        if self.permutations is not None and not 1 <= self.permutations <= MOST_PERMUTATIONS:
            raise ConfigError(f"1 to {MOST_PERMUTATIONS} permutations of the options", str(self.permutations))
        if self.calibration not in CALIBRATIONS:
            raise ConfigError(f"one of {', '.join(CALIBRATIONS)} as the llm's calibration", repr(self.calibration))
        if self.prompt is not None:
            Prompt.load(self.prompt)
        if not Path(self.engine.partition("?")[0]).expanduser().is_dir():
            name, _, argument = self.engine.partition(":")
            engine = registry.find("llm", name)
            if hasattr(engine, "check"):
                engine.check(argument or None, offline)
        return self


def open_llm(
    spec: ChannelSpec | str, *, device: str = "auto", offline: bool = False, announce: Callable[[str], None] | None = None
) -> LlmChannel:
    """The channel that a spec names.

    Args:
        spec: the engine and how it is asked; or a folder that ``convemo train llm`` made.
        device, offline, announce: as everywhere; an engine gets those that it has a parameter for.

    Raises:
        ConfigError: the spec, or the prompt, makes no sense.
        UnknownEngine: nobody registered it.
        EngineUnavailable: what the engine needs is not installed, not here, or does not answer.
    """
    spec = _taught((ChannelSpec.parse(spec) if isinstance(spec, str) else spec).check(offline))
    prompt = Prompt.load(spec.prompt or DEFAULT)  # what is wrong with it is told before anything large is loaded
    orders = {"permutations": spec.permutations, "calibration": spec.calibration}
    machine = registry.understood("llm", spec.engine, device=device, offline=offline, announce=announce)
    return LlmChannel(registry.build("llm", spec.engine, **machine), prompt, **orders)


def open_or_explain(spec: ChannelSpec, **machine: Any) -> LlmChannel | Unavailable:
    """The same; but a language model that is not there is a channel whose every row says so, for an analysis can do without it.

    Raises:
        ConfigError, UnknownEngine: as `open_llm`.
    """
    began = time.monotonic()
    try:
        return open_llm(spec, **machine)
    except EngineUnavailable as error:
        return Unavailable(error, Prompt.load(spec.prompt or DEFAULT), time.monotonic() - began)


def _taught(spec: ChannelSpec) -> ChannelSpec:
    """Of a folder that ``convemo train llm`` made, or its ``--out``: the model in it, with the prompt that it was taught with."""
    name, mark, query = spec.engine.partition("?")
    for folder in (Path(name).expanduser(), Path(name).expanduser() / "model"):
        if (folder / MANIFEST).is_file() and (model := load_manifest(folder)).channel == "llm":
            once = model.manifest.get("permutations")  # of a model that knows the options in one order only
            engine, prompt = f"transformers:{folder}{mark}{query}", spec.prompt or str(folder / PROMPT)
            return replace(spec, engine=engine, prompt=prompt, permutations=spec.permutations or once)
    return spec
