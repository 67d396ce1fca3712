"""Evidence: what is measured of an utterance, on sound whose answer is known."""

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.audio.track import Track
from convemo.dialogue.evidence import measure
from convemo.types import Dialogue, Diarization, Evidence, Speaker, Turn, Utterance, Word

RATE = 16_000


def sound(*parts: tuple[float, float]) -> np.ndarray:
    """White noise in ``(seconds, rms)`` parts: as good as a voice for whoever measures levels only."""
    rng = np.random.default_rng(0)
    return np.concatenate([np.clip(rng.normal(0, 1, round(s * RATE)) * rms, -1, 1) for s, rms in parts])


def dialogue(*utterances: Utterance, channels: dict[str, int] | None = None) -> Dialogue:
    ids = dict.fromkeys(u.speaker for u in utterances)
    return Dialogue("d", utterances, tuple(Speaker(i, channel=(channels or {}).get(i)) for i in ids))


def said(speaker: str, start: float, end: float, **more) -> Utterance:
    return Utterance(f"{speaker}{start}", speaker, start=start, end=end, **more)


def test_speech_seconds_are_those_within_the_utterance():
    audio = Audio.from_array(sound((10, 0.1)), RATE)
    d = measure(dialogue(said("ana", 1, 4), said("ben", 5, 6)), audio, ((0.0, 2.0), (3.5, 4.5), (5.5, 9.0)))
    assert [u.evidence.speech_s for u in d] == [1.5, 0.5]


@pytest.mark.parametrize("snr_db", [0, 10, 30])
def test_snr_is_speech_level_over_the_floor_nearby(snr_db):
    audio = Audio.from_array(sound((5, 0.003), (3, 0.003 * 10 ** (snr_db / 20)), (5, 0.003)), RATE)
    d = measure(dialogue(said("ana", 5, 8)), audio, ((5.0, 8.0),))
    assert d[0].evidence.snr_db == pytest.approx(snr_db, abs=0.3)


def test_a_constant_offset_of_the_samples_is_no_noise():
    audio = Audio.from_array(sound((5, 0.003), (3, 0.03), (5, 0.003)) + 0.2, RATE)
    assert measure(dialogue(said("ana", 5, 8)), audio, ((5.0, 8.0),))[0].evidence.snr_db == pytest.approx(20, abs=0.3)


def test_digital_silence_is_no_infinite_snr():
    audio = Audio.from_array(sound((5, 0.0), (3, 0.1), (5, 0.0)), RATE)
    assert measure(dialogue(said("ana", 5, 8)), audio, ((5.0, 8.0),))[0].evidence.snr_db == pytest.approx(60, abs=0.5)


def test_without_speech_there_is_no_snr():
    evidence = measure(dialogue(said("ana", 1, 2)), Audio.from_array(sound((3, 0.1)), RATE), ())[0].evidence
    assert (evidence.snr_db, evidence.speech_s) == (None, 0.0)


