"""A service's JSON is known by its fields, wherever they first appear, and nothing else is taken for it."""

import json

import pytest

from convemo.readers.shape import LOOKED_AT, SURE, Shape, Shapes, has

GONG = Shape("Gong", marks=("calls", "calls[].speaker | calls[].speakerId"), needs=("calls[].lines[].text",))
CALL = {"speakerId": "1", "lines": [{"text": "hi"}]}


def sureness(value) -> float:
    return Shapes(GONG)(json.dumps(value))


def test_all_marks_and_all_needs_make_it_sure():
    assert sureness({"calls": [CALL]}) == SURE
    assert sureness({"calls": [{"speakerId": "1"}]}) == sureness({"calls": [{"lines": [{"text": "hi"}]}]}) == 0.0


def test_a_list_and_one_a_line_are_the_same_as_one():
    assert sureness([{"calls": [CALL]}]) == SURE
    assert Shapes(GONG)(json.dumps({"calls": [CALL]}) + "\n" + json.dumps({"calls": []}) + "\n") == SURE


def test_an_empty_element_before_the_first_real_one_does_not_hide_it():
    assert sureness({"calls": [*[{}] * (LOOKED_AT - 1), CALL]}) == SURE


def test_null_and_nothing_are_not_there():
    assert not any(has({"a": nothing}, "a") for nothing in (None, [], {}))
    assert has({"a": 0}, "a") and has({"a": ""}, "a")


def test_what_is_missing_is_told_only_of_what_was_recognised():
    assert GONG.marked({"calls": [{"speaker": "1"}]}) == ("calls", "calls[].speaker")
    assert GONG.missing({"calls": [{"speaker": "1"}]}) == ("calls[].lines[].text",)
    assert GONG.marked({"other": 1}) == ()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"calls": 3, "speaker": 1, "lines": "text"}', '"calls"', "[" * 100_000])
def test_no_text_makes_it_raise(text):
    assert Shapes(GONG)(text) == 0.0
