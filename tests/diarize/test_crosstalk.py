"""Cross-talk on a call of spoken words, with the true voice detector: whatever leaks, the turns are those of the clean line."""

from pathlib import Path

import numpy as np
import pytest

from convemo.audio import Audio, load
from convemo.diarize.channels import ChannelDiarizer
from convemo.metrics import diarization_errors

CALL = Path(__file__).parents[2] / "examples" / "support_call.flac"


@pytest.fixture(scope="module")
def lines() -> list[np.ndarray]:
    """What agent and customer say, each alone, at 16 kHz."""
    with load(CALL) as audio:
        return [audio.read(channel=i) for i in range(2)]


def diarized(*channels: np.ndarray):
    audio = Audio.from_array(np.stack(channels, axis=1).clip(-1, 1), 16_000)
    return ChannelDiarizer().diarize(audio).turns, ChannelDiarizer.suits(audio)


@pytest.fixture(scope="module")
def clean(lines):
    return diarized(*lines)[0]


def leak(voice: np.ndarray, level_db: float, delay_ms: int, rng: np.random.Generator) -> np.ndarray:
    tail = rng.normal(0, 0.4, 640) * np.exp(-np.arange(640) / 160)
    path = np.concatenate([np.zeros(delay_ms * 16), [1.0], tail])
    heard = np.convolve(voice, path)[: len(voice)]
    return (heard * 10 ** (level_db / 20) * np.linalg.norm(voice) / np.linalg.norm(heard)).astype(np.float32)


@pytest.mark.parametrize("level_db, delay_ms", [(-30, 5), (-18, 30), (-12, 0), (-6, 15)])
def test_the_turns_are_those_of_the_clean_line(lines, clean, level_db, delay_ms):
    rng, (agent, customer) = np.random.default_rng(0), lines
    turns, is_call = diarized(agent + leak(customer, level_db, delay_ms, rng), customer + leak(agent, level_db, delay_ms, rng))
    errors = diarization_errors(turns, clean)
    assert is_call and errors.false_alarm_s < 0.02 * errors.reference_s and errors.rate < 0.05


def test_a_line_of_noise_adds_nobody(lines):
    noise = np.random.default_rng(0).normal(0, 0.01, len(lines[0])).astype(np.float32)
    turns, is_call = diarized(noise, lines[1])
    assert {turn.speaker for turn in turns} == {"speaker 1"} and not is_call
    assert diarization_errors(turns, diarized(np.zeros_like(noise), lines[1])[0]).rate < 0.02


def test_both_voices_in_both_channels_are_no_call(lines):
    both = lines[0] + lines[1]
    assert not diarized(both, 0.8 * both)[1]
