"""What was said before, and what it may change."""

import numpy as np
import pytest

from convemo.fusion.history import History, Transitions, estimate_transitions
from convemo.fusion.loglinear import log_softmax

K = 3
STICKY = 0.8 * np.eye(K) + 0.2 / K
EVEN = np.full((K, K), 1 / K)
SHARES = np.full(K, 1 / K)


def sure_of(label, p=0.9):
    return np.where(np.arange(K) == label, p, (1 - p) / (K - 1))


def everyone(n):
    return np.ones(n, dtype=bool)


def test_own_mood_carries_over_and_the_others_need_not():
    history = History(Transitions(own=STICKY, other=EVEN, stationary=SHARES), own=1.0, other=1.0)
    pooled = np.log([sure_of(1), sure_of(2), SHARES, SHARES])
    _, posteriors = history.filter(pooled, ["ana", "ben", "ana", "ben"], everyone(4))
    assert posteriors[2].argmax() == 1
    assert posteriors[3].argmax() == 2


def test_a_past_that_tells_nothing_changes_nothing():
    shares = np.array([0.7, 0.2, 0.1])
    history = History(Transitions(own=0.5 * np.eye(K) + 0.5 * shares, other=STICKY, stationary=shares), own=2.0, other=0.0)
    pooled = np.log([shares, sure_of(2)])
    _, posteriors = history.filter(pooled, ["ana", "ana"], everyone(2))
    np.testing.assert_allclose(posteriors, pooled, atol=1e-12)


def test_the_first_utterance_is_the_pool_alone():
    history = History(Transitions(STICKY, STICKY, SHARES), own=1.0, other=1.0)
    told, posteriors = history.filter(np.log([sure_of(1)]), ["ana"], everyone(1))
    assert not told.any()
    np.testing.assert_allclose(posteriors[0], np.log(sure_of(1)))


def test_the_other_is_whoever_else_spoke_last():
    history = History(Transitions(EVEN, STICKY, SHARES), own=0.0, other=1.0)
    pooled = np.log([sure_of(0), sure_of(1), sure_of(2), sure_of(2), SHARES])
    for speaker, expected in (("ana", 2), ("ben", 2), ("cem", 1), ("dora", 2)):
        _, posteriors = history.filter(pooled, ["ana", "ben", "cem", "cem", speaker], everyone(5))
        assert posteriors[4].argmax() == expected


def test_many_dialogues_abreast_are_as_each_for_itself():
    random = np.random.default_rng(0)
    history = History(Transitions(STICKY, STICKY, SHARES), own=0.8, other=0.4, sharpness=1.2, sharpness_smoothed=0.9)
    pooled, scored = random.normal(size=(20, K)), random.random(20) < 0.8
    speakers = [str(s) for s in random.choice(["ana", "ben", "cem"], size=20)]
    for run in (history.filter, history.smooth):
        together = run(pooled, speakers, scored, [9, 1, 10])
        apart = [run(pooled[a:b], speakers[a:b], scored[a:b]) for a, b in ((0, 9), (9, 10), (10, 20))]
        for all_of_it, parts in zip(together, zip(*apart)):
            np.testing.assert_allclose(all_of_it, np.concatenate(parts), atol=1e-12)


def test_what_nobody_scored_leaves_no_trace():
    history = History(Transitions(STICKY, STICKY, SHARES), own=1.0, other=1.0)
    pooled = np.log([sure_of(1), SHARES, sure_of(2), sure_of(0)])
    scored = np.array([True, False, True, True])
    speakers = ["ana", "ana", "ben", "ana"]
    told, posteriors = history.filter(pooled, speakers, scored)
    assert not told[1].any() and not posteriors[1].any()
    _, without = history.filter(pooled[scored], ["ana", "ben", "ana"], everyone(3))
    np.testing.assert_array_equal(posteriors[scored], without)


