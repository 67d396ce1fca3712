"""Fitting: known truths are found, and every promise holds on dialogues that were not fitted on."""

from dataclasses import replace

import numpy as np
import pytest

from convemo.errors import ConfigError
from convemo.fusion import fit_pools
from convemo.fusion.fit import FitSettings, _history_helps, cross_fit, fit
from convemo.fusion.fit_pools import helpful_biases
from convemo.fusion.loglinear import log_softmax
from convemo.fusion.pool import Bias
from convemo.metrics import accuracy, expected_calibration_error, negative_log_likelihood, set_coverage
from convemo.types import LABELS, ChannelResult, LabelSet

CHANNELS = {"text": {"clarity": 1.2, "boast": 2.5}, "acoustic": {"clarity": 0.8, "boast": 0.5}}
EMOTIONS = LabelSet(("neutral", "joy", "sadness", "anger"))
QUICK = FitSettings(folds=2)
FIT, NEW = {"seed": 1, "sticky": 0.6}, {"seed": 2, "sticky": 0.6}


@pytest.fixture(scope="module")
def fitted(corpus):
    return fit(*corpus(60, **FIT, channels=CHANNELS), fitted_on="made-up conversations")


@pytest.fixture(scope="module")
def new(corpus):
    return corpus(60, **NEW, channels=CHANNELS)


def only(results, *names):
    return [{name: channels[name] for name in names} for channels in results]


def fuse_all(fusion, dialogues, results):
    return [fusion.fuse(d, r) for d, r in zip(dialogues, results)]


def nll(judged, dialogues, results):
    return negative_log_likelihood(*judged(dialogues, results))


def test_known_temperatures_are_found(fitted):
    assert fitted.parameters.channels["text"].temperature == pytest.approx(2.5, rel=0.12)
    assert fitted.parameters.channels["acoustic"].temperature == pytest.approx(0.5, rel=0.2)
    assert fitted.parameters.channels["text"].model == "text-model"


def test_independent_channels_both_count_in_full(fitted):
    assert fitted.parameters.patterns["text+acoustic"].weights == pytest.approx({"text": 1.0, "acoustic": 1.0}, abs=0.2)
    assert fitted.parameters.patterns["text"].weights == {"text": 1.0}


def test_fused_beats_each_channel_on_new_dialogues(fitted, new, judged):
    dialogues, results = new
    fused = nll(judged, dialogues, [f.result for f in fuse_all(fitted, *new)])
    alone = [nll(judged, dialogues, [f.result for f in fuse_all(fitted, dialogues, only(results, name))]) for name in CHANNELS]
    raw = [nll(judged, dialogues, [channels[name] for channels in results]) for name in CHANNELS]
    assert fused < min(alone) - 0.05 < min(raw) - 0.05


@pytest.mark.parametrize("names", [("text",), ("acoustic",), ("text", "acoustic")])
def test_whichever_channel_is_missing_the_rest_means_what_it_says(fitted, new, judged, names):
    dialogues, results = new
    fused = fuse_all(fitted, dialogues, only(results, *names))
    assert expected_calibration_error(*judged(dialogues, [f.result for f in fused])) < 0.06
    assert all(f.result.calibrated for f in fused)


def test_history_helps_where_labels_stick_and_does_no_harm_where_they_do_not(corpus, judged):
    for sticky, least in ((0.7, 0.04), (0.0, -0.02)):
        fitted = fit(*corpus(60, seed=3, sticky=sticky, channels={"text": {"clarity": 0.8}}), settings=QUICK)
        dialogues, results = corpus(60, seed=4, sticky=sticky, channels={"text": {"clarity": 0.8}})
        gain = nll(judged, dialogues, [r["text"] for r in results]) - nll(
            judged, dialogues, [f.result for f in fuse_all(fitted, dialogues, results)]
        )
        assert gain > least


def test_a_past_that_does_not_help_on_dialogues_left_out_is_forgotten(corpus):
    unrelated = fit(*corpus(40, seed=3, sticky=0.0, channels={"text": {"clarity": 0.8}}), settings=QUICK)
    history = unrelated.parameters.history
    assert (history.own, history.other, history.sharpness, history.sharpness_smoothed) == (0.0, 0.0, 1.0, 1.0)
    telling = fit(*corpus(40, seed=3, sticky=0.7, channels={"text": {"clarity": 0.8}}), settings=QUICK)
    assert telling.parameters.history.own > 0.3


def test_a_past_that_costs_f1_is_forgotten_whatever_it_gains():
    y, sure, unsure = np.array([0, 1] * 20), np.array([[0.51, 0.49], [0.49, 0.51]] * 20), np.array([[0.9, 0.1], [0.52, 0.48]] * 20)
    folds = {fold: slice(10 * fold, 10 * fold + 10) for fold in range(4)}
    remembering, at_once = ([(fold, "text", p[rows], y[rows]) for fold, rows in folds.items()] for p in (unsure, sure))
    assert negative_log_likelihood(unsure, y) < negative_log_likelihood(sure, y)
    assert not _history_helps(remembering, at_once)
    assert _history_helps([(f, n, np.array([[0.8, 0.2], [0.2, 0.8]] * 5), y) for f, n, _, y in at_once], at_once)


