"""TextGrid, read back by an independent reader where it is installed."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convemo.errors import ResultError
from convemo.export.textgrid import write

from .builders import analysis, call, chat, utterance


def tiers(path):
    """Tier name → [(xmin, xmax, text)], by Praat's own rule: numbers and doubled-quote strings in order."""
    content = path.read_text(encoding="utf-8")
    found = {}
    for block in re.split(r"item \[\d+\]:", content)[1:]:
        name = re.search(r'name = "((?:[^"]|"")*)"', block)[1].replace('""', '"')
        intervals = re.findall(r'intervals \[\d+\]:\s+xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "((?:[^"]|"")*)"', block)
        assert int(re.search(r"intervals: size = (\d+)", block)[1]) == len(intervals)
        found[name] = [(float(a), float(b), text.replace('""', '"')) for a, b, text in intervals]
    assert int(re.search(r"\nsize = (\d+)", content)[1]) == len(found)
    return found


def test_each_speaker_has_a_tier_of_words_and_one_of_emotions(tmp_path):
    write(call(), tmp_path / "a.TextGrid")
    found = tiers(tmp_path / "a.TextGrid")
    assert found["Ana Lee"] == [(0, 0.5, ""), (0.5, 2.25, "I have called twice!"), (2.25, 4, ""), (4, 5.5, ""), (5.5, 10, "")]
    assert [text for _, _, text in found["Ana Lee: emotion"]] == ["", "anger 0.75", "", "", ""]
    assert found["Ben"][1] == (2.0, 3.0, 'He said "no" & left.')
    assert list(found) == ["Ana Lee", "Ana Lee: emotion", "Ben", "Ben: emotion"]


def test_another_reader_reads_it(tmp_path):
    textgrids = pytest.importorskip("textgrids")
    write(call(), tmp_path / "a.TextGrid")
    grid = textgrids.TextGrid(str(tmp_path / "a.TextGrid"))
    assert [i.text for i in grid["Ana Lee"] if i.text] == ["I have called twice!"]
    assert (grid.xmin, grid.xmax) == (0.0, 10.0)


def test_overlap_of_one_speaker_with_themselves_is_clipped(tmp_path):
    write(analysis(utterance("u1", "ana", "a", 0.0, 3.0), utterance("u2", "ana", "b", 2.0, 4.0)), tmp_path / "a.TextGrid")
    assert tiers(tmp_path / "a.TextGrid")["ana"][:2] == [(0.0, 2.0, "a"), (2.0, 4.0, "b")]


times = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100)), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(times)
def test_intervals_follow_each_other_without_gap_or_overlap_and_none_is_lost(tmp_path_factory, spans):
    path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    write(analysis(*(utterance(f"u{i}", "ana", f"t{i}", a / 40, (a + d) / 40) for i, (a, d) in enumerate(spans))), path)
    for intervals in tiers(path).values():
        assert intervals[0][0] == 0.0
        assert all(a < b for a, b, _ in intervals)
        assert all(left[1] == right[0] for left, right in pairwise(intervals))
    assert sorted(text for _, _, text in tiers(path)["ana"] if text) == sorted(f"t{i}" for i in range(len(spans)))


def test_a_chat_has_no_place_in_time(tmp_path):
    with pytest.raises(ResultError, match="which TextGrid needs"):
        write(chat(), tmp_path / "a.TextGrid")
