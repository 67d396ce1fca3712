"""Parts by name: ``"faster-whisper:small"`` becomes an engine, ``".vtt"`` a writer, ``"ravdess"`` a data set.

Built-in parts are listed here as import paths, so that knowing a name costs no import. A third party adds
its own with an entry point of the group ``convemo.KIND``, e.g. in its pyproject.toml::

    [project.entry-points."convemo.asr"]
    my-asr = "my_package:MyTranscriber"

A *spec* is ``NAME`` or ``NAME:ARGUMENT``; the argument goes to the engine as its only positional argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import signature
from typing import Any

from convemo.errors import ConfigError, EngineFailed, UnknownEngine

BUILT_IN: dict[str, dict[str, str]] = {
    "asr": {
        "faster-whisper": "convemo.asr.faster_whisper:FasterWhisper",
        "openai-whisper": "convemo.asr.openai_whisper:OpenAIWhisper",
        "pocketsphinx": "convemo.asr.pocketsphinx:PocketSphinx",
    },
    "diarizer": {
        "channels": "convemo.diarize.channels:ChannelDiarizer",
        "embedded": "convemo.diarize.embedded:EmbeddedDiarizer",
        "pyannote": "convemo.diarize.pyannote:PyannoteDiarizer",
    },
    "denoiser": {"webrtc": "convemo.audio.denoise:WebRtcDenoiser"},
    "text": {"default": "convemo.text.channel:TextChannel", "transformers": "convemo.text.transformers:TransformersText"},
    "acoustic": {
        "default": "convemo.acoustic.default:DefaultAcoustic",
        "transformers": "convemo.acoustic.transformers:TransformersAcoustic",
    },
    "llm": {
        "openai": "convemo.llm.openai:OpenAIEngine",
        "transformers": "convemo.llm.transformers:TransformersEngine",
        "vllm": "convemo.llm.vllm:VllmEngine",
    },
    "redactor": {"numbers": "convemo.batch.redact:numbers", "emails": "convemo.batch.redact:emails"},
    "reader": {
        "vtt": "convemo.readers.vtt:read",
        "srt": "convemo.readers.srt:read",
        "whisper": "convemo.readers.whisper:read",
        "convemo": "convemo.readers.convemo_json:read",
        "chat": "convemo.readers.chat:read",
        "assemblyai": "convemo.readers.assemblyai:read",
        "amazon": "convemo.readers.amazon:read",
        "contact_lens": "convemo.readers.contact_lens:read",
        "genesys": "convemo.readers.genesys:read",
        "google_insights": "convemo.readers.google_insights:read",
        "google_meet": "convemo.readers.google_meet:read",
        "twilio": "convemo.readers.twilio:read",
        "deepgram": "convemo.readers.deepgram:read",
        "azure": "convemo.readers.azure:read",
        "gong": "convemo.readers.gong:read",
        "zendesk": "convemo.readers.zendesk:read",
        "intercom": "convemo.readers.intercom:read",
        "funasr": "convemo.readers.funasr:read",
        "whatsapp": "convemo.readers.whatsapp:read",
        "table": "convemo.readers.table:read",
        "plain": "convemo.readers.plain:read",
    },
    "export": {
        ".json": "convemo.export.json:write",
        ".jsonl": "convemo.export.jsonl:write",
        ".csv": "convemo.export.csv:write",
        ".vtt": "convemo.export.subtitles:write_vtt",
        ".srt": "convemo.export.subtitles:write_srt",
        ".rttm": "convemo.export.rttm:write",
        ".TextGrid": "convemo.export.textgrid:write",
        ".html": "convemo.report.call:write",
    },
    "load": {".json": "convemo.export.json:load"},
    "view": {
        "text": "convemo.export.view:as_text",
        "html": "convemo.export.view:as_html",
        "frame": "convemo.export.frame:to_frame",
        "courses": "convemo.dialogue.trajectory:courses",
        "moments": "convemo.dialogue.trajectory:moments",
        "alerts": "convemo.alerts.watch:alerts_of",
        "plot": "convemo.export.plot:plot",
    },
    "data": {
        "meld": "convemo.data.meld:load",
        "emorynlp": "convemo.data.emorynlp:load",
        "emocontext": "convemo.data.emocontext:load",
        "goemotions": "convemo.data.goemotions:load",
        "xed": "convemo.data.xed:load",
        "emobank": "convemo.data.emobank:load",
        "iemocap": "convemo.data.iemocap:load",
        "msp_improv": "convemo.data.msp_improv:load",
        "cmu_mosei": "convemo.data.cmu_mosei:load",
        "ravdess": "convemo.data.ravdess:load",
        "emobox": "convemo.data.emobox:load",
        "crema_d": "convemo.data.crema_d:load",
        "tess": "convemo.data.tess:load",
        "emodb": "convemo.data.emodb:load",
        "nemo": "convemo.data.nemo:load",
        "jsonl": "convemo.data.jsonl:load",
    },
}


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a part can be used here and, if not, why and the one command that mends it."""

    usable: bool
    why: str = ""
    mend: str = ""


def names(kind: str) -> Iterator[str]:
    """Every registered name of a kind, built-in ones first."""
    yield from BUILT_IN[kind]
    yield from (point.name for point in _entry_points(kind) if point.name not in BUILT_IN[kind])


def find(kind: str, name: str) -> Any:
    """The part registered under this name: a class for engines, a function for readers and writers.

    Raises:
        UnknownEngine: nobody registered it.
        EngineFailed: it is registered, but importing it fails.

    >>> find("reader", "vtt").__name__
    'read'
    """
    target = BUILT_IN[kind].get(name)
    try:
        if target is not None:
            module, attribute = target.split(":")
            return getattr(import_module(module), attribute)
        for point in _entry_points(kind):
            if point.name == name:
                return point.load()
    except Exception as error:  # a third party's module can break in any way when it is imported
        found = f"{type(error).__name__}: {error}"
        raise EngineFailed(f"the {kind} {name!r} to import", found, "Install it again, or remove it.") from error
    hint = f"A package adds its own by the entry-point group convemo.{kind}."
    raise UnknownEngine(f"a known {kind}: {', '.join(names(kind))}", repr(name), hint)


def build(kind: str, spec: str, **settings: Any) -> Any:
    """The engine that a spec such as ``"faster-whisper:small"`` names, made with these settings.

    Raises:
        UnknownEngine, EngineFailed: as `find`.
        ConfigError: the engine takes no argument after the colon, or no such settings.
        EngineUnavailable: the engine is not installed or lacks its weights.
    """
    name, _, argument = spec.partition(":")
    engine, arguments = find(kind, name), (argument,) if argument else ()
    try:
        signature(engine).bind(*arguments, **settings)
    except TypeError as error:
        hint = "Most engines take nothing after the colon, and few take every setting."
        raise ConfigError(f"what the {kind} {name!r} takes", f"{spec!r}: {error}", hint) from error
    return engine(*arguments, **settings)


def understood(kind: str, spec: str, **settings: Any) -> dict[str, Any]:
    """Those of the settings that this engine has a parameter for: a channel of numpy alone asks for no device.

    Raises:
        UnknownEngine, EngineFailed: as `find`.

    >>> understood("text", "transformers:PATH", device="cpu", threads=2)
    {'device': 'cpu'}
    """
    parameters = signature(find(kind, spec.partition(":")[0])).parameters
    return {name: value for name, value in settings.items() if name in parameters}


@cache
def _entry_points(kind: str) -> tuple[EntryPoint, ...]:
    """Looking through every installed package takes milliseconds, so it is done once."""
    return tuple(entry_points(group=f"convemo.{kind}"))
