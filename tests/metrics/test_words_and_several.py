"""Word errors against every alignment there is, Holm's correction against its definition, and the rest of the protocol by class."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convemo import metrics
from convemo.metrics import by_class, holm, reliability, risk_coverage, set_coverage_by_class, word_error_rate, word_errors

WORDS = st.lists(st.sampled_from("abc"), max_size=7)


def plainly(heard, said):
    """The definition, tried out in full."""

    @functools.cache
    def cost(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(cost(i - 1, j) + 1, cost(i, j - 1) + 1, cost(i - 1, j - 1) + (heard[i - 1] != said[j - 1]))

    return cost(len(heard), len(said))


@given(WORDS, WORDS)
def test_word_errors_are_the_fewest_of_all_alignments(heard, said):
    assert word_errors(heard, said) == plainly(tuple(heard), tuple(said))


def test_a_rate_needs_something_that_was_said():
    assert word_error_rate(["a", "b", "c"], ["a"]) == 2.0
    with pytest.raises(ValueError, match="at least one word"):
        word_error_rate(["a"], [])


def test_holm_by_hand():
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert holm([]) == [] and holm([0.9, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_the_value_and_bonferroni(p):
    corrected = holm(p)
    assert all(a <= b + 1e-12 and b <= min(1, len(p) * a) + 1e-9 for a, b in zip(p, corrected))
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(np.array(corrected)[order]) >= 0)


def test_what_is_no_p_value_is_refused():
    with pytest.raises(ValueError, match=r"p-values in \[0, 1\]"):
        holm([0.5, 1.5])


def sample(rows=300, classes=5, seed=0):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.5), size=rows)
    known = probabilities[:, :-1]  # the last class is never the reference
    return probabilities, np.where(random.random(rows) < 0.5, known.argmax(axis=1), random.integers(classes - 1, size=rows))


def test_figures_of_each_class_agree_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    probabilities, labels = sample()
    won = probabilities.argmax(axis=1)
    expected = sklearn.precision_recall_fscore_support(labels, won, labels=range(5), zero_division=0)
    found = [[getattr(c, name) for c in by_class(won, labels, 5)] for name in ("precision", "recall", "f1", "support")]
    assert np.array(found) == pytest.approx(np.array(expected))
    assert by_class(won, labels, 5)[4].support == 0


def test_the_reliability_diagram_holds_the_calibration_error():
    probabilities, labels = sample()
    bins = reliability(probabilities, labels, bins=10)
    assert sum(b.count for b in bins) == len(labels) and len(bins) == 10
    gap = sum(b.count * abs(b.accuracy - b.confidence) for b in bins) / len(labels)
    assert gap == pytest.approx(metrics.expected_calibration_error(probabilities, labels, bins=10))
    assert sum(b.count * b.accuracy for b in bins) / len(labels) == pytest.approx(np.mean(probabilities.argmax(axis=1) == labels))


def test_the_risk_coverage_curve_holds_its_area_and_the_accuracy_at_every_coverage():
    probabilities, labels = sample()
    surest, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    curve = risk_coverage(surest, right, points=len(labels))
    assert curve[:, 1].mean() == pytest.approx(metrics.aurc(surest, right))
    assert risk_coverage(surest, right, points=7)[-1] == pytest.approx([1.0, 1 - right.mean()])
    for coverage, risk in risk_coverage(surest, right, points=10):
        assert 1 - risk == pytest.approx(metrics.accuracy_at_coverage(surest, right, coverage))


def test_coverage_by_class_averages_to_coverage():
    probabilities, labels = sample()
    sets = probabilities > 0.15
    found = set_coverage_by_class(sets, labels)
    support = np.bincount(labels, minlength=5)
    assert np.isnan(found[4]) and found[0] == pytest.approx(sets[labels == 0, 0].mean())
    assert np.nansum(found * support) / support.sum() == pytest.approx(metrics.set_coverage(sets, labels))
