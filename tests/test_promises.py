"""The promises that no single part can keep: no network, no words in logs, nothing but data in what is shipped."""

import logging
import socket
from pathlib import Path

import pytest

from convemo import Analyzer, weights

EXAMPLES = Path(__file__).parents[1] / "examples"
CALL, TRANSCRIPT = EXAMPLES / "support_call.flac", EXAMPLES / "support_call.vtt"


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to reach another host fails the test."""

    def refuse(*arguments, **settings):
        raise AssertionError(f"something tried to reach the network: {arguments[1:]}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_nothing_leaves_the_machine(no_network, monkeypatch, tmp_path):
    for cache in ("HF_HUB_CACHE", "XDG_CACHE_HOME"):  # as on a machine that has no Whisper weights
        monkeypatch.setenv(cache, str(tmp_path))
    analyzer = Analyzer(offline=True)
    assert len(analyzer.analyze(CALL, transcript=TRANSCRIPT)) > 0
    assert "offline nothing is fetched" in analyzer.analyze(CALL).notes[0]  # without a transcript: no Whisper is fetched either


def test_logs_hold_no_words_of_the_transcript(caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        Analyzer(offline=True).analyze(CALL, transcript=TRANSCRIPT)
    written = caplog.text + "".join(capfd.readouterr())
    assert not any(word in written for word in ("ridiculous", "colleagues", "engineer"))


def test_what_is_shipped_is_what_its_manifest_signed_for_and_holds_no_code():
    models = weights.shipped()
    assert {model.name for model in models} == {"text", "acoustic", "fusion", "fusion_text", "speaker"}
    for model in models:
        weights.load_manifest(model.folder)
        found = {p.name for p in model.folder.iterdir() if p.is_file()} - {*model.files, "model.json", "CARD.md", "figures.json"}
        assert not found, f"files in {model.folder} that nobody signed for: {found}"
        assert {Path(name).suffix for name in model.files} <= {".onnx", ".json", ".safetensors"}


def test_every_model_has_a_card_that_says_its_licence_and_its_command():
    for model in weights.shipped():
        card = (model.folder / "CARD.md").read_text(encoding="utf-8")
        assert model.licence in card and "convemo train" in card


def test_together_the_weights_are_at_most_40_megabytes():
    assert sum(model.size_bytes for model in weights.shipped()) <= 40e6
