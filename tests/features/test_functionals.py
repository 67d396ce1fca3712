import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convemo.features import ENERGY, FRAME_CHANNELS, extract
from convemo.features.functionals import NAMES, UNVOICED_ST


def named(samples):
    return dict(zip(NAMES, extract(samples).functionals.tolist()))


def test_pitch_is_told_in_semitones_over_a_hundred_hertz(voice):
    assert named(voice(200.0))["f0_mean_st"] == pytest.approx(12, abs=0.1)
    assert named(voice(200.0))["f0_std_st"] < 0.2


def test_a_rising_voice_has_a_positive_slope_and_a_high_end(voice):
    rising, falling = named(voice(np.linspace(100, 200, 16_000))), named(voice(np.linspace(200, 100, 16_000)))
    assert rising["f0_slope_st_per_s"] == pytest.approx(12, abs=1)
    assert falling["f0_slope_st_per_s"] == pytest.approx(-12, abs=1)
    assert rising["f0_end_st"] > 2 > -2 > falling["f0_end_st"]


def test_gain_moves_the_level_and_nothing_else(voice):
    soft, loud = named(voice(150.0, level_db=-40)), named(voice(150.0, level_db=-20))
    assert loud.pop("energy_mean_db") - soft.pop("energy_mean_db") == pytest.approx(20, abs=0.05)
    assert loud == pytest.approx(soft, abs=0.05)


def test_a_pause_is_counted_in_seconds_and_as_a_share(voice):
    sound = np.concatenate([voice(seconds=0.5), np.zeros(8000, dtype=np.float32), voice(seconds=0.5)])
    found = named(sound)
    assert found["pause_longest_s"] == pytest.approx(0.5, abs=0.04)
    assert found["pause_share"] == pytest.approx(1 / 3, abs=0.03)
    assert found["duration_log2_s"] == pytest.approx(np.log2(1.5), abs=0.02)


def test_syllables_are_counted(voice):
    rhythm = np.sin(2 * np.pi * 2 * np.arange(32_000) / 16_000) ** 2 + 0.01  # four swells a second
    assert named(voice(seconds=2.0) * rhythm.astype(np.float32))["onsets_per_s"] == pytest.approx(4, abs=0.6)


def test_a_whisper_has_the_documented_values_of_the_unvoiced():
    whisper = named(np.random.default_rng(0).normal(0, 0.05, 16_000).astype(np.float32))
    assert whisper["f0_mean_st"] == UNVOICED_ST
    assert whisper["f0_std_st"] == whisper["f0_range_st"] == whisper["f0_slope_st_per_s"] == 0


def test_a_telephone_leaves_the_effort_of_a_voice_readable(voice, telephone):
    bright = voice(150.0)
    dull = np.convolve(bright, np.ones(16) / 16, mode="same").astype(np.float32)
    assert named(telephone(bright))["alpha_ratio_db"] > named(telephone(dull))["alpha_ratio_db"] + 5


def test_loose_borders_do_not_matter(voice):
    silence = np.zeros(16_000, dtype=np.float32)
    tight = extract(np.concatenate([silence[:1600], voice(), silence[:1600]]))
    loose = extract(np.concatenate([silence, voice(), silence]))
    np.testing.assert_allclose(loose.functionals, tight.functionals, atol=0.15)


def test_frames_hold_spectrum_pitch_periodicity_and_energy(voice):
    frames = extract(voice(200.0)).frames
    assert frames.shape[1] == FRAME_CHANNELS == 67
    assert frames.dtype == np.float32
    assert frames[50, ENERGY] == pytest.approx(-20, abs=0.5)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["noise", "impulse", "constant", "clipped", "square"]),
    samples=st.integers(1, 6000),
    level=st.floats(1e-7, 4.0),
    seed=st.integers(0, 99),
)
def test_every_number_is_finite_whatever_the_sound(kind, samples, level, seed):
    rng = np.random.default_rng(seed)
    sound = {
        "noise": rng.normal(0, level, samples),
        "impulse": np.where(np.arange(samples) == rng.integers(samples), level, 0.0),
        "constant": np.full(samples, level),
        "clipped": np.clip(rng.normal(0, 10 * level, samples), -1, 1),
        "square": level * np.sign(np.sin(np.arange(samples) / 17)),
    }[kind].astype(np.float32)
    features = extract(sound)
    if features is not None:
        assert np.isfinite(features.frames).all()
        assert np.isfinite(features.functionals).all()
