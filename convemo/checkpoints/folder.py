"""A checkpoint's folder: here, in the hub's cache or fetched into it; looked at before anything heavy is imported."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from convemo.errors import EngineUnavailable
from convemo.types import ModelInfo
from convemo.weights import file_sha256, hub

CONFIG = "config.json"
SETTINGS = "convemo.json"
"""What `convemo train` leaves beside a checkpoint, and what may be put beside any: `CheckpointSettings`."""
WEIGHTS = "*.safetensors"
PICKLES = "pytorch_model*.bin"
UNKNOWN_LICENCE = "unknown"
_BESIDE = ("tokenizer*", "vocab*", "merges.txt", "*.model", "*tokens*.json", "p*processor_config.json", "chat_template*", "README.md")
_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


class CheckpointSettings(BaseModel):
    """``convemo.json`` beside a checkpoint: what its own files do not say.

    >>> CheckpointSettings(labels={"LABEL_0": "neutral", "LABEL_1": None, "LABEL_2": "joy"}).set is None
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, str | None] = {}
    """The checkpoint's label → ours, ``null`` where it is dropped; those not named go by the usual names."""
    set: tuple[str, ...] | None = None
    """The labels that it leads to; absent: our seven."""
    turns: int = Field(0, ge=0, le=32)
    """How many earlier utterances are read along with each; text only."""
    id: str | None = None
    licence: str | None = None
    """SPDX identifier of the weights."""
    made_by: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder in Hugging Face form whose ``config.json`` has been read."""

    folder: Path
    name: str
    """As people call it: the id, or the folder's name."""
    config: Mapping[str, Any]
    settings: CheckpointSettings
    licence: str
    """SPDX identifier; `UNKNOWN_LICENCE` where neither ``convemo.json`` nor the head of README.md states one."""
    pickle: bool = False
    """Whether its weights are a pickle."""

    @property
    def info(self) -> ModelInfo:
        """What provenance says: the name with the beginning of the weights' sha256, so that no two checkpoints pass for one."""
        files = sorted(self.folder.glob(WEIGHTS)) or sorted(self.folder.glob(PICKLES))
        sums = [file_sha256(path) for path in files]
        total = sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
        return ModelInfo(f"transformers:{self.settings.id or self.name}@{total[:8]}", total, self.licence)


def find(name: str, *, offline: bool = False, pickle: bool = False, announce: hub.Announce = hub.to_stderr) -> Checkpoint:
    """The checkpoint of this name. A folder is used as it is; an id is looked for in the cache, then fetched, announced.

    Args:
        name: a folder, or ``"OWNER/NAME"`` on the hub.
        offline: whether the network is out of bounds.
        pickle: whether weights may be a pickle.
        announce: told one sentence before anything is fetched.

    Raises:
        EngineUnavailable: there is none here and none can be fetched, or the folder is no checkpoint.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        trained = folder / "model"  # the --out of `convemo train` names its model too
        folder = trained if (trained / CONFIG).is_file() and not (folder / CONFIG).is_file() else folder
        return _read(folder, folder.resolve().name, pickle)
    if folder.exists() or not _ID.fullmatch(name) or name.startswith("."):
        raise EngineUnavailable("a checkpoint's folder, or an id such as OWNER/NAME", f"no folder at {name}", "Check the path.")
    weights = "pytorch_model.bin" if pickle else "model.safetensors"
    found = hub.cached(name, (weights if pickle else WEIGHTS, CONFIG))
    if found is None and offline:
        expected = f"the checkpoint {name} on this machine (offline: nothing is fetched)"
        raise EngineUnavailable(expected, f"no folder of that name, and none in {hub.cache_folder()}", _mend(name))
    if found is None:
        found = _fetch(name, weights, announce)
    return _read(found, name, pickle)


def _fetch(name: str, weights: str, announce: hub.Announce) -> Path:
    try:
        return hub.fetch(name, (weights, CONFIG), (*_BESIDE, SETTINGS), f"the checkpoint {name}", f"hf download {name}", announce)
    except EngineUnavailable as error:
        if "HTTP 404" not in error.found:
            raise
        if weights.endswith(".safetensors"):
            try:
                # Beyond 5 GB, weights lie in parts, listed in an index.
                parts = (f"{weights}.index.json", "model-*.safetensors", CONFIG)
                return hub.fetch(name, parts, (*_BESIDE, SETTINGS), f"the checkpoint {name}, in parts", f"hf download {name}", announce)
            except EngineUnavailable as second:
                if "HTTP 404" not in second.found:
                    raise
        hint = "Check the id. If it has pytorch_model.bin alone, which is a pickle, and you trust it, add ?weights=pickle."
        raise EngineUnavailable(f"{weights} in {hub.endpoint()}/{name}", "none of that name", hint) from error


def _mend(name: str) -> str:
    return f"Fetch it once, with network: `hf download {name}`, or name a folder."


def _read(folder: Path, name: str, pickle: bool) -> Checkpoint:
    """Reads and checks what is small.

    Raises:
        EngineUnavailable: no ``config.json``, no weights, only a pickle, or a ``convemo.json`` that makes no sense.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "Name the folder that save_pretrained or `hf download` made, or one that `convemo train` did."
        raise EngineUnavailable(f"a Hugging Face checkpoint in {folder}", f"no {CONFIG} that can be read", hint) from error
    except ValueError as error:
        raise EngineUnavailable(f"JSON in {path}", str(error), "Copy the folder again.") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        hint = "It is some other library's config.json: convert the model to transformers first."
        raise EngineUnavailable(f"a model_type in {path}", "none", hint)
    here = any(folder.glob(WEIGHTS))
    pickles = sorted(file.name for suffix in ("bin", "pt", "pth", "ckpt") for file in folder.glob(f"*.{suffix}"))
    if not here and pickles and not pickle:
        raise EngineUnavailable(
            f"weights as safetensors in {folder}",
            f"only {', '.join(pickles)}, a pickle, which can run code where it is read carelessly",
            "If you trust it, add ?weights=pickle: it is then read with torch's restricted unpickler. Or save it again: "
            "`AutoModel….from_pretrained(F).save_pretrained(G)` writes safetensors.",
        )
    if not here and not any(folder.glob(PICKLES)):
        raise EngineUnavailable(f"weights ({WEIGHTS}) in {folder}", "none", "Copy the folder again, whole.")
    settings = read_settings(folder / SETTINGS) if (folder / SETTINGS).is_file() else CheckpointSettings()
    return Checkpoint(folder, name, config, settings, settings.licence or stated_licence(folder / "README.md"), not here)


def read_settings(path: Path) -> CheckpointSettings:
    """A ``convemo.json``.

    Raises:
        EngineUnavailable: it is missing, no JSON, or holds something else.
    """
    try:
        return CheckpointSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EngineUnavailable(f"a mapping of labels at {path}", error.strerror or str(error), "Check the path.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise EngineUnavailable(
            f"{', '.join(CheckpointSettings.model_fields)} in {path}", f"{place}: {first['msg']}", "Mend it."
        ) from error


def stated_licence(readme: Path) -> str:
    """The licence in the YAML head of a model card (https://huggingface.co/docs/hub/model-cards), without a YAML parser."""
    try:
        text = readme.read_text(encoding="utf-8", errors="replace")[:20_000]
    except OSError:
        return UNKNOWN_LICENCE
    head = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    stated = re.search(r"^license:\s*(?:-\s+)?['\"]?(\w[\w.+-]*)", head[1], re.MULTILINE) if head else None
    return stated[1] if stated else UNKNOWN_LICENCE
