"""How a condition is written on the command line: ``raw,asr-noise=0.2``; and the chance that belongs to one utterance alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from convemo.errors import ConfigError

NONE = "none"


def parts(spec: str, option: str, forms: Mapping[str, str]) -> dict[str, str]:
    """Name → value (``""`` where there is none) of every part of a condition.

    Args:
        spec: parts with commas between them, each ``name`` or ``name=value``.
        option: what sets it, for the error, e.g. ``"--text"``.
        forms: the names that may occur → how each is written, e.g. ``{"snr": "snr=DB"}``.

    Raises:
        ConfigError: a part is unknown, occurs twice, or lacks or has a value against its form.

    >>> parts("raw, asr-noise=0.2", "--text", {"raw": "raw", "asr-noise": "asr-noise=RATE"})
    {'raw': '', 'asr-noise': '0.2'}
    """
    found: dict[str, str] = {}
    for part in spec.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        form = forms.get(name)
        if form is None or name in found or bool(value) != ("=" in form) or (equals and not value):
            raise _unfit(option, forms, spec if not part.strip() else f"{part.strip()!r} in {spec!r}" if part != spec else repr(spec))
        found[name] = value
    for whole in (name for name in found if name in (NONE, "punctuated") and len(found) > 1):
        raise ConfigError(f"{whole!r} alone for {option}", repr(spec), "It stands for leaving everything as it is.")
    return found


def number(value: str, form: str, option: str, low: float, high: float) -> float:
    """The number that a part's value gives.

    Raises:
        ConfigError: it is none, or outside ``[low, high]``.

    >>> number("0.2", "asr-noise=RATE", "--text", 0, 1)
    0.2
    """
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not low <= found <= high:
        raise ConfigError(f"{form} with a number from {low:g} to {high:g} for {option}", repr(value))
    return found


def chance(purpose: str, dialogue: str, utterance: str, seed: int = 0) -> np.random.Generator:
    """Random numbers that belong to this utterance: the same whatever else is evaluated, and in whatever order.

    >>> chance("text", "d1", "u1").random() == chance("text", "d1", "u1").random() != chance("text", "d1", "u2").random()
    True
    """
    digest = hashlib.sha256("\0".join((purpose, dialogue, utterance, str(seed))).encode(errors="surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def _unfit(option: str, forms: Mapping[str, str], found: str) -> ConfigError:
    return ConfigError(f"{', '.join(forms.values())} for {option}, or several with commas", found)