def test_own_history_counts_where_only_ones_own_label_sticks(fitted):
    history = fitted.parameters.history
    assert history.own > 0.3 > history.other


def test_smoothing_knows_more_and_stays_calibrated(fitted, new, judged):
    dialogues, results = new
    causal = judged(dialogues, [fitted.fuse(d, r).result for d, r in zip(dialogues, results)])
    smooth = judged(dialogues, [fitted.fuse(d, r, smooth=True).result for d, r in zip(dialogues, results)])
    assert negative_log_likelihood(*smooth) < negative_log_likelihood(*causal)
    assert expected_calibration_error(*smooth) < 0.06


@pytest.mark.parametrize("names", [("text",), ("text", "acoustic")])
def test_sets_and_silence_keep_their_promise_on_new_dialogues(fitted, new, names):
    dialogues, results = new
    labels, sets, answered_right = [], [], []
    for dialogue, fused in zip(dialogues, fuse_all(fitted, dialogues, only(results, *names))):
        for i, utterance in enumerate(dialogue):
            labels.append(fitted.labels.index(utterance.label))
            sets.append([label in fused.prediction_sets[i] for label in fitted.labels])
            if not fused.abstained[i]:
                answered_right.append(fused.prediction_sets[i][0] == utterance.label)
    assert set_coverage(np.array(sets), np.array(labels)) == pytest.approx(0.9, abs=0.04)
    assert np.mean(answered_right) > 0.68


def test_held_out_figures_are_those_of_new_dialogues(fitted, new, judged):
    p, y = judged(new[0], [f.result for f in fuse_all(fitted, *new)])
    told = fitted.parameters.held_out["text+acoustic"]
    assert told["utterances"] == 1200
    assert told["nll"] == pytest.approx(negative_log_likelihood(p, y), abs=0.06)
    assert told["accuracy"] == pytest.approx(accuracy(p.argmax(axis=1), y), abs=0.04)


def test_trust_holds_everything_back_towards_the_text(corpus):
    data = corpus(25, **FIT, channels=CHANNELS)
    full, half, none = (fit(*data, settings=FitSettings(trust=t, folds=2)).parameters for t in (1.0, 0.5, 0.0))
    for name in CHANNELS:
        values = [p.patterns["text+acoustic"].weights[name] for p in (full, none)]
        assert half.patterns["text+acoustic"].weights[name] == pytest.approx(np.mean(values), abs=1e-4)
    assert none.patterns["text+acoustic"].weights == {"text": 1.0, "acoustic": 0.0}
    assert half.history.own == pytest.approx(full.history.own / 2, abs=1e-4)
    assert (none.history.own, none.history.other, none.history.sharpness) == (0.0, 0.0, 1.0)
    assert half.patterns["acoustic"] == full.patterns["acoustic"]


def test_a_bias_is_kept_only_where_it_helps(corpus):
    dialogues, results = corpus(60, seed=5, channels={"text": {"clarity": 1.0}})
    assert fit(dialogues, results, settings=QUICK).parameters.patterns["text"].bias is None
    tilt = np.array([2.0, 0.0, 0.0, -1.0])
    tilted = [{"text": ChannelResult("text", r["text"].labels, r["text"].log_probs + tilt, r["text"].reasons)} for r in results]
    bias = fit(dialogues, tilted, settings=QUICK).parameters.patterns["text"].bias
    assert np.array(list(bias.values())) == pytest.approx(tilt.mean() - tilt, abs=0.4)


@pytest.mark.parametrize(("f1", "kept"), [(0.0, Bias.SHARES), (-0.02, Bias.NONE)])
def test_shares_of_labels_that_cost_f1_are_not_told_however_likely_they_make_the_truth(monkeypatch, f1, kept):
    figures = {Bias.NONE: (1.0, 0.5), Bias.SHARES: (0.9, 0.5 + f1), Bias.FREE: (1.1, 0.5)}
    held_out = lambda parts, folds, names, concerned, biases, *rest: np.tile(figures[biases[("text",)]], (3, 1)).T  # noqa: E731
    monkeypatch.setattr(fit_pools, "_held_out", held_out)
    assert helpful_biases([], [], ["text"], QUICK) == {("text",): kept}


def test_a_dialogue_that_counts_twice_is_as_two(corpus):
    dialogues, results = corpus(20, **FIT, channels=CHANNELS)
    twins = [replace(d, id=f"{d.id} again") for d in dialogues[:10]]
    settings = FitSettings(folds=2, gating=False, strength=0.0)
    twice = fit([*dialogues, *twins], [*results, *results[:10]], settings=settings).parameters
    weighed = fit(dialogues, results, settings=settings, weights={d.id: 2.0 for d in dialogues[:10]}).parameters
    for name in CHANNELS:
        assert weighed.channels[name].temperature == pytest.approx(twice.channels[name].temperature, rel=1e-3)
    assert weighed.patterns["text+acoustic"].weights == pytest.approx(twice.patterns["text+acoustic"].weights, rel=1e-2)


