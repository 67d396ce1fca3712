"""``convemo compare``: what got better, what worse, and when two evaluations cannot be compared."""

import json
import shutil

import pytest

from convemo.errors import ConfigError, ResultError
from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation import compare_view
from convemo.evaluation.compare import CLASS, METRIC, SLICE, compare, outcome, read
from convemo.evaluation.lineup import open_lineup
from convemo.evaluation.run import evaluate
from convemo.evaluation.write import write as write_evaluation
from convemo.metrics import weighted_f1

from .builders import LABELS, answers, conversations, write

FEW = 400


def evaluated(folder, skill, *, seed=1, records=None, lost=0.0, labels=None, name="llm"):
    """One evaluation on disk of a system that is so good."""
    folder.mkdir()
    records = records or conversations(count=40)
    benchmark = benchmarks.load(write(folder / "talks.jsonl", records), labels=labels)
    spec = write(folder / "answers.jsonl", answers(records, skill, seed=seed, lost=lost))
    write_evaluation(
        evaluate(benchmark, open_lineup(benchmark, [name], {name: spec}), resamples=20, command="convemo eval talks.jsonl"), folder
    )
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return {name: evaluated(root / name, skill) for name, skill in (("old", 0.8), ("new", 2.5))}


@pytest.fixture(scope="module")
def comparison(runs):
    return compare(read(runs["old"]), read(runs["new"]), resamples=FEW)


def rows(comparison, kind):
    return {row["name"]: row for row in comparison["systems"][0]["rows"] if row["kind"] == kind}


def test_what_got_better_is_told_by_metric_emotion_and_slice(comparison):
    assert outcome(rows(comparison, METRIC)["weighted_f1"]) == outcome(rows(comparison, METRIC)["nll"]) == 1
    assert rows(comparison, METRIC)["nll"]["difference"] < 0, "lower is better, and so it is called better"
    assert set(rows(comparison, CLASS)) == set(LABELS)
    assert {"speaker: ana", "gender: female", "shift: shift"} <= set(rows(comparison, SLICE))


def test_turned_round_it_got_worse(runs, comparison):
    back = compare(read(runs["new"]), read(runs["old"]), resamples=FEW)
    for name, row in rows(comparison, METRIC).items():
        assert rows(back, METRIC)[name]["difference"] == pytest.approx(-row["difference"], abs=1e-5)
        assert outcome(rows(back, METRIC)[name]) == -outcome(row)


def test_an_evaluation_does_not_differ_from_itself(runs):
    same = compare(read(runs["old"]), read(runs["old"] / "results.json"), resamples=FEW)
    assert all(row["difference"] == 0 and outcome(row) == 0 for row in same["systems"][0]["rows"])


@pytest.mark.parametrize(
    ("difference", "low", "high", "p_holm", "expected"),
    [
        (0.02, 0.01, 0.03, 0.01, 1),
        (0.02, 0.01, 0.03, 0.2, 0),  # one of many
        (0.02, 0.0, 0.04, 0.01, 0),  # zero is inside
        (-0.0003, -0.0009, -0.0001, 0.01, 0),  # shown as 0.0 [-0.1, 0.0]
    ],
)
def test_a_difference_is_told_only_where_it_is_sure_and_is_one(difference, low, high, p_holm, expected):
    assert outcome({"metric": "uar", "difference": difference, "low": low, "high": high, "p_holm": p_holm}) == expected


def test_figures_are_those_of_the_metrics_on_the_predictions(runs, comparison):
    import numpy as np

    rows_ = [json.loads(line) for line in (runs["new"] / "predictions.jsonl").read_text().splitlines()]
    predictions = np.array([np.argmax(row["systems"]["llm"]) for row in rows_])
    labels = np.array([LABELS.index(row["label"]) for row in rows_])
    assert rows(comparison, METRIC)["weighted_f1"]["second"] == pytest.approx(weighted_f1(predictions, labels), abs=1e-5)
    ana = np.array([row["slices"]["speaker"] == "ana" for row in rows_])
    assert rows(comparison, SLICE)["speaker: ana"]["second"] == pytest.approx(weighted_f1(predictions[ana], labels[ana]), abs=1e-5)


