"""The fusions in the package."""

import numpy as np
import pytest

from convemo.fusion import Fusion
from convemo.fusion.fuse import SHIPPED
from convemo.types import LABELS, ChannelResult, Dialogue, Speaker, Utterance
from convemo.weights import ROOT

TALK = Dialogue("d", tuple(Utterance(f"u{i}", "ab"[i % 2], "words") for i in range(6)), (Speaker("a"), Speaker("b")))


def sure_of(name, label, p=0.9):
    row = np.where(np.array(LABELS) == label, p, (1 - p) / 6)
    return ChannelResult(name, LABELS, np.log(np.tile(row, (len(TALK), 1))), (None,) * len(TALK))


@pytest.fixture(scope="module", params=sorted(SHIPPED))
def name(request):
    return request.param


def test_it_speaks_the_default_labels_and_says_what_it_was_fitted_on(name):
    fusion = Fusion.load(name)
    assert fusion.labels == LABELS
    assert "EmoryNLP" in fusion.parameters.fitted_on
    assert ("composed dialogues" in fusion.parameters.fitted_on) == (name == "shipped")
    assert (ROOT / SHIPPED[name] / "CARD.md").is_file()


def test_text_alone_is_free_of_the_clips_licence():
    assert Fusion.load("shipped").model.licence == "CC-BY-NC-SA-4.0"
    assert Fusion.load("shipped-text").model.licence == "Apache-2.0"


@pytest.mark.parametrize("label", LABELS)
def test_a_sure_text_wins_whatever_the_label(name, label):
    fused = Fusion.load(name).fuse(TALK, {"text": sure_of("text", label, 0.95)})
    assert all(max(p := fused.result.probabilities(i), key=p.get) == label for i in range(len(TALK)))
    assert all(label in members for members in fused.prediction_sets)


def test_a_sure_text_outweighs_a_sure_voice_and_an_unsure_one_does_not_always():
    fusion = Fusion.load("shipped")
    assert fusion.parameters.patterns["text+acoustic"].weights["acoustic"] > 0
    both = {"text": sure_of("text", "joy", 0.95), "acoustic": sure_of("acoustic", "anger", 0.95)}
    fused = fusion.fuse(TALK, both)
    assert all(max(p := fused.result.probabilities(i), key=p.get) == "joy" for i in range(len(TALK)))
    alone = fusion.fuse(TALK, {"text": both["text"]})
    assert all(alone.result.probabilities(i)["anger"] < fused.result.probabilities(i)["anger"] for i in range(len(TALK)))


def test_each_pattern_was_checked_on_dialogues_left_out(name):
    parameters = Fusion.load(name).parameters
    assert set(parameters.held_out) == set(parameters.patterns) == set(parameters.sets.thresholds)
    for figures in parameters.held_out.values():
        assert figures["utterances"] > 500
        assert figures["nll"] < np.log(7) and figures["ece"] < 0.15