def test_clipping_is_the_share_of_samples_at_full_scale():
    samples = sound((4, 0.01))
    samples[RATE : RATE + RATE // 4] = 1.0
    d = measure(dialogue(said("ana", 1, 2), said("ana", 2, 3)), Audio.from_array(samples, RATE), ())
    assert [u.evidence.clipping for u in d] == [pytest.approx(0.25, abs=0.02), 0.0]


def test_overlap_is_the_share_in_which_somebody_else_speaks():
    audio = Audio.from_array(sound((10, 0.1)), RATE)
    d = measure(dialogue(said("ana", 0, 4), said("ben", 3, 5), said("ana", 6, 7)), audio, ((0.0, 10.0),))
    assert [u.evidence.overlap for u in d] == [0.25, 0.5, 0.0]


def test_overlap_comes_from_turns_if_they_speak_of_the_same_people():
    audio = Audio.from_array(sound((10, 0.1)), RATE)
    turns = (Turn(0, 4, "ana"), Turn(3, 5, "ben"), Turn(2, 4, "eve"))
    same = Diarization(turns, tuple(map(Speaker, ("ana", "ben", "eve"))))
    other = Diarization((Turn(0, 4, "speaker 1"),), (Speaker("speaker 1"),))
    d = dialogue(said("ana", 0, 4), said("ben", 4, 5))
    assert [u.evidence.overlap for u in measure(d, audio, (), same)] == [0.5, 0.0]
    assert [u.evidence.overlap for u in measure(d, audio, (), other)] == [0.0, 0.0]


def test_a_speaker_with_a_channel_is_measured_on_it():
    quiet, loud = sound((5, 0.001), (3, 0.01), (5, 0.001)), sound((13, 0.3))
    audio = Audio.from_array(np.stack([quiet, loud], axis=1), RATE)
    turns = Diarization((Turn(5, 8, "ana"), Turn(0, 13, "ben")), (Speaker("ana", channel=0), Speaker("ben", channel=1)))
    d = measure(dialogue(said("ana", 5, 8), said("ben", 0, 13), channels={"ana": 0, "ben": 1}), audio, ((0.0, 13.0),), turns)
    assert d[0].evidence.snr_db == pytest.approx(20, abs=0.5)
    assert d[0].evidence.speech_s == 3.0


def test_a_call_is_not_mixed_down_where_every_speaker_has_a_channel(monkeypatch):
    heard = []
    monkeypatch.setattr("convemo.dialogue.evidence.Track", lambda audio, channel: heard.append(channel) or Track(audio, channel))
    audio = Audio.from_array(np.stack([sound((3, 0.1))] * 2, axis=1), RATE)
    measure(dialogue(said("ana", 0, 1), said("ben", 1, 2), channels={"ana": 0, "ben": 1}), audio, ())
    assert set(heard) == {0, 1}


def test_each_speaker_has_the_bandwidth_of_their_own_line():
    narrow, wide = sound((40, 0.0)), sound((40, 0.0))
    for second in range(0, 40, 2):  # a second of voice, a second of pause, as far up as the line goes
        burst = sound((1, 0.1))
        wide[second * RATE : (second + 1) * RATE] = burst
        spectrum = np.fft.rfft(burst)
        spectrum[3400:] = 0  # 1 Hz a bin
        narrow[second * RATE : (second + 1) * RATE] = np.fft.irfft(spectrum, RATE)
    audio = Audio.from_array(np.stack([narrow, wide], axis=1), RATE)
    said_when = [Turn(float(s), s + 1.0, who) for s in range(0, 40, 2) for who in ("ana", "ben")]
    turns = Diarization(tuple(said_when), (Speaker("ana", channel=0), Speaker("ben", channel=1)))
    d = measure(dialogue(said("ana", 4, 4.3), said("ben", 4, 5), channels={"ana": 0, "ben": 1}), audio, (), turns)
    assert [(u.evidence.bandwidth_hz, u.evidence.bandwidth) for u in d] == [(3500.0, "telephone"), (8000.0, "wide")]


def test_one_word_alone_in_a_recording_has_no_bandwidth():
    audio = Audio.from_array(sound((2, 0.0), (0.3, 0.1), (2, 0.0)), RATE)
    assert measure(dialogue(said("ana", 2, 2.3)), audio, ((2.0, 2.3),))[0].evidence.bandwidth is None


def test_asr_confidence_is_the_mean_of_the_words_that_have_one():
    words = (Word("a", confidence=0.5), Word("b"), Word("c", confidence=1.0))
    chat = Utterance("u", "ana", "a b c", words=words)
    evidence = measure(dialogue(chat), Audio.from_array(sound((1, 0.1)), RATE), ())[0].evidence
    assert evidence == Evidence(asr_confidence=0.75)


def test_what_the_aligner_found_is_kept():
    u = said("ana", 0, 1, evidence=Evidence(speaker_confidence=0.7))
    assert measure(dialogue(u), Audio.from_array(sound((1, 0.1)), RATE), ())[0].evidence.speaker_confidence == 0.7


def test_times_beyond_the_recording_break_nothing():
    audio = Audio.from_array(sound((2, 0.1)), RATE)
    late = measure(dialogue(said("ana", 5, 8), said("ana", -1, 0.5)), audio, ((0.0, 2.0),))
    assert late[0].evidence == Evidence(speech_s=0.0, overlap=0.0)
    assert late[1].evidence.speech_s == 0.5


def test_a_dialogue_without_utterances_stays_one():
    assert len(measure(dialogue(), Audio.from_array(sound((1, 0.1)), RATE), ())) == 0
