"""JSON keeps everything; JSONL gives one line an utterance."""

import json
from dataclasses import replace

import pytest

from convemo.errors import ResultError
from convemo.export.json import load
from convemo.export.json import write as write_json
from convemo.export.jsonl import write as write_jsonl
from convemo.types import Evidence

from .builders import analysis, call, chat, utterance


@pytest.mark.parametrize("original", [call(), chat(), analysis()], ids=["call", "chat", "empty"])
def test_what_was_saved_loads_back_equal(tmp_path, original):
    write_json(original, tmp_path / "a.json")
    assert load(tmp_path / "a.json") == original


@pytest.mark.parametrize("original", [call(), chat(), analysis()], ids=["call", "chat", "empty"])
def test_it_is_what_the_dictionary_holds_a_line_an_utterance(tmp_path, original):
    original = replace(original, notes=('a note that holds "utterances": []',))
    write_json(original, tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == original.to_dict()
    assert list(json.loads(text)) == list(original.to_dict())
    assert sum(line.lstrip().startswith('{"id"') for line in text.splitlines()) == len(original)


def test_what_was_not_scored_is_null(tmp_path):
    write_json(call(), tmp_path / "a.json")
    saved = json.loads((tmp_path / "a.json").read_text())
    assert [u["label"] for u in saved["utterances"]] == ["anger", "anger", None]
    assert saved["utterances"][2]["probabilities"] is None


@pytest.mark.parametrize("text", ["Grüße, 世界 🙂", "\ud800 half a character", "line\nbreak\u2028 \x00 end"])
def test_any_text_survives(tmp_path, text):
    original = analysis(utterance("u1", "ana", text))
    write_json(original, tmp_path / "a.json")
    assert load(tmp_path / "a.json") == original


def test_letters_of_other_scripts_stay_readable(tmp_path):
    write_json(analysis(utterance("u1", "ana", "世界")), tmp_path / "a.json")
    assert "世界" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_number_that_json_does_not_have_is_refused_by_name(tmp_path):
    with pytest.raises(ResultError, match=r"a\.json: expected an analysis of finite numbers"):
        write_json(analysis(utterance("u1", "ana", "Hi.", evidence=Evidence(snr_db=float("inf")))), tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"line 1: expected JSON, found Expecting value"),
        (b'{\n "schema": 1,\n oops', r"line 3: expected JSON"),
        (b"[1, 2]", "expected a JSON object, found a list"),
        (b'{"schema": 999}', "schema 999"),
        (b'{"schema": 1}', "KeyError"),
        (b"{}", "KeyError: 'schema'"),
        (b'{"schema": NaN}', "NaN, which is not JSON"),
        (b"\xff\xfe{}", "text in UTF-8, found the byte 0xff at 0"),
        (b"[" * 100_000, "JSON as convemo saves it"),
        (b'{"schema": ' + b"9" * 10_000 + b"}", "JSON as convemo saves it"),
        (b'{"schema": 1, "utterances": [1], "channels": {}}', "expected a saved analysis"),
        (b'{"schema": 1, "utterances": [], "channels": {"text": 3}}', "expected a saved analysis"),
    ],
)
def test_a_file_that_is_no_saved_analysis_gives_one_clear_error(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ResultError, match=message) as raised:
        load(tmp_path / "a.json")
    assert str(raised.value).startswith(str(tmp_path / "a.json"))


def test_a_saved_field_of_the_wrong_type_names_the_file(tmp_path):
    write_json(call(), tmp_path / "a.json")
    saved = json.loads((tmp_path / "a.json").read_text())
    for field in saved:
        (tmp_path / "b.json").write_text(json.dumps(saved | {field: 7}))
        if field in ("id", "language", "translated_from", "labels"):  # read as they are, or not at all
            continue
        with pytest.raises(ResultError, match=r"b\.json"):
            load(tmp_path / "b.json")


def test_an_utterance_of_a_speaker_whom_nobody_lists_is_refused(tmp_path):
    write_json(call(), tmp_path / "a.json")
    saved = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(saved | {"speakers": []}))
    with pytest.raises(ResultError, match="'ana', 'ben' not in speakers"):
        load(tmp_path / "a.json")


def test_a_missing_file_gives_one_clear_error(tmp_path):
    with pytest.raises(ResultError, match="No such file"):
        load(tmp_path / "nothing.json")


def test_jsonl_has_a_line_an_utterance_that_names_dialogue_and_utterance(tmp_path):
    write_jsonl(call(), tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(row["dialogue"], row["utterance"], row["label"]) for row in lines] == [
        ("d1", "u1", "anger"),
        ("d1", "u2", "anger"),
        ("d1", "u3", None),
    ]
    assert lines[0]["probabilities"] == {"neutral": 0.25, "anger": 0.75} == lines[0]["channels"]["text"]
    assert lines[2]["channels"] == {"text": None}
    assert lines[0]["name"] == "Ana Lee"


def test_jsonl_of_a_text_with_line_breaks_is_still_one_line(tmp_path):
    write_jsonl(analysis(utterance("u1", "ana", "a\nb\r\nc")), tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text().count("\n") == 1
