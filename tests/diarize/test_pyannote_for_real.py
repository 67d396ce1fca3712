"""pyannote.audio itself: a tiny pipeline of random weights always, the true segmentation weights where they are."""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from convemo.audio import Audio, load
from convemo.data.rttm import read_turns
from convemo.diarize.pyannote import PyannoteDiarizer
from convemo.errors import EngineUnavailable
from convemo.metrics import diarization_error_rate

from .tiny_pyannote import build

if find_spec("pyannote") is None or find_spec("pyannote.audio") is None:
    pytest.skip("pyannote.audio is not installed", allow_module_level=True)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> str:
    return str(build(tmp_path_factory.mktemp("tiny") / "pipeline"))


@pytest.fixture(scope="module")
def call():
    with load(ROOT / "examples" / "support_call.flac") as audio:
        yield Audio.from_array(audio.read(0, 8.0), 16_000)


@pytest.fixture(scope="module")
def found(pipeline, call):
    return PyannoteDiarizer(pipeline, offline=True).diarize(call)


@pytest.fixture
def no_network(monkeypatch) -> list:
    """Every address that somebody tries to reach; none is."""
    tried = []

    def refuse(_socket, address):
        tried.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr("socket.socket.connect", refuse)
    return tried


def test_turns_are_inside_the_sound_and_in_order(found, call):
    assert found.turns and list(found.turns) == sorted(found.turns)
    assert all(0 <= turn.start < turn.end <= call.duration_s for turn in found.turns)


def test_speakers_are_named_as_they_first_speak(found):
    assert [speaker.id for speaker in found.speakers] == [f"speaker {i + 1}" for i in range(len(found.speakers))]
    assert list(dict.fromkeys(turn.speaker for turn in found.turns)) == [speaker.id for speaker in found.speakers]


def test_one_voice_at_a_time_is_known_beside_those_that_overlap(found):
    assert any(a.end > b.start for a, b in zip(found.turns, found.turns[1:]))
    assert all(a.end <= b.start + 1e-6 for a, b in zip(found.exclusive, found.exclusive[1:]))
    assert {turn.speaker for turn in found.exclusive} <= {speaker.id for speaker in found.speakers}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_number_that_is_given_is_kept(pipeline, call, number):
    assert len(PyannoteDiarizer(pipeline, num_speakers=number, offline=True).diarize(call).speakers) == number


def test_the_same_sound_gets_the_same_turns(pipeline, call, found):
    assert PyannoteDiarizer(f"{pipeline}/config.yaml", offline=True).diarize(call).turns == found.turns


@pytest.mark.parametrize("samples", [1, 100, 16_000, 2 * 16_000 + 1])
def test_the_shortest_sound_is_no_breakdown(pipeline, samples):
    sound = Audio.from_array(np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32), 16_000)
    assert all(turn.end <= samples / 16_000 + 0.001 for turn in PyannoteDiarizer(pipeline, offline=True).diarize(sound).turns)


def test_nothing_is_told_to_anybody(pipeline, call, no_network, monkeypatch):
    monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "1")
    PyannoteDiarizer(pipeline).diarize(call)
    from pyannote.audio.telemetry import metrics

    assert os.environ["PYANNOTE_METRICS_ENABLED"] == "0" and not metrics.is_metrics_enabled()
    metrics.provider.force_flush()
    assert no_network == []


@pytest.mark.filterwarnings("ignore:\\s*The detected number of speakers")
def test_what_it_prints_is_no_result_and_nobody_elses_prints_are_moved(pipeline, call, capsys):
    """Where it cannot find as many as it is told to, pyannote prints."""
    ours, meanwhile = sys.stdout, []
    PyannoteDiarizer(pipeline, num_speakers=20, offline=True).diarize(call, lambda *_: meanwhile.append(sys.stdout))
    told = capsys.readouterr()
    assert told.out == "" and "Found only" in told.err
    assert meanwhile and all(stream is ours for stream in meanwhile)


def test_a_folder_whose_parts_are_missing_says_so(tmp_path):
    (tmp_path / "config.yaml").write_text("pipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n")
    with pytest.raises(EngineUnavailable, match=r"every file here that it names\?"):
        PyannoteDiarizer(str(tmp_path), offline=True)


@pytest.mark.data
def test_the_true_segmentation_tells_two_speakers_apart(data_root, tmp_path, monkeypatch):
    """With the benchmark's own pipeline of local weights."""
    pytest.importorskip("librosa")
    weights = data_root.parent / "weights"
    segmentation = weights / "pyannote-segmentation-3.0" / "pytorch_model.bin"
    encoders = sorted((weights / "speaker-encoder-wq2012").glob("*.pt"))
    if not (segmentation.is_file() and encoders):
        pytest.skip(f"no weights in {weights}")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    make = ["pyannote_pipeline.py", "--segmentation", segmentation, "--embedding", encoders[0], "--out", tmp_path]
    monkeypatch.setattr(sys, "argv", list(map(str, make)))
    import_module("pyannote_pipeline").main()
    diarizer = PyannoteDiarizer(str(tmp_path), num_speakers=2, offline=True)
    reference = read_turns(data_root / "conversations" / "two_speakers.rttm")["two_speakers"]
    with load(data_root / "conversations" / "two_speakers.flac") as audio:
        turns = diarizer.diarize(audio).turns
    assert diarization_error_rate(turns, reference, 30.0) < 0.05
