"""A stereo call: whoever is heard in one channel is one speaker."""

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.audio.vad import LEAD_S
from convemo.diarize.channels import ChannelDiarizer
from convemo.errors import ConfigError

pytestmark = pytest.mark.usefixtures("loud_is_voice")


def audio(*channels: np.ndarray) -> Audio:
    return Audio.from_array(np.stack(channels, axis=1), 16_000)


def spans(diarization, speaker: str) -> list[tuple[float, float]]:
    return [(round(t.start + LEAD_S, 1), round(t.end, 1)) for t in diarization.turns if t.speaker == speaker]


def through_a_room(voice: np.ndarray, level_db: float) -> np.ndarray:
    """What another channel hears of a voice: so much quieter, 10 ms later, with an echo that dies away in 50 ms."""
    path = np.zeros(160 + 800)
    path[160:] = np.random.default_rng(1).normal(0, 0.3, 800) * np.exp(-np.arange(800) / 200)
    path[160] += 1.0
    heard = np.convolve(voice, path)[: len(voice)]
    return (heard * 10 ** (level_db / 20) * np.linalg.norm(voice) / np.linalg.norm(heard)).astype(np.float32)


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


@pytest.mark.parametrize("leak_db", [-24, -12, -6])
def test_a_leak_may_be_loud_late_and_echo(agent, customer, leak_db):
    found = ChannelDiarizer().diarize(audio(agent + through_a_room(customer, leak_db), customer + through_a_room(agent, leak_db)))
    assert spans(found, "speaker 1") == [pytest.approx((1.0, 4.0), abs=0.15), pytest.approx((8.0, 10.0), abs=0.15)]
    assert spans(found, "speaker 2") == [pytest.approx((4.5, 7.5), abs=0.15)]


def test_who_speaks_through_a_leak_is_heard(agent, voices):
    customer = voices((None, 3.0), ("high", 3.0), (None, 4.0))
    found = ChannelDiarizer().diarize(audio(agent + through_a_room(customer, -12), customer + through_a_room(agent, -12)))
    assert spans(found, "speaker 1")[0] == pytest.approx((1.0, 4.0), abs=0.2)
    assert spans(found, "speaker 2")[0] == pytest.approx((3.0, 6.0), abs=0.2)


def test_a_quiet_line_may_have_a_loud_leak(agent, customer):
    """The agent leaks into the customer's line as loud as the customer is there."""
    found = ChannelDiarizer().diarize(audio(agent, 0.1 * customer + 0.1 * agent))
    assert spans(found, "speaker 2") == [pytest.approx((4.5, 7.5), abs=0.15)]


def test_every_channel_of_a_conference_has_its_speaker(voices):
    said = [voices((None, 1.0 + 3 * i), ("low", 2.0), (None, 7.0 - 3 * i)) for i in range(3)]
    heard = [own + sum(through_a_room(other, -15) for other in said if other is not own) for own in said]
    found = ChannelDiarizer().diarize(audio(*heard))
    assert [s.channel for s in found.speakers] == [0, 1, 2]
    for i in range(3):
        assert spans(found, f"speaker {i + 1}") == [pytest.approx((1.0 + 3 * i, 3.0 + 3 * i), abs=0.15)]


@pytest.mark.parametrize("copy", [lambda x: x, lambda x: 0.3 * x, lambda x: 0.5 * np.roll(x, 320), lambda x: through_a_room(x, -3)])
def test_a_copy_of_a_channel_is_nobody_and_makes_no_call(agent, customer, copy):
    both = audio(agent + customer, copy(agent + customer))
    assert [s.channel for s in ChannelDiarizer().diarize(both).speakers] == [0]
    assert not ChannelDiarizer.suits(both)


def test_a_channel_that_holds_a_leak_alone_has_no_speaker(agent):
    found = ChannelDiarizer().diarize(audio(through_a_room(agent, -9), agent))
    assert [s.channel for s in found.speakers] == [1]


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
