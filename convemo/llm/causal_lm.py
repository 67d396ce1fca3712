"""A causal language model in memory: found, checked, loaded, an adapter put on, placed.

transformers, torch and peft are imported here when a model is loaded. Weights are safetensors unless a pickle was asked for, and code
that comes with a checkpoint is never run (``trust_remote_code``).
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl

from convemo.checkpoints.folder import CONFIG, SETTINGS, UNKNOWN_LICENCE, Checkpoint, find, read_settings, stated_licence
from convemo.checkpoints.load import import_transformers, load_processor, quiet
from convemo.errors import ConfigError, EngineUnavailable
from convemo.types import ModelInfo
from convemo.weights import file_sha256, hub

Precision = Literal["float32", "bfloat16", "float16"]
KEYS = ("dtype", "weights", "adapter", "context")
INSTALL_ADAPTERS = "pip install 'convemo[llm]'"
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
CONTEXTS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len")
"""What configs call the longest input, the usual name first."""
MOST_CONTEXT = 16_384
"""Tokens that are read at most, however many the model could: prompts have 32 utterances of history."""
USUAL_CONTEXT = 2048
"""Tokens, where neither config nor tokenizer says."""


@dataclass(frozen=True, slots=True)
class LlmSpec:
    """What stands after ``transformers:``: ``PATH_OR_ID[?dtype=…][&adapter=…][&context=…][&weights=pickle]``.

    >>> LlmSpec.parse("Qwen/Qwen2.5-1.5B-Instruct?dtype=bfloat16")
    LlmSpec(name='Qwen/Qwen2.5-1.5B-Instruct', dtype='bfloat16', adapter=None, context=None, pickle=False)
    """

    name: str
    """A folder here, or an id on the hub."""
    dtype: Precision | None = None
    """``None``: bfloat16 on a GPU, float32 on a processor."""
    adapter: str | None = None
    """A PEFT adapter's folder, or its id on the hub."""
    context: int | None = None
    """Most tokens that are read at once; ``None``: as many as the model can, at most `MOST_CONTEXT`."""
    pickle: bool = False
    """Whether weights may be read from a pickle, with torch's restricted unpickler."""

    @classmethod
    def parse(cls, argument: str | None, adapter: str | None = None) -> LlmSpec:
        """The spec in an engine's argument; `adapter` goes before the one that it names.

        Raises:
            ConfigError: no model is named, or a setting is unknown or makes no sense.
        """
        name, given = parse_settings(argument, KEYS)
        for key, allowed in (("dtype", get_args(Precision)), ("weights", ("safetensors", "pickle"))):
            if key in given and given[key] not in allowed:
                raise ConfigError(f"{key}={'|'.join(allowed)}", repr(given[key]))
        context = given.get("context")
        if context is not None and (not context.isdecimal() or int(context) < 16):
            raise ConfigError("context=TOKENS, at least 16", repr(context))
        pickle = given.get("weights") == "pickle"
        return cls(name, given.get("dtype"), adapter or given.get("adapter") or None, int(context) if context else None, pickle)


@dataclass(frozen=True, slots=True, eq=False)
class CausalLm:
    """A model that says which token comes next, and its tokenizer."""

    model: Any
    tokenizer: Any
    info: ModelInfo
    longest: int
    """Most tokens that it is given at once."""


