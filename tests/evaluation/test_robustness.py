"""The matrix of conditions: which cells there are, what stands in each, and whether fusing does harm."""

import numpy as np
import pytest

from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation import robustness
from convemo.evaluation.conditions import Conditions
from convemo.evaluation.lineup import Lineup, System, open_lineup
from convemo.evaluation.run import evaluate
from convemo.scoring import Predictions
from convemo.types import ChannelResult, LabelSet, ModelInfo

from .builders import LABELS, answers, conversations, write


@pytest.fixture
def made(tmp_path):
    records = conversations(parts=True)
    benchmark = benchmarks.load(write(tmp_path / "talks.jsonl", records))
    skills = {"text": 1.5, "voice": 0.8}
    specs = {name: write(tmp_path / f"{name}.jsonl", answers(records, skill, seed=i)) for i, (name, skill) in enumerate(skills.items())}
    return benchmark, open_lineup(benchmark, ["text", "voice", "fused"], specs)


def test_cells_are_those_that_make_sense(made):
    benchmark, _ = made
    told = [c.described for c in robustness.conditions_of(benchmark, ["text", "voice"])]
    assert {c["text"] for c in told} == set(robustness.TEXTS) and {c["speakers"] for c in told} == set(robustness.SPEAKERS)
    assert {c["missing"] for c in told} == {"none", "text", "text=0.5", "voice", "voice=0.5"}
    assert {c["audio"] for c in told} == {"none"}, "there is no sound to degrade"
    assert [c["text"] for c in told if c["missing"] == "text"] == ["punctuated"] * 2, "nobody reads it"
    assert len({tuple(c.items()) for c in told}) == len(told)
    assert {c.described["missing"] for c in robustness.conditions_of(benchmark, ["text"])} == {"none"}


def test_a_cell_is_what_an_evaluation_under_its_conditions_gives(made):
    benchmark, lineup = made
    under = Conditions.parse(missing="voice=0.5", speakers="error=0.2")
    (cell,) = robustness.matrix(benchmark, lineup, cells=[under], resamples=50)
    whole = evaluate(benchmark, lineup, under, resamples=50).results
    lacking = whole["systems"]["voice"]["metrics"]["weighted_f1"]["value"]  # compared where all score: where the voice does
    assert cell["systems"]["voice"]["weighted_f1"]["value"] == pytest.approx(lacking, abs=1e-5)
    assert cell["systems"]["voice"]["scored"] < cell["systems"]["text"]["scored"] == cell["systems"]["fused"]["scored"]
    assert cell["conditions"] == under.described


def test_without_a_channel_only_the_others_are_there(made):
    benchmark, lineup = made
    (cell,) = robustness.matrix(benchmark, lineup, cells=[Conditions.parse(missing="text")], resamples=50)
    assert set(cell["systems"]) == {"voice", "fused"} and set(cell["against"]) == {"voice"}


def test_channels_are_asked_once_for_every_input_that_differs(made, monkeypatch):
    benchmark, lineup = made
    asked = []
    predict = Predictions.predict
    monkeypatch.setattr(Predictions, "predict", lambda self, dialogue, *rest: asked.append(dialogue.id) or predict(self, dialogue, *rest))
    cells = [Conditions.parse(missing=missing) for missing in ("none", "text", "voice")]
    robustness.matrix(benchmark, lineup, cells=cells, resamples=20)
    assert len(asked) == 2 * (len(benchmark.test) + len(benchmark.dev))


class Asked:
    """A channel that says nothing, and remembers how often it was asked."""

    labels, model = LabelSet(LABELS), ModelInfo("asked")

    def __init__(self, name, listens=False):
        self.name, self.listens, self.times = name, listens, 0

    def predict(self, dialogue, audio=None, since=0):
        self.times += 1
        log_probs = np.full((len(dialogue), len(self.labels)), np.log(1 / len(self.labels)))
        return ChannelResult(self.name, self.labels, log_probs, (None,) * len(dialogue), model=self.model)


@pytest.mark.parametrize(
    ("channel", "noticed"),
    [(Asked("text"), "text"), (Asked("acoustic", listens=True), "audio"), (Asked("both", listens=True), "text, audio")],
)
def test_a_channel_is_asked_again_only_where_it_could_notice(made, channel, noticed):
    benchmark, _ = made
    lineup = Lineup((System(channel.name, (channel.name,)),), {(channel.name, None): channel}, {channel.name: ""})
    base, times = {"text": "raw"}, {}
    lineup.score("test", benchmark.test, Conditions.parse(**base))
    for kind, worse in (
        ("text", {"text": "asr-noise=0.1"}),
        ("audio", base | {"audio": "telephone"}),
        ("missing", base | {"missing": "voice"}),
    ):
        before = channel.times
        lineup.score("test", benchmark.test, Conditions.parse(**worse))
        times[kind] = channel.times - before
    assert ", ".join(kind for kind, count in times.items() if count) == noticed


def test_the_measured_word_error_rate_stands_in_the_cell(made):
    benchmark, lineup = made
    cells = [Conditions.parse(text=text) for text in ("raw", "asr-noise=0.3")]
    raw, noisy = robustness.matrix(benchmark, lineup, cells=cells, resamples=20)
    assert raw["word_error_rate"] == 0 and 0 < noisy["word_error_rate"] < 0.5


def cell(**against):
    """A cell in which fused differs from channels so, in weighted F1."""
    told = {name: {m: dict(zip(("difference", "low", "high"), d)) for m in ("weighted_f1",)} for name, d in against.items()}
    return {"conditions": Conditions().described, "word_error_rate": 0.0, "systems": {}, "against": told}


def test_fused_holds_where_no_interval_lies_wholly_below_zero():
    better, untold = cell(text=(0.02, 0.01, 0.03)), cell(text=(-0.01, -0.02, 0.001), voice=(0.2, 0.1, 0.3))
    worse, alone = cell(text=(0.1, 0.05, 0.2), voice=(-0.02, -0.03, -0.01)), cell()
    told = robustness.count([better, untold, worse, alone], "weighted_f1")
    assert told == {"cells": 3, "better": 1, "not told apart": 1, "worse": 1}
    assert robustness.worst(worse, "weighted_f1")[0] == "voice" and robustness.worst(alone, "weighted_f1") is None


def test_the_table_has_a_row_a_cell_and_a_count(made):
    benchmark, lineup = made
    cells = robustness.matrix(benchmark, lineup, cells=[Conditions(), Conditions.parse(missing="voice")], resamples=20)
    table = robustness.markdown(cells)
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) == 4 and len({row.count("|") for row in rows}) == 1
    assert "not worse than any channel in" in table and "of 2 cells" in table
    assert np.isfinite(cells[0]["against"]["text"]["nll"]["difference"])
