"""Whether confidence knows when to be silent, and how much prediction sets hold."""

import itertools

import numpy as np
import pytest

from convemo.metrics import accuracy_at_coverage, aurc, mean_set_size, set_coverage


def test_aurc_by_hand():
    confidence, correct = np.array([0.1, 0.9, 0.5]), np.array([False, True, False])
    assert aurc(confidence, correct) == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)


def test_knowing_ones_mistakes_is_best_and_the_reverse_is_worst():
    correct = np.array([True] * 7 + [False] * 3)
    knowing = np.linspace(1, 0, 10)
    indifferent = np.zeros(10)
    assert aurc(knowing, correct) < aurc(indifferent, correct) < aurc(-knowing, correct)


def test_equal_confidence_gives_the_error_rate_whatever_the_order():
    for order in itertools.permutations([True, True, False, True]):
        assert aurc(np.full(4, 0.5), np.array(order)) == pytest.approx(0.25)


def test_accuracy_at_coverage_answers_the_surest_only():
    confidence, correct = np.array([0.9, 0.8, 0.7, 0.6, 0.1]), np.array([True, True, True, True, False])
    assert accuracy_at_coverage(confidence, correct) == 1.0
    assert accuracy_at_coverage(confidence, correct, coverage=1.0) == pytest.approx(0.8)
    assert accuracy_at_coverage(confidence, correct, coverage=0.01) == 1.0


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(ValueError, match="finite"):
        aurc(np.array([np.nan]), np.array([True]))
    with pytest.raises(ValueError, match="equally long"):
        aurc(np.array([0.5]), np.array([True, False]))
    with pytest.raises(ValueError, match="coverage"):
        accuracy_at_coverage(np.array([0.5]), np.array([True]), coverage=0.0)


def test_sets_by_hand():
    sets = np.array([[1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 1, 1]], bool)
    assert set_coverage(sets, np.array([0, 2, 2, 2])) == 0.75
    assert mean_set_size(sets) == 1.75
    with pytest.raises(ValueError, match="class indices"):
        set_coverage(sets, np.array([0, 2, 2, 3]))
    with pytest.raises(ValueError, match="N > 0"):
        mean_set_size(np.zeros((0, 3), bool))
