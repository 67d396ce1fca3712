"""What people are shown of an analysis, however long it is."""

from dataclasses import replace

import numpy as np
import pytest

from convemo.export.view import as_html, as_text

from .builders import analysis, utterance


def long(count: int):
    return analysis(*(utterance(f"u{i}", "ana", f"Sentence number {i}.") for i in range(count)))


def test_a_conversation_of_hours_shows_its_beginning_and_its_end():
    for shown in (as_text(long(3000)), as_html(long(3000))):
        assert "Sentence number 499." in shown and "Sentence number 2500." in shown
        assert "Sentence number 500." not in shown and "Sentence number 2499." not in shown
        assert "2000 utterances in the middle are not shown" in shown


def test_a_call_is_shown_whole():
    for shown in (as_text(long(400)), as_html(long(400))):
        assert all(f"Sentence number {i}." in shown for i in range(400))
        assert "not shown" not in shown


@pytest.mark.parametrize(("brought", "told"), [([0.0, 0.02], False), ([0.0, 0.4], True)])
def test_the_legend_explains_the_prior_where_a_row_shows_one(brought, told):
    two = long(2)
    shown = " ".join(
        as_text(replace(two, contributions={**two.contributions, "prior": np.array(brought)})).split()
    )  # whatever the width of the terminal
    assert ("prior +0.4" in shown) == ("prior: how often emotions occur" in shown) == told
