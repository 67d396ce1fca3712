"""How many speakers there may be."""

import pytest

from convemo.diarize.base import SpeakerBounds
from convemo.errors import ConfigError


@pytest.mark.parametrize(
    "given, fewest, most",
    [({}, 1, None), ({"num_speakers": 3}, 3, 3), ({"min_speakers": 2}, 2, None), ({"min_speakers": 2, "max_speakers": 4}, 2, 4)],
)
def test_a_number_is_both_bounds(given, fewest, most):
    bounds = SpeakerBounds(**given)
    assert (bounds.fewest, bounds.most) == (fewest, most)


@pytest.mark.parametrize(
    "given",
    [
        {"num_speakers": 0},
        {"max_speakers": 0},
        {"min_speakers": 4, "max_speakers": 2},
        {"num_speakers": 3, "max_speakers": 2},
        {"num_speakers": 1, "min_speakers": 2},
    ],
)
def test_numbers_that_contradict_each_other_are_refused(given):
    with pytest.raises(ConfigError, match="1 ≤ min_speakers ≤ num_speakers ≤ max_speakers"):
        SpeakerBounds(**given)
