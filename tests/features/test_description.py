"""What a description says of sound that we know, and that it never says what cannot be known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convemo.features.voice import MEASURES, NAMES, describe
from convemo.features.voice.deviation import TYPICAL_SPREAD

RATE_HZ = 16_000


def test_every_number_has_a_name_a_unit_a_meaning_a_source_and_a_typical_spread(voice):
    assert tuple(describe(voice())) == NAMES == tuple(TYPICAL_SPREAD) and len(set(NAMES)) == len(NAMES)
    assert all(all(measure) for measure in MEASURES) and min(TYPICAL_SPREAD.values()) > 0


def test_the_names_carry_their_units():
    endings = {"Hz": "_hz", "Hz/s": "_hz_per_s", "semitones": "_st", "semitones/s": "_st_per_s", "dB/s": "_db_per_s", "s": "_s"}
    assert all(measure.name.endswith(endings.get(measure.unit, "")) for measure in MEASURES)


def test_the_pitch_of_a_steady_voice_is_told_in_hertz_and_in_semitones(voice):
    found = describe(voice(200.0))
    assert found["f0_mean_hz"] == found["f0_median_hz"] == pytest.approx(200, abs=0.1)
    assert found["f0_mean_st"] == pytest.approx(12, abs=0.01)
    assert found["f0_range_st"] < 0.05 and found["voiced_share"] > 0.9


def test_a_rising_voice_has_a_slope_and_a_range(voice):
    found = describe(voice(100 * 2 ** np.linspace(0, 1, RATE_HZ)))  # an octave in a second
    assert found["f0_slope_st_per_s"] == pytest.approx(12, abs=0.3)
    assert found["f0_range_st"] == pytest.approx(12 * 0.9, abs=0.8)
    assert found["f0_low_hz"] < 110 < 190 < found["f0_high_hz"]
    assert describe(voice(100 * 2 ** np.linspace(1, 0, RATE_HZ)))["f0_slope_hz_per_s"] < -80


def test_gain_moves_the_level_and_nothing_else(voice):
    sound = voice(150.0) + np.random.default_rng(0).normal(0, 1e-2, RATE_HZ)  # no band is empty
    soft, loud = describe(0.1 * sound), describe(sound)
    assert loud.pop("energy_mean_db") - soft.pop("energy_mean_db") == pytest.approx(20, abs=0.05)
    known = [name for name in loud if loud[name] is not None]
    assert [loud[name] for name in known] == pytest.approx([soft[name] for name in known], rel=0.02, abs=0.02)


def test_what_needs_a_voice_is_not_known_of_a_hiss(voice):
    found = describe(np.random.default_rng(0).normal(0, 0.05, RATE_HZ).astype(np.float32))
    unknown = {name for name, value in found.items() if value is None}
    assert {"f0_mean_hz", "f0_slope_st_per_s", "jitter_local", "shimmer_local", "hnr_db", "f1_hz", "f3_bandwidth_hz"} <= unknown
    assert found["voiced_share"] == pytest.approx(0, abs=0.05) and found["spectral_centroid_hz"] == pytest.approx(4000, abs=300)


def test_silence_has_no_description():
    assert describe(np.zeros(RATE_HZ)) is None and describe(np.zeros(0)) is None
    assert describe(np.random.default_rng(0).normal(0, 1e-5, RATE_HZ)) is None  # the noise of 16 bits


def test_what_is_too_short_to_know_is_none_and_not_zero(voice):
    found = describe(voice(seconds=0.08))
    assert {found["f0_slope_hz_per_s"], found["jitter_local"]} == {None} and 0.0 not in (found["f1_hz"], found["hnr_db"])


def test_words_are_counted_against_the_time_in_which_something_is_said(voice):
    silence = np.zeros(RATE_HZ, dtype=np.float32)
    sound = np.concatenate([silence, voice(), silence, voice(), silence])
    found = describe(sound, words=6)
    assert found["speaking_rate_words_per_s"] == pytest.approx(2, rel=0.02) and found["pause_share"] == pytest.approx(1 / 3, abs=0.02)
    assert found["pause_mean_s"] == pytest.approx(1, abs=0.05) and found["pauses_per_min"] == pytest.approx(20, rel=0.05)
    assert describe(sound)["speaking_rate_words_per_s"] is None and describe(voice())["pause_mean_s"] is None
    ratio = found["articulation_rate_syllables_per_s"] / found["speaking_rate_syllables_per_s"]
    assert ratio == pytest.approx(1.5, rel=0.05)


def test_a_constant_offset_does_not_matter(voice):
    plain, shifted = describe(voice()), describe(voice() + 0.3)
    assert [shifted[name] for name in NAMES if plain[name]] == pytest.approx(
        [plain[name] for name in NAMES if plain[name]], rel=0.01, abs=0.01
    )


def test_loose_borders_do_not_matter(voice):
    silence = np.zeros(RATE_HZ, dtype=np.float32)
    tight, loose = (describe(np.concatenate([edge, voice(), edge])) for edge in (silence[:1600], silence))
    assert [loose[name] for name in NAMES if loose[name]] == pytest.approx([tight[name] for name in NAMES if tight[name]], rel=1e-3)


@pytest.mark.parametrize("f0_hz", [110, 180])
def test_a_telephone_leaves_pitch_and_formants_if_it_is_known_to_be_one(vowel, telephone, f0_hz):
    periods = (1 + 0.01 * np.random.default_rng(0).normal(size=int(0.94 * f0_hz))) / f0_hz
    line = telephone(vowel(0.02 + np.cumsum(periods), formants_hz=(700, 1200, 2500, 3600, 4500)))
    found, unaware = describe(line, telephone=True), describe(line)
    assert found["f0_median_hz"] == pytest.approx(f0_hz, rel=0.02)
    assert [found[f"f{n}_hz"] for n in (1, 2, 3)] == pytest.approx([700, 1200, 2500], rel=0.07)
    assert abs(found["f3_hz"] - 2500) < abs(unaware["f3_hz"] - 2500)


@pytest.mark.parametrize("samples", [np.zeros((2, 100)), np.array([0.1, np.nan])])
def test_what_is_not_one_row_of_numbers_is_refused(samples):
    with pytest.raises(ValueError, match="finite samples of shape"):
        describe(samples)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["noise", "impulse", "constant", "clipped", "square", "clicks"]),
    samples=st.integers(1, 6000),
    level=st.floats(1e-7, 4.0),
    seed=st.integers(0, 99),
)
def test_every_number_is_finite_or_none_whatever_the_sound(kind, samples, level, seed):
    rng = np.random.default_rng(seed)
    sound = {
        "noise": rng.normal(0, level, samples),
        "impulse": np.where(np.arange(samples) == rng.integers(samples), level, 0.0),
        "constant": np.full(samples, level),
        "clipped": np.clip(rng.normal(0, 10 * level, samples), -1, 1),
        "square": level * np.sign(np.sin(np.arange(samples) / 17)),
        "clicks": level * (np.arange(samples) % 97 == 0),
    }[kind]
    found = describe(sound)
    assert found is None or all(value is None or np.isfinite(value) for value in found.values())
