"""Misheard text: as wrong as was asked for, and a confidence that knows it."""

import numpy as np
import pytest

from convemo.data import as_raw_asr
from convemo.training.mishear import RIGHT, WRONG, mishear, vocabulary

WORDS = vocabulary(["the cat sat on the mat and the dog ran to the house"] * 3)
TEXT = "The cat sat on the mat, and the dog ran to the house. " * 20


def test_the_vocabulary_is_of_words_as_raw_asr_has_them_by_their_frequency():
    assert WORDS["the"] == max(WORDS.values()) and sum(WORDS.values()) == pytest.approx(1)
    assert vocabulary(["Once only."]) == {}


def test_without_errors_everything_stays_as_it_is():
    assert mishear("Oh, it's YOU!", 0.0, WORDS, np.random.default_rng(0))[0] == "Oh, it's YOU!"


def test_what_is_misheard_keeps_punctuation_and_case_where_there_are_any():
    heard, _ = mishear(TEXT, 0.3, WORDS, np.random.default_rng(0))
    assert heard.startswith("The") and "," in heard and heard.endswith(".") and "  " not in heard and " ," not in heard
    raw, _ = mishear(as_raw_asr(TEXT), 0.3, WORDS, np.random.default_rng(0))
    assert raw == as_raw_asr(heard)


def test_errors_come_at_the_rate_that_was_asked_for_and_confidence_follows_them():
    rng = np.random.default_rng(0)
    said = mishear(TEXT, 0.0, WORDS, rng)[0].split()
    shares, confidences = [], []
    for rate in (0.0, 0.3, 0.6):
        heard, confidence = mishear(TEXT, rate, WORDS, rng)
        kept = len(set(enumerate(said)) & set(enumerate(heard.split()))) / len(said)
        shares.append(kept)
        confidences.append(confidence)
    assert shares[0] == 1.0 > shares[1] and confidences[0] > confidences[1] + 0.03 > confidences[2] + 0.06


def test_a_confused_word_is_another_word_spelled_much_alike():
    heard = {mishear("mat", 1.0, {"cat": 0.5, "house": 0.5}, np.random.default_rng(seed))[0] for seed in range(20)}
    assert "cat" in heard and "house" not in heard


def test_of_nothing_nothing_is_heard():
    assert mishear("...", 0.5, WORDS, np.random.default_rng(0)) == ("", None)


def test_confidence_tells_right_from_wrong_as_well_as_the_page_says():
    rng = np.random.default_rng(0)
    assert round(float(np.mean(rng.beta(*RIGHT, 100_000) > rng.beta(*WRONG, 100_000))), 2) == 0.91
