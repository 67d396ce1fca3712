"""Formants of vowels whose resonances we have set ourselves, and the shape of spectra."""

import numpy as np
import pytest

from convemo.features.mel import log_mel_db
from convemo.features.voice import spectrum
from convemo.features.voice.f0 import track_f0
from convemo.features.voice.formants import track_formants

VOWELS = {
    "heed": (120, (270, 2290, 3010, 3600, 4500)),
    "hod": (100, (730, 1090, 2440, 3400, 4400)),
    "neutral": (125, (500, 1500, 2500, 3500, 4500)),
    "a woman's head": (200, (610, 2330, 2990, 4000, 4900)),
}
"""F0 and resonances in Hz: G. E. Peterson and H. L. Barney 1952, https://doi.org/10.1121/1.1906875; the higher two are usual ones."""


@pytest.mark.parametrize("name", VOWELS)
def test_the_formants_of_a_vowel_are_found_within_seven_percent_and_mostly_three(vowel, name):
    f0_hz, formants_hz = VOWELS[name]
    sound = vowel(np.arange(0.02, 0.98, 1 / f0_hz), formants_hz=formants_hz)
    found = np.nanmedian(track_formants(sound, track_f0(sound) > 0), axis=0)[:, 0]
    off = np.abs(found / formants_hz[:3] - 1)
    assert off.max() < 0.07 and np.median(off) < 0.03


def test_a_wider_resonance_has_a_wider_bandwidth():
    def bandwidth_hz(width_hz):
        pole = np.exp((-np.pi * width_hz + 2j * np.pi * 1000) / 16_000)
        noise = np.random.default_rng(0).normal(size=16_000)
        ringing = np.convolve(noise, (pole ** np.arange(2000)).imag)[:16_000].astype(np.float32)
        tracks = track_formants(ringing, np.ones(101, dtype=bool))
        near = np.abs(tracks[..., 0] - 1000) < 150
        return np.median(tracks[..., 1][near])

    assert bandwidth_hz(60) == pytest.approx(60, abs=40)
    assert bandwidth_hz(300) > 2.5 * bandwidth_hz(60)


def test_unvoiced_frames_have_no_formants(vowel):
    tracks = track_formants(vowel(np.arange(0.02, 0.98, 0.01)), np.arange(101) < 50)
    assert np.isnan(tracks[50:]).all() and not np.isnan(tracks[10:40, 0]).any()


def test_a_darker_voice_has_its_weight_lower_and_less_effort(voice):
    bright = voice(150.0)
    dark = np.convolve(bright, np.ones(12) / 12, mode="same").astype(np.float32)
    of_bright, of_dark = (spectrum.power_spectra(sound).mean(axis=0) for sound in (bright, dark))
    assert spectrum.moments(of_dark)["centroid_hz"] < spectrum.moments(of_bright)["centroid_hz"] - 100
    assert spectrum.alpha_ratio_db(of_dark) < spectrum.alpha_ratio_db(of_bright) - 5
    assert spectrum.hammarberg_index_db(of_dark) > spectrum.hammarberg_index_db(of_bright) + 5
    assert spectrum.slope_db_per_khz(of_dark) < spectrum.slope_db_per_khz(of_bright) - 3
    assert spectrum.roll_off_hz(of_dark) < spectrum.roll_off_hz(of_bright)


def test_a_steady_tone_has_no_flux_and_a_change_of_loudness_is_none(voice):
    swelling = voice(200.0) * np.linspace(0.2, 1.0, 16_000, dtype=np.float32)
    assert spectrum.flux(spectrum.power_spectra(swelling))[5:-5].max() < 0.05
    assert spectrum.flux(spectrum.power_spectra(np.random.default_rng(0).normal(size=16_000))).mean() > 0.5


def test_mfcc_are_the_cosine_transform_of_the_log_mel_spectrum(voice):
    dct = pytest.importorskip("scipy.fft").dct
    levels = log_mel_db(voice(150.0))
    np.testing.assert_allclose(spectrum.mfcc(levels), dct(levels, norm="ortho")[:, 1:14], atol=1e-3)
