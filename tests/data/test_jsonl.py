import json

import pytest

from convemo.data import jsonl
from convemo.errors import DataError
from convemo.types import Dialogue, Speaker, Utterance

LINE = {"id": "d1", "utterances": [{"id": "u1", "speaker": "Mark", "text": "No way!", "start": 0.0, "end": 2.3, "label": "surprise"}]}


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_what_was_written_is_read_back_equal(tmp_path):
    dialogue = Dialogue(
        "d1",
        (
            Utterance("u1", "ana", "Hello…", 0.5, 1.25, label="joy", audio=str(tmp_path / "d1" / "u1.flac")),
            Utterance("u2", "ben", None, features={"f0_mean_hz": 181.2}, dimensions={"valence": -0.5}),
        ),
        (Speaker("ana", "Ana", "agent", 0), Speaker("ben", None, "customer", 1)),
        "en",
        groups={"session": "3"},
        genders={"ana": "female"},
    )
    jsonl.write(tmp_path / "set.jsonl", [dialogue])
    assert jsonl.load(tmp_path / "set.jsonl") == (dialogue,)


def test_speakers_and_ids_may_be_left_out(tmp_path):
    path = write(tmp_path / "calls.jsonl", {"utterances": [{"speaker": "Mark"}, {"speaker": "Ana"}, {"speaker": "Mark"}]})
    (dialogue,) = jsonl.load(path)
    assert [s.id for s in dialogue.speakers] == ["Mark", "Ana"]
    assert [u.id for u in dialogue] == ["calls-1-1", "calls-1-2", "calls-1-3"]


def test_a_line_names_its_part_or_the_file_does(tmp_path):
    write(tmp_path / "train.jsonl", LINE | {"id": "a"}, LINE | {"id": "b", "split": "test"})
    write(tmp_path / "dev.jsonl", LINE | {"id": "c"})
    assert [d.id for d in jsonl.load(tmp_path, "train")] == ["a"]
    assert [d.id for d in jsonl.load(tmp_path, "test")] == ["b"]
    assert [d.id for d in jsonl.load(tmp_path)] == ["c", "a", "b"]


def test_whatever_else_a_line_says_of_its_dialogue_is_where_it_is_filed(tmp_path):
    path = write(tmp_path / "x.jsonl", LINE | {"fold": 3, "site": "Lyon", "meta": {"a": 1}, "checked": True, "split": "test"})
    assert jsonl.load(path)[0].groups == {"fold": "3", "site": "Lyon"}


def test_labels_are_ours_unless_any_are_asked_for(tmp_path):
    path = write(tmp_path / "x.jsonl", {"utterances": [{"speaker": "a", "label": "bored"}]})
    assert jsonl.load(path, labels=None)[0][0].label == "bored"
    with pytest.raises(DataError, match="a label among calm, bored for"):
        jsonl.load(write(tmp_path / "y.jsonl", LINE), labels=("calm", "bored"))


def test_audio_is_relative_to_the_file(tmp_path):
    path = write(tmp_path / "x.jsonl", {"utterances": [{"speaker": "Mark", "audio": "d1/u1.flac"}]})
    assert jsonl.load(path)[0][0].audio == str(tmp_path / "d1" / "u1.flac")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ([], "one JSON object a line"),
        ({"id": "d1"}, "a list of utterances"),
        ({"utterances": []}, "a list of utterances"),
        ({"utterances": ["hello"]}, "an object for utterance 1"),
        ({"utterances": [{"text": "hello"}]}, "a 'speaker' for utterance 1"),
        ({"utterances": [{"speaker": "a"}, {"speaker": "a", "text": 3}]}, "'text' of utterance 2 to be of type str"),
        ({"utterances": [{"speaker": "a", "label": "bored"}]}, "a label among neutral, joy"),
        ({"utterances": [{"speaker": "a", "start": "now"}]}, "a finite number for 'start'"),
        ({"utterances": [{"speaker": "a", "start": 2, "end": 1}]}, "'end' at or after 'start'"),
        ({"utterances": [{"speaker": "a", "features": {"f0": True}}]}, "a finite number for 'f0'"),
        ({"utterances": [{"speaker": "a", "id": "u"}, {"speaker": "a", "id": "u"}]}, "utterance ids that differ"),
        ({"utterances": [{"speaker": "a"}], "speakers": [{"name": "Ana"}]}, "speakers with an 'id'"),
        ({"utterances": [{"speaker": "a"}], "speakers": [{"id": "a", "gender": 1}]}, "'gender' of a speaker to be of type str"),
        ({"utterances": [{"speaker": "a", "dimensions": {"valence": "low"}}]}, "a finite number for 'valence'"),
        ({"utterances": [{"speaker": "a"}], "speakers": [{"id": "a", "role": "boss"}]}, "a role among agent, customer, other"),
    ],
)
def test_a_wrong_line_is_named_with_what_was_expected(tmp_path, record, expected):
    path = write(tmp_path / "x.jsonl", LINE, record)
    with pytest.raises(DataError) as error:
        jsonl.load(path)
    assert error.value.line == 2
    assert str(error.value).startswith(f"{path}, line 2: expected ")
    assert expected in str(error.value)


def test_broken_json_and_numbers_that_are_none_are_errors(tmp_path):
    for text in ("{", '{"utterances": [{"speaker": "a", "start": NaN}]}'):
        (tmp_path / "x.jsonl").write_text(text)
        with pytest.raises(DataError, match="line 1"):
            jsonl.load(tmp_path / "x.jsonl")


def test_two_dialogues_of_one_id_are_an_error(tmp_path):
    with pytest.raises(DataError, match="'d1' again"):
        jsonl.load(write(tmp_path / "x.jsonl", LINE, LINE))


def test_a_missing_file_and_an_empty_folder_are_errors(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        jsonl.load(tmp_path / "absent.jsonl")
    with pytest.raises(DataError, match=r"files ending in \.jsonl"):
        jsonl.load(tmp_path)
