"""A language model on its way through a fine-tuning: opened, given an adapter, written, merged."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from convemo.checkpoints.folder import SETTINGS, UNKNOWN_LICENCE, Checkpoint
from convemo.checkpoints.load import import_transformers, quiet
from convemo.checkpoints.spec import PREFIX
from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.causal_lm import ADAPTER, ADAPTER_WEIGHTS, INSTALL_ADAPTERS, CausalLm, LlmSpec, load, resolve
from convemo.llm.prompt import Prompt
from convemo.llm.spec import PROMPT
from convemo.training.card import write_manifest
from convemo.training.finetune_data import OWN_DATA
from convemo.training.llm_config import LlmConfig
from convemo.training.run import write_json
from convemo.weights import file_sha256, hub

MODEL, MERGED = "model", "merged"
"""Where in a run's folder the adapter (or the whole checkpoint) is, and where an adapter merged with its model."""
WEIGHTS = "model.safetensors"


def open_for_training(settings: LlmConfig, init: str | None) -> tuple[CausalLm, Checkpoint, Any]:
    """The model to start from, its checkpoint, and the network that is trained: whole, or with a fresh adapter.

    Raises:
        ConfigError: none is named, or what is named is an adapter itself.
        EngineUnavailable: it is not here, or a package is missing.
    """
    named = init or settings.init
    if not named or not named.startswith(PREFIX):
        raise ConfigError("--init transformers:PATH_OR_ID, or init in the config", repr(named), "Name the language model to start from.")
    rank = settings.lora.rank
    peft = _import_peft() if rank else None
    spec = LlmSpec.parse(named.removeprefix(PREFIX))
    checkpoint, adapter = resolve(spec, offline=False, announce=hub.to_stderr)
    if adapter is not None:
        hint = "Merge it first: `convemo train llm --merge --out RUN`, then start from RUN/merged."
        raise ConfigError("a whole checkpoint to start from", f"the adapter {adapter.folder}", hint)
    if rank == 0 and spec.dtype is None:  # small steps are lost in the sixteen bits of the weights themselves; autocast has none of that
        spec = LlmSpec(spec.name, "float32", None, spec.context, spec.pickle)
    lm = load(spec, device=settings.device, offline=False, announce=hub.to_stderr)
    lm.model.requires_grad_(rank == 0)
    model = lm.model
    if rank:
        lora = settings.lora
        targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
        made = peft.LoraConfig(r=rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM")
        try:
            with _no_future_warnings():
                model = peft.get_peft_model(lm.model, made)
        except ValueError as error:
            raise ConfigError(
                "lora.targets that this model has", str(error).splitlines()[0][:200], 'Try targets = "all-linear".'
            ) from error
        folder = Path(spec.name).expanduser()
        made.base_model_name_or_path = str(folder.resolve()) if folder.is_dir() else spec.name
    if settings.gradient_checkpointing:
        with _no_future_warnings():
            model.gradient_checkpointing_enable({"use_reentrant": False})
    return lm, checkpoint, model


def licence_of(origin: Checkpoint) -> str:
    """What came of a checkpoint and of data whose licence nobody here knows."""
    return OWN_DATA if origin.licence == UNKNOWN_LICENCE else f"{origin.licence} AND {OWN_DATA}"


def write_model(folder: Path, id: str, model: Any, lm: CausalLm, origin: Checkpoint, prompt_file: bytes) -> None:
    """The adapter, or the whole checkpoint, with what it must be asked with."""
    folder.mkdir(parents=True, exist_ok=True)
    with quiet(import_transformers()):
        model.to("cpu").save_pretrained(str(folder), safe_serialization=True)
        lm.tokenizer.save_pretrained(str(folder))
    (folder / PROMPT).write_bytes(prompt_file)
    write_json(folder / SETTINGS, {"id": id, "licence": licence_of(origin)})
    base = (getattr(model, "peft_config", None) or {}).get("default")
    head = {"license": licence_of(origin), **({"base_model": origin.name, "library_name": "peft"} if base else {})}
    told = "\n".join(f"{key}: {value}" for key, value in head.items())
    (folder / "README.md").write_text(f"---\n{told}\n---\n\nMade by `convemo train llm`. CARD.md says what it is.\n", encoding="utf-8")


def sign(folder: Path, settings: LlmConfig, origin: Checkpoint, prompt: Prompt, made_by: str, trained_on: Sequence[str]) -> None:
    """Writes ``model.json``, by which `convemo eval` and the like know the folder."""
    names = [*sorted(path.name for path in folder.glob("*.safetensors")), PROMPT]
    write_manifest(
        folder,
        id=settings.id,
        channel="llm",
        licence=licence_of(origin),
        files=names,
        made_by=made_by,
        labels=list(prompt.labels),
        base={"name": origin.name, "id": origin.info.id},
        prompt={"name": prompt.name, "sha256": prompt.sha256},
        trained_on=list(trained_on),
        permutations=None if settings.orders else settings.asked_orders,
    )


def merge(run: Path) -> Path:
    """Merges the adapter of a run into its model: a plain checkpoint, which vLLM and every other engine loads.

    The sum is made in float32 and kept in the model's own precision.

    Args:
        run: what `convemo train llm` wrote.

    Returns:
        The new folder, ``run/merged``.

    Raises:
        ConfigError: there is no adapter in it.
        EngineUnavailable: the model that it was made for is not here.
    """
    source = run / MODEL if (run / MODEL / ADAPTER).is_file() else run
    if not (source / ADAPTER).is_file():
        whole = (source / WEIGHTS).is_file() or (run / MODEL / WEIGHTS).is_file()
        found = "a whole checkpoint, which needs no merging" if whole else "none"
        raise ConfigError(f"an adapter in {run}", found, "Name the --out of a training with lora.rank above 0.")
    peft, transformers = _import_peft(), import_transformers()
    import torch

    base, _ = resolve(LlmSpec(str(source)), offline=False, announce=hub.to_stderr)
    stated = str(base.config.get("dtype") or base.config.get("torch_dtype") or "float32")
    lm = load(LlmSpec(str(base.folder), "float32"), device="cpu", offline=False, announce=hub.to_stderr)
    with _no_future_warnings():
        model = peft.PeftModel.from_pretrained(lm.model, str(source)).merge_and_unload(safe_merge=True)
    model = model.to(getattr(torch, stated, torch.float32))
    out = run / MERGED
    beside = run / f"{MERGED}.part"
    shutil.rmtree(beside, ignore_errors=True)
    with quiet(transformers):
        model.save_pretrained(str(beside), safe_serialization=True)
        lm.tokenizer.save_pretrained(str(beside))
    for name in (PROMPT, SETTINGS, "CARD.md", "README.md"):
        if (source / name).is_file():
            shutil.copy(source / name, beside / name)
    readme = beside / "README.md"
    if readme.is_file():
        readme.write_text(readme.read_text(encoding="utf-8").replace("library_name: peft\n", ""), encoding="utf-8")
    told = source / "model.json"
    if told.is_file():
        manifest = json.loads(told.read_text(encoding="utf-8"))
        names = [*sorted(path.name for path in beside.glob("*.safetensors")), PROMPT]
        manifest |= {"files": {name: file_sha256(beside / name) for name in names}, "merged": file_sha256(source / ADAPTER_WEIGHTS)}
        (beside / "model.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
    return out


def _import_peft() -> Any:
    """The package; transformers is imported before, mended, for peft imports it too.

    Raises:
        EngineUnavailable: it is not installed.
    """
    import_transformers()
    if find_spec("peft") is None:
        raise EngineUnavailable("peft to be installed, for a LoRA adapter", "no peft", f"Install it: `{INSTALL_ADAPTERS}`.")
    import peft

    return peft


@contextmanager
def _no_future_warnings() -> Iterator[None]:
    """Without warnings of what transformers will call otherwise one day, which is for us and peft to read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
