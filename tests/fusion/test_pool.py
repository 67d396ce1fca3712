"""The pool: weights for each pattern of channels, and how often labels occur."""

import numpy as np
import pytest

from convemo.fusion.loglinear import log_softmax
from convemo.fusion.pool import Bias, PoolWeights, fit_pattern, pool_terms, weights_for
from convemo.types import PRIOR_WEIGHT

SHARES = np.array([0.55, 0.25, 0.15, 0.05])


def seen_through_noise(labels, clarity, seed):
    """A channel that was trained where all labels are equally frequent."""
    x = clarity * np.eye(4)[labels] + np.random.default_rng(seed).normal(size=(len(labels), 4))
    return log_softmax(clarity * x)


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(0).choice(4, size=8000, p=SHARES)


@pytest.fixture(scope="module")
def channels(labels):
    return np.stack([seen_through_noise(labels, 1.2, seed=1), seen_through_noise(labels, 0.8, seed=2)])


def fit_both(channels, labels, **how):
    return fit_pattern(channels, labels, names=["text", "acoustic"], prior=np.array([1.0, PRIOR_WEIGHT]), strength=0.5, **how)


@pytest.mark.parametrize("bias", [Bias.SHARES, Bias.FREE])
def test_the_shares_of_the_labels_are_told_once_however_many_channels_there_are(channels, labels, bias):
    both = fit_both(channels, labels, bias=bias)
    alone = fit_pattern(channels[:1], labels, names=["text"], prior=np.ones(1), strength=0.5, bias=bias)
    for pool in (both, alone):
        np.testing.assert_allclose(pool.bias - pool.bias.mean(), np.log(SHARES) - np.log(SHARES).mean(), atol=0.15)
    assert both.weights == pytest.approx({"text": 1.0, "acoustic": 1.0}, abs=0.06)


def test_of_two_channels_that_both_know_the_shares_one_has_to_be_unsaid(channels, labels):
    knowing = log_softmax(channels + np.log(SHARES))
    both = fit_both(knowing, labels, bias=Bias.SHARES)
    np.testing.assert_allclose(both.bias - both.bias.mean(), np.log(SHARES).mean() - np.log(SHARES), atol=0.15)
    assert both.weights == pytest.approx({"text": 1.0, "acoustic": 1.0}, abs=0.06)


@pytest.mark.parametrize("bias", [Bias.SHARES, Bias.FREE])
def test_a_label_that_the_data_do_not_know_is_held_to_be_as_rare_as_the_rarest(channels, labels, bias):
    known = labels != 1
    bias = fit_both(channels[:, known], labels[known], bias=bias).bias
    assert bias[1] == bias[[0, 2, 3]].min() == bias[3]


def test_a_channel_that_only_echoes_adds_nothing_and_one_that_misleads_gets_no_weight(channels, labels):
    echo = fit_both(np.stack([channels[0], channels[0]]), labels)
    assert sum(echo.weights.values()) == pytest.approx(1.0, abs=0.1)
    misleading = fit_both(np.stack([channels[0], log_softmax(-channels[1])]), labels)
    assert misleading.weights["acoustic"] == 0.0


def test_few_utterances_leave_the_weights_near_their_prior(channels, labels):
    pool = fit_pattern(channels[:, :3], labels[:3], names=["text", "acoustic"], prior=np.array([1.0, 0.3]), strength=100.0)
    assert pool.weights == pytest.approx({"text": 1.0, "acoustic": 0.3}, abs=0.05)


def test_trust_lies_between_the_anchor_and_the_fit():
    fitted = PoolWeights({"text": 0.8, "acoustic": 0.6}, np.array([1.0, -1.0]))
    anchor = PoolWeights({"text": 1.2})
    half = fitted.towards(anchor, 0.5)
    assert half.weights == pytest.approx({"text": 1.0, "acoustic": 0.3})
    np.testing.assert_allclose(half.bias, [0.5, -0.5])
    assert PoolWeights({"text": 1.0}).towards(anchor, 0.5).bias is None


def test_the_terms_of_all_channels_and_the_bias_add_up_to_the_pool():
    fitted = {
        frozenset({"text", "acoustic"}): PoolWeights({"text": 0.9, "acoustic": 0.4}, np.array([0.2, -0.2])),
        frozenset({"text"}): PoolWeights({"text": 1.0}),
    }
    log_probs = np.log([[[0.7, 0.3]] * 3, [[0.2, 0.8]] * 3])  # (2, 3, 2)
    available = np.array([[1, 1, 0], [1, 0, 0]], bool)
    terms, known = pool_terms(["text", "acoustic"], log_probs, available, fitted)
    expected = [0.9 * log_probs[0, 0] + 0.4 * log_probs[1, 0] + [0.2, -0.2], log_probs[0, 1], [0.0, 0.0]]
    np.testing.assert_allclose(terms.sum(axis=0), expected)
    np.testing.assert_array_equal(known, [True, True, False])


def test_where_nobody_fitted_a_pattern_its_largest_fitted_part_stands_and_the_rest_joins():
    fitted = {frozenset({"text"}): PoolWeights({"text": 0.9}), frozenset({"text", "acoustic"}): PoolWeights({"text": 0.8, "acoustic": 0.4})}
    for available, expected in (
        (["text", "acoustic", "llm"], {"text": 0.8, "acoustic": 0.4, "llm": PRIOR_WEIGHT}),
        (["text", "llm"], {"text": 0.9, "llm": PRIOR_WEIGHT}),
        (["acoustic"], {"acoustic": 1.0}),
        (["llm", "face"], {"llm": 0.5, "face": 0.5}),
    ):
        pool, known = weights_for(available, fitted)
        assert dict(pool.weights) == expected and not known
