"""Sound in: probe a recording, decode it in a child process, find the voices in it."""

from importlib import import_module
from typing import TYPE_CHECKING

_HOME = {"Audio": "sound", "load": "decode", "probe": "decode"}

__all__ = ["Audio", "load", "probe"]

if TYPE_CHECKING:
    from convemo.audio.decode import load as load
    from convemo.audio.decode import probe as probe
    from convemo.audio.sound import Audio as Audio


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'convemo.audio' has no attribute {name!r}")
    value = getattr(import_module(f"convemo.audio.{_HOME[name]}"), name)
    globals()[name] = value
    return value
