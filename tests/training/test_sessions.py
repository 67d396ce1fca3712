"""Sessions: acted clips as a conversation, and every evil as bad as it was asked for."""

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.audio.degrade import telephone_call
from convemo.audio.resample import RATE_HZ
from convemo.dialogue.evidence import measure
from convemo.training.sessions import INTRUDER, Condition, draw_condition, draw_sessions, perform
from convemo.types import Dialogue, Speaker, Utterance


@pytest.fixture(scope="module")
def clips(tmp_path_factory, hum):
    """Five clips of one actor."""
    folder = tmp_path_factory.mktemp("clips")
    return [Utterance(f"c{i}", "actor", label="joy", audio=str(hum(folder / f"{i}.wav"))) for i in range(5)]


def performed(clips, others=(), seed=0, **condition):
    """The utterances with their evidence; a voice is wherever somebody is said to speak."""
    samples, dialogue = perform(clips, Condition(**condition), np.random.default_rng(seed), others)
    with Audio.from_array(samples, RATE_HZ) as audio:
        return samples, measure(dialogue, audio, tuple((u.start, u.end) for u in dialogue))


def test_clips_follow_each_other_with_their_labels_and_times(clips):
    samples, dialogue = performed(clips)
    assert [(u.id, u.speaker, u.label) for u in dialogue] == [(c.id, "actor", "joy") for c in clips]
    assert all(u.duration_s == pytest.approx(2.2, abs=0.05) for u in dialogue)  # a tenth of a second on either side
    assert all(a.end < b.start for a, b in zip(dialogue, dialogue.utterances[1:]))
    assert dialogue[0].evidence.snr_db > 30 and dialogue[0].evidence.bandwidth == "wide"
    assert np.abs(samples).max() < 1


@pytest.mark.parametrize("snr_db", [20, 5])
def test_noise_has_the_level_that_was_asked_for(clips, snr_db):
    _, dialogue = performed(clips, snr_db=snr_db)
    found = np.mean([u.evidence.snr_db for u in dialogue])
    # What is measured as voice is voice and noise. The median frame of pink noise lies 1 dB below their mean, and another dB of it is below
    # 31 Hz, where a frame's power about its mean ends.
    assert found == pytest.approx(10 * np.log10(10 ** (snr_db / 10) + 10**-0.1) + 2, abs=0.7)


def test_a_telephone_is_one_and_leaves_the_length(clips):
    samples, dialogue = performed(clips, telephone=True)
    assert {u.evidence.bandwidth for u in dialogue} == {"telephone"}
    assert len(samples) == len(performed(clips)[0])
    assert len(telephone_call(np.zeros(12_345))) == 12_345


def test_clipping_takes_the_share_that_was_asked_for(clips):
    _, dialogue = performed(clips, loudest=0.95)
    assert np.mean([u.evidence.clipping for u in dialogue]) == pytest.approx(0.05, abs=0.02)


def test_cut_words_are_short(clips):
    _, dialogue = performed(clips, cut=1.0)
    lengths = [u.duration_s for u in dialogue]
    assert min(lengths) >= 0.29 and np.mean(lengths) < 1.8


def test_somebody_else_speaks_at_the_same_time(clips):
    _, dialogue = performed(clips[:2], others=clips[2:], interrupted=1.0)
    own = [u for u in dialogue if u.label is not None]
    assert [u.speaker for u in dialogue].count(INTRUDER) == len(own) == 2
    assert all(0.1 < u.evidence.overlap <= 1 for u in own)


def test_bad_conditions_are_drawn_over_the_whole_range():
    rng = np.random.default_rng(0)
    drawn = [draw_condition(rng, [np.ones(10)], [np.ones(10)]) for _ in range(300)]
    assert min(c.snr_db for c in drawn) < 0 and max(c.snr_db for c in drawn) > 25
    for share in ([c.telephone for c in drawn], [c.response is not None for c in drawn], [c.loudest is not None for c in drawn]):
        assert 0.2 < np.mean(share) < 0.47


def test_an_actors_clips_are_dealt_out_once_in_an_order_of_their_own(clips):
    actor = Dialogue("d", (*clips, Utterance("unlabelled", "actor")), (Speaker("actor"),))
    sessions = list(draw_sessions([actor], np.random.default_rng(1), size=2))
    assert [len(s) for s in sessions] == [2, 2, 1]
    assert sorted(u.id for s in sessions for u in s) == [c.id for c in clips]
