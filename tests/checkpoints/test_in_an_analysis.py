"""Checkpoints in the place of the shipped channels: in Python, on the command line, in a config file."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from convemo import Analysis, Analyzer, Transcript, TranscriptSegment
from convemo.cli import app
from convemo.doctor import examine
from convemo.errors import ConfigError
from tests.checkpoints.tiny import acoustic_checkpoint, text_checkpoint

SAID = Transcript(
    (
        TranscriptSegment("Oh no, so sad!", 0.0, 2.0, "ana"),
        TranscriptSegment("I am happy.", 2.0, 4.0, "ben"),
        TranscriptSegment("What?", 4.0, 5.0, "ana"),
    ),
    language="de",
)
RNG = np.random.default_rng(0)
SOUND = (RNG.normal(size=5 * 16_000) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return f"transformers:{text_checkpoint(tmp_path_factory.mktemp('e2e') / 'words')}"


@pytest.fixture(scope="module")
def acoustic(tmp_path_factory):
    return f"transformers:{acoustic_checkpoint(tmp_path_factory.mktemp('e2e') / 'voice', labels=('neu', 'hap', 'ang', 'sad'))}"


def test_both_channels_are_checkpoints_and_nothing_claims_to_be_calibrated(text, acoustic, no_network):
    analysis = Analyzer(text=text, acoustic=acoustic, offline=True, device="cpu").analyze(SOUND, SAID, rate_hz=16_000)
    assert {name: c.model.id.split("@")[0] for name, c in analysis.channels.items()} == {
        "text": "transformers:words",
        "acoustic": "transformers:voice",
    }
    assert all(c.valid.all() and not c.calibrated for c in analysis.channels.values()) and not analysis.fused.calibrated
    assert analysis.fused.valid.all() and analysis.prediction_sets == (None, None, None)  # nobody can promise a coverage
    assert sum("was not fitted on transformers:" in note for note in analysis.notes) == 2
    assert any("no label for fear, disgust, surprise" in note for note in analysis.notes)


def test_the_result_is_saved_and_read_back(text, tmp_path):
    analysis = Analyzer(text=text, channels="text,fused", device="cpu").analyze(SAID)
    assert Analysis.load(analysis.save(tmp_path / "a.json")).channels["text"] == analysis.channels["text"]


def test_an_own_label_set_needs_a_fusion_of_its_own_or_none(tmp_path):
    own = f"transformers:{text_checkpoint(tmp_path / 'own', labels=('upset', 'content'))}?labels=own"
    assert {u.label for u in Analyzer(text=own, channels="text", device="cpu").analyze(SAID)} <= {"upset", "content"}
    with pytest.raises(ConfigError, match="fit a fusion"):
        Analyzer(text=own, channels="text,fused", device="cpu").analyze(SAID)


def test_weights_of_unknown_licence_are_left_off_where_only_permissive_ones_may_be_used(text):
    analysis = Analyzer(text=text, channels="text,fused", weights="permissive", device="cpu").analyze(SAID)
    assert any("text channel is off: its weights are unknown" in note for note in analysis.notes)


def test_on_the_command_line(text, tmp_path):
    vtt = tmp_path / "talk.vtt"
    vtt.write_text("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n<v Ana>I am so happy!\n")
    ran = CliRunner().invoke(app, ["analyze", str(vtt), "--text", text, "--channels", "text,fused", "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout.splitlines()[-1])["channels"]["text"]["model"]["id"].startswith("transformers:words@")


def test_in_a_config_file(text, tmp_path):
    config = tmp_path / "convemo.toml"
    config.write_text(f'text = "{text}?dtype=float32"\nchannels = ["text", "fused"]\n')
    assert Analyzer(config).analyze(SAID).channels["text"].model.id.startswith("transformers:words@")


def test_doctor_lists_them():
    found = {(f.kind, f.name): f for f in examine()}
    assert found["text", "transformers"].usable and found["acoustic", "transformers"].usable
