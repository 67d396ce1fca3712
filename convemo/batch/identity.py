"""What makes two results the same: the content of the input, and the settings, versions and models that it was analysed with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convemo import __version__
from convemo.alerts import Rules
from convemo.asr import faster_whisper
from convemo.batch.inputs import Input
from convemo.batch.ledger import Ledger, Listed
from convemo.config import AnalyzerConfig
from convemo.errors import AudioError, EngineUnavailable, TranscriptError
from convemo.fusion.fuse import SHIPPED as FUSIONS
from convemo.llm.prompt import Prompt
from convemo.llm.spec import ChannelSpec
from convemo.weights import MANIFEST, ROOT, file_sha256

ALGORITHM = 1
"""Raised when results change although neither version nor settings do."""


class Contents:
    """Hashes of inputs, each file read once for as long as its size and time of change stay.

    Args:
        ledger: where the hashes are kept.
    """

    def __init__(self, ledger: Ledger):
        self._ledger = ledger
        self._files: list[tuple[str, int, int, str]] = []
        self._inputs: list[tuple[int, str]] = []

    def known(self, given: Input) -> str | None:
        """The input's content as far as that is known without reading it."""
        hashes = [self._kept(path) for path in (given.audio, given.transcript)]
        if any(path and not found for path, found in zip((given.audio, given.transcript), hashes)):
            return None
        return content_hash(given, *hashes)

    def read(self, listed: Listed) -> tuple[str, str | None, str | None]:
        """The input's content hash, and the sha256 of its recording and of its transcript.

        Raises:
            AudioError, TranscriptError: a file cannot be read.
        """
        given, hashes = listed.input, []
        for path, error in ((given.audio, AudioError), (given.transcript, TranscriptError)):
            try:
                hashes.append(self._hash(path) if path else None)
            except OSError as why:
                found = "no such file" if isinstance(why, FileNotFoundError) else why.strerror or str(why)
                raise error(path, "a file that can be read", found, "Check the path.") from why
        content = content_hash(given, *hashes)
        if content != listed.content:
            self._inputs.append((listed.id, content))
        return content, *hashes

    def save(self) -> None:
        """Writes down what was read."""
        if self._files or self._inputs:
            self._ledger.remember(self._files, self._inputs)
            self._files, self._inputs = [], []

    def _kept(self, path: str | None) -> str | None:
        if not path:
            return None
        try:
            info = os.stat(path)
        except OSError:
            return None
        return self._ledger.hash(path, info.st_size, info.st_mtime_ns)

    def _hash(self, path: str) -> str:
        info = os.stat(path)
        if kept := self._ledger.hash(path, info.st_size, info.st_mtime_ns):
            return kept
        found = file_sha256(path)
        self._files.append((path, info.st_size, info.st_mtime_ns, found))
        return found


def content_hash(given: Input, audio: str | None, transcript: str | None) -> str:
    """The hash of what is analysed: the files' bytes, which conversation, the roles that were told of it; not names, not metadata."""
    told = [audio, transcript, given.conversation, sorted(given.roles.items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def work_key(content: str, settings: str) -> str:
    """The key of one input under certain settings."""
    return hashlib.sha256(f"{content} {settings}".encode()).hexdigest()


def settings_of(config: AnalyzerConfig, redact: tuple[str, ...], analyzer: str, alerts: Rules | None = None) -> dict[str, Any]:
    """Everything beside the input that a result depends on, as it stands in the run's manifest."""
    return {
        **({} if alerts is None else {"alerts": alerts.to_dict()}),
        "convemo": __version__,
        "algorithm": ALGORITHM,
        "config": config.model_dump(mode="json"),
        "models": models_of(config),
        "redact": list(redact),
        "analyzer": analyzer,
    }


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Their sha256."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def models_of(config: AnalyzerConfig) -> dict[str, Any]:
    """Which models these settings lead to here, without loading one: a folder whose files changed is another model.

    >>> sorted(models_of(AnalyzerConfig(asr="none")))
    ['acoustic', 'fusion', 'text']
    """
    found: dict[str, Any] = {}
    for channel in (name for name in config.channels if name != "fused"):
        found[channel] = _language_model(config) if channel == "llm" else _model(channel, getattr(config, channel, None))
    if "fused" in config.channels:
        permissive = config.weights == "permissive" and config.fusion == "shipped"
        name = "shipped-text" if permissive else config.fusion
        found["fusion"] = _folder(ROOT / FUSIONS[name] if name in FUSIONS else Path(name))
    if config.asr == "auto":
        found["asr"] = sorted(faster_whisper.present())
    elif config.asr != "none":
        found["asr"] = _model("asr", config.asr)
    if config.enroll:
        found["enroll"] = {name: _folder(Path(path)) for name, path in config.enroll.items()}
    return found


def _language_model(config: AnalyzerConfig) -> Any:
    """The engine with its files, and the contents of the prompt: a file of the same name may say something else now."""
    spec = ChannelSpec.parse(config.llm or "", prompt=config.llm_prompt)
    engine, _, _ = spec.engine.partition("?")
    folder = _folder(Path(engine.partition(":")[2] or engine).expanduser())
    return [spec.engine, folder, Prompt.load(spec.prompt).sha256 if spec.prompt else None]


def _model(kind: str, spec: Any) -> Any:
    name, _, argument = str(spec).partition(":")
    if name == "default" and not argument:
        return _folder(ROOT / kind)
    return [spec, _folder(Path(argument).expanduser())] if argument else spec


def _folder(path: Path) -> Any:
    """What tells a model's files from others': the manifest, which has their sums, else names, sizes and times of change."""
    try:
        if (path / MANIFEST).is_file():
            return file_sha256(path / MANIFEST)
        if path.is_file():
            return file_sha256(path)
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
        return [[str(f.relative_to(path)), f.stat().st_size, f.stat().st_mtime_ns] for f in files] or None
    except OSError as error:
        raise EngineUnavailable(f"a model at {path}", error.strerror or str(error), "Check the path.") from error
