"""RTTM."""

import pytest

from convemo.data.rttm import read_turns
from convemo.errors import ResultError
from convemo.export.rttm import write
from convemo.types import Speaker

from .builders import analysis, call, chat, utterance


def fields(analysis, path):
    write(analysis, path)
    return [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_utterance_is_a_turn_of_ten_fields(tmp_path):
    assert fields(call(), tmp_path / "a.rttm")[:2] == [
        ["SPEAKER", "d1", "1", "0.500", "1.750", "<NA>", "<NA>", "Ana_Lee", "<NA>", "<NA>"],
        ["SPEAKER", "d1", "1", "2.000", "1.000", "<NA>", "<NA>", "Ben", "<NA>", "<NA>"],
    ]


def test_what_is_written_reads_back_as_the_turns_of_one_recording(tmp_path):
    write(call(), tmp_path / "a.rttm")
    turns = read_turns(tmp_path / "a.rttm")["d1"]
    assert [(t.start, t.end, t.speaker) for t in turns] == [(0.5, 2.25, "Ana_Lee"), (2.0, 3.0, "Ben"), (4.0, 5.5, "Ana_Lee")]


def test_names_that_come_out_alike_stay_two_speakers(tmp_path):
    spoken = (utterance("u1", "s1", "a", 0.0, 1.0), utterance("u2", "s2", "b", 1.0, 2.0), utterance("u3", "s1", "c", 2.0, 3.0))
    found = fields(analysis(*spoken, speakers=(Speaker("s1", "Ana Lee"), Speaker("s2", "Ana_Lee"))), tmp_path / "a.rttm")
    assert [row[7] for row in found] == ["Ana_Lee", "Ana_Lee_2", "Ana_Lee"]


def test_two_speakers_of_one_name_are_told_apart_by_id(tmp_path):
    spoken = (utterance("u1", "s1", "a", 0.0, 1.0), utterance("u2", "s2", "b", 1.0, 2.0))
    found = fields(analysis(*spoken, speakers=(Speaker("s1", "Ana"), Speaker("s2", "Ana"))), tmp_path / "a.rttm")
    assert [row[7] for row in found] == ["Ana_(s1)", "Ana_(s2)"]


def test_no_name_can_add_a_field_or_a_line(tmp_path):
    found = fields(analysis(utterance("u1", "a\nSPEAKER x\u2028y", "a", 0.0, 1.0)), tmp_path / "a.rttm")
    assert [len(row) for row in found] == [10]


def test_a_chat_has_no_turns(tmp_path):
    with pytest.raises(ResultError, match="which RTTM needs"):
        write(chat(), tmp_path / "a.rttm")