def test_compositions_of_one_dialogue_count_as_one_dialogue(corpus):
    dialogues, results = corpus(25, **FIT, channels=CHANNELS)
    once, often = (fit(dialogues * n, results * n, settings=QUICK).parameters for n in (1, 3))
    assert often.channels["text"].temperature == pytest.approx(once.channels["text"].temperature, abs=1e-3)
    assert often.patterns["text+acoustic"].weights == pytest.approx(once.patterns["text+acoustic"].weights, abs=1e-3)
    assert often.sets == once.sets
    assert often.held_out["text"]["utterances"] == once.held_out["text"]["utterances"]


def test_utterances_without_reference_or_score_are_history_only(corpus):
    dialogues, results = corpus(
        40, seed=6, sticky=0.5, labelled=0.7, channels={"text": {"clarity": 1.2}, "acoustic": {"clarity": 0.8, "missing": 0.4}}
    )
    parameters = fit(dialogues, results, settings=QUICK).parameters
    assert parameters.held_out["text"]["utterances"] == sum(u.label is not None for d in dialogues for u in d)
    assert parameters.held_out["text+acoustic"]["utterances"] < 0.7 * parameters.held_out["text"]["utterances"]


def test_barely_enough_utterances_give_a_fusion_that_claims_little(corpus):
    parameters = fit(*corpus(4, length=8, channels=CHANNELS), settings=QUICK).parameters
    assert parameters.channels["text"].temperature == pytest.approx(1.5, abs=0.8)
    assert parameters.sets.thresholds["text"]["joy"] < 0.2


def test_the_same_data_give_the_same_fusion(corpus):
    data = corpus(20, **FIT, channels=CHANNELS)
    assert fit(*data, settings=QUICK).parameters == fit(*data, settings=QUICK).parameters


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"trust": 1.5}, {"coverage": 1.0}, {"risk": 0.0}, {"strength": -1.0}])
def test_settings_out_of_their_range_are_refused_at_once(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"expected {name} "):
        FitSettings(**wrong)


def test_what_cannot_be_fitted_is_refused_in_words(corpus):
    with pytest.raises(ConfigError, match=r"at least 30 utterances.*found 20"):
        fit(*corpus(1, channels=CHANNELS))
    with pytest.raises(ConfigError, match="at least two dialogues"):
        fit(*corpus(1, length=60, channels=CHANNELS))
    dialogues, results = corpus(5, channels=CHANNELS)
    seven = ChannelResult("text", LABELS, np.zeros((20, 7)), (None,) * 20)
    calibrated = ChannelResult("text", results[0]["text"].labels, results[0]["text"].log_probs, (None,) * 20, calibrated=True)
    with pytest.raises(ConfigError, match="as the channel gives them"):
        fit(dialogues, [{"text": calibrated}, *results[1:]])
    with pytest.raises(ConfigError, match="same labels"):
        fit(dialogues, [*results[:-1], {"text": seven}])


def test_what_the_fits_that_left_a_dialogue_out_say_of_it_is_the_held_out_figure(corpus, judged):
    dialogues, results = corpus(20, seed=9, channels={"text": CHANNELS["text"]})
    crossed = cross_fit(dialogues, results, settings=QUICK)
    assert set(crossed.folds) == set(crossed.left_out) == {0, 1}
    fused = [crossed.left_out[fold].fuse(d, r).result for d, r, fold in zip(dialogues, results, crossed.folds)]
    assert nll(judged, dialogues, fused) == pytest.approx(crossed.fusion.parameters.held_out["text"]["nll"], abs=1e-4)


def test_shares_of_labels_are_those_of_all_labels_together(corpus, judged):
    """The few dialogues of the fit happen to be joyful; the many that the channel was trained on are not."""
    many, their = corpus(150, seed=4, channels={"text": {"clarity": 0.8}})
    few, _ = corpus(20, seed=3, channels={})
    few = [replace(d, utterances=tuple(replace(u, label="joy" if i % 2 else u.label) for i, u in enumerate(d))) for d in few]
    results = [{"text": seen(d, seed=i)} for i, d in enumerate(few)]
    fusions = [fit(few, results, settings=QUICK, label_sequences=more) for more in ((), many)]
    alone, told = (nll(judged, many, [f.fuse(d, r).result for d, r in zip(many, their)]) for f in fusions)
    assert told < alone - 0.02


def seen(dialogue, seed):
    truth = np.array([EMOTIONS.index(u.label) for u in dialogue])
    x = 0.8 * np.eye(4)[truth] + np.random.default_rng(seed).normal(size=(len(dialogue), 4))
    return ChannelResult("text", EMOTIONS, log_softmax(0.8 * x), (None,) * len(dialogue))
