"""Figures of right and wrong, against scikit-learn's and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convemo.metrics import accuracy, confusion_matrix, macro_f1, unweighted_average_recall, weighted_f1

ALL = [accuracy, unweighted_average_recall, weighted_f1, macro_f1]


@st.composite
def predictions_and_labels(draw):
    length, classes = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    vector = st.lists(st.integers(0, classes - 1), min_size=length, max_size=length)
    return np.array(draw(vector)), np.array(draw(vector))


@given(predictions_and_labels())
def test_figures_agree_with_scikit_learn(pair):
    sklearn = pytest.importorskip("sklearn.metrics")
    predictions, labels = pair
    assert accuracy(predictions, labels) == pytest.approx(sklearn.accuracy_score(labels, predictions))
    assert weighted_f1(predictions, labels) == pytest.approx(sklearn.f1_score(labels, predictions, average="weighted", zero_division=0))
    assert macro_f1(predictions, labels) == pytest.approx(sklearn.f1_score(labels, predictions, average="macro", zero_division=0))
    recalls = sklearn.recall_score(labels, predictions, labels=np.unique(labels), average="macro", zero_division=0)
    assert unweighted_average_recall(predictions, labels) == pytest.approx(recalls)
    expected = sklearn.confusion_matrix(labels, predictions, labels=range(6))
    np.testing.assert_array_equal(confusion_matrix(predictions, labels, classes=6), expected)


@pytest.mark.parametrize("metric", ALL)
def test_all_right_is_one_and_all_wrong_is_zero(metric):
    labels = np.array([0, 1, 2, 1])
    assert metric(labels, labels) == 1.0
    assert metric((labels + 1) % 3, labels) == 0.0


def test_always_neutral_earns_no_more_than_chance_in_recall():
    assert unweighted_average_recall(np.zeros(10, int), np.array([0] * 9 + [1])) == 0.5


def test_a_class_that_nobody_expressed_does_not_count_in_recall():
    assert unweighted_average_recall(np.array([0, 2]), np.array([0, 0])) == 0.5


def test_rows_of_the_confusion_matrix_are_the_reference():
    assert confusion_matrix(np.array([1]), np.array([0]), classes=2).tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("predictions", "labels"),
    [([], []), ([0, 1], [0]), ([[0]], [[0]]), ([0.0], [0.0]), ([-1], [0])],
    ids=["empty", "lengths", "matrix", "floats", "negative"],
)
def test_what_is_no_pair_of_class_vectors_is_refused(metric, predictions, labels):
    with pytest.raises(ValueError, match="expected"):
        metric(np.array(predictions), np.array(labels))


def test_an_index_beyond_the_classes_is_refused():
    with pytest.raises(ValueError, match="below 2"):
        confusion_matrix(np.array([2]), np.array([0]), classes=2)
