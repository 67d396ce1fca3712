"""A channel by its spec."""

from __future__ import annotations

from pathlib import Path

from convemo import registry
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError
from convemo.scoring.predictions import Predictions
from convemo.weights import MANIFEST, read_manifest

KINDS = ("text", "acoustic")


def open_channel(name: str, spec: str) -> Channel:
    """The channel that a spec names.

    Args:
        name: what it is called here; ``"text"`` and ``"acoustic"`` also say what kind it is.
        spec: ``"answers.jsonl"`` (or a pattern of such files): predictions on disk; a model folder that ``convemo train`` made, or its
            ``--out``; a channel as the registry names it (``"default"``, ``"default:FOLDER"``, ``"transformers:PATH"``), with
            ``"text:"`` or ``"acoustic:"`` before it where the name does not say the kind.

    Raises:
        ConfigError: the spec names nothing.
        DataError: a file of predictions is missing or not in its form.
        EngineUnavailable: a model folder is damaged, or what it needs is not installed.
    """
    if spec.endswith(".jsonl"):
        return Predictions(spec)
    if (folder := _model_folder(Path(spec))) is not None:
        return registry.build(read_manifest(folder).channel, f"default:{folder}")
    kind, _, rest = spec.partition(":")
    if kind in KINDS:
        return open_channel(kind, rest or "default")
    if name not in KINDS or kind not in registry.names(name):
        registered = ", ".join(f"{k}:{n}" for k in KINDS for n in registry.names(k))
        raise ConfigError(
            f"for channel {name!r} a file ending in .jsonl, a model folder, or one of {registered}",
            repr(spec),
            "A model folder holds a model.json; see `convemo eval --help`.",
        )
    return registry.build(name, spec)


def _model_folder(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "model") if (folder / MANIFEST).is_file()), None)
