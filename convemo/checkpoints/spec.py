"""What stands after ``transformers:``: a checkpoint, and how to read it.

transformers:PATH_OR_ID[?labels=…][&head=single|multi][&dtype=float32|bfloat16|float16][&weights=pickle]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qsl

from convemo.errors import ConfigError

Head = Literal["single", "multi"]
Precision = Literal["float32", "bfloat16", "float16"]
PREFIX = "transformers:"
"""What a spec of such a channel begins with."""
KEYS = ("labels", "head", "dtype", "weights")


@dataclass(frozen=True, slots=True)
class CheckpointSpec:
    """Which checkpoint, and how its outputs are to be read.

    >>> CheckpointSpec.parse("runs/calls/model?labels=own&dtype=bfloat16")
    CheckpointSpec(name='runs/calls/model', labels='own', head=None, dtype='bfloat16', pickle=False)
    """

    name: str
    """A folder here, or an id on the hub: ``"OWNER/NAME"``."""
    labels: str | None = None
    """``"own"``, ``"seven"``, names of the outputs with commas between them, or a mapping file; ``None``: as the checkpoint names them."""
    head: Head | None = None
    """One label a text, or several at once; ``None``: as the checkpoint says."""
    dtype: Precision = "float32"
    pickle: bool = False
    """Whether weights may be read from a pickle, with torch's restricted unpickler."""

    @classmethod
    def parse(cls, argument: str | None) -> CheckpointSpec:
        """The spec in the argument of a channel.

        Raises:
            ConfigError: no checkpoint is named, or a setting is unknown.
        """
        name, _, query = (argument or "").partition("?")
        if not name:
            raise ConfigError("a checkpoint after 'transformers:'", "none", "Name a folder or an id, e.g. transformers:OWNER/NAME.")
        given = dict(parse_qsl(query, keep_blank_values=True, separator="&"))
        if unknown := [key for key in given if key not in KEYS]:
            raise ConfigError(f"one of {', '.join(KEYS)} after '?'", ", ".join(map(repr, unknown)), "Several go with '&' between them.")
        for key, allowed in (("head", get_args(Head)), ("dtype", get_args(Precision)), ("weights", ("safetensors", "pickle"))):
            if key in given and given[key] not in allowed:
                raise ConfigError(f"{key}={'|'.join(allowed)}", repr(given[key]))
        labels = given.get("labels") or None
        return cls(name, labels, given.get("head"), given.get("dtype", "float32"), given.get("weights") == "pickle")
