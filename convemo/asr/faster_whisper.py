"""Whisper on CTranslate2, the default engine: quick on a processor, no torch (https://github.com/SYSTRAN/faster-whisper)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from convemo.asr import hub
from convemo.asr.passages import Passage, Timeline
from convemo.asr.whisper import Whisper
from convemo.asr.whisper_rules import believable, check_language, likeliest
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable
from convemo.registry import Availability
from convemo.types import TranscriptSegment, Word

REPOSITORIES = {
    **{
        name: f"Systran/faster-whisper-{name}"
        for name in ("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v1", "large-v2", "large-v3")
    },
    **{
        name: f"Systran/faster-{name.replace('distil-', 'distil-whisper-')}"
        for name in ("distil-small.en", "distil-medium.en", "distil-large-v2", "distil-large-v3")
    },
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""Name → repository on the Hugging Face hub; a test holds it against what faster-whisper itself would fetch."""

FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*")
"""What a model consists of. Without tokenizer.json faster-whisper would ask the hub for one, so it is not optional here."""

_INSTALL = "pip install faster-whisper"


class FasterWhisper(Whisper):
    """Whisper on CTranslate2.

    Weights come from the folder given, or from the Hugging Face cache; else, unless `offline`, they are fetched into
    it, announced before. Beams and the fall-back to higher temperatures are those of the paper
    (Radford et al. 2022, arXiv:2212.04356, section 4.5), but no passage is conditioned on the text of the one before:
    that is how one invented sentence becomes fifty.

    Args:
        model: a name such as ``"small"``, ``"OWNER/NAME"`` on the hub, or the path of a folder in CTranslate2's form.
        language: ISO 639-1 code; ``None`` to detect it from the first minute and a half of speech.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        offline: touch no network.
        compute_type: one of CTranslate2's; ``None`` is int8 on a processor (a quarter of the memory, about twice as
            quick) and float16 on a GPU.
        announce: told one sentence before weights are fetched; ``None`` writes it to standard error.

    Raises:
        EngineUnavailable: faster-whisper is not installed, or the weights are not here and cannot be fetched.
        ConfigError: no such model or device.
    """

    def __init__(
        self,
        model: str = "small",
        *,
        language: str | None = None,
        device: str = "auto",
        offline: bool = False,
        compute_type: str | None = None,
        announce: hub.Announce | None = None,
    ):
        if device not in ("auto", "cpu", "cuda"):
            raise ConfigError("the device auto, cpu or cuda for faster-whisper", repr(device))
        folder = _folder(model)
        repository = None if folder else _repository(model)
        if find_spec("faster_whisper") is None:
            raise EngineUnavailable("faster-whisper to be installed", "no such package", f"Install it: `{_INSTALL}`.")
        self.id = f"faster-whisper:{folder.name if folder else model}"
        self.language, self.device, self.compute_type = language, device, compute_type
        self.folder = folder or hub.cached(repository, FILES)
        if folder and not hub.complete(folder, FILES):
            raise EngineUnavailable(
                f"{', '.join(FILES)} in {folder}",
                "not all of them",
                "Convert it with ct2-transformers-converter --copy_files tokenizer.json.",
            )
        if self.folder is None and offline:
            raise EngineUnavailable(
                f"the weights of {self.id} on this machine (offline: nothing is fetched)",
                f"none in {hub.cache_folder()}",
                f"Fetch them once, with network: `{mend(model)}`.",
            )
        if self.folder is None:
            self.folder = hub.fetch(repository, FILES, ("preprocessor_config.json",), self.id, mend(model), announce or hub.to_stderr)
        self._model = None

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether it can run here now: installed, with weights present. `model` ``None`` asks for any."""
        if find_spec("faster_whisper") is None:
            return Availability(False, "faster-whisper is not installed", _INSTALL)
        if model is None:
            here = present()
            return Availability(True, f"weights here: {', '.join(here)}") if here else _without("any model", "small", offline)
        folder = _folder(model)
        if folder is not None:
            whole = hub.complete(folder, FILES)
            return Availability(whole, "" if whole else f"{folder} lacks one of {', '.join(FILES)}")
        if hub.cached(_repository(model), FILES) is None:
            return _without(model, model, offline)
        return Availability(True)

    def _segments(self, model, part: Passage, samples: np.ndarray, language: str, timeline: Timeline) -> Iterator[TranscriptSegment]:
        found, _ = model.transcribe(samples, language=language, word_timestamps=True, condition_on_previous_text=False)
        for heard in found:
            if not believable(heard.no_speech_prob, heard.avg_logprob, heard.compression_ratio):
                continue
            words = (Word(w.word.strip(), *part.place(w.start, w.end), confidence=float(w.probability)) for w in heard.words or ())
            segment = timeline.segment(heard.text, words)
            if segment is not None:
                yield segment

    def _detected(self, model, sounds: Iterable[np.ndarray]) -> str:
        if not model.model.is_multilingual:
            return "en"
        return likeliest(dict(model.detect_language(samples)[2]) for samples in sounds)

    def _remedy(self, error: Exception) -> str:
        if "libcu" in str(error) or "CUDA" in str(error):
            return "Install CUDA 12's cuBLAS and cuDNN 9 (`pip install nvidia-cublas-cu12 nvidia-cudnn-cu12`), or set device='cpu'."
        return "If its weights are damaged, delete their folder and fetch them again."

    def _loaded(self):
        if self._model is None:
            try:
                import ctranslate2
                from faster_whisper import WhisperModel

                device = self.device
                if device == "auto":
                    device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
                kind = self.compute_type or ("float16" if device == "cuda" else "int8")
                ctranslate2.set_random_seed(0)  # temperatures above 0 draw: the same file gives the same words
                model = WhisperModel(str(self.folder), device=device, compute_type=kind)
            except Exception as error:  # a missing CUDA library, a truncated model.bin, an unknown compute type
                raise EngineFailed(
                    f"{self.id} to load from {self.folder}", f"{type(error).__name__}: {error}", self._remedy(error)
                ) from error
            check_language(self.language, model.supported_languages, self.id)
            self._model = model
        return self._model


def present() -> tuple[str, ...]:
    """The named models whose weights are in the Hugging Face cache; of two names of one model, the first."""
    here: dict[str, str] = {}
    for name, repository in REPOSITORIES.items():
        if repository not in here and hub.cached(repository, FILES) is not None:
            here[repository] = name
    return tuple(here.values())


def mend(model: str) -> str:
    """The command that fetches a model's weights into the cache."""
    return f"hf download {_repository(model)}"


def _folder(model: str) -> Path | None:
    folder = Path(model).expanduser()
    return folder if model not in REPOSITORIES and folder.is_dir() else None


def _repository(model: str) -> str:
    if model in REPOSITORIES:
        return REPOSITORIES[model]
    if model.count("/") == 1 and not model.startswith(("/", ".", "~")) and not model.endswith("/"):
        return model
    raise ConfigError(f"a folder, OWNER/NAME on the hub, or one of {', '.join(REPOSITORIES)}", repr(model))


def _without(what: str, model: str, offline: bool) -> Availability:
    later = "" if offline else "; fetched at first use, if there is network"
    return Availability(False, f"no weights of {what} in {hub.cache_folder()}{later}", mend(model))
