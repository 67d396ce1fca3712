"""Words that say one thing and a voice that says another are told; an opinion that is none disagrees with nobody."""

from dataclasses import replace

import numpy as np
import pytest

from convemo import Analysis, ChannelResult, Dialogue, LabelSet, Speaker, Utterance
from convemo.disagreement import LEAST_BITS, Disagreement, disagreement, jensen_shannon_bits
from convemo.export import csv, table
from convemo.types import PRIOR_WEIGHT

LABELS = LabelSet(("neutral", "joy", "anger", "fear"))


def opinion(name: str, *p: float, labels: LabelSet = LABELS, calibrated: bool = True, reason: str | None = None) -> ChannelResult:
    return ChannelResult(name, labels, np.log([p]), (reason,), calibrated=calibrated)


def between(*channels: ChannelResult) -> Disagreement | None:
    return disagreement({c.channel: c for c in channels}, 0)


JOYFUL, ANGRY = (0.1, 0.75, 0.05, 0.1), (0.2, 0.1, 0.6, 0.1)


def test_joyful_words_in_an_angry_voice_disagree():
    found = between(opinion("text", *JOYFUL), opinion("acoustic", *ANGRY))
    assert (found.channel, found.words, found.voice) == ("text", "joy", "anger") and LEAST_BITS < found.bits < 1


@pytest.mark.parametrize(
    ("words", "voice"),
    [
        pytest.param(JOYFUL, (0.2, 0.5, 0.2, 0.1), id="the same label"),
        pytest.param(JOYFUL, (0.25, 0.24, 0.26, 0.25), id="a voice that says nothing"),
        pytest.param((0.26, 0.24, 0.25, 0.25), ANGRY, id="words that say nothing"),
        pytest.param(JOYFUL, (0.15, 0.35, 0.4, 0.1), id="a voice that could well be joyful"),
        pytest.param((0.3, 0.24, 0.12, 0.34), (0.32, 0.12, 0.24, 0.32), id="labels that neither is sure of"),
    ],
)
def test_these_do_not(words, voice):
    assert between(opinion("text", *words), opinion("acoustic", *voice)) is None


def test_it_takes_words_and_a_voice_and_scores_of_both():
    assert between(opinion("text", *JOYFUL), opinion("llm", *ANGRY)) is None
    assert between(opinion("acoustic", *ANGRY)) is None
    assert between(opinion("text", *JOYFUL, reason="no text"), opinion("acoustic", *ANGRY)) is None


def test_of_two_channels_that_read_the_words_the_farther_one_is_told():
    found = between(opinion("text", *JOYFUL), opinion("llm", 0.01, 0.97, 0.01, 0.01), opinion("acoustic", *ANGRY))
    assert found.channel == "llm"


def test_a_model_that_nobody_has_fitted_is_taken_as_sure_as_fusion_takes_it():
    sure = opinion("llm", 0.002, 0.994, 0.002, 0.002)
    meek = np.array([0.002, 0.994, 0.002, 0.002]) ** PRIOR_WEIGHT
    fitted, unfitted, weighed = (
        between(llm, opinion("acoustic", *ANGRY)) for llm in (sure, replace(sure, calibrated=False), opinion("llm", *meek / meek.sum()))
    )
    assert unfitted == weighed and unfitted.bits < fitted.bits
    assert between(opinion("llm", 0.2, 0.5, 0.2, 0.1, calibrated=False), opinion("acoustic", *ANGRY)) is None


def test_channels_are_compared_among_the_labels_that_both_know():
    voice = opinion("acoustic", 0.6, 0.3, 0.1, labels=LabelSet(("anger", "calm", "joy")))
    assert between(opinion("text", *JOYFUL), voice).voice == "anger"
    assert between(opinion("text", *JOYFUL), opinion("acoustic", 0.9, 0.1, labels=LabelSet(("calm", "joy")))) is None


def test_the_divergence_is_that_of_its_definition():
    p, q = np.array([0.1, 0.9]), np.array([0.7, 0.3])
    entropy = [-(x * np.log2(x)).sum() for x in ((p + q) / 2, p, q)]
    assert jensen_shannon_bits(p, q) == pytest.approx(entropy[0] - (entropy[1] + entropy[2]) / 2)
    assert jensen_shannon_bits(p, p) == 0 and jensen_shannon_bits(p, q) == jensen_shannon_bits(q, p)


@pytest.fixture
def analysis() -> Analysis:
    dialogue = Dialogue("d", (Utterance("u1", "ana", "Oh, wonderful."),), (Speaker("ana"),))
    return Analysis(dialogue, {"text": opinion("text", *JOYFUL), "acoustic": opinion("acoustic", *ANGRY)})


def test_it_is_told_wherever_an_utterance_is_shown(analysis, tmp_path):
    told = "the words (text) say joy, the voice anger"
    assert told in analysis[0].why and " ".join(told.split()) in " ".join(analysis._repr_html_().split())
    assert analysis[0].to_dict()["disagreement"] == {
        "channel": "text",
        "words": "joy",
        "voice": "anger",
        "bits": analysis[0].disagreement.bits,
    }
    assert next(iter(table.rows(analysis)))["disagreement"] == told
    csv.write(analysis, tmp_path / "a.csv")
    assert told in (tmp_path / "a.csv").read_text(encoding="utf-8")


def test_it_is_there_again_in_what_was_saved(analysis, tmp_path):
    loaded = Analysis.load(analysis.save(tmp_path / "a.json"))
    assert loaded == analysis and loaded[0].disagreement == analysis[0].disagreement is not None


def test_a_table_of_words_alone_has_no_column_for_it(analysis):
    alone = replace(analysis, channels={"text": analysis.channels["text"]})
    assert "disagreement" not in table.columns(alone) and alone[0].disagreement is None
