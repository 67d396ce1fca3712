"""What fusion is fitted on: every text in every reading, every clip in every room, by models that have not met them."""

import json
import shutil

import pytest

from convemo.errors import ConfigError
from convemo.text.channel import TextChannel
from convemo.training.compose import read_clips, read_texts
from convemo.training.scores import train
from convemo.weights import ROOT


@pytest.fixture(scope="module")
def world(tmp_path_factory, hum):
    """One scene of two lines in every part, two actors with two clips each, and a model that says it knows nEMO alone."""
    folder = tmp_path_factory.mktemp("scores")
    (folder / "emorynlp").mkdir()
    head = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time"
    said = [("I love it, I really, really do!", "Joyful"), ("Go away and never come back here.", "Mad")]
    lines = [(f"\"{text}\",['Ana'],{emotion}", i) for i, (text, emotion) in enumerate(said)]
    rows = [f"{line},0,{i},1,1,00:00:0{i}.000,00:00:0{i}.500" for line, i in lines]
    for split in ("train", "dev", "test"):
        (folder / "emorynlp" / f"emorynlp_{split}_final.csv").write_text(
            "\n".join([head, *(rows * 3 if split == "train" else rows)]) + "\n"
        )
    for actor in ("01", "02"):
        for emotion in ("03", "05"):
            hum(folder / "ravdess" / f"Actor_{actor}" / f"03-01-{emotion}-01-01-01-{actor}.wav", f0_hz=100.0 * int(actor))
    shutil.copytree(ROOT / "acoustic", folder / "model")
    manifest = json.loads((folder / "model" / "model.json").read_text())
    (folder / "model" / "model.json").write_text(json.dumps(manifest | {"trained_on": ["nemo"]}))
    (folder / "all.toml").write_text(f'misheard = 2\n[acoustic]\nravdess = "{folder}/model"\n')
    return folder


@pytest.fixture(scope="module")
def out(world):
    assert train(world / "all.toml", world, world / "out") == {"text_dev": 8, "text_test": 8, "clips": 8}
    return world / "out"


def test_texts_are_read_as_written_raw_and_misheard_and_only_the_misheard_have_a_confidence(out):
    written, raw, misheard = (read_texts(out / "text_dev.jsonl", reading) for reading in ("written", "raw", "misheard"))
    first, second = written
    assert [len(reading[first]) for reading in (written, raw, misheard)] == [1, 1, 2]
    log_probs, _ = TextChannel().score(["I love it, I really, really do!", "i love it i really really do"])
    assert written[first][0].log_probs == pytest.approx(log_probs[0], abs=1e-4)
    assert raw[first][0].log_probs == pytest.approx(log_probs[1], abs=1e-4)
    assert written[first][0].evidence.asr_confidence is raw[second][0].evidence.asr_confidence is None
    assert all(0 < r.evidence.asr_confidence < 1 for r in misheard[first])


def test_support_conversations_are_read_with_the_dev_part_alone(world, tmp_path):
    talk = {"id": "s1", "split": "dev", "utterances": [{"id": "s1-1", "speaker": "ana", "text": "I am furious.", "label": "anger"}]}
    (tmp_path / "support.jsonl").write_text(json.dumps(talk) + "\n" + json.dumps(talk | {"id": "s2", "split": "train"}) + "\n")
    (tmp_path / "texts.toml").write_text(f'misheard = 1\nsupport = "{tmp_path}/support.jsonl"\n')
    assert train(tmp_path / "texts.toml", world, tmp_path / "out") == {"text_dev": 2 * 3 + 3, "text_test": 2 * 3}
    assert "s1-1" in read_texts(tmp_path / "out" / "text_dev.jsonl", "written")


def test_clips_are_heard_as_recorded_and_degraded_with_what_the_sound_was_like(out):
    recorded, degraded = (read_clips(out / "clips.jsonl", room) for room in ("recorded", "degraded"))
    assert sorted((c.actor, c.label) for c in recorded) == sorted((c.actor, c.label) for c in degraded)
    assert {c.label for c in recorded} == {"joy", "anger"} and {c.actor for c in recorded} == {"ravdess-01", "ravdess-02"}
    assert all(c.evidence.speech_s is not None and c.evidence.clipping == 0 for c in recorded)


def test_the_same_seed_gives_the_same_scores(world, out):
    train(world / "all.toml", world, world / "again")
    for name in ("text_dev", "text_test", "clips"):
        assert (world / "again" / f"{name}.jsonl").read_text() == (out / f"{name}.jsonl").read_text()


def test_a_model_is_not_scored_on_what_it_was_trained_on(world, tmp_path):
    (tmp_path / "met.toml").write_text(f'[acoustic]\nravdess = "{ROOT / "acoustic"}"\n')
    with pytest.raises(ConfigError, match="a model that has not met ravdess"):
        train(tmp_path / "met.toml", world, tmp_path)
