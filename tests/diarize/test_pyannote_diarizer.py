"""The contract with pyannote.audio, kept with a stand-in: what we hand over, and what we make of its answers."""

import os
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.diarize import pyannote as wrapper
from convemo.diarize.pyannote import PyannoteDiarizer
from convemo.errors import EngineFailed, EngineUnavailable

torch = pytest.importorskip("torch")
constants = pytest.importorskip("huggingface_hub.constants")


class Turns:
    """Like `pyannote.core.Annotation`."""

    def __init__(self, *turns):
        self._turns = turns

    def itertracks(self, yield_label=False):
        assert yield_label
        for i, (start, end, who) in enumerate(self._turns):
            yield SimpleNamespace(start=start, end=end), i, who


class Pipeline:
    """Like `pyannote.audio.Pipeline`; remembers how it was used."""

    loaded: dict
    output = None

    @classmethod
    def from_pretrained(cls, checkpoint, token=None):
        cls.loaded = {
            "checkpoint": checkpoint,
            "token": token,
            "metrics": os.environ.get("PYANNOTE_METRICS_ENABLED"),
            "offline": constants.HF_HUB_OFFLINE,
        }
        if isinstance(cls.output, Exception):
            raise cls.output
        return None if checkpoint == "gated" else cls()

    def to(self, device):
        self.device = device

    def __call__(self, sound, hook=None, **bounds):
        self.sound, self.bounds = sound, bounds
        if hook:
            for done in range(3):
                hook("segmentation", None, file=sound, total=2, completed=done)
            hook("segmentation", "the scores")
            hook("embeddings", None, file=sound, total=2, completed=2)
            hook("discrete_diarization", None)
        if self.output is None:
            raise RuntimeError("out of memory")
        return self.output


