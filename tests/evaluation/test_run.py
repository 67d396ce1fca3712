"""One evaluation: who is compared on what, what is learned from which utterances, and what is told of it."""

import json

import numpy as np
import pytest

from convemo.errors import ConfigError
from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation.conditions import Conditions
from convemo.evaluation.fits import fit_systems
from convemo.evaluation.lineup import open_lineup
from convemo.evaluation.page import render
from convemo.evaluation.run import evaluate
from convemo.evaluation.table import markdown
from convemo.evaluation.write import as_json

from .builders import LABELS, answers, conversations, read, write

FEW = {"resamples": 50}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Three systems, out of fold."""
    folder, records = tmp_path_factory.mktemp("evaluated"), conversations()
    files = {"data": write(folder / "talks.jsonl", records)}
    files |= {name: write(folder / f"{name}.jsonl", answers(records, skill, seed=1)) for name, skill in (("llm", 1.5), ("voice", 0.8))}
    return files, run(files, folds="fold")


def run(files, systems=("llm", "voice", "fused"), specs=None, seeds=(), conditions=None, fusion="fit", **data):
    benchmark = benchmarks.load(files["data"], **data)
    specs = {name: files[name] for name in ("llm", "voice")} | (specs or {})
    return evaluate(benchmark, open_lineup(benchmark, systems, specs, seeds), conditions, fusion=fusion, **FEW)


def without_time(results):
    return {name: value for name, value in results.items() if name != "created"}


def changed(files, tmp_path, change):
    """The same files with other records."""
    records = read(files["data"])
    for record in records:
        change(record)
    return files | {"data": write(tmp_path / "changed.jsonl", records)}


# The same utterances for all ------------------------------------------------------------------------------------------


def test_three_systems_on_the_same_utterances(evaluated):
    results = evaluated[1].results
    assert list(results["systems"]) == ["llm", "voice", "fused"]
    assert results["labels"] == list(LABELS)
    assert results["data"]["labelled"] == results["data"]["compared"] == 24 * 9
    assert {np.array(s["confusion"]).sum() for s in results["systems"].values()} == {24 * 9}
    weighted_f1 = {name: s["metrics"]["weighted_f1"]["value"] for name, s in results["systems"].items()}
    assert weighted_f1["fused"] > weighted_f1["llm"] > weighted_f1["voice"]


def test_what_one_system_could_not_score_is_compared_for_none_and_told_under_missing(files, tmp_path, records):
    files["llm"] = write(tmp_path / "gaps.jsonl", answers(records, 1.5, seed=1, lost=0.3))
    results = run(files, folds="fold").results
    scored = results["systems"]["llm"]["scored"]
    assert scored < 216 and results["data"]["compared"] == scored
    assert results["systems"]["llm"]["reasons"] == {"no prediction": 216 - scored}
    assert results["systems"]["fused"]["scored"] == 216
    lacking = results["slices"]["missing"]["llm"]
    assert lacking["utterances"] == 216 - scored and set(lacking["systems"]) == {"voice", "fused"}


def test_a_system_that_scores_nothing_is_shown_and_keeps_no_one_back(files):
    labelled = {"llm": files["llm"], "data": files["data"]}
    benchmark = benchmarks.load(labelled["data"], folds="fold")
    lineup = open_lineup(benchmark, ["llm", "silent"], {"llm": files["llm"], "silent": files["voice"]})
    results = evaluate(benchmark, lineup, Conditions.parse(missing="silent"), **FEW).results
    assert results["systems"]["silent"]["scored"] == 0 and results["systems"]["silent"]["metrics"] == {}
    assert results["data"]["compared"] == 216


def test_predictions_name_every_labelled_utterance_and_null_where_there_is_no_score(files, tmp_path, records):
    files["llm"] = write(tmp_path / "gaps.jsonl", answers(records, 1.5, seed=1, lost=0.3))
    evaluation = run(files, folds="fold")
    assert len(evaluation.predictions) == 216
    assert {r["utterance"] for r in evaluation.predictions}.isdisjoint({"u4"}), "it has no label"
    lost = [r for r in evaluation.predictions if r["systems"]["llm"] is None]
    assert len(lost) == 216 - evaluation.results["systems"]["llm"]["scored"]
    assert all(sum(r["systems"]["fused"]) == pytest.approx(1, abs=1e-3) for r in evaluation.predictions)


def test_some_channels_may_be_fused_and_not_others(files):
    results = run(files, systems=("llm", "voice", "llm+voice"), folds="fold").results
    assert list(results["systems"]["llm+voice"]["models"]) == ["llm", "voice"]


def test_a_channel_with_history_is_a_fusion_of_that_channel_alone(files):
    results = run(files, systems=("llm", "voice", "llm+history", "fused"), folds="fold").results
    assert list(results["systems"]["llm+history"]["models"]) == ["llm"]
    learned = results["fusion"]["systems"]["llm+history"][0]
    assert set(learned["weights"]) == {"llm"} and learned["history"]["own"] > 0, "whoever is upset tends to stay so"
    gains = {r["a"]: r["difference"] for r in results["paired"] if (r["b"], r["metric"]) == ("llm", "nll")}
    assert gains["fused"] < gains["llm+history"] < 0


def test_of_several_channels_the_first_is_shown_with_its_history_unless_systems_are_named(files):
    benchmark = benchmarks.load(files["data"], folds="fold")
    lineup = open_lineup(benchmark, None, {name: files[name] for name in ("llm", "voice")})
    assert [s.name for s in lineup.systems] == ["llm", "voice", "llm+history", "fused"]


def test_an_ece_is_told_with_that_of_a_perfectly_calibrated_system(evaluated):
    ece = evaluated[1].results["systems"]["fused"]["metrics"]["ece"]
    assert 0.05 < ece["by_chance"] < 0.2, "216 utterances in 15 bins"


def test_a_system_that_scored_nothing_is_not_called_calibrated(files):
    systems = run(files, ("llm", "voice"), conditions=Conditions.parse(missing="voice"), folds="fold").results["systems"]
    assert systems["llm"]["calibrated"] == "folds by fold" and systems["voice"]["calibrated"] is None


# Dimensions -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def moods(tmp_path):
    """Sentences whose valence somebody judged, and no emotion."""
    utterances = [{"id": f"u{i}", "speaker": "ana", "text": text, "dimensions": {"valence": v}} for i, (text, v) in enumerate(MOODS)]
    return write(tmp_path / "moods.jsonl", [{"id": f"d{i}", "utterances": [u]} for i, u in enumerate(utterances)])


MOODS = [("What a wonderful day!", 0.9), ("I hate this.", -0.9), ("The train leaves at nine.", 0.0), ("I am so happy for you.", 0.8)] * 3


def test_data_with_dimensions_alone_are_evaluated_on_those(moods):
    benchmark = benchmarks.load(moods)
    lineup = open_lineup(benchmark, ["text"])
    evaluation = evaluate(benchmark, lineup, **FEW)
    text = evaluation.results["systems"]["text"]
    assert set(text["metrics"]) == {"ccc_valence", "mae_valence"} and text["metrics"]["ccc_valence"]["value"] > 0.3
    assert text["metrics"]["ccc_valence"]["low"] <= text["metrics"]["ccc_valence"]["value"] <= text["metrics"]["ccc_valence"]["high"]
    assert evaluation.results["labels"] == [] and evaluation.results["data"]["labelled"] == len(MOODS) == len(evaluation.predictions)
    assert text["calibrated"] is None
    assert "valence CCC" in markdown(evaluation.results) and "valence CCC" in render(evaluation.results, evaluation.predictions)


# What is learned from what --------------------------------------------------------------------------------------------


def test_labels_of_the_test_part_never_reach_the_fit(parted, tmp_path):
    def rotate(record):
        if record["split"] == "test":
            for u in record["utterances"]:
                if "label" in u:
                    u["label"] = LABELS[(LABELS.index(u["label"]) + 1) % 3]

    before, after = run(parted), run(changed(parted, tmp_path, rotate))
    assert before.results["data"]["split"] == "test" and before.results["fusion"]["source"] == "dev"
    assert [r["systems"] for r in before.predictions] == [r["systems"] for r in after.predictions]
    assert [r["label"] for r in before.predictions] != [r["label"] for r in after.predictions]


def test_labels_of_the_dev_part_do(parted, tmp_path):
    def confuse(record):
        if record["split"] == "dev":
            for u in record["utterances"]:
                if "label" in u:
                    u["label"] = LABELS[(LABELS.index(u["label"]) + 1) % 3]

    before, after = run(parted), run(changed(parted, tmp_path, confuse))
    assert [r["systems"] for r in before.predictions] != [r["systems"] for r in after.predictions]


def test_a_fold_is_judged_by_who_has_not_seen_its_labels(files, tmp_path):
    def rotate(record):
        if record["fold"] == 1:
            for u in record["utterances"]:
                if "label" in u:
                    u["label"] = LABELS[(LABELS.index(u["label"]) + 1) % 3]

    before, after = (run(f, folds="fold").predictions for f in (files, changed(files, tmp_path, rotate)))
    of_fold = {record["id"]: record["fold"] for record in conversations()}
    same = {fold: [] for fold in range(3)}
    for a, b in zip(before, after):
        same[of_fold[a["dialogue"]]].append(a["systems"] == b["systems"])
    assert all(same[1]), "its own labels do not matter"
    assert not all(same[0]) and not all(same[2]), "to the others they do"


def test_without_dev_and_folds_nothing_is_fitted_and_that_is_said(tmp_path):
    records = conversations()
    ours = ("neutral", "joy", "anger")
    for record in records:
        for u in record["utterances"]:
            if "label" in u:
                u["label"] = ours[LABELS.index(u["label"])]
    files = {"data": write(tmp_path / "d.jsonl", records)}
    files["llm"] = files["voice"] = write(tmp_path / "l.jsonl", answers(records, 1.5, seed=1, labels=ours))
    results = run(files, systems=("llm",)).results
    assert results["systems"]["llm"]["calibrated"] is None
    assert any("llm is not calibrated" in note for note in results["provenance"]["notes"])


def test_a_fusion_of_other_labels_is_refused_with_a_way_out(files):
    with pytest.raises(ConfigError, match=r"a fusion \(shipped\) that chooses among calm, pleased, upset.*--folds dialogue"):
        run(files)


def test_a_fusion_without_scores_to_learn_from_is_refused_with_a_way_out(parted, tmp_path):
    only_test = [r for r in read(parted["data"]) if r["split"] == "test"]
    for name in ("llm", "voice"):
        parted[name] = write(tmp_path / f"{name}_test.jsonl", answers(only_test, 1.5, seed=3))
    with pytest.raises(ConfigError, match=r"scores of llm or voice where the fusion is fitted \(dev\), found none.*--folds dialogue"):
        run(parted)


def test_a_fit_serves_other_conditions_too(parted):
    benchmark = benchmarks.load(parted["data"])
    lineup = open_lineup(benchmark, ["llm", "voice", "fused"], {"llm": parted["llm"], "voice": parted["voice"]})
    fits = fit_systems(benchmark, lineup, [Conditions(), Conditions.parse(text="raw")])
    results = evaluate(benchmark, lineup, Conditions.parse(missing="voice=0.5"), fits=fits, **FEW).results
    assert results["conditions"]["missing"] == "voice=0.5"
    assert 0 < results["systems"]["voice"]["scored"] < results["systems"]["fused"]["scored"]


# Seeds and folds of models --------------------------------------------------------------------------------------------


def test_figures_of_several_seeds_are_their_means(files, tmp_path, records):
    for seed in (1, 2, 3):
        write(tmp_path / f"llm{seed}.jsonl", answers(records, 1.5, seed=seed))
    results = run(files, specs={"llm": str(tmp_path / "llm{seed}.jsonl")}, seeds=(1, 2, 3), folds="fold").results
    accuracy = results["systems"]["llm"]["metrics"]["accuracy"]
    assert len(accuracy["seeds"]) == 3 and accuracy["value"] == pytest.approx(np.mean(accuracy["seeds"]), abs=1e-5)
    assert results["systems"]["voice"]["metrics"]["accuracy"]["seeds"] == [], "it has no seed"
    assert len(results["systems"]["fused"]["metrics"]["accuracy"]["seeds"]) == 3
    assert set(results["systems"]["llm"]["models"]["llm"]["seeds"]) == {"1", "2", "3"}
    for seed in (1, 2, 3):
        alone = run(files, specs={"llm": str(tmp_path / f"llm{seed}.jsonl")}, systems=("llm",), folds="fold").results
        assert alone["systems"]["llm"]["metrics"]["accuracy"]["value"] == pytest.approx(accuracy["seeds"][seed - 1], abs=1e-5)


def test_a_dialogue_is_scored_by_the_model_of_its_fold(files, tmp_path, records):
    for fold in range(3):  # each file is right about its own fold and knows all others too, wrongly
        right = {(r["dialogue"], r["utterance"]): r for r in answers([r for r in records if r["fold"] == fold], 9.0, seed=1)}
        lines = [right.get((r["dialogue"], r["utterance"]), r) for r in answers(records, -9.0, seed=2)]
        write(tmp_path / f"fold{fold}.jsonl", lines)
    results = run(files, specs={"llm": str(tmp_path / "fold{fold}.jsonl")}, systems=("llm",), folds="fold").results
    assert results["systems"]["llm"]["metrics"]["accuracy"]["value"] == 1.0


def test_seeds_and_folds_in_a_spec_must_be_named(files):
    with pytest.raises(ConfigError, match=r"seeds for 'llm\{seed\}.jsonl', found none"):
        run(files, specs={"llm": "llm{seed}.jsonl"}, folds="fold")
    with pytest.raises(ConfigError, match=r"folds for 'llm\{fold\}.jsonl', found none"):
        run(files, specs={"llm": "llm{fold}.jsonl"})


# What is told ---------------------------------------------------------------------------------------------------------


def test_the_same_evaluation_twice_gives_the_same_results_but_for_the_time(evaluated):
    files, first = evaluated
    second = run(files, folds="fold")
    assert as_json(without_time(first.results)) == as_json(without_time(second.results))
    assert first.predictions == second.predictions


def test_every_pair_of_systems_is_compared_the_later_less_the_earlier(evaluated):
    results = evaluated[1].results
    assert {(row["a"], row["b"]) for row in results["paired"]} == {("voice", "llm"), ("fused", "llm"), ("fused", "voice")}
    row = next(r for r in results["paired"] if (r["a"], r["b"], r["metric"]) == ("voice", "llm", "accuracy"))
    values = {name: s["metrics"]["accuracy"]["value"] for name, s in results["systems"].items()}
    assert row["difference"] == pytest.approx(values["voice"] - values["llm"], abs=1e-5) and row["high"] < 0


def test_every_metric_of_the_protocol_is_there_with_its_interval(evaluated):
    metrics = evaluated[1].results["systems"]["fused"]["metrics"]
    assert set(metrics) >= {"accuracy", "uar", "weighted_f1", "macro_f1", "nll", "brier", "ece", "classwise_ece", "aurc"}
    assert set(metrics) >= {"accuracy_at_80", "set_coverage", "set_size"}
    assert all(m["low"] <= m["value"] <= m["high"] for m in metrics.values())


def test_where_it_came_from_is_told(evaluated):
    files, results = evaluated[0], evaluated[1].results
    model = results["systems"]["llm"]["models"]["llm"]
    assert model["id"] == files["llm"] and len(model["sha256"]) == len(results["data"]["sha256"]) == 64
    assert results["provenance"]["channels"]["voice"] == files["voice"]
    assert results["fusion"]["source"] == "folds by fold" and len(results["fusion"]["systems"]["fused"]) == 3
    json.dumps(results, allow_nan=False)


def test_no_words_of_the_data_leave_in_the_results(evaluated):
    evaluation = evaluated[1]
    assert "well" not in as_json(evaluation.results) and "well" not in json.dumps(evaluation.predictions)


def test_channels_of_other_labels_are_left_out_unless_they_were_asked_for(files):
    benchmark = benchmarks.load(files["data"], folds="fold")
    lineup = open_lineup(benchmark, None, {"llm": files["llm"]})
    assert [s.name for s in lineup.systems] == ["llm", "fused"]
    assert any(note.startswith("text is left out") for note in lineup.notes)
    with pytest.raises(ConfigError, match="channel 'text' to choose among calm, pleased, upset"):
        open_lineup(benchmark, ["text"], {})


def test_a_system_that_nobody_named_is_refused(files):
    benchmark = benchmarks.load(files["data"], folds="fold")
    with pytest.raises(ConfigError, match="a channel among text, acoustic, llm, found 'sound'"):
        open_lineup(benchmark, ["sound"], {"llm": files["llm"]})


def test_a_channel_that_was_trained_on_what_is_evaluated_is_warned_of(data_root):
    notes = {split: open_lineup(benchmarks.load("xed", data_root, split=split), ["text"]).notes for split in ("test", "dev")}
    assert notes["test"] == ()
    assert notes["dev"] == (
        "text was trained on xed, and its dev part is evaluated here: its figures are of utterances that it may have met.",
    )
