"""Noise reduction: as long as the sound was, in step with it, and quieter where nobody speaks."""

import sys

import numpy as np
import pytest

from convemo import AnalyzerConfig, ConfigError, EngineUnavailable, registry
from convemo.audio import Audio
from convemo.audio.denoise import WebRtcDenoiser

RATE = 16_000


@pytest.fixture
def denoiser():
    pytest.importorskip("webrtc_noise_gain", reason="the extra denoise is not installed")
    return WebRtcDenoiser("2")


def bursts(seconds: float, noise: float = 0.01, seed: int = 0) -> np.ndarray:
    """A tone that comes and goes every half second, over white noise."""
    t = np.arange(round(seconds * RATE)) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 700 * t) * (t % 1 < 0.5)
    return (tone + np.random.default_rng(seed).normal(0, noise, len(t))).astype(np.float32)


@pytest.mark.parametrize("count", [1, 159, 160, 161, RATE, 60 * RATE + 1])
def test_it_gives_back_as_many_samples_as_it_got(denoiser, count):
    with Audio.from_array(bursts(61)[:count], RATE) as audio, denoiser.denoise(audio) as cleaned:
        assert len(cleaned.read()) == count


def test_pauses_get_quieter_the_rest_stays_and_nothing_is_shifted(denoiser):
    samples = bursts(20)
    with Audio.from_array(samples, RATE) as audio, denoiser.denoise(audio) as cleaned:
        found = cleaned.read()[10 * RATE :]  # once it knows the noise
    samples = samples[10 * RATE :]
    pause = (np.arange(len(samples)) / RATE % 1) > 0.6
    voice = (np.arange(len(samples)) / RATE % 1) < 0.5
    assert np.std(found[pause]) < 0.5 * np.std(samples[pause])
    assert np.std(found[voice]) == pytest.approx(np.std(samples[voice]), rel=0.1)
    together = [np.dot(np.abs(samples)[200:-200], np.abs(np.roll(found, lag))[200:-200]) for lag in range(-160, 161)]
    assert abs(int(np.argmax(together)) - 160) <= 23  # a period of the tone


def test_channels_stay_apart(denoiser):
    samples = np.stack([bursts(3), np.zeros(3 * RATE, np.float32)], axis=1)
    with Audio.from_array(samples, RATE) as audio, denoiser.denoise(audio) as cleaned:
        assert cleaned.channels == 2
        assert np.std(cleaned.read(channel=0)) > 0.05 and not cleaned.read(channel=1).any()


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="1 to 4"):
        WebRtcDenoiser("9")


def test_where_the_package_is_missing_the_command_that_brings_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "webrtc_noise_gain", None)
    with pytest.raises(EngineUnavailable, match=r"convemo\[denoise\]"):
        registry.build("denoiser", "webrtc")


def test_nothing_is_taken_out_unless_asked_for():
    assert AnalyzerConfig().denoise == "none"
