"""Who speaks when, by pyannote.audio (https://github.com/pyannote/pyannote-audio, MIT): the neural state of the art.

Three things are done around it. Its telemetry is switched off before it is imported. It gets samples, never a path,
so torchcodec, its own decoder, is not needed and need not load. And torchaudio loads without its compiled part, which it does not use.

Its checkpoints are pickles, which can run code as they load: it is used only when it is asked for by name.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from convemo.audio import Audio
from convemo.audio.torchaudio import mend_torchaudio
from convemo.diarize.base import Progress, SpeakerBounds
from convemo.diarize.turns import Stretch, diarization
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
        num_speakers, min_speakers, max_speakers: how many there are, as far as is known; it keeps to them if the sound allows.
        device: ``"cpu"``, ``"cuda"``, …; ``None`` or ``"auto"``: the GPU if there is one.
        offline: never touch the network: the model must be here.
        token: for huggingface.co; by default the environment variable ``HF_TOKEN``.

    Raises:
        ConfigError: the numbers contradict each other.
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
        bounds = SpeakerBounds(num_speakers, min_speakers, max_speakers)
        self._bounds = {name: number for name, number in asdict(bounds).items() if number is not None}
        self._pipeline = _load(model, token or os.environ.get("HF_TOKEN"), offline)
        _keep_standard_output()
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
        # Version 4 gives two answers: all voices, and only the foremost at each moment; version 3 and legacy pipelines the first.
        every, exclusive = getattr(output, "speaker_diarization", output), getattr(output, "exclusive_speaker_diarization", None)
        foremost = () if exclusive is None else _stretches(exclusive, audio.duration_s)
        return diarization(_stretches(every, audio.duration_s), self.id, exclusive=foremost)

    def _move(self, device: str | None) -> None:
        import torch

        if device in (None, "auto"):
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._pipeline.to(torch.device(device))
        except (RuntimeError, AssertionError) as error:
            raise EngineUnavailable(f"the device {device!r} for torch", str(error).splitlines()[0], "Pass device='cpu'.") from error


def _stretches(annotation: Any, duration_s: float) -> Iterator[Stretch]:
    """What a `pyannote.core.Annotation` holds, cut to the sound: pyannote pads the last window, and may hear somebody there."""
    for segment, _, who in annotation.itertracks(yield_label=True):
        yield max(0.0, segment.start), min(segment.end, duration_s), who


def _load(model: str, token: str | None, offline: bool) -> Any:
    """The pipeline, with telemetry off, torchaudio mended, and the network closed under `offline`."""
    try:
        pipelines = import_pyannote().Pipeline
    except ImportError as error:
        raise EngineUnavailable("pyannote.audio 4", f"{type(error).__name__}: {error}", _INSTALL) from error
    if not (offline or Path(model).exists() or _cached(model)):
        print(f"Fetching {model} from huggingface.co, once; it is kept in {_hub()}.", file=sys.stderr, flush=True)
    with _network_closed(offline):
        _log.warning("pyannote loads %s as a pickle, which can run code: use models whose source you trust", model)
        try:
            pipeline = pipelines.from_pretrained(model, token=token)
        except Exception as error:
            found = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            raise EngineUnavailable(f"the model {model}", found.replace(token, "…") if token else found, _fetch(model)) from error
    if pipeline is None:  # pyannote's way to say that the model's conditions have not been accepted
        raise EngineUnavailable(f"the model {model}", "no access to it", _fetch(model))
    return pipeline


def import_pyannote() -> ModuleType:
    """``pyannote.audio``, with telemetry off and torchaudio mended.

    Raises:
        ImportError: it is not installed, or does not load.
    """
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # read whenever pyannote would report; set before its import
    mend_torchaudio()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*torchcodec is not installed correctly")  # two screens about what is not used
        return import_module("pyannote.audio")


def _keep_standard_output() -> None:
    """Has pyannote's clustering print to standard error: standard output is for results, and swapping it would move other threads' too."""
    for name in ("pyannote.audio.pipelines.clustering", "pyannote.audio.utils.vbx"):
        if name in sys.modules:
            sys.modules[name].print = _print_to_stderr


def _print_to_stderr(*values: object, **settings: Any) -> None:
    print(*values, **{"file": sys.stderr} | settings)


def _fetch(model: str) -> str:
    """What gets a model here."""
    if Path(model).exists():
        return (
            "Is its config.yaml a pipeline's, and is every file here that it names? Its own files go by $model/FOLDER; "
            "one that names no plda makes pyannote 4 fetch it."
        )
    return f"Accept its conditions on https://huggingface.co/{model}, then: HF_TOKEN=… hf download {model}"


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
