import numpy as np
import pytest

from convemo.features import track_pitch


def inner(values):
    """Without the frames that reach over the edges."""
    return values[5:-5]


@pytest.mark.parametrize("f0_hz", [65, 90, 130, 210, 300, 470])
def test_the_pitch_of_a_steady_voice_is_found_within_one_percent(voice, f0_hz):
    pitch = track_pitch(voice(f0_hz))
    assert inner(pitch.voiced).all()
    np.testing.assert_allclose(inner(pitch.f0_hz), f0_hz, rtol=0.01)


@pytest.mark.parametrize("f0_hz", [90, 130, 210])
def test_a_telephone_that_cuts_the_fundamental_off_does_not_hide_the_pitch(voice, telephone, f0_hz):
    pitch = track_pitch(telephone(voice(f0_hz)))
    assert inner(pitch.voiced).mean() > 0.95
    assert np.median(inner(pitch.f0_hz)) == pytest.approx(f0_hz, rel=0.02)


def test_pitch_is_found_at_ten_decibels_over_noise(voice):
    sound = voice(150.0) + np.random.default_rng(0).normal(0, 10 ** (-30 / 20), 16_000).astype(np.float32)
    pitch = track_pitch(sound)
    assert np.median(pitch.f0_hz[pitch.voiced]) == pytest.approx(150, rel=0.02)
    assert inner(pitch.voiced).mean() > 0.9


def test_a_glide_is_followed(voice):
    glide = np.linspace(100, 200, 16_000)
    pitch = track_pitch(voice(glide))
    np.testing.assert_allclose(inner(pitch.f0_hz), inner(np.append(glide[::160], 200)), rtol=0.03)


def test_noise_and_silence_have_no_pitch():
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    assert track_pitch(noise).voiced.mean() < 0.05
    assert not track_pitch(np.zeros(16_000, dtype=np.float32)).voiced.any()


def test_loudness_does_not_move_the_pitch(voice):
    loud, soft = track_pitch(voice(140.0, level_db=-10)), track_pitch(voice(140.0, level_db=-60))
    np.testing.assert_allclose(loud.f0_hz, soft.f0_hz, atol=0.1)


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 161, 4321])
def test_there_is_a_frame_every_ten_milliseconds_however_short_the_sound(samples):
    pitch = track_pitch(np.full(samples, 0.1, dtype=np.float32))
    assert len(pitch.f0_hz) == len(pitch.periodicity) == 1 + samples // 160
