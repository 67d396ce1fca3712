"""Nearness of valence, arousal and dominance to their reference."""

import numpy as np
import pytest

from convemo.metrics import concordance_correlation, mean_absolute_error


def test_concordance_is_pearson_where_scale_and_place_agree():
    x = np.array([-1.0, 0.0, 1.0, 0.0])
    y = np.array([-1.0, 1.0, 0.0, 0.0])
    assert concordance_correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_concordance_punishes_a_wrong_scale_and_a_wrong_place_where_pearson_does_not():
    truth = np.linspace(-1, 1, 21)
    assert concordance_correlation(truth, truth) == pytest.approx(1.0)
    assert concordance_correlation(0.1 * truth, truth) == pytest.approx(2 * 0.1 / (1 + 0.01))
    assert concordance_correlation(truth + 1.0, truth) < 0.5
    assert concordance_correlation(-truth, truth) == pytest.approx(-1.0)


def test_a_constant_prediction_has_no_concordance():
    assert concordance_correlation(np.zeros(5), np.arange(5.0)) == 0.0
    assert np.isnan(concordance_correlation(np.ones(3), np.ones(3)))


def test_absolute_error_by_hand():
    assert mean_absolute_error(np.array([0.0, 1.0]), np.array([0.5, -1.0])) == 1.25


@pytest.mark.parametrize("metric", [concordance_correlation, mean_absolute_error])
def test_missing_values_are_refused_rather_than_spread(metric):
    with pytest.raises(ValueError, match="finite"):
        metric(np.array([np.nan, 1.0]), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="equally long"):
        metric(np.array([1.0]), np.array([0.0, 1.0]))
