"""RTTM: reference turns from a file."""

import pytest

from convemo.data.rttm import read_turns
from convemo.errors import DataError
from convemo.types import Turn


def test_turns_come_by_recording_in_order_of_time(tmp_path):
    path = tmp_path / "corpus.rttm"
    path.write_text(
        ";; a comment\n"
        "SPKR-INFO a 1 <NA> <NA> <NA> unknown ana <NA> <NA>\n"
        "SPEAKER a 1 2.000 1.500 <NA> <NA> MÉO069 <NA> <NA>\n"
        "SPEAKER b 1 0.1 0.2 <NA> <NA> ben <NA> <NA>\n"
        "\n"
        "SPEAKER a 1 0.250 0.75 <NA> <NA> ana <NA> <NA>\n",
        encoding="utf-8",
    )
    assert read_turns(path) == {"a": (Turn(0.25, 1.0, "ana"), Turn(2.0, 3.5, "MÉO069")), "b": (Turn(0.1, 0.3, "ben"),)}


@pytest.mark.parametrize(
    "fields", ["a 1 2.0", "a 1 soon 1.0 <NA> <NA> ana <NA> <NA>", "a 1 nan 1.0 <NA> <NA> ana", "a 1 1.0 -2 <NA> <NA> ana"]
)
def test_a_line_without_times_or_name_is_an_error_that_names_it(tmp_path, fields):
    path = tmp_path / "corpus.rttm"
    path.write_text(f";;\nSPEAKER {fields}\n")
    with pytest.raises(DataError, match=r"corpus.rttm, line 2: expected SPEAKER file"):
        read_turns(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_turns(tmp_path / "none.rttm")
