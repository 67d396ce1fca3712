"""Two voices that a test can make: noise through a throat, so that cepstra tell them apart. And a stand-in for a detector of real ones."""

import numpy as np
import pytest

from convemo.audio import vad

RATE = 16_000


def voice(seconds: float, formants_hz: tuple[float, ...], seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Noise with resonances, ``(n,)`` float32: no words, but a timbre of its own."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(0, 1, round(seconds * RATE)))
    hz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    envelope = sum(1 / (1 + ((hz - f) / (0.15 * f)) ** 2) for f in formants_hz) / (1 + hz / 1000)
    sound = np.fft.irfft(spectrum * envelope, round(seconds * RATE))
    return (level * sound / np.abs(sound).max()).astype(np.float32)


LOW, HIGH = (300.0, 900.0, 2200.0), (500.0, 1900.0, 3500.0)


@pytest.fixture
def loud_is_voice(monkeypatch):
    """Takes every frame above −60 dB for speech: made sounds do not deceive Silero."""

    class Loudness:
        def push(self, samples):
            frames = np.pad(samples, (0, -len(samples) % vad.FRAME)).reshape(-1, vad.FRAME)
            return ((frames**2).mean(axis=1) > 1e-6).astype(np.float32)

    monkeypatch.setattr(vad, "VoiceDetector", Loudness)


@pytest.fixture
def voices():
    """``voices(("low", 3.0), ("high", 2.0), (None, 1.0))``: one sound after the other; ``None`` is silence."""

    def make(*parts: tuple[str | None, float]) -> np.ndarray:
        sounds = []
        for seed, (name, seconds) in enumerate(parts):
            silent = np.zeros(round(seconds * RATE), np.float32)
            sounds.append(silent if name is None else voice(seconds, LOW if name == "low" else HIGH, seed))
        return np.concatenate(sounds)

    return make