def test_p_values_are_corrected_for_how_many_there_are(comparison):
    for row in comparison["systems"][0]["rows"]:
        assert row["p_holm"] >= row["p_value"]


def test_only_what_both_have_scored_is_compared(tmp_path, runs):
    half = evaluated(tmp_path / "half", 2.5, lost=0.5)
    told = compare(read(runs["old"]), read(half), resamples=FEW)["systems"][0]
    assert told["utterances"] < len(read(runs["old"]).rows) * 0.65


def test_other_data_are_refused(tmp_path, runs):
    other = evaluated(tmp_path / "other", 1.0, records=conversations(seed=5))
    with pytest.raises(ResultError, match=r"results on the data of .*old.*same --split"):
        compare(read(runs["old"]), read(other))


def test_other_labels_are_refused(tmp_path, runs):
    fewer = evaluated(tmp_path / "fewer", 1.0, records=conversations(count=40), labels=["calm", "upset"])
    with pytest.raises(ResultError, match=r"expected (the labels|results on the data)"):
        compare(read(runs["old"]), read(fewer))


def test_another_reference_is_refused(tmp_path, runs):
    changed = shutil.copytree(runs["new"], tmp_path / "changed")
    lines = (changed / "predictions.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    row["label"] = next(label for label in LABELS if label != row["label"])
    (changed / "predictions.jsonl").write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    with pytest.raises(ResultError, match="the references of"):
        compare(read(runs["old"]), read(changed))


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"dialogue": "d0"}', '{"dialogue": "d", "utterance": "u", "unit": "d", "label": "calm", "systems": {"llm": [1]}}'],
)
def test_damaged_predictions_are_named_by_line(tmp_path, runs, line):
    broken = shutil.copytree(runs["new"], tmp_path / "broken")
    (broken / "predictions.jsonl").write_text(line + "\n")
    with pytest.raises(ResultError, match=r"predictions\.jsonl, line 1: expected an utterance"):
        read(broken)


def test_what_is_no_evaluation_is_refused(tmp_path, runs):
    with pytest.raises(ResultError, match=r"results\.json"):
        read(tmp_path)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(runs["old"] / "results.json", alone)
    with pytest.raises(ResultError, match="the predictions beside"):
        read(alone)


def test_systems_of_other_names_are_compared_when_told_which(tmp_path, runs):
    renamed = evaluated(tmp_path / "renamed", 2.5, name="other")
    with pytest.raises(ConfigError, match="--system OLD=NEW"):
        compare(read(runs["old"]), read(renamed))
    told = compare(read(runs["old"]), read(renamed), {"llm": "other"}, resamples=FEW)["systems"][0]
    assert (told["first"], told["second"]) == ("llm", "other")
    with pytest.raises(ConfigError, match="'nobody'"):
        compare(read(runs["old"]), read(renamed), {"nobody": "other"})


def test_it_is_written_as_json_markdown_and_a_page(tmp_path, comparison):
    compare_view.write(comparison, tmp_path)
    assert json.loads((tmp_path / "comparison.json").read_text()) == comparison
    assert "llm: better in" in (tmp_path / "comparison.md").read_text()
    html = (tmp_path / "comparison.html").read_text()
    assert "llm: better in" in html and "<script" not in html


def test_the_command_shows_what_got_better(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    from convemo.commands import compare as command

    command.run(runs["old"], runs["new"], resamples=FEW)
    assert "llm: better in" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(ConfigError, match="OLD=NEW"):
        command.run(runs["old"], runs["new"], system=["llm="], resamples=FEW)


def test_the_page_leads_to_every_part(tmp_path, comparison):
    html = compare_view.page(comparison)
    for id in (METRIC, CLASS, SLICE, "provenance"):
        assert f'href="#{id}"' in html and f'<section id="{id}"' in html
