"""A channel's temperature, and the fit behind everything."""

import numpy as np
import pytest

from convemo.fusion.calibration import FLATTEST, Temperature
from convemo.fusion.loglinear import fit_weights, log_softmax
from convemo.metrics import expected_calibration_error, negative_log_likelihood


def seen_through_noise(n=4000, classes=4, clarity=1.5, boast=1.0, shares=None, seed=0):
    """Scores under equal shares, and labels that occur with the given ones."""
    random = np.random.default_rng(seed)
    labels = random.choice(classes, size=n, p=shares)
    x = clarity * np.eye(classes)[labels] + random.normal(size=(n, classes))
    return log_softmax(boast * clarity * x), labels


@pytest.mark.parametrize("boast", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found(boast):
    log_probs, labels = seen_through_noise(boast=boast)
    assert Temperature().fit(log_probs, labels).temperature_ == pytest.approx(boast, rel=0.06)


def test_calibration_helps_on_samples_it_has_not_seen_and_never_changes_the_winner():
    calibrator = Temperature().fit(*seen_through_noise(boast=3.0, n=300))
    log_probs, labels = seen_through_noise(boast=3.0, seed=1)
    before, after = np.exp(log_probs), np.exp(calibrator.predict_log_proba(log_probs))
    assert negative_log_likelihood(after, labels) < negative_log_likelihood(before, labels) - 0.05
    assert expected_calibration_error(after, labels) < 0.03 < expected_calibration_error(before, labels)
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))


def test_a_label_that_the_data_do_not_know_does_not_count_as_a_mistake():
    log_probs, labels = seen_through_noise(n=3000)
    known = labels != 3
    assert Temperature().fit(log_probs[known], labels[known]).temperature_ == pytest.approx(1.0, rel=0.1)


def test_few_samples_leave_a_channel_nearly_as_it_is():
    assert Temperature(strength=100.0).fit(np.log([[0.6, 0.4]]), np.array([1])).temperature_ == pytest.approx(1.0, abs=0.05)


def test_a_channel_that_knows_nothing_is_flattened_to_the_bound_and_no_further():
    random = np.random.default_rng(0)
    noise, labels = log_softmax(5 * random.normal(size=(5000, 3))), random.integers(3, size=5000)
    assert 15 < Temperature(strength=0.01).fit(noise, labels).temperature_ <= FLATTEST


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Temperature().fit(np.zeros((0, 3)), np.zeros(0, int))


def test_extreme_scores_stay_distributions():
    calibrated = Temperature().predict_log_proba(np.array([[0.0, -5000.0, -700.0]]))
    assert np.isfinite(calibrated).all()
    assert np.exp(calibrated).sum() == pytest.approx(1.0)


def test_weights_are_where_the_slope_is_zero_or_at_their_bound():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=400)
    useful = np.eye(3)[labels] + random.normal(size=(400, 3))
    harmful = -np.eye(3)[labels] + random.normal(size=(400, 3))
    terms = np.stack([useful, harmful])
    theta = fit_weights(terms, labels, prior=np.zeros(2), strength=0.5)
    assert theta[0] > 0.3 and theta[1] == 0.0

    def cost(t):
        return -log_softmax(np.einsum("f,fnk->nk", t, terms))[np.arange(400), labels].sum() + 0.25 * (t @ t)

    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3]):
        assert cost(theta + np.array(step)) >= cost(theta)


def test_a_row_that_counts_twice_is_a_row_that_occurs_twice():
    log_probs, labels = seen_through_noise(n=50)
    twice = Temperature().fit(np.repeat(log_probs, 2, axis=0), np.repeat(labels, 2))
    weighted = Temperature().fit(log_probs, labels, sample_weights=np.full(50, 2.0))
    assert weighted.temperature_ == pytest.approx(twice.temperature_, rel=1e-5)
