"""How an utterance differs from its speaker's earlier ones, in numbers and in words."""

import numpy as np
import pytest

from convemo.features.voice import VoiceHistory, in_words, levels
from convemo.features.voice.deviation import TYPICAL_SPREAD

PITCH, SPREAD = "f0_median_hz", TYPICAL_SPREAD["f0_median_hz"]


def after(*values: float | None, of: str = "ana") -> VoiceHistory:
    history = VoiceHistory()
    for value in values:
        history.update(of, {PITCH: value})
    return history


def test_of_the_first_utterance_nothing_is_known():
    assert set(after().deviation("ana", {PITCH: 12.0}).values()) == {None}
    assert after(12.0, of="ben").deviation("ana", {PITCH: 12.0})[PITCH] is None


def test_a_deviation_is_counted_in_spreads_and_shrunk_while_little_has_been_heard():
    assert after(10.0).deviation("ana", {PITCH: 10.0 + SPREAD})[PITCH] == pytest.approx(1 / 4, abs=1e-3)
    assert after(10.0, 10.0, 10.0).deviation("ana", {PITCH: 10.0})[PITCH] == 0.0


def test_with_time_the_spread_is_the_speakers_own():
    lively, steady = (np.random.default_rng(0).normal(10.0, std, 200) for std in (3 * SPREAD, SPREAD / 3))
    far = {PITCH: 10.0 + 3 * SPREAD}
    assert after(*lively).deviation("ana", far)[PITCH] == pytest.approx(1, abs=0.15)
    assert after(*steady).deviation("ana", far)[PITCH] == pytest.approx(8.5, abs=1)


def test_what_is_not_known_neither_counts_nor_deviates():
    assert after(10.0, None).deviation("ana", {PITCH: 12.0}) == after(10.0).deviation("ana", {PITCH: 12.0})
    assert after(10.0).deviation("ana", {PITCH: None})[PITCH] is None


@pytest.mark.parametrize(
    ("value", "level"),
    [(-2.0, "much lower pitch"), (-1.0, "lower pitch"), (0.4, "usual pitch"), (1.4, "higher pitch"), (1.6, "much higher pitch")],
)
def test_there_are_five_levels(value, level):
    assert levels({PITCH: value}) == {"pitch": level}


def test_the_sentence_tells_what_is_known_and_nothing_else():
    told = in_words({"energy_mean_db": -0.7, PITCH: None, "articulation_rate_syllables_per_s": 3.0})
    assert told == "Compared with this speaker's usual voice: quieter, much faster."
    assert in_words({PITCH: None}) is None and in_words({}) is None
