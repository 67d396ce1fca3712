import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from convemo.acoustic.speaker_state import SpeakerState


def test_the_first_utterance_of_a_speaker_has_no_deviation():
    deviation, heard = SpeakerState().deviation("ana", np.array([5.0, -3.0]))
    assert heard == 0 and not deviation.any()


def test_an_utterance_does_not_change_what_it_is_compared_with_until_it_joins():
    state = SpeakerState()
    state.update("ana", np.array([1.0]))
    before = state.deviation("ana", np.array([9.0]))
    assert state.deviation("ana", np.array([9.0])) == before


def test_speakers_are_kept_apart():
    state = SpeakerState()
    state.update("ana", np.array([100.0]))
    assert state.count("ben") == 0
    assert state.deviation("ben", np.array([1.0])) == (np.array([0.0]), 0.0)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=40), st.floats(-50, 50))
def test_the_deviation_is_from_the_mean_and_is_trusted_more_the_more_was_heard(earlier, now):
    state = SpeakerState(shrinkage=3.0)
    for value in earlier:
        state.update("ana", np.array([value]))
    deviation, heard = state.deviation("ana", np.array([now]))
    assert heard == len(earlier) / (len(earlier) + 3)
    np.testing.assert_allclose(deviation[0], (now - np.mean(earlier)) * heard, atol=1e-4)


def test_ten_hours_of_talk_take_one_vector_a_speaker():
    state = SpeakerState()
    for i in range(10_000):
        state.update("ana", np.full(22, float(i)))
    assert {name: len(vector) for name, vector in state._sums.items()} == {"ana": 22}
