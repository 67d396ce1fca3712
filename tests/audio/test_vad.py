"""Voice activity: borders from probabilities, and the real network on real sound."""

import numpy as np
import pytest

from convemo.asr.passages import passages
from convemo.audio import Audio, load
from convemo.audio.vad import FRAME, FRAME_S, VoiceDetector, intervals, probabilities, speech
from convemo.data.rttm import read_turns
from convemo.metrics import diarization_errors
from convemo.types import Turn


def frames(*parts: tuple[float, float]) -> np.ndarray:
    """Probabilities from ``(seconds, probability)`` parts."""
    return np.concatenate([np.full(round(seconds / FRAME_S), p) for seconds, p in parts])


def found(parts: np.ndarray, **settings) -> list[tuple[float, float]]:
    return list(intervals(parts, len(parts) * FRAME_S, **{"lead_s": 0.0, **settings}))


def test_speech_begins_at_the_onset_and_ends_below_the_offset():
    p = frames((0.32, 0.05), (0.32, 0.18), (0.32, 0.9), (0.32, 0.18), (0.32, 0.05))
    assert found(p) == [(0.64, 1.28)]


def test_what_never_reaches_the_onset_is_no_speech():
    assert found(frames((3.2, 0.19))) == []


def test_a_click_is_dropped_and_a_short_stop_does_not_part_a_word():
    p = frames((0.064, 0.9), (0.64, 0.0), (0.48, 0.9), (0.256, 0.0), (0.48, 0.9))
    assert found(p) == [(0.704, 1.92)]


def test_a_longer_silence_parts_speech():
    p = frames((0.48, 0.9), (0.32, 0.0), (0.48, 0.9))
    assert found(p) == [(0.0, 0.48), (0.8, 1.28)]


def test_speech_is_led_in_but_never_before_the_recording_begins_nor_into_speech_before():
    p = frames((0.32, 0.9), (0.64, 0.0), (0.32, 0.9))
    assert found(p, lead_s=0.1) == [(0.0, 0.32), (0.86, 1.28)]
    assert found(p, lead_s=0.6, min_silence_s=0.0) == [(0.0, 0.32), (0.36, 1.28)]
    assert found(p, lead_s=0.7, min_silence_s=0.0) == [(0.0, 1.28)]


def test_speech_ends_with_the_recording_though_its_last_frame_is_filled_up():
    assert intervals(np.full(10, 0.9), 0.31) == ((0.0, 0.31),)


def seconds(length_s: float) -> np.ndarray:
    """The instants of its samples."""
    return np.arange(round(length_s * 16_000)) / 16_000


SOUNDS = {
    "silence": np.zeros(160_000),
    "noise": np.random.default_rng(0).normal(0, 0.1, 160_000),
    "faint noise": np.random.default_rng(1).normal(0, 0.0005, 160_000),
    "hum": 0.3 * np.sin(2 * np.pi * 50 * seconds(10.0)),
    "a busy line": 0.2 * np.sin(2 * np.pi * 425 * seconds(10.0)) * (seconds(10.0) % 1 < 0.5),
    "a siren": 0.2 * np.sin(2 * np.pi * 800 * seconds(10.0) + 300 * np.sin(2 * np.pi * 0.5 * seconds(10.0))),
    "knocks": np.random.default_rng(2).normal(0, 0.3, 160_000) * (seconds(10.0) % 0.7 < 0.02),
}


@pytest.mark.parametrize("sound", SOUNDS)
def test_there_is_no_voice_in(sound):
    assert speech(Audio.from_array(SOUNDS[sound].clip(-1, 1), 16_000)) == ()


def melody(length_s: float, voices: tuple[float, ...]) -> np.ndarray:
    """Notes of seven harmonics that die away, twice a second, in the range of voices; `voices` are their ratios in a chord."""
    notes, t = np.random.default_rng(3).choice([110.0, 147.0, 165.0, 220.0, 262.0], round(length_s / 0.5)), seconds(0.5)
    heard = [np.exp(-2 * t) * sum(np.sin(2 * np.pi * h * f * r * t) / h for h in range(1, 8) for r in voices) for f in notes]
    return 0.3 * np.concatenate(heard) / np.abs(heard).max()


@pytest.mark.parametrize("voices", [(1,), (1, 5 / 4, 3 / 2, 2)])
def test_there_is_hardly_a_voice_in_a_melody(voices):
    """One buzzing note after the other deceives the network now and then, at its authors' threshold of 0.5 too."""
    heard = speech(Audio.from_array(melody(60.0, voices), 16_000))
    assert sum(end - start for start, end in heard) < 0.1 * 60.0


@pytest.mark.data
@pytest.mark.parametrize("sound", ["short_noises/*.wav", "background_noises/*.ogg"])
def test_there_is_hardly_a_voice_in_recorded(sound, data_root):
    paths = sorted((data_root / "noise" / "demo").glob(sound))
    with_voice_s = sum(end - start for path in paths for start, end in speech(load(path)))
    assert paths and with_voice_s < 0.5


def test_a_sound_shorter_than_a_frame_has_one_probability():
    assert probabilities(Audio.from_array(np.zeros(100), 16_000)).shape == (1,)


def narrowed(samples: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz: a telephone."""
    spectrum, hz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / 16_000)
    return np.fft.irfft(spectrum * ((hz > 300) & (hz < 3400)), len(samples))


CHANGES = {
    "as it is": lambda x: x,
    "over a telephone": narrowed,
    "at -60 dBFS": lambda x: x * 10 ** (-27 / 20),
    "overdriven": lambda x: (8 * x).clip(-1, 1),
    "off zero": lambda x: 0.5 * x + 0.3,
    "in noise of 10 dB": lambda x: x + np.random.default_rng(0).normal(0, 0.007, len(x)),
}


@pytest.mark.data
@pytest.mark.parametrize("change", CHANGES)
def test_voices_are_found_where_the_reference_has_them(change, data_root):
    with load(data_root / "conversations" / "two_speakers.flac") as audio:
        heard = Audio.from_array(CHANGES[change](audio.read()), 16_000)
    reference = [Turn(t.start, t.end, "voice") for t in read_turns(data_root / "conversations" / "two_speakers.rttm")["two_speakers"]]
    errors = diarization_errors([Turn(start, end, "voice") for start, end in speech(heard)], reference, 30.0, collar_s=0.25)
    assert errors.missed_s + errors.false_alarm_s < 0.05 * errors.reference_s


@pytest.mark.data
def test_whoever_transcribes_hears_no_passage_without_voice_and_no_voice_is_outside_one(data_root):
    for name in ("ami_trn07", "support_call_8k"):
        with load(data_root / "conversations" / f"{name}.flac") as audio:
            voice = speech(audio)
            heard = [stretch for passage in passages(voice, audio.duration_s) for stretch in passage.stretches]
            assert voice and all(any(a < end and start < b for start, end in voice) for a, b in heard)
            assert all(any(a <= start and end <= b for a, b in heard) or end - start > 29.0 for start, end in voice)


@pytest.mark.data
def test_block_after_block_gives_what_the_whole_gives(data_root):
    with load(data_root / "conversations" / "two_speakers.flac") as audio:
        samples = audio.read(6.0, 12.0)
    detector = VoiceDetector()
    parts = [detector.push(samples[i : i + 7 * FRAME]) for i in range(0, len(samples), 7 * FRAME)]
    np.testing.assert_allclose(np.concatenate(parts), VoiceDetector().push(samples), atol=1e-5)
    assert probabilities(Audio.from_array(samples, 16_000)).max() > 0.9