def forward_backward(likelihood, transitions, start):
    """Textbook posteriors of a hidden Markov chain: filtered and smoothed."""
    n = len(likelihood)
    alpha, beta = np.zeros((n, K)), np.ones((n, K))
    for i in range(n):
        alpha[i] = likelihood[i] * (start if i == 0 else alpha[i - 1] @ transitions)
        alpha[i] /= alpha[i].sum()
    for i in range(n - 2, -1, -1):
        beta[i] = transitions @ (likelihood[i + 1] * beta[i + 1])
    smoothed = alpha * beta
    return alpha, smoothed / smoothed.sum(axis=1, keepdims=True)


def test_with_one_speaker_filter_and_smoother_are_forward_and_forward_backward():
    random = np.random.default_rng(0)
    shares = np.array([0.5, 0.3, 0.2])
    transitions = 0.6 * np.eye(K) + 0.4 * shares
    likelihood = random.dirichlet(np.ones(K), size=12)
    history = History(Transitions(transitions, EVEN, shares), own=1.0, other=0.0)
    pooled = np.log(likelihood * shares)
    filtered, smoothed = forward_backward(likelihood, transitions, shares)
    np.testing.assert_allclose(np.exp(history.filter(pooled, ["ana"] * 12, everyone(12))[1]), filtered, atol=1e-10)
    np.testing.assert_allclose(np.exp(history.smooth(pooled, ["ana"] * 12, everyone(12))[1]), smoothed, atol=1e-10)


def test_smoothing_lets_the_future_speak_and_filtering_does_not():
    history = History(Transitions(STICKY, EVEN, SHARES), own=1.0, other=0.0)
    pooled = np.log([SHARES, sure_of(1)])
    assert np.ptp(history.filter(pooled, ["ana", "ana"], everyone(2))[1][0]) == pytest.approx(0.0)
    assert history.smooth(pooled, ["ana", "ana"], everyone(2))[1][0].argmax() == 1


def test_certainty_stays_finite_over_a_long_conversation():
    history = History(Transitions(STICKY, STICKY, SHARES), own=1.5, other=1.5, sharpness=2.0)
    pooled = log_softmax(np.random.default_rng(0).normal(size=(3000, K)) * 500)
    for run in (history.filter, history.smooth):
        told, posteriors = run(pooled, ["ana", "ben", "cem"] * 1000, everyone(3000))
        assert np.isfinite(told).all() and np.isfinite(posteriors).all()


def test_transitions_are_counted_by_speaker():
    talk = [("ana", 0), ("ben", 1), ("ana", 0), ("ben", 1)] * 200
    found = estimate_transitions([talk], classes=K)
    assert found.own[0, 0] > 0.9 and found.own[1, 1] > 0.9
    assert found.other[0, 1] > 0.8 and found.other[1, 0] > 0.8


def test_an_utterance_without_a_label_breaks_the_chain():
    found = estimate_transitions([[("ana", 0), ("ana", None), ("ana", 1)]] * 500, classes=K)
    assert found.own[0, 1] == pytest.approx(found.stationary[1])


def test_of_a_label_that_was_never_heard_the_history_claims_nothing():
    random = np.random.default_rng(0)
    label, talk = 0, []
    for _ in range(5000):
        label = label if random.random() < 0.5 else int(random.integers(2))
        talk.append(("ana", label))
    found = estimate_transitions([talk], classes=K)
    np.testing.assert_allclose(found.lifts[:, 2, :], 1.0)
    np.testing.assert_allclose(found.lifts[:, :, 2], 1.0)
    assert found.lifts[0, 0, 0] == pytest.approx(1.5, abs=0.05)
    for matrix in (found.own, found.other, found.stationary[None]):
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
        assert (matrix > 0).all()


def test_no_conversations_at_all_give_even_transitions():
    found = estimate_transitions([], classes=K)
    np.testing.assert_allclose(found.own, EVEN)
