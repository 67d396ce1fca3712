"""Checkpoints of Whisper's true architecture with random weights, since real ones cannot be had everywhere.

They say nonsense, so the tests ask only what holds whatever is said: words in order, inside the sound, of the right type.
"""

import numpy as np
import pytest

from benchmarks.random_whisper import make
from convemo.audio import Audio


@pytest.fixture(autouse=True)
def no_weights(empty_caches):
    """No weights of the developer's own, in any test of an engine."""


@pytest.fixture(scope="session")
def voice() -> Audio:
    """Twelve seconds: silence, six of something that the voice detector takes for speech, silence."""
    return Audio.from_array(np.concatenate([np.zeros(48000), babble(6.0), np.zeros(48000)]).astype(np.float32), 16000)


def babble(seconds: float) -> np.ndarray:
    """Vowels on a falling pitch: harmonics of 100-140 Hz under moving formants, with the beat of syllables."""
    t = np.arange(int(seconds * 16000)) / 16000
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.4 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    first, second = 500 + 200 * np.sin(2 * np.pi * 1.3 * t), 1500 + 400 * np.sin(2 * np.pi * 0.9 * t)
    sound = np.zeros_like(t)
    for k in range(1, 30):
        gain = np.exp(-(((k * pitch - first) / 150) ** 2)) + 0.5 * np.exp(-(((k * pitch - second) / 200) ** 2))
        sound += gain * np.sin(k * phase)
    return 0.1 * sound * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))


SMALL = {"width": 32, "layers": 2, "heads": 2}


@pytest.fixture(scope="session")
def random_whisper(tmp_path_factory):
    """A multilingual Whisper in both forms, ``transformers`` and ``ct2``. With these settings its text ends after a dozen words."""
    folder = tmp_path_factory.mktemp("multilingual")
    make(folder, **SMALL, end=2.0, seed=1)
    return folder


@pytest.fixture(scope="session")
def whisper_folder(random_whisper):
    """The multilingual one for CTranslate2."""
    return (random_whisper / "ct2").rename(random_whisper / "random")


@pytest.fixture(scope="session")
def english_folder(tmp_path_factory):
    """One that knows English only, for CTranslate2."""
    folder = make(tmp_path_factory.mktemp("english"), **SMALL, multilingual=False, end=2.0, seed=1)
    return folder.rename(folder.parent / "random.en")


def words_of(transcript) -> list:
    return [word for segment in transcript.segments for word in segment.words]


def check_words(transcript, audio) -> None:
    """What holds of any engine's words, whatever is said."""
    words = words_of(transcript)
    times = [t for word in words for t in (word.start, word.end)]
    assert times == sorted(times) and all(0 <= t <= audio.duration_s for t in times)
    assert all(type(t) is float for t in times)
    assert all(type(word.confidence) is float and 0 <= word.confidence <= 1 for word in words)
    assert all(word.text == word.text.strip() != "" for word in words)
    assert all(segment.start <= segment.end and segment.text == segment.text.strip() for segment in transcript.segments)
