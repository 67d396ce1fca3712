"""Fine-tuning any checkpoint on one's own data, by one command."""

import json

import numpy as np
import pytest

from convemo.acoustic.transformers import TransformersAcoustic
from convemo.commands.train import run
from convemo.data import jsonl
from convemo.errors import ConfigError, DataError, EngineUnavailable
from convemo.text.transformers import TransformersText
from convemo.training import transformers_acoustic, transformers_text
from tests.checkpoints.tiny import TEXT, acoustic_checkpoint, text_checkpoint

WORDS = {
    "calm": ["fine", "great", "ok", "happy"],
    "upset": ["terrible", "awful", "angry", "scared"],
    "neutral": ["what", "the", "it", "is"],
}
QUICK = 'id = "quick"\nlearning_rate = 5e-3\nhead_rate = 1\nbatch_size = 16\nat_once = 8\nraw_share = 0.0\nlayer_decay = 1.0\n'
QUICK_SOUND = QUICK.replace("raw_share = 0.0\n", "")


def write_words(path, seed=0, labels=("calm", "upset", "neutral"), shares=(0.5, 0.3, 0.2)):
    """Conversations whose labels their words give away."""
    rng, lines = np.random.default_rng(seed), []
    for i, split in enumerate(["train"] * 24 + ["dev"] * 6 + ["test"] * 6):
        said = []
        for turn in range(6):
            label = str(rng.choice(labels, p=shares))
            said.append({"speaker": "ab"[turn % 2], "text": " ".join(rng.choice(WORDS[label], 3)), "label": label})
        said.append({"speaker": "a", "text": "oh", "id": f"unlabelled-{i}"})
        lines.append(json.dumps({"id": f"d{i}", "split": split, "utterances": said}))
    path.write_text("\n".join(lines))
    return path


