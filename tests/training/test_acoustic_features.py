"""The training on features in place of sound: any names, any labels, from one file to a channel."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from convemo.acoustic.numbers import NO_FEATURES  # noqa: E402
from convemo.acoustic.numbers_channel import NumbersChannel  # noqa: E402
from convemo.data import jsonl  # noqa: E402
from convemo.errors import ConfigError, DataError  # noqa: E402
from convemo.training import acoustic_features_fit  # noqa: E402
from convemo.training.acoustic_features import PREDICTIONS, UNRULED, train  # noqa: E402
from convemo.training.acoustic_features_data import UNLABELLED, batches, pieces, prepare, reader_for  # noqa: E402
from convemo.training.acoustic_kind import BASELINE, BY_FEATURES, BY_SOUND, kind  # noqa: E402
from convemo.types import LabelSet  # noqa: E402

TINY = """
input = "features"
epochs = 2
least_steps = 60
batch = 8
learning_rate = 1e-2
members = 2
decide = "weighted_f1"
network = { width = 12, layers = 1, heads = [1, 1, 1], reach = 4, bins = 4 }
"""


def conversation(number, rng, split):
    """Who is upset speaks louder; sometimes a number is missing, and one utterance has none at all."""
    utterances = []
    for i in range(6):
        upset = bool(rng.random() < 0.4)
        features = {"level": float(rng.normal(3 * upset, 1)), "rate": float(np.exp(rng.normal(0, 1)))}
        if rng.random() < 0.2:
            features.pop("rate")
        said = {"speaker": "ab"[i % 2], "start": 2.0 * i, "end": 2.0 * i + 1, "label": "upset" if upset else "calm"}
        utterances.append(said | ({"features": features} if (number, i) != (3, 2) else {}))
    return {"id": f"d{number}", "split": split, "utterances": utterances}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("data") / "calls.jsonl", np.random.default_rng(0)
    splits = ("train", "train", "dev", "test")
    path.write_text("\n".join(json.dumps(conversation(i, rng, splits[i % 4])) for i in range(60)))
    return path


def config(folder, text):
    path = folder / "config.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    figures = train(config(out, TINY), data, out, seed=2)
    return out, figures


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_learns_what_there_is_to_learn(run):
    assert run[1]["test"]["weighted_f1"] > 0.8
    assert run[1]["left out"]["utterances"] > run[1]["dev"]["utterances"], "what the members left out is the larger part"


def test_the_channel_answers_as_the_predictions_on_disk(run, data):
    out, _ = run
    channel = NumbersChannel(str(out / "model"))
    assert channel.labels == ("calm", "upset")
    said = {(line["dialogue"], line["utterance"]): line["probabilities"] for line in lines(out / PREDICTIONS)}
    dialogues = [d for split in ("dev", "test") for d in jsonl.load(data, split, labels=None)]
    for dialogue in dialogues:
        result = channel.predict(dialogue)
        for i, utterance in enumerate(dialogue):
            if result.reasons[i] == NO_FEATURES:
                assert (dialogue.id, utterance.id) not in said
            else:
                assert result.probabilities(i) == pytest.approx(said[dialogue.id, utterance.id], abs=1e-3)
    assert sum(map(len, dialogues)) == len(said) + 1, "one utterance has no features"


def test_probabilities_before_the_rule_are_kept_beside(run):
    before, after = (np.array([line["probabilities"]["upset"] for line in lines(run[0] / name)]) for name in (UNRULED, PREDICTIONS))
    np.testing.assert_array_equal(np.argsort(before), np.argsort(after))  # whichever rule dev prefers, none included


def test_the_manifest_names_the_features_and_the_card_the_command(run):
    manifest = json.loads((run[0] / "model/model.json").read_text())
    assert manifest["features"] == ["level", "rate"] and manifest["input"] == "features" and manifest["seed"] == 2
    assert list(manifest["floors"]) == ["rate"], "skewed, and always above zero"
    card = (run[0] / "model/CARD.md").read_text()
    assert "convemo train acoustic config.toml" in card and "level, rate" in card
    assert "| test |" in (run[0] / "table.md").read_text()


def test_a_run_goes_on_where_it_was_and_refuses_another_ones_folder(run, data):
    out, figures = run
    begun = len(lines(out / "log.jsonl"))
    again = train(out / "config.toml", data, out, seed=2)
    assert again["test"] == figures["test"]
    assert not any(line["event"] == "epoch" for line in lines(out / "log.jsonl")[begun:])
    with pytest.raises(ConfigError, match="begun"):
        train(out / "config.toml", data, out, seed=3)


@pytest.mark.parametrize("model", ["gradient-boosting", "svm"])
def test_plain_rivals_give_predictions_and_no_channel(model, data, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setitem(acoustic_features_fit.BOOSTING, "max_iter", 20)
    figures = train(config(tmp_path, f'input = "features"\nmodel = "{model}"\nmembers = 1'), data, tmp_path)
    assert figures["test"]["weighted_f1"] > 0.65
    assert lines(tmp_path / PREDICTIONS) and not (tmp_path / "model").exists()


def test_data_without_features_or_without_a_dev_part_say_so(tmp_path):
    said = {"speaker": "a", "label": "calm", "features": {"level": 1.0}}
    for utterance, split, missing in ((said, "train", "dev"), ({**said, "features": None}, "dev", "train")):
        path = tmp_path / f"{missing}.jsonl"
        path.write_text(json.dumps({"split": split, "utterances": [utterance]}))
        with pytest.raises(DataError, match=f"features.*{missing}"):
            train(config(tmp_path, TINY), path, tmp_path / "out")


def test_pieces_of_a_long_dialogue_teach_every_row_once_with_what_went_before_in_sight():
    rng = np.random.default_rng(0)
    said = {"utterances": [said for i in range(25) for said in conversation(i + 10, rng, "train")["utterances"]]}
    dialogue = jsonl_dialogue(said)
    part = prepare((dialogue,), reader_for([dialogue], True, 3.0), LabelSet(["calm", "upset"]))
    found = pieces(part, context=8)
    assert [(p.begin, p.start, p.end) for p in found] == [(0, 0, 64), (56, 64, 128), (120, 128, 150)]
    taught = sum(int((batch["labels"] != UNLABELLED).sum()) for _, batch in batches(part, found, 2))
    assert taught == len(part.known) == 150


def test_values_taken_away_take_their_deviations_along():
    dialogue = jsonl_dialogue({"utterances": conversation(1, np.random.default_rng(0), "train")["utterances"] * 5})
    part = prepare((dialogue,), reader_for([dialogue], False, 3.0), LabelSet(["calm", "upset"]))
    ((_, batch),) = batches(part, pieces(part, 8), 4, np.random.default_rng(0), missing=0.5)
    gone = batch["missing"] > 0
    assert 0.3 < gone.mean() < 0.9
    assert not batch["deviations"][np.concatenate([gone, gone], axis=-1)].any()
    assert batch["deviations"][~np.concatenate([gone, gone], axis=-1)].any()


def jsonl_dialogue(record):
    return jsonl._Line("x.jsonl", 1, None).dialogue({**record, "id": "long"})


def test_the_configuration_or_else_the_data_say_what_is_trained(tmp_path, data):
    assert kind(config(tmp_path, TINY), tmp_path) == BY_FEATURES
    assert kind(config(tmp_path, 'corpora = ["ravdess"]'), tmp_path) == BY_SOUND
    assert kind(config(tmp_path, 'model = "mfcc-cnn"'), tmp_path) == BASELINE
    assert kind(None, data) == BY_FEATURES and kind(None, tmp_path) == BY_SOUND
    clips = tmp_path / "clips.jsonl"
    clips.write_text(json.dumps({"utterances": [{"speaker": "a", "audio": "a.wav", "features": {"level": 1.0}}]}))
    assert kind(None, clips) == BY_SOUND


def test_the_command_does_it_from_one_file_and_shows_the_figures(data, tmp_path, capsys):
    from convemo.commands.train import run as command

    command("acoustic", config(tmp_path, TINY), data, tmp_path / "out", seed=1, init=None)
    shown = capsys.readouterr().out
    assert "| transformer | utterances | accuracy |" in shown and "| test |" in shown


def test_an_option_of_another_training_is_refused_by_the_name_that_was_typed(data, tmp_path):
    from convemo.commands.train import run as command

    with pytest.raises(ConfigError, match="`convemo train acoustic` on features in place of sound takes, found --fold"):
        command("acoustic", config(tmp_path, TINY), data, tmp_path / "out", fold=2)
