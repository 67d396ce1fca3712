"""A channel by its spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from convemo import registry
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.spec import open_llm
from convemo.scoring.predictions import Predictions
from convemo.weights import MANIFEST, ROOT, read_manifest

KINDS = ("text", "acoustic")
"""The kinds of channel that come with convemo, so that each has a default."""
LLM = "llm"


def open_channel(
    name: str, spec: str, *, device: str = "auto", offline: bool = False, announce: Callable[[str], None] | None = None
) -> Channel:
    """The channel that a spec names.

    Args:
        name: what it is called here; ``"text"``, ``"acoustic"`` and ``"llm"`` also say what kind it is.
        spec: ``"answers.jsonl"`` (or a pattern of such files): predictions on disk; a model folder that ``convemo train`` made, or its
            ``--out``; a channel as the registry names it (``"default"``, ``"default:FOLDER"``, ``"transformers:PATH"``), with
            ``"text:"`` or ``"acoustic:"`` before it where the name does not say the kind; a language model, with ``"llm:"`` likewise, and
            how it is asked: ``"llm:transformers:PATH?prompt=few-shot"`` (`convemo.llm.spec`).
        device, offline, announce: as in an analysis; an engine gets those that it has a parameter for.

    Raises:
        ConfigError: the spec names nothing.
        DataError: a file of predictions is missing or not in its form.
        EngineUnavailable: a model folder is damaged, or what it needs is not installed; or a server does not answer.
    """
    machine = {"device": device, "offline": offline, "announce": announce}
    if spec.endswith(".jsonl"):
        return Predictions(spec)
    if (folder := _model_folder(Path(spec.partition("?")[0]))) is not None:
        kind = read_manifest(folder).channel
        return open_llm(spec, **machine) if kind == LLM else _built(kind, f"default:{folder}", machine)
    kind, _, rest = spec.partition(":")
    if kind == LLM or (name == LLM and kind in registry.names(LLM)):
        return open_llm(rest if kind == LLM else spec, **machine)
    if kind in KINDS:
        return open_channel(kind, rest or "default", **machine)
    if name not in KINDS or kind not in registry.names(name):
        registered = ", ".join(f"{k}:{n}" for k in (*KINDS, LLM) for n in registry.names(k))
        raise ConfigError(
            f"for channel {name!r} a file ending in .jsonl, a model folder, or one of {registered}",
            repr(spec),
            "A model folder holds a model.json; see `convemo eval --help`.",
        )
    return _built(name, spec, machine)


def trained_on(name: str, spec: str) -> tuple[str, ...]:
    """The data sets whose training part the channel has met, as its manifest names them; nothing where that cannot be known.

    >>> "goemotions" in trained_on("text", "default")
    True
    """
    kind, _, rest = spec.partition(":")
    if spec.endswith(".jsonl"):
        return ()
    if kind in KINDS:
        return trained_on(kind, rest or "default")
    if (folder := _model_folder(Path(spec))) is None:
        if kind != "default":
            return ()
        folder = Path(rest) if rest else ROOT / name
    try:
        return tuple(read_manifest(folder).manifest.get("trained_on", ()))
    except EngineUnavailable:
        return ()


def _built(kind: str, spec: str, machine: Mapping[str, Any]) -> Channel:
    return registry.build(kind, spec, **registry.understood(kind, spec, **machine))


def _model_folder(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "model") if (folder / MANIFEST).is_file()), None)
