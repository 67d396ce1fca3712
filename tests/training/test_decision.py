"""Decision rules: what is chosen when not every mistake counts alike."""

import numpy as np
import pytest

from convemo.metrics import unweighted_average_recall, weighted_f1
from convemo.training.decision import rule_for


@pytest.fixture(scope="module")
def rare():
    """Probabilities that are right about how often each of three labels occurs, one of them rare."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([6, 2, 0.7], size=4000)
    labels = (probabilities.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    return probabilities, labels


def halves(rare):
    return [tuple(x[start::2] for x in rare) for start in (0, 1)]


def test_by_probability_nothing_changes(rare):
    np.testing.assert_allclose(rule_for("probability", *rare)(rare[0]), rare[0])


@pytest.mark.parametrize(("aim", "metric"), [("weighted_f1", weighted_f1), ("uar", unweighted_average_recall)])
def test_a_rule_serves_its_aim_on_utterances_that_it_has_not_seen(rare, aim, metric):
    (seen, truth), (unseen, labels) = halves(rare)
    plain = metric(unseen.argmax(axis=1), labels)
    assert metric(rule_for(aim, seen, truth)(unseen).argmax(axis=1), labels) > plain + 0.005


def test_where_the_largest_probability_is_already_best_it_is_taken():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.4, 0.6]])
    assert rule_for("weighted_f1", probabilities, np.array([0, 0, 0, 1]))(probabilities).argmax(axis=1).tolist() == [0, 0, 0, 1]


def test_for_recall_every_label_counts_as_if_all_were_equally_frequent(rare):
    probabilities, labels = rare
    rule = rule_for("uar", probabilities, labels)
    np.testing.assert_allclose(rule.scale * np.bincount(labels), np.mean(rule.scale * np.bincount(labels)))


def test_what_comes_out_is_positive_and_sums_to_one(rare):
    ruled = rule_for("weighted_f1", *rare)(rare[0])
    assert (ruled >= 0).all()
    np.testing.assert_allclose(ruled.sum(axis=1), 1)


def test_for_two_labels_it_comes_close_to_the_best_of_all_thresholds():
    rng = np.random.default_rng(1)
    p = rng.beta(0.8, 3, 5000)
    probabilities, labels = np.stack([1 - p, p], axis=1), (rng.random(5000) < p).astype(int)
    found = weighted_f1(rule_for("weighted_f1", probabilities, labels)(probabilities).argmax(axis=1), labels)
    assert found > max(weighted_f1((p > threshold).astype(int), labels) for threshold in np.linspace(0.05, 0.95, 91)) - 0.005


def test_a_label_that_never_occurs_makes_no_infinity(rare):
    probabilities, labels = rare
    for aim in ("uar", "weighted_f1"):
        assert np.isfinite(rule_for(aim, np.c_[probabilities * 0.9, np.full(len(labels), 0.1)], labels)(np.full((1, 4), 0.25))).all()
