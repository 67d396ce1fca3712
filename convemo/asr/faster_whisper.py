"""Whisper on CTranslate2, the default engine: quick on a processor, no torch (https://github.com/SYSTRAN/faster-whisper)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from convemo.asr.whisper import Whisper
from convemo.asr.whisper_rules import NO_SPEECH, Heard, HeardWord, check_language, check_translation, likeliest
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable
from convemo.registry import Availability
from convemo.weights import hub

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

KINDS = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8_float32", "float32")}
"""Compute types of CTranslate2 for a device, best first; the first that it supports is taken. int8 on a processor is a quarter of
the memory and about twice as quick; float16 on a GPU likewise, but cards before Volta (2017) cannot do it."""

AT_ONCE = {"cpu": 4, "cuda": 16}
"""Passages that are decoded together. On two cores it costs the same as one after another (``benchmarks/whisper_batch.py``); it is
more cores, and GPUs, that are kept busy by it."""

UNFINISHED_S = 3.0
"""Passages end 0.2 s after a voice and hold no pause over 1 s: where words end so long before the sound, decoding stopped early."""

_RATE_HZ = 16_000
_INSTALL = "pip install faster-whisper"
_TO_CONVERT = "ct2-transformers-converter --model {0} --output_dir {0}-ct2 --copy_files tokenizer.json preprocessor_config.json"


class FasterWhisper(Whisper):
    """Whisper on CTranslate2.

    Weights come from the folder given, or from the Hugging Face cache; else, unless `offline`, they are fetched into
    it, announced before. Passages are decoded some at a time, with five beams. One that comes out doubtful or unfinished is
    heard again by itself, with the fall-back to higher temperatures of the paper (Radford et al. 2022, arXiv:2212.04356,
    section 4.5). No passage is conditioned on the text of the one before: that is how one invented sentence becomes fifty.

    Args:
        model: a name such as ``"small"``, ``"OWNER/NAME"`` on the hub, or the path of a folder in CTranslate2's form.
        language: ISO 639-1 code; ``None`` to detect it from the first minute and a half of speech.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        offline: touch no network.
        translate: have other languages translated into English.
        compute_type: one of CTranslate2's; ``None`` for the best of `KINDS` that the device supports.
        at_once: passages that are decoded together; ``None`` for what suits the device, 1 for one after another.
        announce: told one sentence before weights are fetched; ``None`` writes it to standard error.

    Raises:
        EngineUnavailable: faster-whisper is not installed, or the weights are not here and cannot be fetched.
        ConfigError: no such model or device, or a model that cannot translate.
    """

    def __init__(
        self,
        model: str = "small",
        *,
        language: str | None = None,
        device: str = "auto",
        offline: bool = False,
        translate: bool = False,
        compute_type: str | None = None,
        at_once: int | None = None,
        announce: hub.Announce | None = None,
    ):
        if device not in ("auto", "cpu", "cuda"):
            raise ConfigError("the device auto, cpu or cuda for faster-whisper", repr(device))
        folder = _folder(model)
        repository = None if folder else _repository(model)
        if translate and language != "en":
            check_translation(str(folder or repository))
        if find_spec("faster_whisper") is None:
            raise EngineUnavailable("faster-whisper to be installed", "no such package", f"Install it: `{_INSTALL}`.")
        self.id = f"faster-whisper:{folder.name if folder else model}"
        self.language, self.device, self.translate, self.compute_type, self.at_once = language, device, translate, compute_type, at_once
        self.folder = folder or hub.cached(repository, FILES)
        if folder:
            _check(folder)
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

    def _hear(self, model, sounds: Sequence[np.ndarray], language: str, task: str) -> list[list[Heard]]:
        if len(sounds) == 1:
            return [self._heard_alone(model, sounds[0], language, task)]
        together = self._heard_together(model, sounds, language, task)
        pairs = zip(sounds, together, strict=True)
        return [self._heard_alone(model, samples, language, task) if _doubtful(samples, heard) else heard for samples, heard in pairs]

    def _heard_alone(self, model, samples: np.ndarray, language: str, task: str) -> list[Heard]:
        found, _ = model.transcribe(samples, language=language, task=task, word_timestamps=True, condition_on_previous_text=False)
        return [_heard(segment, 0.0) for segment in found]

    def _heard_together(self, model, sounds: Sequence[np.ndarray], language: str, task: str) -> list[list[Heard]]:
        from faster_whisper import BatchedInferencePipeline

        ends = np.cumsum([len(samples) for samples in sounds])
        starts = ends - [len(samples) for samples in sounds]
        # It takes seconds and cuts them off to whole samples: half a sample more, and none is lost to rounding.
        clips = [{"start": (a + 0.5) / _RATE_HZ, "end": (b + 0.5) / _RATE_HZ} for a, b in zip(starts, ends)]
        names = model.hf_tokenizer
        found, _ = BatchedInferencePipeline(model).transcribe(
            np.concatenate(sounds),
            clip_timestamps=clips,
            batch_size=len(sounds),
            language=language,
            task=task,
            word_timestamps=True,
            # It has no second look at what follows the last time token, and would lose it: so none are written.
            without_timestamps=True,
            suppress_tokens=[-1, *range(names.token_to_id("<|notimestamps|>") + 1, names.get_vocab_size())],
        )
        heard: list[list[Heard]] = [[] for _ in sounds]
        for segment in found:
            since_s = segment.seek / model.frames_per_second  # where it takes the passage to begin, in whole frames
            index = int(np.argmin(np.abs(starts / _RATE_HZ - since_s)))
            heard[index].append(_heard(segment, since_s))
        return heard

    def _detected(self, model, sounds: Iterable[np.ndarray]) -> tuple[str, float | None]:
        if not model.model.is_multilingual:
            return "en", None
        return likeliest(dict(model.detect_language(samples)[2]) for samples in sounds)

    def _at_once(self, model) -> int:
        return self.at_once or AT_ONCE[model.model.device]

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
                kind = self._kind(device, ctranslate2.get_supported_compute_types(device))
                ctranslate2.set_random_seed(0)  # temperatures above 0 draw: the same file gives the same words
                model = WhisperModel(str(self.folder), device=device, compute_type=kind)
            except ConfigError:
                raise
            except Exception as error:  # a missing CUDA library, a truncated model.bin, a folder of another kind of model
                raise EngineFailed(
                    f"{self.id} to load from {self.folder}", f"{type(error).__name__}: {error}", self._remedy(error)
                ) from error
            self._check_model(model)
            self._model = model
        return self._model

    def _kind(self, device: str, supported: set[str]) -> str:
        if self.compute_type is None:
            return next((kind for kind in KINDS[device] if kind in supported), "default")
        if self.compute_type not in supported:
            raise ConfigError(f"a compute type that {device} supports here ({', '.join(sorted(supported))})", repr(self.compute_type))
        return self.compute_type

    def _check_model(self, model) -> None:
        check_language(self.language, model.supported_languages, self.id)
        if self.translate and self.language != "en":
            check_translation(self.id, model.model.is_multilingual)
        given, taken = model.feature_extractor.mel_filters.shape[0], model.model.n_mels
        if given != taken:  # large-v3 hears 128 bands, and only this file says so
            raise EngineFailed(
                f"a preprocessor_config.json for {taken} mel bands in {self.folder}",
                f"one for {given}" if (self.folder / "preprocessor_config.json").is_file() else "none",
                "Copy it there from the model that was converted.",
            )


def _heard(segment, since_s: float) -> Heard:
    """A segment of faster-whisper's, in times of its passage, which begins at `since_s`."""
    words = [HeardWord(w.word, float(w.start) - since_s, float(w.end) - since_s, float(w.probability)) for w in segment.words or ()]
    numbers = segment.avg_logprob, segment.no_speech_prob, segment.compression_ratio
    return Heard.of(segment.text, segment.start - since_s, segment.end - since_s, words, *numbers)


