"""Period marks, jitter, shimmer and harmonicity of voices whose every period we have set ourselves."""

import numpy as np
import pytest

from convemo.features.voice.f0 import track_f0
from convemo.features.voice.periods import mark_periods
from convemo.features.voice.voice_quality import harmonicity_db, jitter, shimmer

RATE_HZ = 16_000


def irregular(share: float, mean_s: float = 0.008, seed: int = 0) -> np.ndarray:
    """Times of pulses whose periods vary around a mean, by this standard deviation."""
    return 0.02 + np.cumsum(mean_s * (1 + share * np.random.default_rng(seed).normal(size=int(0.94 / mean_s))))


def marks_of(sound):
    return mark_periods(sound, track_f0(sound))


def mean_step(values):
    return np.abs(np.diff(values)).mean() / values.mean()


@pytest.mark.parametrize("f0_hz", [90, 125, 210, 300])
def test_there_is_one_mark_a_period(vowel, f0_hz):
    steps = np.diff(marks_of(vowel(np.arange(0.02, 0.98, 1 / f0_hz))))
    np.testing.assert_allclose(steps[2:-3], 1 / f0_hz, rtol=0.01)  # at the edges the resonances ring on by themselves
    assert len(steps) > 0.85 * f0_hz


def test_every_voiced_stretch_has_its_marks_and_a_pause_has_none(vowel):
    pulses = np.arange(0.02, 0.98, 0.008)
    marks = marks_of(vowel(pulses[(pulses < 0.4) | (pulses > 0.6)]))
    assert ((marks > 0.1) & (marks < 0.35)).sum() == pytest.approx(31, abs=2)
    assert ((marks > 0.65) & (marks < 0.9)).sum() == pytest.approx(31, abs=2)
    assert not ((marks > 0.45) & (marks < 0.6)).any()


@pytest.mark.parametrize("share", [0.005, 0.01, 0.02])
def test_jitter_is_about_what_the_pulses_have(vowel, share):
    # A mark lies where the waveform is most alike, not on the pulse: Praat, asked the same, is up to a third off too.
    pulses = irregular(share)
    assert jitter(marks_of(vowel(pulses))) == pytest.approx(mean_step(np.diff(pulses)), rel=1 / 3)


def test_a_regular_voice_has_next_to_no_jitter_and_shimmer(vowel):
    sound = vowel(np.arange(0.02, 0.98, 0.008))
    marks = marks_of(sound)[2:-3]
    assert jitter(marks) < 0.001 and shimmer(sound, marks) < 0.01


@pytest.mark.parametrize("share", [0.03, 0.06, 0.1])
def test_shimmer_grows_with_the_irregularity_of_the_pulses(vowel, share):
    pulses = np.arange(0.02, 0.98, 0.01)
    amplitudes = 1 + share * np.random.default_rng(0).normal(size=len(pulses))
    sound = vowel(pulses, amplitudes)
    # What rings on from the pulse before evens out a part of the difference.
    assert shimmer(sound, marks_of(sound)) == pytest.approx(mean_step(amplitudes), rel=0.25)


@pytest.mark.parametrize("hnr_db", [5, 10, 20])
def test_harmonicity_is_the_ratio_of_voice_to_noise(voice, hnr_db):
    noise = np.random.default_rng(0).normal(size=RATE_HZ) * 10 ** ((-20 - hnr_db) / 20)
    found = harmonicity_db((voice(150.0) + noise).astype(np.float32), np.arange(101) % 3 == 1)
    assert np.nanmean(found) == pytest.approx(hnr_db, abs=1.0)
    assert np.isnan(found[::3]).all()


def test_a_few_periods_are_not_enough(vowel):
    marks = np.arange(11) * 0.01
    assert jitter(marks) is None and jitter(np.arange(13) * 0.01) == pytest.approx(0, abs=1e-9)
    assert shimmer(vowel(marks), marks) is None
    assert len(mark_periods(np.zeros(1600, np.float32), np.zeros(11))) == 0


def test_a_break_between_two_stretches_is_no_jitter():
    steady = np.arange(30) * 0.01
    assert jitter(np.concatenate([steady, 1 + steady])) == pytest.approx(0, abs=1e-9)
