"""Every figure against scikit-learn where it has one, and the draws against the intervals of the pure functions."""

import numpy as np
import pytest
from sklearn import metrics as theirs

from convemo import metrics as ours
from convemo.evaluation.figures import Figures, paired
from convemo.metrics.bootstrap import draw_counts

ROWS, CLASSES = 300, 4


def system(seed: int, seeds: int = 1, skill: float = 1.5) -> Figures:
    random = np.random.default_rng(seed)
    references = np.random.default_rng(0).integers(CLASSES, size=ROWS)
    logits = random.normal(size=(seeds, ROWS, CLASSES)) + skill * np.eye(CLASSES)[references]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    valence = np.random.default_rng(9).uniform(-1, 1, ROWS)
    given = np.where(random.random((seeds, ROWS)) < 0.1, np.nan, valence + random.normal(size=(seeds, ROWS)) * 0.3)
    return Figures(probabilities, references, probabilities > 0.1, {"valence": given}, {"valence": valence})


@pytest.fixture
def figures():
    return system(1)


def test_classification_is_that_of_scikit_learn(figures):
    y, won = figures.references, figures.probabilities[0].argmax(axis=1)
    assert figures.values["accuracy"][0] == pytest.approx(theirs.accuracy_score(y, won))
    assert figures.values["uar"][0] == pytest.approx(theirs.balanced_accuracy_score(y, won))
    assert figures.values["weighted_f1"][0] == pytest.approx(theirs.f1_score(y, won, average="weighted"))
    assert figures.values["macro_f1"][0] == pytest.approx(theirs.f1_score(y, won, average="macro"))


def test_scores_of_probabilities_are_those_of_scikit_learn(figures):
    y, p = figures.references, figures.probabilities[0]
    assert figures.values["nll"][0] == pytest.approx(theirs.log_loss(y, p))
    assert figures.values["brier"][0] == pytest.approx(((p - np.eye(CLASSES)[y]) ** 2).sum(axis=1).mean())


def test_classes_and_confusion_are_those_of_scikit_learn(figures):
    counts = draw_counts(np.arange(ROWS) // 10, 20)
    told = figures.summary(figures.draws(counts), ("a", "b", "c", "d"))
    won = figures.probabilities[0].argmax(axis=1)
    precision, recall, f1, support = theirs.precision_recall_fscore_support(figures.references, won)
    assert told["confusion"] == theirs.confusion_matrix(figures.references, won).tolist()
    by_class = [[c[name] for name in ("precision", "recall", "f1", "support")] for c in told["classes"].values()]
    assert by_class == pytest.approx(np.stack([precision, recall, f1, support], axis=1))


def test_sets_are_counted_for_each_label_by_itself(figures):
    told = figures.summary(figures.draws(draw_counts(np.arange(ROWS) // 10, 20)), ("a", "b", "c", "d"))
    expected = ours.set_coverage_by_class(figures.sets[0], figures.references)
    assert [c["set_coverage"] for c in told["classes"].values()] == pytest.approx(expected)


def test_surest_answers_by_hand(figures):
    p = figures.probabilities[0]
    order = np.argsort(-p.max(axis=1), kind="stable")
    right = (p.argmax(axis=1) == figures.references)[order]
    assert figures.values["accuracy_at_80"][0] == pytest.approx(right[:240].mean())
    assert figures.values["aurc"][0] == pytest.approx((np.cumsum(~right) / np.arange(1, ROWS + 1)).mean())


def test_where_only_dimensions_are_known_there_is_nothing_else(figures):
    alone = Figures(figures.probabilities, None, None, figures.dimensions, figures.dimension_references)
    counts = draw_counts(np.arange(ROWS) // 10, 20)
    assert set(alone.values) == {"ccc_valence", "mae_valence"}
    told, whole = (f.summary(f.draws(counts), ("a", "b", "c", "d"))["metrics"] for f in (alone, figures))
    assert told == {name: whole[name] for name in told}


def test_dimensions_leave_out_what_has_no_value(figures):
    there = np.isfinite(figures.dimensions["valence"][0])
    x, y = figures.dimensions["valence"][0][there], figures.dimension_references["valence"][there]
    assert figures.values["ccc_valence"][0] == pytest.approx(ours.concordance_correlation(x, y))
    assert figures.values["mae_valence"][0] == pytest.approx(theirs.mean_absolute_error(y, x))


@pytest.mark.parametrize("name", ["accuracy", "uar", "weighted_f1", "macro_f1"])
def test_intervals_are_those_of_the_pure_functions(figures, name):
    groups = np.arange(ROWS) // 7
    told = figures.summary(figures.draws(draw_counts(groups, 60)), ("a", "b", "c", "d"))["metrics"][name]
    metric = {"uar": ours.unweighted_average_recall}.get(name) or getattr(ours, name)
    expected = ours.interval(metric, groups, figures.probabilities[0].argmax(axis=1), figures.references, resamples=60)
    assert (told["value"], told["low"], told["high"]) == pytest.approx((expected.value, expected.low, expected.high))


@pytest.mark.parametrize("name", ["nll", "ece"])
def test_paired_differences_are_those_of_the_pure_functions(name):
    groups, a, b = np.arange(ROWS) // 7, system(1), system(2, skill=1.0)
    counts = draw_counts(groups, 60)
    rows = paired({"b": b.draws(counts), "a": a.draws(counts)}, {"b": b, "a": a})
    row = next(row for row in rows if row["metric"] == name)
    metric = {"nll": ours.negative_log_likelihood, "ece": ours.expected_calibration_error}[name]
    first, second = ((f.probabilities[0], f.references) for f in (a, b))
    expected = ours.paired_difference(metric, groups, first, second, resamples=60)
    assert (row["difference"], row["low"], row["high"], row["p_value"]) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p_value)
    )


def test_the_mean_over_seeds_is_taken_within_every_draw():
    several, counts = system(1, seeds=3), draw_counts(np.arange(ROWS) // 7, 30)
    alone = [Figures(several.probabilities[s : s + 1], several.references, None, {}, {}).draws(counts)["weighted_f1"] for s in range(3)]
    assert several.draws(counts)["weighted_f1"] == pytest.approx(np.mean(alone, axis=0))


def test_a_slice_is_the_figure_of_its_rows(figures):
    rows = np.arange(ROWS) % 3 == 0
    won = figures.probabilities[0].argmax(axis=1)
    expected = theirs.f1_score(figures.references[rows], won[rows], average="weighted")
    assert figures.among(rows)["weighted_f1"] == pytest.approx(expected)
