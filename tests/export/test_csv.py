"""One row an utterance, and nothing that a spreadsheet would run."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convemo.export.csv import inert, write
from convemo.export.frame import to_frame
from convemo.export.table import COLUMNS, columns

from .builders import analysis, call, chat, utterance


def written(analysis, path):
    write(analysis, path)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_columns_are_the_documented_ones_in_their_order(tmp_path):
    write(call(), tmp_path / "a.csv")
    header = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header == [
        "dialogue", "utterance", "speaker", "name", "role", "start_s", "end_s", "text",
        "label", "confidence", "negative", "prediction_set", "abstained", "valence", "arousal", "dominance", "why",
        "p_neutral", "p_anger",
        "speech_s", "snr_db", "overlap", "clipping", "asr_confidence", "speaker_confidence", "bandwidth_hz",
        "text_label", "text_confidence",
    ]  # fmt: skip
    assert tuple(header[: len(COLUMNS)]) == COLUMNS


def test_a_row_says_who_said_what_how(tmp_path):
    row = written(call(), tmp_path / "a.csv")[0]
    assert (row["name"], row["role"], row["start_s"], row["text"]) == ("Ana Lee", "customer", "0.5", "I have called twice!")
    assert (row["label"], row["confidence"], row["p_anger"], row["text_label"]) == ("anger", "0.75", "0.75", "anger")
    assert (row["prediction_set"], row["abstained"], row["valence"], row["overlap"]) == ("anger neutral", "false", "-0.5", "0.1")


def test_what_is_not_known_is_empty(tmp_path):
    row = written(call(), tmp_path / "a.csv")[2]
    assert {row[name] for name in ("text", "label", "confidence", "p_anger", "valence", "text_label", "snr_db")} == {""}
    assert (row["why"], row["abstained"]) == ("no text", "true")
    assert written(chat(), tmp_path / "a.csv")[0]["start_s"] == ""


def test_quotes_commas_and_line_breaks_come_back_as_they_were(tmp_path):
    text = 'He said, "no",\nand left.'
    assert written(analysis(utterance("u1", "ana", text)), tmp_path / "a.csv")[0]["text"] == text


def test_lines_end_as_rfc_4180_says(tmp_path):
    write(chat(), tmp_path / "a.csv")
    content = (tmp_path / "a.csv").read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n") == 3


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1234", "-help", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "--"])
def test_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe(tmp_path, text):
    assert inert(text).startswith("'")
    assert inert(text).replace("'", "") == text


@pytest.mark.parametrize("text", ["a;=1+1", "a\n=1+1", "a\t=1+1"])
def test_text_is_inert_in_a_spreadsheet_with_other_separators_too(text):
    assert inert(text)[:3].endswith("'")


def test_a_speakers_name_is_text_too(tmp_path):
    assert written(analysis(utterance("u1", "=cmd()", "Hi.")), tmp_path / "a.csv")[0]["speaker"] == "'=cmd()"


@pytest.mark.parametrize("value", ["-5", "-5.25", "+3", "Hello - there", "a = b", -0.5, 7, "'tis"])
def test_numbers_and_harmless_text_stay_as_they_are(value):
    assert inert(value) == value


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="=+-@;\t\r\n,'\" a1", max_size=12))
def test_no_part_of_any_cell_can_run(text):
    cell = inert(text)
    if cell == text and text.lstrip("+-").isdigit():
        return
    for separator in ("\n", "\r", "\t", ";"):
        parts = cell.split(separator)
        assert not any(part.startswith(tuple("=+-@")) for part in parts)


def test_the_data_frame_has_the_same_columns_and_real_types():
    pandas = pytest.importorskip("pandas")
    frame = to_frame(call())
    assert list(frame.columns) == columns(call())
    assert pandas.api.types.is_float_dtype(frame["confidence"])
    assert frame["label"].tolist()[:2] == ["anger", "anger"]
    assert len(to_frame(analysis())) == 0