def _doubtful(samples: np.ndarray, heard: Sequence[Heard]) -> bool:
    """Whether a passage decoded among others is to be heard again by itself, by the rules of Whisper's own fall-back."""
    if any(one.repetitive or (one.improbable and one.no_speech <= NO_SPEECH) for one in heard):
        return True
    reached_s = max((word.end for one in heard for word in one.words), default=0.0)
    return len(samples) / _RATE_HZ - reached_s > UNFINISHED_S


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


def _check(folder: Path) -> None:
    """Refuses a folder that faster-whisper cannot load, with what to do about it.

    Raises:
        EngineUnavailable: files are missing, or they are in the form of transformers.
    """
    if hub.complete(folder, FILES):
        return
    if any(path.suffix == ".safetensors" or path.name.startswith("pytorch_model") for path in folder.iterdir()):
        found, hint = "a model in the form of transformers", f"Convert it: `{_TO_CONVERT.format(folder)}`."
    else:
        missing = [pattern for pattern in FILES if not hub.complete(folder, (pattern,))]
        found, hint = f"no {', no '.join(missing)}", f"Convert the model again: `{_TO_CONVERT.format('MODEL')}`."
    raise EngineUnavailable(f"a Whisper in CTranslate2's form in {folder}", found, hint)


def _repository(model: str) -> str:
    if model in REPOSITORIES:
        return REPOSITORIES[model]
    path = Path(model).expanduser()
    if path.is_file():
        hint = f"A checkpoint of OpenAI's goes to openai-whisper:{model}" if path.suffix == ".pt" else "Name the folder that holds it"
        raise ConfigError("a folder in CTranslate2's form", f"the file {model}", f"{hint}.")
    if model.count("/") == 1 and not model.startswith(("/", ".", "~")) and not model.endswith("/"):
        return model
    raise ConfigError(f"a folder, OWNER/NAME on the hub, or one of {', '.join(REPOSITORIES)}", repr(model))


def _without(what: str, model: str, offline: bool) -> Availability:
    later = "" if offline else "; fetched at first use, if there is network"
    return Availability(False, f"no weights of {what} in {hub.cache_folder()}{later}", mend(model))
