import numpy as np
import pytest

from convemo.features.energy import FLOOR_DB, active_span, frame_energy_db
from convemo.features.mel import BANDS, band_centres_hz, filterbank, log_mel_db
from convemo.features.mel import FLOOR_DB as MEL_FLOOR_DB


def test_every_band_listens_somewhere_and_weighs_one_in_all():
    weights = filterbank()
    assert weights.shape == (257, BANDS)
    np.testing.assert_allclose(weights.sum(axis=0), 1, rtol=1e-5)
    assert (np.diff(band_centres_hz()) > 0).all()


@pytest.mark.parametrize("hz", [300, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_the_band_that_lies_nearest(hz):
    tone = np.sin(2 * np.pi * hz * np.arange(8000) / 16_000).astype(np.float32)
    loudest = log_mel_db(tone)[25].argmax()
    assert abs(loudest - np.abs(band_centres_hz() - hz).argmin()) <= 1


def test_twenty_decibels_more_sound_are_twenty_decibels_more_in_every_band_and_in_energy():
    noise = np.random.default_rng(0).normal(0, 0.01, 8000).astype(np.float32)
    np.testing.assert_allclose(log_mel_db(10 * noise) - log_mel_db(noise), 20, atol=0.01)
    np.testing.assert_allclose(frame_energy_db(10 * noise) - frame_energy_db(noise), 20, atol=0.01)


def test_silence_lies_on_the_floor_and_nothing_lies_below():
    silence = np.zeros(4000, dtype=np.float32)
    assert (log_mel_db(silence) == np.float32(MEL_FLOOR_DB)).all()
    assert (frame_energy_db(silence) == np.float32(FLOOR_DB)).all()


def test_the_energy_of_a_full_scale_sine_is_minus_three_decibels():
    sine = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000).astype(np.float32)
    np.testing.assert_allclose(frame_energy_db(sine)[2:-2], -3.01, atol=0.05)


def test_energy_and_spectrum_have_the_same_frames():
    for n in (1, 160, 399, 5000):
        sound = np.ones(n, dtype=np.float32)
        assert len(frame_energy_db(sound)) == len(log_mel_db(sound)) == 1 + n // 160


def test_quiet_edges_are_cut_and_pauses_are_kept(voice):
    pause = np.zeros(8000, dtype=np.float32)
    sound = np.concatenate([pause, voice(), pause, voice(), pause])
    start, end = active_span(frame_energy_db(sound))
    assert 8000 - 2000 <= start <= 8000
    assert 48_000 <= end <= 48_000 + 2000


def test_silence_has_no_span():
    assert active_span(frame_energy_db(np.zeros(1000, dtype=np.float32))) == (0, 0)
