"""Voices that we make ourselves, so that what they hold is known."""

import numpy as np
import pytest

RATE_HZ = 16_000


@pytest.fixture(scope="session")
def voice():
    """``voice(f0_hz, seconds, level_db)``: harmonics that fall by 6 dB an octave; `f0_hz` a number or one a sample."""

    def make(f0_hz=120.0, seconds=1.0, level_db=-20.0):
        phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, int(seconds * RATE_HZ))) / RATE_HZ
        highest = np.max(f0_hz)
        sound = sum(np.sin(k * phase + k) / k for k in range(1, int(7000 / highest) + 1))
        return (sound / np.sqrt(np.mean(sound**2)) * 10 ** (level_db / 20)).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def telephone():
    """300–3400 Hz and nothing else."""

    def pass_band(samples):
        spectrum = np.fft.rfft(samples)
        hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
        spectrum[(hz < 300) | (hz > 3400)] = 0
        return np.fft.irfft(spectrum, len(samples)).astype(np.float32)

    return pass_band


@pytest.fixture(scope="session")
def vowel():
    """``vowel(pulses_s, amplitudes, formants_hz)``: a glottal pulse at each of these times, exactly, through resonances 50–200 Hz wide."""

    def make(pulses_s, amplitudes=1.0, formants_hz=(500, 1500, 2500, 3500, 4500), seconds=1.0, level_db=-20.0):
        count = int(seconds * RATE_HZ)
        z = np.exp(-2j * np.pi * np.fft.rfftfreq(2 * count))
        spectrum = sum(a * z ** (t * RATE_HZ) for t, a in np.broadcast(pulses_s, amplitudes)) * (1 - z) / (1 - 0.97 * z) ** 2
        for hz, width_hz in zip(formants_hz, (60, 90, 120, 160, 200)):
            r = np.exp(-np.pi * width_hz / RATE_HZ)
            spectrum = spectrum / (1 - 2 * r * np.cos(2 * np.pi * hz / RATE_HZ) * z + r**2 * z**2)
        sound = np.fft.irfft(spectrum)[:count]
        return (sound / np.sqrt(np.mean(sound**2)) * 10 ** (level_db / 20)).astype(np.float32)

    return make
