"""What the nouns refuse to hold."""

import numpy as np
import pytest

from convemo import LABELS, ChannelResult, Dialogue, LabelSet, Speaker, Utterance


def test_nobody_speaks_whom_the_dialogue_does_not_list():
    with pytest.raises(ValueError, match=r"'d': 'ben' not in speakers \['ana'\]"):
        Dialogue("d", (Utterance("u1", "ana"), Utterance("u2", "ben")), (Speaker("ana"),))


def test_two_speakers_have_two_ids():
    with pytest.raises(ValueError, match="distinct ids"):
        Dialogue("d", (), (Speaker("ana", "Ana"), Speaker("ana", "Anna")))


@pytest.mark.parametrize("names", [(), ("joy", "joy")])
def test_labels_are_distinct_and_at_least_one(names):
    with pytest.raises(ValueError, match="distinct, and at least one"):
        LabelSet(names)


def test_a_channel_has_a_row_and_a_value_of_each_dimension_for_every_utterance():
    rows = np.zeros((2, len(LABELS)))
    with pytest.raises(ValueError, match="log_probs has shape"):
        ChannelResult("text", LABELS, rows, (None,))
    with pytest.raises(ValueError, match="valence has shape"):
        ChannelResult("text", LABELS, rows, (None, None), {"valence": np.zeros(3)})


def test_a_score_is_finite_and_what_is_not_scored_is_zero():
    rows = np.full((1, len(LABELS)), -np.inf)
    with pytest.raises(ValueError, match="must be finite"):
        ChannelResult("text", LABELS, rows, (None,))
    assert not ChannelResult("text", LABELS, rows, ("no text",)).log_probs.any()