@pytest.fixture
def pyannote(monkeypatch):
    package, audio = ModuleType("pyannote"), ModuleType("pyannote.audio")
    audio.Pipeline = type("Pipeline", (Pipeline,), {})
    monkeypatch.setitem(sys.modules, "pyannote", package)
    monkeypatch.setitem(sys.modules, "pyannote.audio", audio)
    monkeypatch.setitem(sys.modules, "torchaudio", ModuleType("torchaudio"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "1")
    return audio.Pipeline


@pytest.fixture
def stereo() -> Audio:
    return Audio.from_array(np.tile([[0.5, -0.25]], (16_000, 1)), 16_000)


def test_it_gets_one_waveform_in_memory_and_only_the_bounds_that_were_given(pyannote, stereo):
    pyannote.output = Turns()
    diarizer = PyannoteDiarizer("some/model", num_speakers=2)
    diarizer.diarize(stereo)
    used = diarizer._pipeline
    assert used.sound["waveform"].shape == (1, 16_000) and used.sound["sample_rate"] == 16_000
    assert float(used.sound["waveform"].mean()) == pytest.approx(0.125)
    assert used.bounds == {"num_speakers": 2} and used.device.type in ("cpu", "cuda")


def test_its_turns_become_ours_under_our_names(pyannote, stereo):
    pyannote.output = Turns((0.5, 0.9, "SPEAKER_00"), (0.0, 0.6, "SPEAKER_01"))
    found = PyannoteDiarizer("some/model").diarize(stereo)
    assert [(t.start, t.end, t.speaker) for t in found.turns] == [(0.0, 0.6, "speaker 1"), (0.5, 0.9, "speaker 2")]
    assert found.source == "pyannote:some/model"


def test_the_answer_without_overlap_is_kept_where_there_is_one(pyannote, stereo):
    every = Turns((0, 0.6, "b"), (0, 1, "a"))
    pyannote.output = SimpleNamespace(speaker_diarization=every, exclusive_speaker_diarization=Turns((0, 1, "a")))
    found = PyannoteDiarizer("some/model").diarize(stereo)
    assert [t.speaker for t in found.turns] == ["speaker 1", "speaker 2"]
    assert [(t.start, t.end, t.speaker) for t in found.exclusive] == [(0.0, 1.0, "speaker 2")]
    pyannote.output = SimpleNamespace(speaker_diarization=every)
    assert PyannoteDiarizer("some/model").diarize(stereo).exclusive == ()


def test_no_turn_passes_the_end_of_the_sound(pyannote, stereo):
    pyannote.output = Turns((0.2, 1.7, "a"), (1.2, 1.8, "b"))
    assert [(t.start, t.end) for t in PyannoteDiarizer("some/model").diarize(stereo).turns] == [(0.2, 1.0)]


def test_the_token_is_in_no_message(pyannote, caplog):
    pyannote.output = OSError("401 for hf_secret")
    with pytest.raises(EngineUnavailable, match="401 for …"):
        PyannoteDiarizer("some/model", token="hf_secret")
    assert "hf_secret" not in caplog.text


def test_telemetry_is_off_before_anything_loads(pyannote):
    PyannoteDiarizer("some/model")
    assert pyannote.loaded["metrics"] == "0"


def test_offline_closes_the_network_while_loading_and_opens_it_again(pyannote):
    PyannoteDiarizer("some/model", offline=True)
    assert pyannote.loaded["offline"] is True
    assert not constants.HF_HUB_OFFLINE and "HF_HUB_OFFLINE" not in os.environ
    PyannoteDiarizer("some/model")
    assert pyannote.loaded["offline"] is False


def test_the_token_comes_from_the_argument_or_the_environment(pyannote, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "from-environment")
    PyannoteDiarizer("some/model")
    assert pyannote.loaded["token"] == "from-environment"
    PyannoteDiarizer("some/model", token="given")
    assert pyannote.loaded["token"] == "given"


def test_a_model_that_is_not_to_be_had_says_what_to_do(pyannote):
    with pytest.raises(EngineUnavailable, match=r"Accept its conditions on https://huggingface.co/gated"):
        PyannoteDiarizer("gated")
    pyannote.output = OSError("offline, and not in the cache")
    with pytest.raises(EngineUnavailable, match=r"not in the cache.*hf download some/model"):
        PyannoteDiarizer("some/model", offline=True)


def test_a_breakdown_is_an_engine_that_failed(pyannote, stereo):
    with pytest.raises(EngineFailed, match="out of memory") as caught:
        PyannoteDiarizer("some/model").diarize(stereo)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_device_that_is_not_here_is_refused(pyannote, monkeypatch):
    def refuse(_pipeline, _device):
        raise RuntimeError("no such device")

    monkeypatch.setattr(pyannote, "to", refuse)
    with pytest.raises(EngineUnavailable, match="no such device"):
        PyannoteDiarizer("some/model", device="cuda")


def test_progress_grows_to_the_end(pyannote, stereo):
    pyannote.output = Turns()
    seen = []
    PyannoteDiarizer("some/model").diarize(stereo, lambda done, total: seen.append(done / total))
    assert seen == pytest.approx([0.0, 0.2, 0.4, 0.4, 1.0, 1.0])


def test_availability_without_pyannote_names_the_command(monkeypatch):
    monkeypatch.setattr(wrapper, "_installed", lambda package: package != "pyannote.audio")
    assert PyannoteDiarizer.availability() == wrapper.Availability(False, "pyannote.audio not installed", "pip install 'convemo[pyannote]'")


def test_availability_knows_a_model_that_is_here(monkeypatch, tmp_path):
    monkeypatch.setattr(wrapper, "_installed", lambda package: True)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    for name in ("HF_TOKEN", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert not PyannoteDiarizer.availability("some/model", offline=True).usable
    assert not PyannoteDiarizer.availability("some/model").usable
    (tmp_path / "token").write_text("x")
    assert PyannoteDiarizer.availability("some/model").usable
    snapshot = tmp_path / "hub" / "models--some--model" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "config.yaml").touch()
    assert PyannoteDiarizer.availability("some/model", offline=True).usable
    assert PyannoteDiarizer.availability(str(snapshot / "config.yaml"), offline=True).usable
