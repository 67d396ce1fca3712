"""``run.json``: why, by what and under which settings these results were made. No word of a conversation is in it."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from convemo.batch import rows
from convemo.batch.layout import Layout
from convemo.batch.summary import Summary
from convemo.export.atomic import writing

if TYPE_CHECKING:
    from convemo.batch.batch import Batch

_PACKAGES = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "faster-whisper",
    "ctranslate2",
    "pyannote.audio",
    "torch",
    "transformers",
    "pyarrow",
    "ray",
)


class RunRecord:
    """The manifest of the last run; written when it begins and when it ends.

    Args:
        layout: of the folder.
        batch: what was asked for.
        settings: as `identity.settings_of` tells them, and their fingerprint.
    """

    def __init__(self, layout: Layout, batch: Batch, settings: Mapping[str, Any], fingerprint: str):
        self._path = layout.run
        self._content: dict[str, Any] = {
            "purpose": batch.purpose,
            "policy": batch.config.policy.model_dump(mode="json"),
            "redact": settings["redact"],
            "settings_sha256": fingerprint,
            "settings": dict(settings),
            "schema": {"tables": rows.SCHEMA},
            "formats": list(batch.formats),
            "python": platform.python_version(),
            "packages": {name: found for name in _PACKAGES if (found := _version(name))},
            "begun": _now(),
            "ended": None,
        }

    def begin(self) -> None:
        self._write()

    def end(self, summary: Summary) -> None:
        """Adds how it ended."""
        names = ("total", "done", "before", "failed", "duplicates", "left", "calls", "utterances", "all_calls", "all_utterances")
        self._content |= {
            "ended": _now(),
            "interrupted": summary.interrupted,
            "seconds": round(summary.seconds, 1),
            "counts": {name: getattr(summary, name) for name in names},
        }
        self._write()

    def _write(self) -> None:
        with writing(self._path) as file:
            json.dump(self._content, file, indent=1, ensure_ascii=False)
            file.write("\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