def write_sounds(folder, rng, dialogues=(8, 3, 3)):
    """Clips whose labels their pitch gives away: a file in our form."""
    import wave

    def clip(name, label):
        t = np.arange(int(rng.uniform(0.5, 0.9) * 16_000)) / 16_000
        sound = 0.3 * np.sin(2 * np.pi * {"calm": 150, "upset": 1800}[label] * t) + rng.normal(size=len(t)) * 0.01
        with wave.open(str(folder / name), "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
            file.writeframes((sound * 32_000).astype("<i2").tobytes())
        return name

    lines = []
    for i, split in enumerate(np.repeat(["train", "dev", "test"], dialogues).tolist()):
        said = []
        for turn in range(4):
            label = str(rng.choice(["calm", "upset"]))
            said.append({"speaker": "a", "text": "ok", "label": label, "audio": clip(f"{i}-{turn}.wav", label)})
        lines.append(json.dumps({"id": f"d{i}", "split": split, "utterances": said}))
    (folder / "my.jsonl").write_text("\n".join(lines))
    return folder / "my.jsonl"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A text encoder without any head, as a language model's checkpoint is."""
    return text_checkpoint(tmp_path_factory.mktemp("finetune") / "encoder", labels=None, task="Model")


@pytest.fixture(scope="module")
def trained(encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    data = write_words(folder / "my.jsonl")
    (folder / "quick.toml").write_text(QUICK + "epochs = 5\nturns = 1\n")
    run("text", folder / "quick.toml", data, folder / "out", init=f"transformers:{encoder}")
    return folder


def majority(path, part):
    labels = [u.label for d in jsonl.load(path, part, labels=None) for u in d if u.label]
    return max(labels.count(label) for label in set(labels)) / len(labels)


def test_it_learns_what_the_words_give_away(trained):
    figures = json.loads((trained / "out" / "model" / "figures.json").read_text())
    assert figures["test"]["accuracy"] > majority(trained / "my.jsonl", "test") + 0.2


def test_what_it_leaves_is_a_checkpoint_of_safetensors_that_is_a_channel_at_once(trained, no_network):
    out = trained / "out"
    assert {"config.json", "model.safetensors", "tokenizer.json", "convemo.json", "CARD.md", "figures.json"} <= {
        file.name for file in (out / "model").iterdir()
    }
    channel = TransformersText(str(out), device="cpu", offline=True)
    assert channel.labels == ("neutral", "calm", "upset") and channel.turns == 1 and channel.model.id.startswith("transformers:quick@")
    dialogue = jsonl.load(trained / "my.jsonl", "test", labels=None)[0]
    told = {line["utterance"]: line["probabilities"] for line in map(json.loads, (out / "predictions.jsonl").read_text().splitlines())}
    for utterance, probabilities in zip(dialogue, map(channel.predict(dialogue).probabilities, range(len(dialogue)))):
        assert told[utterance.id] == pytest.approx(probabilities, abs=1e-4)


def test_predictions_cover_every_utterance_of_dev_and_test_unlabelled_ones_too(trained):
    told = [json.loads(line) for line in (trained / "out" / "predictions.jsonl").read_text().splitlines()]
    assert len(told) == 12 * 7 and all(sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4) for line in told)
    assert {line["dialogue"] for line in told} == {f"d{i}" for i in range(24, 36)}


def test_the_card_says_where_it_came_from(trained):
    card = (trained / "out" / "model" / "CARD.md").read_text()
    assert "encoder" in card and "calm, upset" in card and "dev chose the state" in card


def test_the_state_that_is_kept_is_the_best_on_dev(trained):
    events = [json.loads(line) for line in (trained / "out" / "log.jsonl").read_text().splitlines()]
    best = max(event["weighted_f1"] for event in events if event["event"] == "dev")
    figures = json.loads((trained / "out" / "model" / "figures.json").read_text())
    assert figures["dev"]["weighted_f1"] == pytest.approx(best, abs=0.05)  # training is in bfloat16, the channel is not


def test_a_run_that_was_stopped_ends_as_one_that_was_not(encoder, tmp_path, monkeypatch):
    data = write_words(tmp_path / "my.jsonl")
    (tmp_path / "c.toml").write_text(QUICK + 'epochs = 2\nprecision = "float32"\n')

    def train(out, stop_at=None):
        def progress(stage, done, total):
            if stop_at and stage == "train" and done == stop_at:
                raise KeyboardInterrupt

        return transformers_text.train(tmp_path / "c.toml", data, tmp_path / out, progress, init=f"transformers:{encoder}")

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("stopped", stop_at=13)
    assert train("stopped") == whole
    steps = [json.loads(line)["step"] for line in (tmp_path / "stopped" / "log.jsonl").read_text().splitlines() if '"start"' in line]
    assert steps[0] == 0 and steps[1] > 0


def test_a_folder_with_a_run_of_other_settings_is_left_alone(trained, encoder):
    with pytest.raises(ConfigError, match="began with"):
        transformers_text.train(trained / "quick.toml", trained / "my.jsonl", trained / "out", init=f"transformers:{encoder}", seed=2)


def test_the_memory_that_a_step_takes_does_not_change_what_is_learned(encoder, tmp_path):
    data = write_words(tmp_path / "my.jsonl")
    told = []
    for at_once in (4, 16):
        (tmp_path / "c.toml").write_text(QUICK.replace("at_once = 8", f"at_once = {at_once}") + 'epochs = 1\nprecision = "float32"\n')
        transformers_text.train(tmp_path / "c.toml", data, tmp_path / f"out{at_once}", init=f"transformers:{encoder}?dtype=float32")
        told.append(
            [json.loads(line)["probabilities"] for line in (tmp_path / f"out{at_once}" / "predictions.jsonl").read_text().splitlines()]
        )
    assert all(a == pytest.approx(b, abs=0.2) for a, b in zip(*told))  # dropout falls otherwise


def test_a_classifier_of_other_labels_gets_a_new_head(tmp_path):
    data = write_words(tmp_path / "my.jsonl")
    (tmp_path / "c.toml").write_text(QUICK + "epochs = 1\n")
    seven = text_checkpoint(tmp_path / "seven")
    transformers_text.train(tmp_path / "c.toml", data, tmp_path / "out", init=f"transformers:{seven}")
    assert TransformersText(str(tmp_path / "out"), device="cpu").labels == ("neutral", "calm", "upset")


@pytest.mark.parametrize("kind", [kind for kind in TEXT if kind != "bert"])
def test_every_text_architecture_is_trained(kind, tmp_path):
    data = write_words(tmp_path / "my.jsonl")
    (tmp_path / "c.toml").write_text(QUICK + "epochs = 1\nfrozen_layers = 1\n")
    origin = text_checkpoint(tmp_path / kind, kind, labels=None, task="Model")
    assert transformers_text.train(tmp_path / "c.toml", data, tmp_path / "out", init=f"transformers:{origin}")["test"]["utterances"] == 36


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm", "whisper"])
def test_every_speech_architecture_is_trained(kind, tmp_path):
    epochs, dialogues = (12, (8, 3, 3)) if kind == "wav2vec2" else (1, (2, 1, 1))
    data = write_sounds(tmp_path, np.random.default_rng(0), dialogues)
    (tmp_path / "c.toml").write_text(QUICK_SOUND + f"epochs = {epochs}\nfreeze_feature_encoder = false\n")
    origin = acoustic_checkpoint(tmp_path / kind, kind, labels=None, mask_time_prob=0.0)
    run("acoustic", tmp_path / "c.toml", data, tmp_path / "out", init=f"transformers:{origin}")
    channel = TransformersAcoustic(str(tmp_path / "out"), device="cpu", offline=True)
    assert channel.labels == ("calm", "upset") and (tmp_path / "out" / "predictions.jsonl").is_file()
    if kind == "wav2vec2":
        figures = json.loads((tmp_path / "out" / "model" / "figures.json").read_text())
        assert figures["test"]["accuracy"] > majority(data, "test") + 0.2


def test_the_convolutions_at_the_bottom_can_stay_as_they_are(tmp_path):
    from safetensors.torch import load_file

    data = write_sounds(tmp_path, np.random.default_rng(0), (2, 1, 1))
    (tmp_path / "c.toml").write_text(QUICK_SOUND + "epochs = 1\nfreeze_feature_encoder = true\n")
    origin = acoustic_checkpoint(tmp_path / "w", labels=None)
    transformers_acoustic.train(tmp_path / "c.toml", data, tmp_path / "out", init=f"transformers:{origin}")
    before, after = load_file(origin / "model.safetensors"), load_file(tmp_path / "out" / "model" / "model.safetensors")
    same = {
        name for name in before if name in after and before[name].shape == after[name].shape and bool((before[name] == after[name]).all())
    }
    assert any("feature_extractor" in name for name in same) and not any("encoder.layers" in name and "weight" in name for name in same)


def test_data_without_a_dev_part_are_refused(encoder, tmp_path):
    data = tmp_path / "my.jsonl"
    data.write_text(json.dumps({"split": "train", "utterances": [{"speaker": "a", "text": "ok", "label": "calm"}]}))
    (tmp_path / "c.toml").write_text(QUICK)
    with pytest.raises(DataError, match="dev part"):
        transformers_text.train(tmp_path / "c.toml", data, tmp_path / "out", init=f"transformers:{encoder}")


def test_a_decoder_that_was_made_for_something_else_is_refused(tmp_path):
    data = write_words(tmp_path / "my.jsonl")
    (tmp_path / "c.toml").write_text(QUICK)
    speech = acoustic_checkpoint(tmp_path / "w")
    with pytest.raises(EngineUnavailable, match="sequence classifier"):
        transformers_text.train(tmp_path / "c.toml", data, tmp_path / "out", init=f"transformers:{speech}")
