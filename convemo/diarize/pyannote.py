"""Who speaks when, by pyannote.audio (https://github.com/pyannote/pyannote-audio, MIT): the neural state of the art.

Three things are done around it. Its telemetry is switched off before it is imported. It gets samples, never a path,
so its own decoder is not needed. And where torchaudio's compiled part does not load (PyPI's is linked with CUDA,
and fails beside a CPU torch), a stand-in lets the Python part load, which is all that pyannote uses.

Its checkpoints are pickles, which can run code as they load: it is used only when it is asked for by name.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from convemo.audio import Audio
from convemo.diarize.base import Progress
from convemo.diarize.turns import diarization
from convemo.errors import EngineFailed, EngineUnavailable
from convemo.registry import Availability
from convemo.types import Diarization

MODEL = "pyannote/speaker-diarization-community-1"
"""CC BY 4.0; free to use once its conditions are accepted on its page."""

_INSTALL = "pip install 'convemo[pyannote]'"
_STEPS = {"segmentation": 0.0, "speaker_counting": 0.4, "embeddings": 0.4, "discrete_diarization": 1.0}
_SHARES = {"segmentation": 0.4, "embeddings": 0.6}  # of the whole work, roughly

_log = logging.getLogger(__name__)


class PyannoteDiarizer:
    """A pyannote pipeline.

    Args:
        model: its name on huggingface.co, or a folder or ``config.yaml`` here.
        num_speakers, min_speakers, max_speakers: handed to it, where given.
        device: ``"cpu"``, ``"cuda"``, …; ``None`` or ``"auto"``: the GPU if there is one.
        offline: never touch the network: the model must be here.
        token: for huggingface.co; by default the environment variable ``HF_TOKEN``.

    Raises:
        EngineUnavailable: pyannote.audio is not installed, or the model is neither here nor to be had.
    """

    def __init__(
        self,
        model: str = MODEL,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        device: str | None = None,
        offline: bool = False,
        token: str | None = None,
    ):
        self.id = f"pyannote:{model}"
        bounds = {"num_speakers": num_speakers, "min_speakers": min_speakers, "max_speakers": max_speakers}
        self._bounds = {name: value for name, value in bounds.items() if value is not None}
        self._pipeline = _load(model, token or os.environ.get("HF_TOKEN"), offline)
        self._move(device)

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        model = model or MODEL
        missing = [package for package in ("torch", "pyannote.audio") if not _installed(package)]
        if missing:
            return Availability(False, f"{' and '.join(missing)} not installed", _INSTALL)
        if Path(model).exists() or _cached(model):
            return Availability(True)
        if offline:
            return Availability(False, f"{model} is not here", _fetch(model))
        if not (os.environ.get("HF_TOKEN") or (_hub() / "token").is_file()):
            return Availability(False, f"no token for huggingface.co to fetch {model} with", _fetch(model))
        return Availability(True)

    def diarize(self, audio: Audio, progress: Progress | None = None) -> Diarization:
        import torch

        sound = {"waveform": torch.from_numpy(audio.read())[None], "sample_rate": audio.rate_hz}  # (1, n)
        try:
            output = self._pipeline(sound, hook=_hook(audio.duration_s, progress), **self._bounds)
        except Exception as error:
            raise EngineFailed("pyannote to diarize", f"{type(error).__name__}: {error}", "Try diarizer='embedded'.") from error
        # Version 4 gives two answers; the one without overlap is meant to be joined with words.
        turns = getattr(output, "exclusive_speaker_diarization", None)
        if turns is None:
            turns = getattr(output, "speaker_diarization", output)
        return diarization(((s.start, s.end, who) for s, _, who in turns.itertracks(yield_label=True)), self.id)

    def _move(self, device: str | None) -> None:
        import torch

        if device in (None, "auto"):
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._pipeline.to(torch.device(device))
        except (RuntimeError, AssertionError) as error:
            raise EngineUnavailable(f"the device {device!r} for torch", str(error).splitlines()[0], "Pass device='cpu'.") from error


def _load(model: str, token: str | None, offline: bool) -> Any:
    """The pipeline, with telemetry off, torchaudio mended, and the network closed under `offline`."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # read whenever pyannote would report; set before its import
    try:
        _mend_torchaudio()
        from pyannote.audio import Pipeline
    except ImportError as error:
        raise EngineUnavailable("pyannote.audio 4", f"{type(error).__name__}: {error}", _INSTALL) from error
    if not (offline or Path(model).exists() or _cached(model)):
        print(f"Fetching {model} from huggingface.co, once; it is kept in {_hub()}.", file=sys.stderr, flush=True)
    with _network_closed(offline):
        _log.warning("pyannote loads %s as a pickle, which can run code: use models whose source you trust", model)
        try:
            pipeline = Pipeline.from_pretrained(model, token=token)
        except Exception as error:
            found = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            raise EngineUnavailable(f"the model {model}", found, _fetch(model)) from error
    if pipeline is None:  # pyannote's way to say that the model's conditions have not been accepted
        raise EngineUnavailable(f"the model {model}", "no access to it", _fetch(model))
    return pipeline


