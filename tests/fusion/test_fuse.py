"""Fusing: what comes out for whatever channels are there."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convemo.errors import ConfigError, EngineUnavailable
from convemo.fusion import Fusion
from convemo.fusion.fuse import NO_CHANNEL
from convemo.fusion.parameters import FusionParameters
from convemo.types import LABELS, PRIOR_WEIGHT, ChannelResult, Dialogue, LabelSet, ModelInfo

STICKY = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.1, 0.1, 0.1, 0.7]]
LABELS_4 = ("neutral", "joy", "sadness", "anger")


def stored(**changes):
    return {
        "labels": LABELS_4,
        "channels": {"text": {"temperature": 1.5}, "acoustic": {"temperature": 2.0}},
        "patterns": {
            "text": {"weights": {"text": 1.0}},
            "acoustic": {"weights": {"acoustic": 1.0}, "bias": dict(zip(LABELS_4, (0.3, -0.1, -0.1, -0.1)))},
            "text+acoustic": {"weights": {"text": 0.9, "acoustic": 0.4}},
        },
        "history": {
            "own": 0.5,
            "other": 0.2,
            "sharpness": 0.9,
            "sharpness_smoothed": 0.8,
            "stationary": (0.4, 0.2, 0.2, 0.2),
            "transitions_own": STICKY,
            "transitions_other": STICKY,
        },
        "sets": {"coverage": 0.9, "thresholds": {"text": dict.fromkeys(LABELS_4, 0.2), "text+acoustic": dict.fromkeys(LABELS_4, 0.3)}},
        "abstention": {"risk": 0.3, "thresholds": {"text": 0.6, "text+acoustic": 0.5}},
        "fitted_on": "nothing: chosen by hand",
        **changes,
    }


@pytest.fixture
def fusion():
    return Fusion(FusionParameters.model_validate(stored()))


@pytest.fixture
def both(dialogue, scores):
    d = dialogue("d", length=30, sticky=0.5)
    return d, {"text": scores(d, 1.0, missing=0.2, name="text"), "acoustic": scores(d, 0.7, seed=1, missing=0.2, name="acoustic")}


@pytest.mark.parametrize("smooth", [False, True])
def test_contributions_add_up_to_the_log_odds_of_the_winner_over_the_runner_up(fusion, both, smooth):
    fused = fusion.fuse(*both, smooth=smooth)
    assert list(fused.contributions) == ["text", "acoustic", "prior", "history"]
    ordered = -np.sort(-fused.result.log_probs, axis=1)
    odds = np.where(fused.result.valid, ordered[:, 0] - ordered[:, 1], 0.0)
    np.testing.assert_allclose(sum(fused.contributions.values()), odds, atol=1e-4)


def test_a_channel_without_a_score_contributes_nothing(fusion, both):
    fused = fusion.fuse(*both)
    for name, result in both[1].items():
        assert not fused.contributions[name][~result.valid].any()
        assert fused.contributions[name][result.valid].any()


@pytest.mark.parametrize("length", [1, 7, 29])
def test_no_row_depends_on_a_later_one(fusion, both, length):
    dialogue, channels = both
    prefix = Dialogue(dialogue.id, dialogue.utterances[:length], dialogue.speakers)
    short = {n: ChannelResult(n, r.labels, r.log_probs[:length], r.reasons[:length], model=r.model) for n, r in channels.items()}
    whole, part = fusion.fuse(dialogue, channels), fusion.fuse(prefix, short)
    np.testing.assert_array_equal(part.result.log_probs, whole.result.log_probs[:length])
    assert part.prediction_sets == whole.prediction_sets[:length]
    for name in part.contributions:
        np.testing.assert_array_equal(part.contributions[name], whole.contributions[name][:length])


def test_smoothing_does_depend_on_later_ones(fusion, both):
    assert not np.allclose(fusion.fuse(*both).result.log_probs[0], fusion.fuse(*both, smooth=True).result.log_probs[0])


def test_what_no_channel_scored_says_so_and_has_no_set(fusion, dialogue):
    d = dialogue("d", length=2)
    text = ChannelResult("text", fusion.labels, np.log([[0.7, 0.1, 0.1, 0.1], [1, 1, 1, 1]]), (None, "excluded by policy"))
    voice = ChannelResult("acoustic", fusion.labels, np.zeros((2, 4)), ("too short", "excluded by policy"))
    fused = fusion.fuse(d, {"text": text, "acoustic": voice})
    assert fused.result.reasons == (None, NO_CHANNEL)
    assert fused.prediction_sets[1] is None and not fused.abstained[1]
    assert all(values[1] == 0.0 for values in fused.contributions.values())
    assert fused.result.calibrated


def test_without_any_channel_nothing_is_made_up(fusion, dialogue):
    fused = fusion.fuse(dialogue("d", length=3), {})
    assert fused.result.reasons == (NO_CHANNEL,) * 3
    assert fused.prediction_sets == (None,) * 3 and not fused.result.calibrated
    assert len(fusion.fuse(Dialogue("empty", (), ()), {}).result) == 0


def test_one_channel_alone_is_only_calibrated(fusion, dialogue):
    d = dialogue("d", length=1)
    text = ChannelResult("text", fusion.labels, np.log([[0.7, 0.1, 0.1, 0.1]]), (None,))
    odds = 0.9 * np.log(7.0) / 1.5
    assert fusion.fuse(d, {"text": text}).contributions["text"][0] == pytest.approx(odds, abs=1e-4)


def test_a_channel_that_nobody_fitted_joins_with_the_prior_weight_and_the_result_says_so(fusion, both, scores):
    d, channels = both
    llm = scores(d, 2.0, seed=9, name="llm")
    fused = fusion.fuse(d, {**channels, "llm": llm})
    assert not fused.result.calibrated
    assert fused.prediction_sets == (None,) * len(d)
    assert set(fused.contributions) == {"text", "acoustic", "llm", "prior", "history"}
    row = int(np.flatnonzero(channels["text"].valid & channels["acoustic"].valid)[0])
    winner, second = np.argsort(-fused.result.log_probs[row], kind="stable")[:2]
    assert fused.contributions["llm"][row] == pytest.approx(0.9 * 0.3 * (llm.log_probs[row, winner] - llm.log_probs[row, second]), abs=1e-3)


def test_scores_of_another_model_than_the_fitted_one_are_used_but_not_called_calibrated(both):
    channels = {**stored()["channels"], "text": {"temperature": 1.5, "model": "the one of last year"}}
    fusion = Fusion(FusionParameters.model_validate(stored(channels=channels)))
    fused = fusion.fuse(*both)
    assert not fused.result.calibrated
    assert fused.contributions["text"].any()


def test_a_channel_by_itself_keeps_its_winners_and_gets_the_confidence_it_deserves(fusion, both, scores):
    text = both[1]["text"]
    calibrated = fusion.calibrate("text", text)
    assert calibrated.calibrated and calibrated.reasons == text.reasons and calibrated.model == text.model
    rows = text.valid
    np.testing.assert_array_equal(calibrated.log_probs[rows].argmax(axis=1), text.log_probs[rows].argmax(axis=1))
    assert (calibrated.log_probs[rows].max(axis=1) < text.log_probs[rows].max(axis=1)).all(), "its temperature is 1.5"
    assert fusion.calibrate("llm", text) == text
    seven = ChannelResult("text", LABELS, np.full((1, 7), np.log(1 / 7)), (None,), calibrated=True)
    assert not fusion.calibrate("text", seven).calibrated


def test_what_was_calibrated_is_not_calibrated_again(fusion, both):
    dialogue, channels = both
    stored_channels = {name: fusion.calibrate(name, result) for name, result in channels.items()}
    assert fusion.calibrate("text", stored_channels["text"]) == stored_channels["text"]
    again = fusion.fuse(dialogue, stored_channels).result
    np.testing.assert_allclose(again.log_probs, fusion.fuse(dialogue, channels).result.log_probs, atol=1e-3)


def test_sets_and_abstention_belong_to_the_pattern_of_channels(fusion, both):
    d, channels = both
    fused = fusion.fuse(d, channels)
    for i in range(len(d)):
        scored = tuple(n for n in ("text", "acoustic") if channels[n].valid[i])
        if scored == ("acoustic",) or not scored:
            assert fused.prediction_sets[i] is None and not fused.abstained[i]
            continue
        p = fused.result.probabilities(i)
        least = {("text",): 0.2, ("text", "acoustic"): 0.3}[scored]
        winner = max(p, key=p.get)
        assert fused.prediction_sets[i][0] == winner
        assert set(fused.prediction_sets[i]) == {k for k, v in p.items() if v >= least} | {winner}
        assert fused.abstained[i] == (p[winner] < {("text",): 0.6, ("text", "acoustic"): 0.5}[scored])


def test_a_fusion_without_a_bias_has_no_prior_to_speak_of(both):
    patterns = {name: {"weights": pool["weights"]} for name, pool in stored()["patterns"].items()}
    fused = Fusion(FusionParameters.model_validate(stored(patterns=patterns))).fuse(*both)
    assert list(fused.contributions) == ["text", "acoustic", "history"]


def test_a_channel_cannot_take_the_name_of_what_is_no_channel(fusion, dialogue, scores):
    d = dialogue("d", length=2)
    with pytest.raises(ConfigError, match="'history'"):
        fusion.fuse(d, {"history": scores(d, 1.0)})


def test_a_channel_must_know_all_labels_of_the_fusion(fusion, dialogue):
    three = ChannelResult("text", LabelSet(LABELS[:3]), np.full((1, 3), np.log(1 / 3)), (None,))
    with pytest.raises(ConfigError, match=r"'text'.*neutral, joy, sadness, anger.*Map its labels"):
        fusion.fuse(dialogue("d", length=1), {"text": three})


def test_of_a_channel_that_knows_further_labels_what_it_says_among_the_fusions_counts(fusion, dialogue):
    d, p = dialogue("d", length=1), np.array([[0.1, 0.3, 0.1, 0.1, 0.1, 0.2, 0.1]])
    seven, four = (
        ChannelResult("text", LABELS, np.log(p), (None,)),
        ChannelResult("text", LabelSet(LABELS[:4]), np.log(p[:, :4] / 0.6), (None,)),
    )
    np.testing.assert_allclose(fusion.fuse(d, {"text": seven}).result.log_probs, fusion.fuse(d, {"text": four}).result.log_probs, atol=1e-4)
    assert fusion.calibrate("text", seven).labels == fusion.labels


def test_a_channel_that_has_scored_nothing_is_not_called_calibrated(fusion, dialogue):
    d = dialogue("d", length=2)
    off = ChannelResult("text", fusion.labels, np.zeros((2, 4)), ("no text",) * 2)
    assert not fusion.calibrate("text", off).calibrated and not fusion.fuse(d, {"text": off}).result.calibrated


def test_a_channel_that_nobody_fitted_joins_at_the_documented_weight_and_says_so(fusion, dialogue, scores):
    d = dialogue("d", length=12)
    text, llm = scores(d, 1.0), scores(d, 1.2, seed=5, name="llm")
    fused = fusion.fuse(d, {"text": text, "llm": llm})
    assert not fused.result.calibrated and fused.prediction_sets == (None,) * 12 and not fused.abstained.any()
    assert not fusion.calibrate("llm", llm).calibrated and fusion.calibrate("llm", llm) == llm
    moved = fused.result.log_probs - fusion.fuse(d, {"text": text}).result.log_probs
    expected = PRIOR_WEIGHT * fusion.parameters.history.sharpness * (llm.log_probs[0, 0] - llm.log_probs[0, 1])
    assert moved[0, 0] - moved[0, 1] == pytest.approx(expected, abs=1e-3)


def test_every_utterance_needs_its_row(fusion, dialogue, scores):
    with pytest.raises(ConfigError, match="3 rows in channel 'text'"):
        fusion.fuse(dialogue("d", length=3), {"text": scores(dialogue("d", length=2), 1.0)})


def test_dimensions_are_the_mean_of_the_channels_that_give_them(fusion, dialogue):
    d = dialogue("d", length=2)
    rows, reasons = np.log(np.full((2, 4), 0.25)), (None, None)
    text = ChannelResult("text", fusion.labels, rows, reasons, {"valence": np.array([0.5, np.nan])})
    voice = ChannelResult("acoustic", fusion.labels, rows, reasons, {"valence": np.array([-0.1, np.nan]), "arousal": np.array([0.3, 0.4])})
    dimensions = fusion.fuse(d, {"text": text, "acoustic": voice}).result.dimensions
    np.testing.assert_allclose(dimensions["valence"], [0.2, np.nan])
    np.testing.assert_allclose(dimensions["arousal"], [0.3, 0.4])


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_scored_the_result_is_a_distribution(fusion, dialogue, data):
    length = data.draw(st.integers(1, 12))
    d = dialogue("d", length=length, seed=data.draw(st.integers(0, 99)))
    channels = {}
    for name in data.draw(st.lists(st.sampled_from(["text", "acoustic", "llm"]), unique=True)):
        values = data.draw(st.lists(st.lists(st.floats(-700, 0), min_size=4, max_size=4), min_size=length, max_size=length))
        reasons = data.draw(st.lists(st.sampled_from([None, "no score"]), min_size=length, max_size=length))
        channels[name] = ChannelResult(name, fusion.labels, np.array(values), tuple(reasons))
    for smooth in (False, True):
        fused = fusion.fuse(d, channels, smooth=smooth)
        assert np.isfinite(fused.result.log_probs).all()
        np.testing.assert_allclose(np.exp(fused.result.log_probs[fused.result.valid]).sum(axis=1), 1.0, atol=1e-3)
        assert all(np.isfinite(values).all() for values in fused.contributions.values())
        scored = np.any([r.valid for r in channels.values()], axis=0) if channels else np.zeros(length, bool)
        np.testing.assert_array_equal(fused.result.valid, scored)


def test_what_is_saved_loads_back_and_fuses_alike(fusion, both, tmp_path):
    fusion.parameters.save(tmp_path / "fusion.json")
    loaded = Fusion.load(tmp_path / "fusion.json")
    assert loaded.parameters == fusion.parameters
    assert loaded.model.sha256 and loaded.model != ModelInfo("fusion")
    assert '"transitions_own": [\n' in (tmp_path / "fusion.json").read_text()
    assert "[0.7, 0.1, 0.1, 0.1]" in (tmp_path / "fusion.json").read_text()
    np.testing.assert_array_equal(loaded.fuse(*both).result.log_probs, fusion.fuse(*both).result.log_probs)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("version", 2, "version"),
        ("labels", ["neutral", "joy"], "bias of acoustic"),
        ("patterns.text.weights.text", -0.1, "greater than or equal to 0"),
        ("patterns.text", {"weights": {"acoustic": 1.0}}, "'text' must weigh exactly its own"),
        ("patterns.llm", {"weights": {"llm": 1.0}}, "known channels"),
        ("channels.text.temperature", 0.0, "greater than 0"),
        ("history.transitions_own", [[0.5, 0.5]], "transitions_own must have 4"),
        ("history.stationary", [1.0, 0.0, 0.0, 0.0], "above 0"),
        ("history.transitions_other", [[0.5, 0.5, 0.5, 0.5]] * 4, "sum to 1"),
        ("sets.thresholds.text", {"joy": 0.5}, "set thresholds of text"),
        ("history.own", float("nan"), "finite"),
        ("surprise", 1, "not permitted"),
    ],
)
def test_parameters_that_make_no_sense_are_refused_in_words(tmp_path, path, value, says):
    content = json.loads(json.dumps(stored()))
    *parents, last = path.split(".")
    place = content
    for key in parents:
        place = place[key]
    place[last] = value
    (tmp_path / "fusion.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=says):
        Fusion.load(tmp_path / "fusion.json")


def test_a_missing_or_garbled_file_is_a_clear_error(tmp_path):
    with pytest.raises(ConfigError, match=r"a fusion\.json"):
        Fusion.load(tmp_path)
    (tmp_path / "fusion.json").write_text("{")
    with pytest.raises(ConfigError, match="JSON"):
        Fusion.load(tmp_path)


def test_a_folder_whose_files_are_not_those_of_its_manifest_is_refused(fusion, tmp_path):
    fusion.parameters.save(tmp_path / "fusion.json")
    manifest = {"id": "mine", "channel": "fusion", "licence": "Apache-2.0", "files": {"fusion.json": "0" * 64}}
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(EngineUnavailable, match="sha256"):
        Fusion.load(tmp_path)