def parse_settings(argument: str | None, keys: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """A model's name and the settings after ``?``.

    Raises:
        ConfigError: no model is named, or a setting is unknown.
    """
    name, _, query = (argument or "").partition("?")
    if not name:
        raise ConfigError("a model after the engine's name", "none", "Name a folder or an id, e.g. transformers:OWNER/NAME.")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := [key for key in given if key not in keys]:
        raise ConfigError(f"one of {', '.join(keys)} after '?'", ", ".join(map(repr, unknown)), "Several go with '&' between them.")
    return name, given


def load(spec: LlmSpec, *, device: str, offline: bool, announce: hub.Announce) -> CausalLm:
    """The model that a spec names, ready to be asked.

    Raises:
        EngineUnavailable: a package is missing; the model or adapter is not here, damaged, or something else; there is no such device,
            or not enough memory on it.
    """
    checkpoint, adapter = resolve(spec, offline, announce)
    transformers = import_transformers()
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = getattr(torch, spec.dtype or ("bfloat16" if device.startswith("cuda") else "float32"))
    tokenizer = load_processor(checkpoint, "text")
    model = _load_network(checkpoint, transformers, dtype)
    if adapter is not None:
        model = _with_adapter(model, adapter)
    try:
        model = model.to(device, dtype).eval()
    except (RuntimeError, AssertionError) as error:  # torch.OutOfMemoryError is a RuntimeError
        found, hint = str(error).splitlines()[0], "Pass device='cpu', or choose a smaller model."
        raise EngineUnavailable(f"the device {device!r} for torch, with room for {checkpoint.name}", found, hint) from error
    info = checkpoint.info if adapter is None else adapter.over(checkpoint.info)
    return CausalLm(model, tokenizer, info, min(spec.context or MOST_CONTEXT, longest_context(model.config, tokenizer)))


def resolve(spec: LlmSpec, offline: bool, announce: hub.Announce) -> tuple[Checkpoint, Adapter | None]:
    """The checkpoint and the adapter that a spec names. The folder of an adapter stands for the model that it was made for, with it.

    Raises:
        EngineUnavailable: either is not here and cannot be fetched, or is something else.
    """
    folder = Path(spec.name).expanduser()
    if spec.adapter is None and any((place / ADAPTER).is_file() and not (place / CONFIG).is_file() for place in (folder, folder / "model")):
        adapter = find_adapter(spec.name, offline=offline, announce=announce)
        try:
            return find(adapter.base, offline=offline, pickle=spec.pickle, announce=announce), adapter
        except EngineUnavailable as error:
            expected = f"{adapter.base or 'a model'}, for which the adapter in {adapter.folder} was made: {error.expected}"
            hint = f"If it lies elsewhere, name it and the adapter: MODEL?adapter={spec.name}. {error.hint}"
            raise EngineUnavailable(expected, error.found, hint) from error
    checkpoint = find(spec.name, offline=offline, pickle=spec.pickle, announce=announce)
    return checkpoint, find_adapter(spec.adapter, offline=offline, announce=announce) if spec.adapter else None


def longest_context(config: Any, tokenizer: Any) -> int:
    """Most tokens that a model reads at once.

    >>> from types import SimpleNamespace as Config
    >>> longest_context(Config(n_positions=1024), Config(model_max_length=10**30))
    1024
    """
    config = config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config
    stated = (getattr(config, name, None) for name in CONTEXTS)
    longest = next((value for value in stated if isinstance(value, int) and value > 0), None)
    longest = longest or (tokenizer.model_max_length if tokenizer.model_max_length < 10**9 else USUAL_CONTEXT)
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if isinstance(rope, Mapping) and rope.get("rope_type", rope.get("type")) in ("longrope", "dynamic"):
        # These turn positions by other angles once anything in a batch is longer: what is kept would be wrong, and depend on company.
        original = rope.get("original_max_position_embeddings") or getattr(config, "original_max_position_embeddings", None)
        longest = min(longest, original or longest)
    return min(longest, MOST_CONTEXT)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A PEFT adapter's folder whose ``adapter_config.json`` has been read."""

    folder: Path
    name: str
    base: str
    """The model that it was made for."""

    def over(self, base: ModelInfo) -> ModelInfo:
        """What provenance says of a model with this adapter."""
        own = file_sha256(self.folder / ADAPTER_WEIGHTS)
        total = hashlib.sha256(f"{base.sha256}{own}".encode()).hexdigest()
        licence = stated_licence(self.folder / "README.md")
        both = base.licence if licence in (UNKNOWN_LICENCE, base.licence) else f"{base.licence} AND {licence}"
        return replace(base, id=f"{base.id}+{self.name}@{own[:8]}", sha256=total, licence=both)


def find_adapter(name: str, *, offline: bool, announce: hub.Announce) -> Adapter:
    """The adapter of this name: a folder, or an id that is in the hub's cache or is fetched.

    Raises:
        EngineUnavailable: there is none, or it is a pickle, or of a kind that is more than other weights.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        trained = folder / "model"  # the --out of `convemo train` names its adapter too
        folder = trained if (trained / ADAPTER).is_file() and not (folder / ADAPTER).is_file() else folder
    elif folder.exists() or name.count("/") != 1 or name.startswith("."):
        raise EngineUnavailable("an adapter's folder, or an id such as OWNER/NAME", f"no folder at {name}", "Check the path.")
    else:
        found, files = hub.cached(name, (ADAPTER_WEIGHTS, ADAPTER)), (ADAPTER_WEIGHTS, ADAPTER)
        mend = f"hf download {name}"
        if found is None and offline:
            expected = f"the adapter {name} on this machine (offline: nothing is fetched)"
            raise EngineUnavailable(expected, f"none in {hub.cache_folder()}", f"Fetch it once, with network: `{mend}`.")
        folder = found or hub.fetch(name, files, ("README.md",), f"the adapter {name}", mend, announce)
    try:
        config = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        kind, base = str(config["peft_type"]), str(config.get("base_model_name_or_path") or "")
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"{type(error).__name__}: {error}"
        hint = "Name the folder that `convemo train llm` or peft's save_pretrained made."
        raise EngineUnavailable(f"a PEFT adapter with its {ADAPTER} in {folder}", found, hint) from error
    if "PROMPT" in kind or "PREFIX" in kind or kind in ("P_TUNING", "CPT"):
        raise EngineUnavailable(f"an adapter of weights, such as LoRA, in {folder}", f"{kind}, made-up tokens", "Train a LoRA adapter.")
    if not (folder / ADAPTER_WEIGHTS).is_file():
        found = "a pickle, which can run code" if (folder / "adapter_model.bin").is_file() else "none"
        raise EngineUnavailable(f"{ADAPTER_WEIGHTS} in {folder}", found, "Save it again with peft 0.14 or later: it writes safetensors.")
    if Path(name).expanduser().is_dir():
        told = read_settings(folder / SETTINGS).id if (folder / SETTINGS).is_file() else None
        name = told or folder.resolve().name
    return Adapter(folder, name, base)


def _load_network(checkpoint: Checkpoint, transformers: Any, dtype: Any) -> Any:
    """The network on the processor, all of its weights the checkpoint's own."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    stated = checkpoint.config.get("architectures")
    stated = [str(name) for name in stated] if isinstance(stated, list) else []
    known = {name for names in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values() for name in ([names] if isinstance(names, str) else names)}
    if not set(stated) & known:
        found = f"{', '.join(stated) or 'no architecture named'} in its config.json"
        hint = "Choose a model that generates text. Code that comes with a checkpoint is never run; a newer transformers may know it."
        raise EngineUnavailable(f"a causal language model in {checkpoint.folder}", found, hint)
    precision = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
    try:
        with quiet(transformers):
            model, info = transformers.AutoModelForCausalLM.from_pretrained(
                str(checkpoint.folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=not checkpoint.pickle,
                output_loading_info=True,
                **{precision: dtype},
            )
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or "alloc" in str(error)):
            raise _damaged(checkpoint, error) from error
        hint = "Choose a smaller model, or ?dtype=bfloat16."
        raise EngineUnavailable(f"room for {checkpoint.name} in memory", str(error).splitlines()[0][:200], hint) from error
    except Exception as error:  # safetensors', transformers' and torch's errors share no base
        raise _damaged(checkpoint, error) from error
    lacks = [*map(str, info["missing_keys"]), *(f"{key} of that size" for key in info.get("mismatched_keys") or ())]
    if lacks:
        found = f"no {', '.join(lacks[:3])}{' …' if len(lacks) > 3 else ''}"
        raise EngineUnavailable(f"the weights of the whole network in {checkpoint.folder}", found, "Copy or fetch the folder again.")
    return model


def _damaged(checkpoint: Checkpoint, error: Exception) -> EngineUnavailable:
    found = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
    hint = "If the files are damaged, copy or fetch them again; if the architecture is new, `pip install -U transformers`."
    return EngineUnavailable(f"a causal language model in {checkpoint.folder}", found, hint)


def _with_adapter(model: Any, adapter: Adapter) -> Any:
    """The network with an adapter in it, all of whose weights found their place."""
    if find_spec("peft") is None:
        raise EngineUnavailable("peft to be installed, for an adapter", "no peft", f"Install it: `{INSTALL_ADAPTERS}`.")
    import peft

    hint = f"It was made for {adapter.base or 'another model'}: name that one, or train another adapter."
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            made = peft.PeftModel.from_pretrained(model, str(adapter.folder), is_trainable=False)
    except Exception as error:  # whatever an adapter for something else runs into
        found = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
        raise EngineUnavailable(f"an adapter for {type(model).__name__} of this size in {adapter.folder}", found, hint) from error
    if any("missing adapter keys" in str(warning.message) for warning in heard):
        raise EngineUnavailable(f"all weights of the adapter in {adapter.folder}", "some missing", hint)
    return made.get_base_model()
