"""What we trained and ship: one folder a model, each with a manifest, a model card and its licence.

::

    weights/text/
      model.json        the manifest: id, channel, labels, licence, the sha256 of every file
      model.int8.onnx   the network
      tokenizer.json
      CARD.md           what it was trained on, how good it is, the command that makes it

A model of your own, made by ``convemo train``, is a folder in the same layout; every engine takes its path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convemo.errors import EngineUnavailable
from convemo.types import LabelSet, ModelInfo

MANIFEST = "model.json"
ROOT = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """A model folder whose manifest has been read."""

    name: str
    """The folder's name, e.g. ``"text"``."""
    folder: Path
    id: str
    """What the model is called in provenance, e.g. ``"convemo-text-minilm-2026.11"``."""
    channel: str
    """The part it serves: ``"text"``, ``"acoustic"``, ``"fusion"``."""
    licence: str
    """SPDX identifier of the weights' licence, which may be narrower than the code's."""
    files: Mapping[str, str]
    """File name → sha256, in hexadecimal."""
    labels: LabelSet | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The whole manifest, for what only this model's engine needs."""

    @property
    def permissive(self) -> bool:
        """Whether the licence allows commercial use."""
        return ModelInfo(self.id, licence=self.licence).permissive

    @property
    def size_bytes(self) -> int:
        return sum((self.folder / name).stat().st_size for name in self.files)

    def info(self, file: str) -> ModelInfo:
        """Which model scored, for results and provenance.

        Args:
            file: the file that holds the network, e.g. ``"model.int8.onnx"``.
        """
        return ModelInfo(self.id, self.files[file], self.licence)

    def path(self, file: str) -> Path:
        """Where a file of this model is."""
        return self.folder / file


def shipped() -> tuple[ShippedModel, ...]:
    """Every model in this package, in order of name. Reads manifests only; `load_manifest` checks the hashes."""
    return tuple(read_manifest(folder) for folder in sorted(ROOT.iterdir()) if (folder / MANIFEST).is_file())


def read_manifest(folder: Path | str) -> ShippedModel:
    """A model folder's manifest, without a look at its other files.

    Raises:
        EngineUnavailable: there is no manifest that can be read, or it lacks a field.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineUnavailable(
            f"a model folder with a {MANIFEST}", f"none at {folder}", "Make one with `convemo train`, or name another folder."
        ) from error
    except ValueError as error:
        raise EngineUnavailable(f"JSON in {folder / MANIFEST}", str(error), "Copy the model folder again.") from error
    fields = {"id": str, "channel": str, "licence": str, "files": dict}
    wrong = [name for name, kind in fields.items() if not isinstance(manifest, dict) or not isinstance(manifest.get(name), kind)]
    if wrong:
        raise EngineUnavailable(
            f"{', '.join(fields)} in {folder / MANIFEST}", f"none or the wrong type for {', '.join(wrong)}", "Copy the model folder again."
        )
    return ShippedModel(
        name=folder.name,
        folder=folder,
        id=manifest["id"],
        channel=manifest["channel"],
        licence=manifest["licence"],
        files=manifest["files"],
        labels=LabelSet(manifest["labels"]) if manifest.get("labels") else None,
        manifest=manifest,
    )


def load_manifest(folder: Path | str) -> ShippedModel:
    """A model folder whose every file is there and is what its manifest says.

    Raises:
        EngineUnavailable: there is no manifest, a file is missing, or a file is not the one that was signed for.
    """
    model = read_manifest(folder)
    for name, expected in model.files.items():
        path = model.folder / name
        if not path.is_file():
            raise EngineUnavailable(f"{name} in {model.folder}", "no such file", "Install convemo again, or copy the model folder again.")
        found = file_sha256(path)
        if found != expected:
            raise EngineUnavailable(
                f"{path} with sha256 {expected[:12]}…", f"{found[:12]}…", "The file is damaged or altered: install or copy it again."
            )
    return model


def file_sha256(path: Path | str) -> str:
    """The sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
