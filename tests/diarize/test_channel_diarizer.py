"""A stereo call: whoever is heard in one channel is one speaker."""

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.diarize.channels import ChannelDiarizer
from convemo.errors import ConfigError

pytestmark = pytest.mark.usefixtures("loud_is_voice")


def audio(*channels: np.ndarray) -> Audio:
    return Audio.from_array(np.stack(channels, axis=1), 16_000)


def spans(diarization, speaker: str) -> list[tuple[float, float]]:
    return [(round(t.start, 1), round(t.end, 1)) for t in diarization.turns if t.speaker == speaker]


@pytest.fixture
def agent(voices) -> np.ndarray:
    return voices((None, 1.0), ("low", 3.0), (None, 4.0), ("low", 2.0))


@pytest.fixture
def customer(voices) -> np.ndarray:
    return voices((None, 4.5), ("high", 3.0), (None, 2.5))


def test_each_channel_is_a_speaker_named_as_they_first_speak(agent, customer):
    found = ChannelDiarizer().diarize(audio(customer, agent))
    assert [(s.id, s.channel) for s in found.speakers] == [("speaker 1", 1), ("speaker 2", 0)]
    assert spans(found, "speaker 1") == [(1.0, 4.0), (8.0, 10.0)]
    assert spans(found, "speaker 2") == [(4.5, 7.5)]
    assert list(found.turns) == sorted(found.turns) and found.source == "channels"


def test_turns_may_overlap(agent, voices):
    found = ChannelDiarizer().diarize(audio(agent, voices((None, 3.0), ("high", 3.0), (None, 4.0))))
    assert spans(found, "speaker 1")[0] == pytest.approx((1.0, 4.0), abs=0.15)
    assert spans(found, "speaker 2")[0] == pytest.approx((3.0, 6.0), abs=0.15)


def test_a_silent_channel_has_no_speaker(agent):
    found = ChannelDiarizer().diarize(audio(agent, np.zeros_like(agent)))
    assert [s.channel for s in found.speakers] == [0]


def test_what_leaks_from_the_other_channel_is_nobody(agent, customer):
    found = ChannelDiarizer().diarize(audio(agent + 0.05 * customer, customer + 0.05 * agent))
    assert spans(found, "speaker 1") == [(1.0, 4.0), (8.0, 10.0)]
    assert spans(found, "speaker 2") == [(4.5, 7.5)]


def test_a_quiet_channel_may_be_interrupted_and_still_speak(agent, customer):
    """All of the customer is 20 dB below the agent: that is a quiet line, not a leak."""
    found = ChannelDiarizer().diarize(audio(agent, 0.1 * np.roll(customer, -16_000)))
    assert len(found.speakers) == 2
    assert spans(found, "speaker 2")[0] == pytest.approx((3.5, 6.5), abs=0.15)


def test_a_call_suits(agent, customer):
    assert ChannelDiarizer.suits(audio(agent, customer))


def test_equal_channels_are_no_call(agent, customer):
    both = agent + customer
    assert not ChannelDiarizer.suits(audio(both, both))
    assert not ChannelDiarizer.suits(audio(both, 0.7 * both))


def test_a_stereo_room_is_no_call(agent, customer):
    assert not ChannelDiarizer.suits(audio(agent + 0.7 * customer, 0.7 * agent + customer))


def test_one_channel_or_one_dead_channel_is_no_call(agent):
    assert not ChannelDiarizer.suits(audio(agent))
    assert not ChannelDiarizer.suits(audio(agent, np.zeros_like(agent)))
    assert not ChannelDiarizer.suits(audio(np.zeros_like(agent), np.zeros_like(agent)))


def test_numbers_that_contradict_the_channels_are_refused(agent, customer):
    with pytest.raises(ConfigError, match="3 channels"):
        ChannelDiarizer(num_speakers=3).diarize(audio(agent, customer))
    with pytest.raises(ConfigError, match="at most 1 speakers"):
        ChannelDiarizer(max_speakers=1).diarize(audio(agent, customer))


def test_progress_reaches_the_end(agent, customer):
    seen = []
    ChannelDiarizer().diarize(audio(agent, customer), lambda done, total: seen.append((done, total)))
    assert seen == [(5.0, 10.0), (10.0, 10.0)]
