"""Whisper as OpenAI published it, on torch (https://github.com/openai/whisper). By explicit choice only.

Its checkpoints are pickles. They are read by torch's restricted unpickler (``weights_only=True``, which makes tensors
and plain values and runs nothing else), and that is said before; named ones are also held against the SHA-256 in their address.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from convemo.asr.whisper import Whisper
from convemo.asr.whisper_rules import Heard, HeardWord, check_language, check_translation, likeliest
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable
from convemo.registry import Availability
from convemo.weights import hub

CHECKPOINTS = {
    **{name: f"{name}.pt" for name in ("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en")},
    **{name: f"{name}.pt" for name in ("large-v1", "large-v2", "large-v3", "large-v3-turbo")},
    "large": "large-v3.pt",
    "turbo": "large-v3-turbo.pt",
}
"""Name → file in the cache; a test holds it against the package's own list."""

HOST = "https://openaipublic.azureedge.net"

_INSTALL = "pip install 'convemo[whisper]'"


class OpenAIWhisper(Whisper):
    """OpenAI's Whisper on torch.

    Args:
        model: a name such as ``"base"``, or the path of a ``.pt`` checkpoint.
        language: ISO 639-1 code; ``None`` to detect it from the first minute and a half of speech.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or another one of torch's.
        offline: touch no network.
        translate: have other languages translated into English.
        announce: told one sentence before weights are fetched, and before a pickle is read; ``None`` writes it to standard error.

    Raises:
        EngineUnavailable: openai-whisper is not installed, or the weights are not here and cannot be fetched.
        ConfigError: no such model, or one that cannot translate.
    """

    def __init__(
        self,
        model: str = "base",
        *,
        language: str | None = None,
        device: str = "auto",
        offline: bool = False,
        translate: bool = False,
        announce: hub.Announce | None = None,
    ):
        path = _checkpoint(model)
        if translate and language != "en":
            check_translation(path.name)
        if find_spec("whisper") is None:
            raise EngineUnavailable("openai-whisper to be installed", "no such package", f"Install it: `{_INSTALL}`.")
        self.id = f"openai-whisper:{model if model in CHECKPOINTS else path.stem}"
        self.language, self.device, self.translate = language, device, translate
        self._announce = announce or hub.to_stderr
        self._name = model if model in CHECKPOINTS else str(path)
        self._model = None
        if path.is_file():
            return
        if offline:
            raise EngineUnavailable(
                f"the weights of {self.id} on this machine (offline: nothing is fetched)",
                f"no {path}",
                f"Fetch them once, with network: `{mend(model)}`.",
            )
        self._fetch(path)

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether it can run here now: installed, with weights present. `model` ``None`` asks for any."""
        here = present()
        if find_spec("whisper") is None:
            return Availability(False, "openai-whisper is not installed", _INSTALL)
        if model is None and here:
            return Availability(True, f"weights here: {', '.join(here)}")
        if model is not None and _checkpoint(model).is_file():
            return Availability(True)
        later = "" if offline else "; fetched at first use, if there is network"
        return Availability(False, f"no weights of {model or 'any model'} in {cache_folder()}{later}", mend(model or "base"))

    def _hear(self, model, sounds: Sequence[np.ndarray], language: str, task: str) -> list[list[Heard]]:
        import torch

        on_gpu = model.device.type == "cuda"
        with torch.random.fork_rng(devices=[model.device] if on_gpu else []):
            torch.manual_seed(0)  # temperatures above 0 draw: the same sound gives the same words
            return [self._heard(model, samples, language, task, on_gpu) for samples in sounds]

    def _heard(self, model, samples: np.ndarray, language: str, task: str, fp16: bool) -> list[Heard]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Word-level timestamps on translations")  # the transcript's notes say so
            found = model.transcribe(
                samples,
                language=language,
                task=task,
                word_timestamps=True,
                condition_on_previous_text=False,
                fp16=fp16,
                beam_size=5,  # as faster-whisper has it, so that the two engines differ in speed only
                best_of=5,
                verbose=None,
            )
        return [_segment(one) for one in found["segments"]]

    def _detected(self, model, sounds: Iterable[np.ndarray]) -> tuple[str, float | None]:
        if not model.is_multilingual:
            return "en", None
        import whisper

        def ranking(samples: np.ndarray) -> dict[str, float]:
            mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), model.dims.n_mels).to(model.device)  # (n_mels, 3000)
            return model.detect_language(mel)[1]

        return likeliest(ranking(samples) for samples in sounds)

    def _loaded(self):
        if self._model is None:
            import torch
            import whisper

            device = self.device
            if device == "auto":
                device = "cuda" if torch.cuda.is_available() else "cpu"
            if self._name in CHECKPOINTS and not _intact(_checkpoint(self._name), self._name):
                path = _checkpoint(self._name)
                raise EngineFailed(
                    f"the published checkpoint in {path}", "other bytes (SHA-256 differs)", f"Delete it, then `{mend(self._name)}`."
                )
            self._announce(f"Reading {_checkpoint(self._name)}, a pickle, with torch's restricted unpickler, which runs no code.")
            try:
                model = whisper.load_model(self._name, device=device, download_root=str(cache_folder()))
            except Exception as error:  # a truncated file, a pickle that is no checkpoint, a device that torch lacks
                hint = "If the file is damaged, delete it and fetch it again."
                raise EngineFailed(f"{self.id} to load", f"{type(error).__name__}: {error}", hint) from error
            known = whisper.tokenizer.LANGUAGES if model.is_multilingual else ("en",)
            check_language(self.language, known, self.id)
            if self.translate and self.language != "en":
                check_translation(self.id, model.is_multilingual)
            self._model = model
        return self._model

    def _fetch(self, path: Path) -> None:
        retry = f"Run `{mend(self._name)}` on a machine with network, or pass the path of a checkpoint."
        import whisper

        url = whisper._MODELS[self._name]  # the package has no public way to learn the address before it fetches
        try:
            size = hub.asked(url)
        except OSError as error:
            raise EngineUnavailable(f"the weights of {self.id} on this machine, or {HOST} in reach", f"neither ({error})", retry) from error
        self._announce(f"Fetching {self.id} ({hub.readable(size)}) from {HOST}, once; it is kept in {path.parent}.")
        try:
            whisper._download(url, str(path.parent), in_memory=False)
        except Exception as error:  # urllib's, the system's, or RuntimeError for a wrong checksum
            path.unlink(missing_ok=True)  # half a file would pass for present
            raise EngineUnavailable(f"to fetch {self.id} from {HOST}", f"{type(error).__name__}: {error}", retry) from error


def _segment(one: dict) -> Heard:
    """A segment as the package gives it."""
    words = [HeardWord(w["word"], float(w["start"]), float(w["end"]), float(w["probability"])) for w in one["words"]]
    return Heard.of(one["text"], one["start"], one["end"], words, one["avg_logprob"], one["no_speech_prob"], one["compression_ratio"])


def cache_folder() -> Path:
    """Where the package keeps its weights: ``~/.cache/whisper``, or below ``XDG_CACHE_HOME``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "whisper"


def present() -> tuple[str, ...]:
    """The named models whose weights are here; of two names of one file, the first."""
    first: dict[str, str] = {}
    for name, file in CHECKPOINTS.items():
        if (cache_folder() / file).is_file():
            first.setdefault(file, name)
    return tuple(first.values())


def mend(model: str) -> str:
    """The command that fetches a model's weights into the cache."""
    return f"python -c \"import whisper; whisper.load_model('{model}')\""


def _checkpoint(model: str) -> Path:
    """Where a model's weights are, or would be."""
    if model in CHECKPOINTS:
        return cache_folder() / CHECKPOINTS[model]
    path = Path(model).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        hint = f"A Whisper in CTranslate2's form goes to faster-whisper:{model}."
        raise ConfigError("the path of a .pt checkpoint", f"the folder {model}", hint)
    raise ConfigError(f"the path of a checkpoint, or one of {', '.join(CHECKPOINTS)}", repr(model))


def _intact(path: Path, name: str) -> bool:
    """Whether a named checkpoint is the published one. Otherwise the package would fetch it again, unannounced."""
    import whisper

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == whisper._MODELS[name].split("/")[-2]
