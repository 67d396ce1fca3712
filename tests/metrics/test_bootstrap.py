"""Intervals over whole dialogues or speakers."""

import numpy as np
import pytest

from convemo.metrics import accuracy, expected_calibration_error, interval, paired_difference


def noisy(dialogues=40, length=10, right=0.7, seed=0):
    """Predictions of which about the given share is right, labels, and the dialogue of each row."""
    random = np.random.default_rng(seed)
    labels = random.integers(4, size=dialogues * length)
    wrong = random.random(len(labels)) > right
    return (labels + wrong) % 4, labels, np.repeat(np.arange(dialogues), length)


def test_the_interval_holds_the_value_and_has_the_width_that_theory_gives():
    predictions, labels, groups = noisy()
    found = interval(accuracy, groups, predictions, labels)
    assert found.low < found.value < found.high
    assert found.value == accuracy(predictions, labels)
    expected_width = 2 * 1.96 * np.sqrt(found.value * (1 - found.value) / len(labels))
    assert found.high - found.low == pytest.approx(expected_width, rel=0.35)


def test_utterances_that_stand_or_fall_together_make_the_interval_wider():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    together = np.repeat(random.random(40) < 0.7, 10).astype(float)
    by_dialogue = interval(np.mean, groups, together)
    by_utterance = interval(np.mean, np.arange(400), together)
    assert by_dialogue.high - by_dialogue.low > 2 * (by_utterance.high - by_utterance.low)


def test_the_same_seed_gives_the_same_limits_and_the_order_of_rows_does_not_matter():
    predictions, labels, groups = noisy()
    first = interval(accuracy, groups, predictions, labels, resamples=50, seed=3)
    assert interval(accuracy, groups, predictions, labels, resamples=50, seed=3) == first
    assert interval(accuracy, groups, predictions, labels, resamples=50, seed=4) != first
    order = np.random.default_rng(1).permutation(len(labels))
    assert interval(accuracy, groups[order], predictions[order], labels[order], resamples=50, seed=3) == first


def test_a_system_does_not_differ_from_itself():
    predictions, labels, groups = noisy()
    found = paired_difference(accuracy, groups, (predictions, labels), (predictions, labels), resamples=100)
    assert (found.value, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_better_system_is_seen_as_better_with_its_sign():
    good, labels, groups = noisy(right=0.8)
    bad, _, _ = noisy(right=0.6)
    found = paired_difference(accuracy, groups, (good, labels), (bad, labels), resamples=300)
    assert found.low > 0 and found.p_value < 0.05
    reverse = paired_difference(accuracy, groups, (bad, labels), (good, labels), resamples=300)
    assert (reverse.value, reverse.low, reverse.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_pairing_cancels_what_is_hard_for_both():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 10)
    hard = np.repeat(random.random(30), 10)
    first, second = (random.random(300) > hard).astype(float), (random.random(300) > hard).astype(float)
    paired = paired_difference(np.mean, groups, (first,), (second,), resamples=300)
    singles = [interval(np.mean, groups, a, resamples=300) for a in (first, second)]
    assert paired.high - paired.low < sum(i.high - i.low for i in singles)


def test_an_interval_holds_its_value_even_where_every_draw_lies_higher():
    random = np.random.default_rng(0)
    p = random.dirichlet(np.full(5, 2.0), size=600)
    labels = (random.random((600, 1)) > p.cumsum(axis=1)).sum(axis=1)
    found = interval(expected_calibration_error, np.repeat(np.arange(30), 20), p, labels, resamples=200)
    assert 0 <= found.low <= found.value <= found.high < 0.15


def test_draws_on_which_the_metric_is_not_defined_are_left_out():
    found = interval(lambda x: float("nan") if (x == 0).all() else float(x.mean()), np.arange(2), np.array([0.0, 1.0]), resamples=200)
    assert (found.low, found.high) == (0.5, 1.0)


def test_lengths_and_settings_are_checked():
    with pytest.raises(ValueError, match="one length"):
        interval(np.mean, np.arange(2), np.arange(3))
    with pytest.raises(ValueError, match="one length"):
        interval(np.mean, np.arange(0), np.arange(0))
    with pytest.raises(ValueError, match="level"):
        interval(np.mean, np.arange(2), np.arange(2), level=1.0)
