"""Voice activity: borders from probabilities, and the real network on real sound."""

import numpy as np
import pytest

from convemo.audio import Audio, load
from convemo.audio.vad import FRAME, FRAME_S, VoiceDetector, intervals, probabilities, speech


def frames(*parts: tuple[float, float]) -> np.ndarray:
    """Probabilities from ``(seconds, probability)`` parts."""
    return np.concatenate([np.full(round(seconds / FRAME_S), p) for seconds, p in parts])


def plain(parts: np.ndarray, **settings) -> list[tuple[float, float]]:
    return list(intervals(parts, len(parts) * FRAME_S, **{"pad_s": 0.0, **settings}))


def test_speech_begins_at_the_onset_and_ends_below_the_offset():
    p = frames((0.32, 0.1), (0.32, 0.4), (0.32, 0.9), (0.32, 0.4), (0.32, 0.1))
    assert plain(p) == [(0.64, 1.28)]


def test_what_never_reaches_the_onset_is_no_speech():
    assert plain(frames((3.2, 0.45))) == []


def test_a_click_is_dropped_and_a_short_stop_does_not_part_a_word():
    p = frames((0.16, 0.9), (0.64, 0.0), (0.48, 0.9), (0.064, 0.0), (0.48, 0.9))
    assert plain(p) == [(0.8, 1.824)]


def test_pads_stay_inside_the_recording_and_never_overlap():
    p = frames((0.32, 0.9), (0.128, 0.0), (0.32, 0.9))
    (a, b), (c, d) = intervals(p, 0.768, pad_s=0.5)
    assert (a, d) == (0.0, 0.768) and b == c == pytest.approx(0.384, abs=0.001)


@pytest.mark.parametrize("sound", ["silence", "noise", "hum"])
def test_there_is_no_voice_in(sound):
    rng = np.random.default_rng(0)
    samples = {
        "silence": np.zeros(80_000),
        "noise": rng.normal(0, 0.1, 80_000).clip(-1, 1),
        "hum": 0.3 * np.sin(2 * np.pi * 50 / 16_000 * np.arange(80_000)),
    }[sound]
    assert speech(Audio.from_array(samples, 16_000)) == ()


def test_a_sound_shorter_than_a_frame_has_one_probability():
    assert probabilities(Audio.from_array(np.zeros(100), 16_000)).shape == (1,)


@pytest.mark.data
def test_voices_are_found_where_the_reference_has_them(data_root):
    with load(data_root / "conversations" / "two_speakers.flac") as audio:
        found = np.zeros(3000, bool)
        for begin, end in speech(audio):
            found[round(begin * 100) : round(end * 100)] = True
    truth = np.zeros(3000, bool)
    for line in (data_root / "conversations" / "two_speakers.rttm").read_text().splitlines():
        begin, length = map(float, line.split()[3:5])
        truth[round(begin * 100) : round((begin + length) * 100)] = True
    assert (found != truth).mean() < 0.1


@pytest.mark.data
def test_block_after_block_gives_what_the_whole_gives(data_root):
    samples = load(data_root / "conversations" / "two_speakers.flac").read(6.0, 12.0)
    detector = VoiceDetector()
    parts = [detector.push(samples[i : i + 7 * FRAME]) for i in range(0, len(samples), 7 * FRAME)]
    np.testing.assert_allclose(np.concatenate(parts), VoiceDetector().push(samples), atol=1e-5)
    assert probabilities(Audio.from_array(samples, 16_000)).max() > 0.9
