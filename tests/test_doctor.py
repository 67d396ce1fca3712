import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from convemo import doctor, registry, weights
from convemo.doctor import examine
from convemo.errors import EngineUnavailable


def by_name(findings):
    return {(finding.kind, finding.name): finding for finding in findings}


def test_every_registered_engine_is_listed():
    found = by_name(examine())
    assert {(kind, name) for kind in doctor.ENGINES for name in registry.names(kind)} <= set(found)
    assert found["runtime", "python"].usable and found["runtime", "onnxruntime"].usable


def test_whatever_is_not_usable_says_why():
    assert all(finding.why for finding in examine() if not finding.usable)


def test_an_engine_without_weights_names_the_command_that_fetches_them(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    finding = by_name(examine())["asr", "faster-whisper"]
    assert (finding.usable, finding.mend) == (False, "hf download Systran/faster-whisper-small")


class Healthy:
    @classmethod
    def availability(cls, model=None, offline=False):
        return registry.Availability(True, "theirs")


class Breaks:
    @classmethod
    def availability(cls, model=None, offline=False):
        raise ZeroDivisionError("in their code")


@pytest.fixture
def third_party(monkeypatch):
    points = [
        EntryPoint("theirs", f"{__name__}:Healthy", "convemo.asr"),
        EntryPoint("breaks", f"{__name__}:Breaks", "convemo.asr"),
        EntryPoint("gone", "no_such_package_at_all:Engine", "convemo.asr"),
        EntryPoint("silent", "builtins:object", "convemo.asr"),
    ]
    monkeypatch.setattr(registry, "_entry_points", lambda kind: points if kind == "asr" else [])


def test_a_third_partys_engine_is_examined_too_and_one_that_breaks_takes_nothing_with_it(third_party):
    found = by_name(examine())
    assert found["asr", "theirs"].usable and found["asr", "theirs"].why == "theirs"
    assert not found["asr", "breaks"].usable and "ZeroDivisionError: in their code" in found["asr", "breaks"].why
    assert not found["asr", "gone"].usable and "no_such_package_at_all" in found["asr", "gone"].why
    assert found["asr", "silent"].usable
    assert ("extra", "convemo train") in found


def test_a_missing_package_comes_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    finding = by_name(examine())["extra", "to_frame() and tables"]
    assert (finding.usable, finding.why, finding.mend) == (False, "not installed: pandas", "pip install pandas")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """One shipped model, whole or with other bytes than its manifest says."""

    def model(content, signed):
        import hashlib
        import json

        folder = tmp_path / "text"
        folder.mkdir()
        (folder / "model.onnx").write_bytes(content)
        files = {"model.onnx": hashlib.sha256(signed).hexdigest()}
        (folder / weights.MANIFEST).write_text(json.dumps({"id": "m1", "channel": "text", "licence": "CC-BY-4.0", "files": files}))
        monkeypatch.setattr(weights, "ROOT", tmp_path)

    return model


def test_shipped_weights_are_held_against_their_hash_and_show_their_licence(shipped):
    shipped(b"abc", signed=b"abc")
    finding = by_name(examine())["weights", "m1"]
    assert finding.usable and finding.licence == "CC-BY-4.0"


def test_altered_weights_are_found_out(shipped):
    shipped(b"abc", signed=b"abd")
    finding = by_name(examine())["weights", "m1"]
    assert not finding.usable and "sha256" in finding.why and finding.mend.startswith("pip install")


def test_weights_that_cannot_be_read_at_all_are_one_finding(monkeypatch):
    def broken():
        raise EngineUnavailable("JSON", "nonsense")

    monkeypatch.setattr(weights, "shipped", broken)
    assert not by_name(examine())["weights", "shipped"].usable


def test_nothing_heavy_is_imported():
    heavy = {"torch", "transformers", "faster_whisper", "ctranslate2", "whisper", "pyannote.audio"}
    heavy |= {"pandas", "sklearn", "huggingface_hub", "av"}
    code = "import sys; from convemo.doctor import examine; examine(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)
