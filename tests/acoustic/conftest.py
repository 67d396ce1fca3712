"""A conversation of made-up voices, and a tiny untrained model in the form that is shipped."""

import numpy as np
import pytest

from convemo.audio import Audio
from convemo.types import Dialogue, Speaker, Utterance

RATE_HZ = 16_000


def voice(f0_hz: float, seconds: float, level: float) -> np.ndarray:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wobble = 2 * np.pi * f0_hz * t + 0.8 * np.sin(2 * np.pi * 4 * t)
    return (level * sum(np.sin(k * wobble) / k for k in range(1, 12))).astype(np.float32)


@pytest.fixture(scope="session")
def talk() -> tuple[Dialogue, Audio]:
    """Ana and Ben take turns, eight utterances of 1.5 s with half a second between them; each a little louder and higher."""
    utterances, sound = [], []
    for i in range(8):
        speaker, f0_hz = (("ana", 210.0), ("ben", 110.0))[i % 2]
        utterances.append(Utterance(f"u{i}", speaker, start=2.0 * i, end=2.0 * i + 1.5))
        sound += [voice(f0_hz * (1 + 0.05 * i), 1.5, 0.02 * (1 + i)), np.zeros(RATE_HZ // 2, dtype=np.float32)]
    return Dialogue("talk", tuple(utterances), (Speaker("ana"), Speaker("ben"))), Audio.from_array(np.concatenate(sound), RATE_HZ)
