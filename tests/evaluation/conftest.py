"""Two made-up systems on made-up conversations."""

import wave

import pytest

from .builders import answers, conversations, write


@pytest.fixture
def records():
    return conversations()


@pytest.fixture
def files(tmp_path, records):
    """The data, a good system, and a poorer one that knows other things."""
    return {
        "data": write(tmp_path / "talks.jsonl", records),
        "llm": write(tmp_path / "llm.jsonl", answers(records, 1.5, seed=1)),
        "voice": write(tmp_path / "voice.jsonl", answers(records, 0.8, seed=2)),
    }


@pytest.fixture
def parted(tmp_path):
    """The same with a dev and a test part."""
    records = conversations(parts=True)
    return {
        "data": write(tmp_path / "parted.jsonl", records),
        "llm": write(tmp_path / "llm.jsonl", answers(records, 1.5, seed=1)),
        "voice": write(tmp_path / "voice.jsonl", answers(records, 0.8, seed=2)),
    }


@pytest.fixture
def write_wave():
    """Writes samples at 16 kHz and gives the path back."""

    def write(path, samples):
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        return path

    return write
