"""Which engine transcribes: the one that was asked for or, for ``auto``, the best Whisper that is here or can be had."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from convemo import registry
from convemo.asr import faster_whisper
from convemo.asr.base import Transcriber
from convemo.asr.whisper_rules import translates
from convemo.errors import EngineUnavailable
from convemo.weights import hub

ON_PROCESSOR = ("small", "large-v3-turbo", "medium", "base", "large-v3", "large-v2", "large-v1", "tiny")
ON_GPU = ("large-v3", "large-v3-turbo", "large-v2", "medium", "small", "large-v1", "base", "tiny")
"""Which weights are taken first where several are here. On a processor ``small`` comes first: it is the largest that keeps
well ahead of real time on a few cores. Models that know English only are taken where English was asked for."""

FETCHED = "small"
"""What is fetched where none are here."""


def choose(
    spec: str,
    *,
    language: str | None = None,
    device: str = "auto",
    offline: bool = False,
    translate: bool = False,
    compute_type: str | None = None,
    announce: hub.Announce | None = None,
) -> tuple[Transcriber | None, str | None]:
    """The engine that a spec names and, where there is none, why, in a sentence to show.

    Args:
        spec: ``"auto"``, ``"none"``, or ``NAME[:MODEL]`` of a registered engine.
        language: ISO 639-1 code; ``None`` to detect it.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``.
        offline: fetch nothing; take what is here.
        translate: have other languages translated into English.
        compute_type: of faster-whisper; ``None`` for what suits the device.
        announce: told one sentence before weights are fetched; ``None`` writes it to standard error.

    Raises:
        EngineUnavailable: an engine was named that is not installed, or whose weights are not here and cannot be fetched.
        UnknownEngine, ConfigError: the spec, the language or the device makes no sense, or the engine does not translate.

    >>> choose("none")
    (None, 'Transcription is switched off.')
    """
    settings = {"language": language, "device": device, "offline": offline}
    if translate and language != "en":
        settings["translate"] = True
    if compute_type is not None:
        settings["compute_type"] = compute_type
    if spec == "none":
        return None, "Transcription is switched off."
    if spec != "auto":
        if spec.partition(":")[0] in ("faster-whisper", "openai-whisper"):
            settings["announce"] = announce
        return registry.build("asr", spec, **settings), None
    for name in _here(language, device):
        if "translate" not in settings or translates(name):
            return registry.build("asr", f"faster-whisper:{name}", **settings), None
    try:
        return faster_whisper.FasterWhisper(FETCHED, **settings, announce=announce), None
    except EngineUnavailable as error:
        return None, _without_words(error, offline, "translate" in settings)


def _without_words(error: EngineUnavailable, offline: bool, translate: bool) -> str:
    if find_spec("faster_whisper") is None:
        return f"No Whisper is usable here. {error.hint}"
    here = ", ".join(faster_whisper.present())
    cannot = "cannot translate" if translate else "know English only, which was not asked for"
    what = f"The Whisper weights here ({here}) {cannot}" if here else "No Whisper weights are here"
    fetching = "offline nothing is fetched" if offline else "none can be fetched now"
    return f"{what}, and {fetching}. Mend it: `{faster_whisper.mend(FETCHED)}`."


def _here(language: str | None, device: str) -> Iterator[str]:
    """Models of faster-whisper whose weights are present, best first. openai-whisper's are pickles: by explicit choice only."""
    present = faster_whisper.present() if find_spec("faster_whisper") else ()
    for name in ON_GPU if present and _gpu(device) else ON_PROCESSOR:
        yield from (variant for variant in _variants(name, language) if variant in present)


def _variants(name: str, language: str | None) -> tuple[str, ...]:
    """A model's English-only siblings before it, where English is spoken: they are better, or quicker, at it.

    >>> _variants("small", "en"), _variants("small", None)
    (('small.en', 'distil-small.en', 'small'), ('small',))
    """
    if language != "en":
        return (name,)
    if name.startswith("large"):
        return ("distil-large-v3.5", "distil-large-v3", "distil-large-v2", name) if name == "large-v3" else (name,)
    return (f"{name}.en", f"distil-{name}.en", name)


def _gpu(device: str) -> bool:
    if device != "auto":
        return device == "cuda"
    if find_spec("ctranslate2") is None:
        return False
    import ctranslate2

    return ctranslate2.get_cuda_device_count() > 0