def _fetch(model: str) -> str:
    """What gets a model here."""
    if Path(model).exists():
        return "Is its config.yaml a pipeline's, and is every file that it names there?"
    return f"Accept its conditions on https://huggingface.co/{model}, then: HF_TOKEN=… hf download {model}"


def _mend_torchaudio() -> None:
    """Imports torchaudio; where its compiled part does not load, with an empty one in its place."""
    try:
        import_module("torchaudio")
    except OSError as error:
        _log.info("torchaudio's compiled part does not load (%s); going on without it", error)
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stand_in = ModuleType("torchaudio._extension")
        stand_in._IS_TORCHAUDIO_EXT_AVAILABLE = stand_in._IS_ALIGN_AVAILABLE = False
        stand_in.fail_if_no_align = _fail_if_no_align
        sys.modules["torchaudio._extension"] = stand_in
        import_module("torchaudio")


def _fail_if_no_align(function: Callable) -> Callable:
    def fail(*_args: object, **_settings: object):
        raise RuntimeError(f"torchaudio's compiled part is not loaded: {function.__name__} does not work")

    return fail


@contextmanager
def _network_closed(offline: bool) -> Iterator[None]:
    """Under `offline`, huggingface_hub refuses every request; child processes read the variable, this one the constant."""
    if not offline:
        yield
        return
    import huggingface_hub.constants as hub

    online, before = hub.HF_HUB_OFFLINE, os.environ.get("HF_HUB_OFFLINE")
    hub.HF_HUB_OFFLINE, os.environ["HF_HUB_OFFLINE"] = True, "1"
    try:
        yield
    finally:
        hub.HF_HUB_OFFLINE = online
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before


def _hook(duration_s: float, progress: Progress | None) -> Callable[..., None] | None:
    """Our progress from pyannote's, which counts chunks within each step."""
    if progress is None:
        return None

    reached = 0.0

    def hook(step: str, _artifact: Any, file: Any = None, total: int | None = None, completed: int | None = None) -> None:
        nonlocal reached
        share = _SHARES.get(step, 0.0) * completed / total if total and completed is not None else 0.0
        reached = max(reached, _STEPS.get(step, 0.0) + share)  # a step ends with a call that counts nothing
        progress(duration_s * reached, duration_s)

    return hook


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):  # no parent package; a module that was put there by hand
        return package in sys.modules


def _hub() -> Path:
    return Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")


def _cached(model: str) -> bool:
    """Whether huggingface_hub's cache holds a snapshot of this model."""
    hub = Path(os.environ.get("HF_HUB_CACHE") or _hub() / "hub")
    return any((hub / f"models--{model.replace('/', '--')}" / "snapshots").glob("*/config.yaml"))
