"""What every training shares: a seed, a log that a person and a script can read, progress, and where it all came from."""

from __future__ import annotations

import json
import math
import platform
import random
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from convemo.errors import ConfigError, EngineFailed

Progress = Callable[[str, float, float], None]
"""``(stage, completed, total)``, as everywhere in convemo."""

Config = TypeVar("Config", bound=BaseModel)


def read_config(path: Path, model: type[Config], **given: Any) -> Config:
    """A training's TOML file, validated at once.

    Args:
        path: the file.
        model: its fields.
        given: instead of what the file says, where it is not ``None``.

    Raises:
        ConfigError: the file is missing, is no TOML, or a setting is unknown or out of range.
    """
    import tomllib

    try:
        with open(path, "rb") as file:
            return model.model_validate(tomllib.load(file) | {name: value for name, value in given.items() if value is not None})
    except FileNotFoundError as error:
        raise ConfigError("a training configuration", f"no file at {path}", "The shipped ones are in convemo/training/configs.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"TOML in {path}", str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{place} in {path}: {first['msg']}", repr(first["input"])) from error


def seed_everything(seed: int) -> np.random.Generator:
    """Seeds Python, NumPy and torch, and gives back a generator of its own for sampling."""
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def provenance(config: BaseModel) -> dict[str, Any]:
    """The versions, machine and settings that a training ran with."""
    versions = {"python": platform.python_version()}
    for package in ("convemo", "torch", "transformers", "onnxruntime", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"versions": versions, "machine": platform.machine(), "config": config.model_dump(mode="json")}


class RunLog:
    """A JSON Lines file of what happened when, appended to, so that a resumed run continues its own log.

    Args:
        folder: the run's output folder, made if it is not there.
        progress: told of every step too, if given.
    """

    def __init__(self, folder: Path, progress: Progress | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.jsonl"
        self._progress = progress
        self._began = time.monotonic()

    def write(self, event: str, **values: Any) -> None:
        """One line: the event, the seconds since this process began, and whatever belongs to it.

        Raises:
            EngineFailed: its ``loss`` is no number: what is learnt from here on would be worthless.
        """
        if not math.isfinite(values.get("loss", 0.0)):
            raise EngineFailed(
                f"a loss at {event} {values.get(event, '')}".rstrip(),
                f"{values['loss']}: the training diverged",
                "Lower learning_rate, or train in float32 (precision, bfloat16).",
            )
        line = {"event": event, "elapsed_s": round(time.monotonic() - self._began, 1), **_plain(values)}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def progress(self, stage: str, completed: float, total: float) -> None:
        """Tells whoever watches how far a stage has come."""
        if self._progress is not None:
            self._progress(stage, completed, total)


def write_json(path: Path, value: Any) -> None:
    """Readable JSON, written beside and then renamed, so that a killed run leaves no half file."""
    beside = path.with_suffix(path.suffix + ".part")
    beside.write_text(json.dumps(_plain(value), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays as JSON numbers; floats to six figures, which is more than any training measures."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}")
    return value.item() if isinstance(value, np.generic) else value
