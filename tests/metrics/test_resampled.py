"""The metrics on all draws at once give what the pure functions give draw by draw."""

import time

import numpy as np
import pytest

from convemo import metrics
from convemo.metrics import resampled
from convemo.metrics.bootstrap import _draws, draw_counts

ROWS, CLASSES, DRAWS = 200, 5, 40


@pytest.fixture(params=["all different", "many equally sure", "few rows"])
def sample(request):
    random = np.random.default_rng(3)
    rows = 23 if request.param == "few rows" else ROWS
    probabilities = random.dirichlet(np.full(CLASSES, 0.4), size=rows)
    if request.param == "many equally sure":
        probabilities = probabilities[random.integers(8, size=rows)]
    labels = np.where(random.random(rows) < 0.5, probabilities.argmax(axis=1), random.integers(CLASSES - 1, size=rows))
    return probabilities, labels, random.integers(1 + rows // 5, size=rows)


def each_draw(metric, groups, *arrays):
    return [metric(*(a[rows] for a in arrays)) for rows in _draws(groups, DRAWS, seed=1)]


@pytest.mark.parametrize("name", ["accuracy", "unweighted_average_recall", "weighted_f1", "macro_f1"])
def test_counts_of_right_and_wrong(sample, name):
    probabilities, labels, groups = sample
    predictions = probabilities.argmax(axis=1)
    confusions = resampled.confusion_matrices(draw_counts(groups, DRAWS, seed=1), predictions, labels, CLASSES)
    assert getattr(resampled, name)(confusions) == pytest.approx(each_draw(getattr(metrics, name), groups, predictions, labels))


@pytest.mark.parametrize("name", ["negative_log_likelihood", "brier", "expected_calibration_error", "classwise_ece"])
def test_probabilities(sample, name):
    probabilities, labels, groups = sample
    found = getattr(resampled, name)(draw_counts(groups, DRAWS, seed=1), probabilities, labels)
    assert found == pytest.approx(each_draw(getattr(metrics, name), groups, probabilities, labels))


@pytest.mark.parametrize("name", ["aurc", "accuracy_at_coverage"])
def test_confidence(sample, name):
    probabilities, labels, groups = sample
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    found = getattr(resampled, name)(draw_counts(groups, DRAWS, seed=1), confidence, correct)
    assert found == pytest.approx(each_draw(getattr(metrics, name), groups, confidence, correct))


def test_dimensions(sample):
    probabilities, _, groups = sample
    values, references = probabilities[:, 0], probabilities[:, 1]
    found = resampled.concordance_correlation(draw_counts(groups, DRAWS, seed=1), values, references)
    assert found == pytest.approx(each_draw(metrics.concordance_correlation, groups, values, references))


def test_a_draw_of_one_constant_has_no_concordance():
    assert np.isnan(resampled.concordance_correlation(np.array([[2, 0]]), np.array([0.5, 0.1]), np.array([0.5, 0.3])))[0]


def test_the_draws_are_those_of_the_interval():
    groups = np.array([0, 0, 1, 2, 2, 2])
    expected = [np.bincount(rows, minlength=6).tolist() for rows in _draws(groups, 9, seed=4)]
    assert draw_counts(groups, 9, seed=4).tolist() == expected


def test_a_thousand_draws_of_a_test_set_take_seconds():
    random = np.random.default_rng(0)
    probabilities, labels = random.dirichlet(np.ones(7), size=2610), random.integers(7, size=2610)
    counts = draw_counts(random.integers(280, size=2610), 1000)
    began = time.perf_counter()
    resampled.classwise_ece(counts, probabilities, labels)
    resampled.aurc(counts, probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    assert time.perf_counter() - began < 10
