"""What somebody else predicted, as a channel: what is read, and what is refused and why."""

import json

import numpy as np
import pytest

from convemo.errors import DataError
from convemo.scoring.predictions import NO_PREDICTION, Predictions, write_predictions
from convemo.types import Dialogue, Speaker, Utterance

TALK = Dialogue("d1", (Utterance("u1", "ana", "Hi."), Utterance("u2", "ana", "No!")), (Speaker("ana"),))


def file(tmp_path, *lines):
    path = tmp_path / "answers.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def said(utterance="u1", dialogue="d1", **scores):
    return {"dialogue": dialogue, "utterance": utterance, **scores}


def test_probabilities_come_back_in_the_order_of_our_labels(tmp_path):
    channel = Predictions(file(tmp_path, said(probabilities={"joy": 0.25, "neutral": 0.75})))
    assert channel.labels == ("neutral", "joy")
    assert channel.predict(TALK).probabilities(0) == pytest.approx({"neutral": 0.75, "joy": 0.25}, abs=1e-4)


def test_logits_are_normalised_and_further_fields_ignored(tmp_path):
    channel = Predictions(file(tmp_path, said(logits={"joy": 2.0, "anger": 2.0}, model="x", note=None)))
    assert channel.predict(TALK).probabilities(0) == pytest.approx({"joy": 0.5, "anger": 0.5}, abs=1e-4)


def test_an_utterance_without_a_line_is_one_without_a_score(tmp_path):
    result = Predictions(file(tmp_path, said(logits={"joy": 1.0, "anger": 0.0}))).predict(TALK)
    assert result.reasons == (None, NO_PREDICTION)


def test_rows_since_an_utterance_are_those_of_the_whole(tmp_path):
    channel = Predictions(file(tmp_path, said("u2", logits={"joy": 1.0, "anger": 0.0})))
    assert np.array_equal(channel.predict(TALK, since=1).log_probs, channel.predict(TALK).log_probs[1:])


def test_several_files_by_a_pattern_are_one_channel(tmp_path):
    for i in (1, 2):
        (tmp_path / f"part{i}.jsonl").write_text(json.dumps(said(f"u{i}", logits={"joy": 1, "anger": 0})) + "\n")
    assert Predictions(str(tmp_path / "part*.jsonl")).predict(TALK).valid.all()


def test_a_label_given_no_chance_at_all_stays_a_number(tmp_path):
    result = Predictions(file(tmp_path, said(probabilities={"joy": 1, "anger": 0}))).predict(TALK)
    assert np.isfinite(result.log_probs).all()


GOOD = said(probabilities={"joy": 0.5, "anger": 0.5})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{"], "line 1: expected one JSON object a line"),
        (["[1]"], "expected one JSON object a line, found list"),
        ([said(dialogue=3, logits={"joy": 1})], "the id of the dialogue under 'dialogue', a text, found 3"),
        ([said()], "either 'probabilities' or 'logits', found neither"),
        ([said(logits={"a": 1}, probabilities={"a": 1})], "found 'probabilities' and 'logits'"),
        ([said(logits={})], "'logits' as an object"),
        ([said(logits={"joy": "1"})], "a finite number for 'joy', found '1'"),
        (['{"dialogue": "d1", "utterance": "u1", "logits": {"joy": NaN}}'], "a finite number for 'joy', found nan"),
        (['{"dialogue": "d1", "utterance": "u1", "logits": {"joy": 1e999}}'], "a finite number for 'joy', found inf"),
        ([said(logits={"joy": True})], "a finite number for 'joy', found True"),
        ([said(probabilities={"joy": 0.5, "anger": 0.6})], "probabilities from 0 that sum to 1, found a sum of 1.1"),
        ([said(probabilities={"joy": 1.2, "anger": -0.2})], "the least -0.2"),
        ([GOOD, said("u2", probabilities={"joy": 1.0})], "line 2: expected the labels joy, anger, as before, found joy"),
        ([GOOD, GOOD], "line 2: expected one line an utterance, found 'u1' of 'd1' again. It is on line 1"),
        ([], "an empty file"),
    ],
)
def test_what_is_not_of_the_form_is_refused_with_its_line(tmp_path, lines, message):
    with pytest.raises(DataError) as error:
        Predictions(file(tmp_path, *lines))
    assert message in str(error.value)


def test_a_missing_file_says_what_it_should_hold(tmp_path):
    with pytest.raises(DataError, match="expected a file of predictions"):
        Predictions(str(tmp_path / "none.jsonl"))


def test_ids_that_the_data_do_not_know_are_refused_with_one_that_they_know(tmp_path):
    with pytest.raises(DataError, match=r"line 1: expected a dialogue of the data, such as 'd1', found 'D1'"):
        Predictions(file(tmp_path, said(dialogue="D1", logits={"joy": 1, "anger": 0}))).check([TALK])
    with pytest.raises(DataError, match=r"expected an utterance of dialogue 'd1', such as 'u1', found '1'"):
        Predictions(file(tmp_path, said("1", logits={"joy": 1, "anger": 0}))).check([TALK])


def test_what_is_written_reads_back(tmp_path):
    result = Predictions(file(tmp_path, GOOD)).predict(TALK)
    write_predictions(tmp_path / "copy.jsonl", [("d1", "u1", result.probabilities(0))])
    again = Predictions(str(tmp_path / "copy.jsonl")).predict(TALK)
    assert again.reasons == result.reasons and np.allclose(again.log_probs, result.log_probs, atol=1e-4)
