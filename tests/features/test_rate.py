"""Syllables and pauses of sound whose rhythm we have set ourselves."""

import numpy as np
import pytest

from convemo.features.energy import frame_energy_db
from convemo.features.voice.f0 import track_f0
from convemo.features.voice.rate import pauses, smooth_level_db, speech_span, syllable_nuclei

RATE_HZ = 16_000


def rhythm(voice, syllables: int, rate_hz: float) -> np.ndarray:
    """Swells of a voice, each from almost nothing to almost nothing."""
    t = np.arange(int(syllables / rate_hz * RATE_HZ)) / RATE_HZ
    return voice(140.0, seconds=len(t) / RATE_HZ) * (0.02 + np.sin(np.pi * rate_hz * t) ** 2).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [2.0, 4.0, 6.0])
def test_syllables_are_counted_one_by_one(voice, rate_hz):
    sound = rhythm(voice, 12, rate_hz)
    assert len(syllable_nuclei(smooth_level_db(sound), track_f0(sound) > 0)) == 12


def test_a_hiss_is_no_syllable(voice):
    hiss = np.random.default_rng(0).normal(0, 0.05, 3200)
    sound = np.concatenate([rhythm(voice, 4, 4.0), np.zeros(1600), hiss, np.zeros(1600)]).astype(np.float32)
    assert len(syllable_nuclei(smooth_level_db(sound), track_f0(sound) > 0)) == 4


def test_pauses_are_found_where_they_are_and_closures_of_plosives_are_none(voice):
    silence = np.zeros(RATE_HZ, dtype=np.float32)
    sound = np.concatenate([silence, voice(), silence[:8000], voice(), silence[:1600], voice(), silence])
    energy = frame_energy_db(sound)
    assert np.array(speech_span(energy)) == pytest.approx([100, 460], abs=2)
    assert pauses(energy) == pytest.approx(np.array([[200, 250]]), abs=2)


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4321])
def test_the_level_has_a_frame_every_ten_milliseconds(samples):
    assert len(smooth_level_db(np.ones(samples, dtype=np.float32))) == 1 + samples // 160
