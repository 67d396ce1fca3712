"""A checkpoint's labels as ours."""

import json

import numpy as np
import pytest

from convemo.checkpoints.folder import Checkpoint, CheckpointSettings
from convemo.checkpoints.labels import NAMES, Reading, output_names, plain, reading
from convemo.checkpoints.spec import CheckpointSpec
from convemo.data.mappings import GOEMOTIONS
from convemo.errors import ConfigError, EngineUnavailable
from convemo.types import LABELS

LETTERS = "neu hap ang sad"


def checkpoint(tmp_path, names, settings=None, **config):
    config = {"model_type": "bert", "id2label": {str(i): name for i, name in enumerate(names)}} | config
    return Checkpoint(tmp_path, "m", config, CheckpointSettings(**(settings or {})), "mit")


def read(tmp_path, names, spec="m", settings=None, **config):
    return reading(checkpoint(tmp_path, names, settings, **config), CheckpointSpec.parse(spec))


def chances(reading, *probabilities):
    return dict(zip(reading.labels, np.exp(reading.log_probs(np.log([probabilities])))[0].round(3).tolist()))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ANGRY", "anger"),
        ("ang", "anger"),
        ("Happiness", "joy"),
        ("hap", "joy"),
        ("joyful", "joy"),
        ("exc", "joy"),
        ("neu", "neutral"),
        ("calm", "neutral"),
        ("sad", "sadness"),
        ("fearful", "fear"),
        ("fea", "fear"),
        ("dis", "disgust"),
        ("Pleasant_Surprise", "surprise"),
        ("sur", "surprise"),
        ("contempt", None),
        ("boredom", None),
        ("fru", None),
        ("other", None),
    ],
)
def test_the_fields_names_for_an_emotion_lead_to_ours(theirs, ours):
    assert NAMES[plain(theirs)] == ours


def test_goemotions_labels_go_by_the_mapping_of_the_data_set():
    assert {name: NAMES[name] for name in GOEMOTIONS.labels} == dict(GOEMOTIONS.labels)


def test_labels_that_are_ours_stay_as_they_are_and_there_is_nothing_to_tell(tmp_path):
    found = read(tmp_path, LABELS)
    assert chances(found, 0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02) == dict(zip(LABELS, (0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02)))
    assert found.note("text", "m") == ""


def test_the_order_of_the_outputs_is_the_checkpoints(tmp_path):
    found = read(tmp_path, reversed(LABELS))
    assert chances(found, 0.9, *[0.1 / 6] * 6)["surprise"] == 0.9


def test_probabilities_of_labels_that_lead_to_one_of_ours_add_up(tmp_path):
    found = read(tmp_path, ["joy", "excitement", *(label for label in LABELS if label != "joy")])
    assert chances(found, 0.3, 0.3, *[0.4 / 6] * 6)["joy"] == 0.6


def test_what_is_dropped_is_no_opinion_rather_than_somebody_elses_vote(tmp_path):
    found = read(tmp_path, [*LABELS, "contempt"])
    assert set(chances(found, *[0.0001] * 7, 0.9993).values()) == {round(1 / 7, 3)}


def test_a_label_that_the_checkpoint_lacks_is_neither_likely_nor_ruled_out(tmp_path):
    found = chances(read(tmp_path, LETTERS.split()), 0.7, 0.1, 0.1, 0.1)
    assert found["fear"] == found["disgust"] == found["surprise"] == round(1 / 7, 3)
    assert found["neutral"] == 0.4  # 0.7 of the four sevenths that it speaks of
    assert max(found, key=found.get) == "neutral"


def test_a_checkpoint_that_knows_nothing_of_an_utterance_says_nothing(tmp_path):
    assert set(chances(read(tmp_path, LETTERS.split()), 0.25, 0.25, 0.25, 0.25).values()) == {round(1 / 7, 3)}


def test_what_is_merged_dropped_and_lacking_is_told_in_one_sentence(tmp_path):
    note = read(tmp_path, ["neutral", "calm", "happy", "angry", "bored"]).note("acoustic", "transformers:m")
    assert note == (
        "The acoustic channel is transformers:m: neutral + calm count as neutral; bored is dropped; "
        "it has no label for sadness, fear, disgust, surprise, of which it says nothing."
    )


