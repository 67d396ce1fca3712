"""Whether probabilities mean what they say: by hand, against scikit-learn, and on data whose truth is known."""

import numpy as np
import pytest

from convemo.metrics import brier, classwise_ece, expected_calibration_error, negative_log_likelihood

ALL = [negative_log_likelihood, brier, expected_calibration_error, classwise_ece]


def honest(n=20_000, classes=4, seed=0):
    """Probabilities, and labels that were drawn from exactly these."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(classes), size=n)
    labels = (random.random((n, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, labels


def sharpened(probabilities, power):
    powered = probabilities**power
    return powered / powered.sum(axis=1, keepdims=True)


def test_nll_and_brier_agree_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    probabilities, labels = honest(200)
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(sklearn.log_loss(labels, probabilities))
    one_class = np.stack([1 - probabilities[:, 2], probabilities[:, 2]], axis=1)
    is_it = (labels == 2).astype(int)
    assert brier(one_class, is_it) == pytest.approx(2 * np.mean((probabilities[:, 2] - is_it) ** 2))


def test_ece_by_hand():
    confidence = np.array([0.6, 0.6, 0.9, 0.9])
    labels = np.array([0, 1, 0, 0])  # half of the unsure are right, all of the sure
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    assert expected_calibration_error(probabilities, labels, bins=2) == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)


def test_honest_probabilities_have_little_error_and_exaggerated_ones_much():
    probabilities, labels = honest()
    assert expected_calibration_error(probabilities, labels) < 0.015
    assert classwise_ece(probabilities, labels) < 0.015
    assert expected_calibration_error(sharpened(probabilities, 3.0), labels) > 0.1
    assert classwise_ece(sharpened(probabilities, 3.0), labels) > 0.04


@pytest.mark.parametrize("metric", [negative_log_likelihood, brier])
@pytest.mark.parametrize("power", [0.5, 2.0])
def test_a_proper_score_is_best_for_the_truth(metric, power):
    probabilities, labels = honest()
    assert metric(probabilities, labels) < metric(sharpened(probabilities, power), labels)


def test_ties_do_not_depend_on_the_order_of_the_samples():
    probabilities = np.tile([0.5, 0.3, 0.2], (100, 1))
    labels = np.repeat([0, 1], 50)
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0.0)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert expected_calibration_error(probabilities, shuffled) == pytest.approx(0.0)


def test_a_certain_mistake_costs_much_but_not_infinity():
    cost = negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1]))
    assert cost == pytest.approx(27.63, abs=0.01)


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        ([[0.5, 0.5]], [0, 1]),
        ([[0.5, 0.6]], [0]),
        ([[1.5, -0.5]], [0]),
        ([[0.5, 0.5]], [2]),
        ([[np.nan, 1.0]], [0]),
        (np.zeros((0, 2)), []),
    ],
    ids=["lengths", "sum", "negative", "label", "nan", "empty"],
)
def test_what_is_no_distribution_is_refused(metric, probabilities, labels):
    with pytest.raises(ValueError, match="expected"):
        metric(np.array(probabilities), np.array(labels))


def test_fewer_samples_than_bins_is_fine_and_no_bin_is_not():
    probabilities, labels = np.array([[0.7, 0.3]]), np.array([0])
    assert expected_calibration_error(probabilities, labels, bins=15) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="at least 1 bin"):
        expected_calibration_error(probabilities, labels, bins=0)
