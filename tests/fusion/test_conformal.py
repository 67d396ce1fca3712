"""Prediction sets that keep their promise, and silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convemo.fusion.conformal import ConformalSets, abstention_threshold, fewest, label_sets


def drawn(n, seed, shares=(0.6, 0.25, 0.15)):
    """Posteriors that favour the common label wrongly, and references: calibrated they are not."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, size=n, p=shares)
    logits = 1.5 * np.eye(3)[labels] + random.normal(size=(n, 3)) + [1.0, 0.0, 0.0]
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), labels


def test_sets_hold_the_truth_as_often_as_promised_for_every_label():
    calibrated = ConformalSets(coverage=0.9).fit(*drawn(10_000, seed=0))
    p, labels = drawn(20_000, seed=1)
    truth = np.arange(len(labels)), labels
    reached, inside = p[truth] >= calibrated.thresholds_[labels], calibrated.predict(p)[truth]
    for k in range(3):
        assert reached[labels == k].mean() == pytest.approx(0.9, abs=0.015)
        assert inside[labels == k].mean() >= reached[labels == k].mean(), "the winner is in, whatever its threshold"


def test_labels_too_rare_for_a_promise_of_their_own_share_one():
    p, labels = drawn(400, seed=1, shares=(0.97, 0.015, 0.015))
    assert all(0 < (labels == k).sum() < fewest(0.9) for k in (1, 2)) and (labels > 0).sum() >= fewest(0.9)
    thresholds = ConformalSets().fit(p, labels).thresholds_
    together = np.sort(p[np.arange(400), labels][labels > 0])[::-1]
    assert thresholds[1] == thresholds[2] == together[int(np.ceil((len(together) + 1) * 0.9)) - 1] < thresholds[0]


def test_where_even_together_they_are_too_few_they_take_the_threshold_of_all():
    p, labels = drawn(400, seed=0, shares=(0.9, 0.1, 0.0))
    everything = np.sort(p[np.arange(400), labels])[::-1]
    assert ConformalSets().fit(p, labels).thresholds_[2] == everything[int(np.ceil(401 * 0.9)) - 1]


def test_a_rare_label_is_held_as_often_as_promised_too():
    calibrated = ConformalSets(coverage=0.9).fit(*drawn(2000, seed=0, shares=(0.9, 0.085, 0.015)))
    p, labels = drawn(60_000, seed=1, shares=(0.9, 0.085, 0.015))
    assert calibrated.predict(p)[labels == 2, 2].mean() == pytest.approx(0.9, abs=0.07)


def test_repeated_compositions_are_not_new_evidence():
    p, labels = drawn(80, seed=0, shares=(0.6, 0.4, 0.0))
    once, often = ConformalSets().fit(p, labels), ConformalSets().fit(np.tile(p, (5, 1)), np.tile(labels, 5), repeats=5)
    np.testing.assert_array_equal(once.thresholds_, often.thresholds_)


def test_too_few_examples_promise_by_taking_every_label():
    sets = ConformalSets(coverage=0.9).fit(np.array([[0.9, 0.1]]), np.array([0]))
    assert sets.predict(np.array([[0.99, 0.01]])).all()


@given(
    st.lists(st.lists(st.floats(1e-6, 1), min_size=3, max_size=3), min_size=1, max_size=20),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_no_set_is_empty_and_the_winner_is_always_in(rows, thresholds):
    p = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    sets = label_sets(p, np.array(thresholds))
    assert sets[np.arange(len(p)), p.argmax(axis=1)].all()


def test_answers_that_are_given_keep_the_risk_on_new_data():
    p, labels = drawn(2000, seed=0)
    threshold = abstention_threshold(p.max(axis=1), p.argmax(axis=1) == labels, risk=0.2)
    p, labels = drawn(20_000, seed=1)
    answered = p.max(axis=1) >= threshold
    wrong = p.argmax(axis=1) != labels
    assert wrong.mean() > 0.2 > wrong[answered].mean()
    assert answered.mean() > 0.3


def test_a_risk_that_cannot_be_kept_is_answered_with_silence():
    assert abstention_threshold(np.array([0.9, 0.8]), np.array([False, False]), risk=0.1) == 1.0
    assert abstention_threshold(np.array([0.9]), np.array([True]), risk=0.01) == 1.0, "one right answer proves nothing"