def test_several_labels_at_once_count_by_their_shares(tmp_path):
    found = read(tmp_path, ["neutral", "joy", "gratitude", "anger"], problem_type="multi_label_classification")
    logits = np.log(np.array([[0.1, 0.4, 0.4, 0.1]]) / (1 - np.array([[0.1, 0.4, 0.4, 0.1]])))
    assert np.exp(found.log_probs(logits))[0, 1] == pytest.approx(0.8 * 3 / 7)


def test_where_no_label_of_several_is_neutral_none_of_them_is(tmp_path):
    found = read(tmp_path, ["joy", "anger", "sadness"], spec="m?head=multi")
    p = np.exp(found.log_probs(np.full((1, 3), -8.0)))[0]
    assert p.argmax() == LABELS.index("neutral")
    assert "neutral is the chance that none of its labels holds" in found.note("text", "m")


def test_labels_without_names_are_refused_with_what_to_write(tmp_path):
    with pytest.raises(ConfigError, match="LABEL_0") as refused:
        read(tmp_path, ["LABEL_0", "LABEL_1"])
    assert all(word in refused.value.hint for word in ("?labels=neutral,joy", "?labels=own", "convemo.json"))


def test_outputs_can_be_named_in_the_spec(tmp_path):
    found = read(tmp_path, ["LABEL_0", "LABEL_1", "LABEL_2"], spec="m?labels=neu,joy,-")
    assert found.targets == ("neutral", "joy", None)


def test_too_few_names_in_the_spec_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="3 names"):
        read(tmp_path, ["LABEL_0", "LABEL_1", "LABEL_2"], spec="m?labels=neutral,joy")


def test_outputs_can_be_mapped_by_a_file_beside_the_checkpoint(tmp_path):
    found = read(tmp_path, ["LABEL_0", "joy", "x"], settings={"labels": {"LABEL_0": "neutral", "x": None}})
    assert found.targets == ("neutral", "joy", None)


def test_and_by_a_file_anywhere(tmp_path):
    file = tmp_path / "map.json"
    file.write_text(json.dumps({"labels": {"A": "content", "B": "upset"}, "set": ["upset", "content"]}))
    found = read(tmp_path, ["A", "B"], spec=f"m?labels={file}")
    assert found.labels == ("upset", "content") and chances(found, 0.8, 0.2) == {"upset": 0.2, "content": 0.8}


def test_a_checkpoint_may_keep_its_own_label_set(tmp_path):
    found = read(tmp_path, ["frustrated", "delighted"], spec="m?labels=own")
    assert found.labels == ("frustrated", "delighted") and chances(found, 0.9, 0.1) == {"frustrated": 0.9, "delighted": 0.1}


@pytest.mark.parametrize("names", [["positive", "negative"], ["A", "S", "H"], ["E", "N", "C"]])
def test_models_of_something_else_are_refused(names, tmp_path):
    with pytest.raises(ConfigError):
        read(tmp_path, names)


def test_a_model_of_one_emotion_alone_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="at least two emotions"):
        read(tmp_path, ["joy", "other"])


def test_a_model_of_numbers_is_refused(tmp_path):
    with pytest.raises(EngineUnavailable, match="regression"):
        read(tmp_path, ["arousal", "valence"], problem_type="regression")


@pytest.mark.parametrize("names", [{}, {"0": "joy"}, {"x": "joy", "y": "anger"}, {"0": "joy", "1": "joy"}])
def test_an_id2label_that_makes_no_sense_is_refused(names, tmp_path):
    with pytest.raises(EngineUnavailable, match="id2label"):
        output_names(checkpoint(tmp_path, [], id2label=names))


def test_rows_are_distributions_whatever_the_logits():
    found = Reading.of_names(["joy", "anger", "sad", "contempt"])
    p = np.exp(found.log_probs(np.random.default_rng(0).normal(size=(50, 4)) * 40))
    assert np.allclose(p.sum(axis=1), 1) and (p > 0).all()
