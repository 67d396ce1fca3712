"""What several tests of the trainings need: clips that are made here."""

import wave

import numpy as np
import pytest

from convemo.audio.resample import RATE_HZ


@pytest.fixture(scope="session")
def hum():
    """``hum(path, f0_hz)``: a WAV file of half a second of silence, two of harmonics that swell three times a second, half of silence."""

    def write(path, f0_hz=120.0):
        t = np.arange(2 * RATE_HZ) / RATE_HZ
        tone = sum(np.sin(2 * np.pi * f0_hz * k * t) / k for k in range(1, int(7200 / f0_hz))) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
        quiet = np.zeros(RATE_HZ // 2)
        samples = np.concatenate([quiet, 2000 * tone / np.sqrt(np.mean(tone**2)), quiet])
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(np.round(samples).astype("<i2").tobytes())
        return path

    return write
