"""``convemo train fusion --data my.jsonl``: from labelled dialogues and whatever channels there are to a fusion for them."""

import json

import numpy as np
import pytest

from convemo import Analyzer
from convemo.errors import ConfigError, DataError
from convemo.fusion import Fusion
from convemo.fusion.loglinear import log_softmax
from convemo.training.fusion import train
from convemo.training.fusion_own import read_data
from convemo.types import ChannelResult, LabelSet

MOODS = ("calm", "pleased", "upset")
SAID = {"neutral": "The meeting is at ten.", "joy": "I love it, thank you so much!", "anger": "I hate this, you liar!"}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def conversations(count, labels, *, split=None, seed=0, length=10, text=str):
    """Two people, labels drawn evenly; the text tells the label."""
    random = np.random.default_rng(seed)
    for d in range(count):
        drawn = [labels[i] for i in random.integers(len(labels), size=length)]
        utterances = [{"id": f"u{i}", "speaker": "ab"[i % 2], "text": text(label), "label": label} for i, label in enumerate(drawn)]
        yield {"id": f"{split}-{d}", "utterances": utterances} | ({"split": split} if split else {})


def answers(dialogues, labels, *, clarity, boast=1.0, seed=0, missing=0.0):
    """What a system says of them: as sure as `boast` times what it knows."""
    random = np.random.default_rng(seed)
    for dialogue in dialogues:
        for u in dialogue["utterances"]:
            seen = clarity * np.eye(len(labels))[labels.index(u["label"])] + random.normal(size=len(labels))
            if random.random() >= missing:
                logits = dict(zip(labels, log_softmax(boast * clarity * seen).tolist()))
                yield {"dialogue": dialogue["id"], "utterance": u["id"], "logits": logits}


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A hundred dialogues of three moods that no model of ours knows, and the answers of an LLM that boasts and of an ear."""
    folder = tmp_path_factory.mktemp("mine")
    parts = {split: list(conversations(n, MOODS, split=split, seed=n)) for split, n in (("train", 60), ("dev", 40), ("test", 5))}
    everything = [d for dialogues in parts.values() for d in dialogues]
    write(folder / "my.jsonl", *everything)
    write(folder / "llm.jsonl", *answers(everything, MOODS, clarity=1.0, boast=3.0))
    write(folder / "voice.jsonl", *answers(everything, MOODS, clarity=0.7, seed=1, missing=0.2))
    write(folder / "wordless.jsonl", *answers(everything, MOODS, clarity=0.7))
    (folder / "own.toml").write_text("folds = 3\nresamples = 20\n[channels]\n")
    return folder


@pytest.fixture(scope="module")
def fitted(mine):
    figures = train(mine / "own.toml", mine / "my.jsonl", mine / "out", channel=[f"llm={mine}/llm.jsonl", f"voice={mine}/voice.jsonl"])
    return figures, mine / "out"


def test_any_labels_and_any_channels_give_a_fusion_that_loads(fitted):
    figures, out = fitted
    fusion = Fusion.load(out)
    assert fusion.labels == MOODS == tuple(figures["labels"])
    assert set(fusion.parameters.patterns) == {"llm", "voice", "llm+voice"}
    assert fusion.parameters.channels["llm"].temperature == pytest.approx(3.0, rel=0.3)
    assert "its dev part: 400 labelled utterances of 40 dialogues; shares and order of labels also from its train part" in (
        fusion.parameters.fitted_on
    )


def test_it_tells_how_good_it_was_before_and_is_now(fitted):
    figures, out = fitted
    nll = {name: metrics["NLL"]["value"] for name, metrics in figures["systems"].items()}
    before, after = "fused, by prior weights", "fused, fitted on these data"
    assert nll[after] < nll["llm, calibrated"] < nll["llm, as it comes"] and nll[after] < nll[before]
    assert figures["gains"][f"{after} − {before}"]["NLL"]["high"] < 0
    assert 0.8 < figures["promises"]["set coverage"] < 0.99
    assert after in (out / "table.md").read_text()
    card = (out / "model" / "CARD.md").read_text()
    assert "temperature of llm" in card and "--channel llm=llm.jsonl" in card and str(out.parent) not in card


def test_answers_of_another_day_are_those_of_the_same_system(fitted, mine):
    fusion, rows = Fusion.load(fitted[1]), np.log(np.full((10, 3), 1 / 3))
    dialogue = read_data(mine / "my.jsonl").fitted[0]
    fused = fusion.fuse(dialogue, {"llm": ChannelResult("llm", LabelSet(MOODS), rows, (None,) * 10)})
    assert fused.result.calibrated and None not in fused.prediction_sets


def test_the_test_part_takes_no_part(mine, tmp_path):
    given = read_data(mine / "my.jsonl")
    assert {d.id.split("-")[0] for d in given.fitted} == {"dev"} and {d.id.split("-")[0] for d in given.more} == {"train"}


def test_without_parts_all_dialogues_are_fitted_on_and_each_judged_by_a_fit_that_left_it_out(tmp_path):
    dialogues = list(conversations(12, MOODS))
    data, said = write(tmp_path / "my.jsonl", *dialogues), write(tmp_path / "llm.jsonl", *answers(dialogues, MOODS, clarity=1.5))
    (tmp_path / "own.toml").write_text("folds = 3\nresamples = 5\n[channels]\n")
    figures = train(tmp_path / "own.toml", data, tmp_path / "out", channel=[f"llm={said}"])
    assert (figures["part"], figures["utterances"]) == ("all of it", 120)


def test_the_analyzer_takes_it_though_our_channels_know_more_labels(tmp_path):
    data = write(tmp_path / "my.jsonl", *conversations(10, tuple(SAID), text=SAID.get))
    (tmp_path / "own.toml").write_text('folds = 2\nresamples = 5\nreadings = ["written", "raw", "misheard"]\n')
    figures = train(tmp_path / "own.toml", data, tmp_path / "out")
    assert "acoustic channel was left out: it can score nothing here (no sound)" in figures["notes"][0]
    dialogue = read_data(data).fitted[0]
    analysis = Analyzer(fusion=str(tmp_path / "out")).analyze(dialogue)
    assert set(analysis[0].probabilities) == set(SAID) and analysis.fused.calibrated and analysis.channels["text"].calibrated
    assert sum(u.label == given.label for u, given in zip(analysis, dialogue)) >= 9
    assert "texts read written and raw and misheard" in Fusion.load(tmp_path / "out").parameters.fitted_on


@pytest.mark.parametrize(
    ("channel", "error", "says"),
    [
        (["llm"], ConfigError, "--channel NAME=SPEC"),
        (["fused=llm.jsonl"], ConfigError, "--channel NAME=SPEC"),
        (["text=default"], ConfigError, "'text' to choose among calm, pleased, upset.*no calm, pleased, upset"),
        ([], ConfigError, "a channel that knows calm, pleased, upset"),
        (["llm=nowhere.jsonl"], DataError, "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_fitted_is_said_in_a_line(mine, tmp_path, channel, error, says):
    with pytest.raises(error, match=says):
        train(mine / "own.toml", mine / "my.jsonl", tmp_path, channel=channel)


def test_answers_to_other_questions_name_their_line(mine, tmp_path):
    others = write(tmp_path / "llm.jsonl", *answers(conversations(3, MOODS, split="elsewhere"), MOODS, clarity=1.0))
    with pytest.raises(DataError, match=r"line 1.*'elsewhere-0'"):
        train(mine / "own.toml", mine / "my.jsonl", tmp_path, channel=[f"llm={others}"])


def test_parts_without_dev_are_refused(tmp_path):
    with pytest.raises(DataError, match="parts without dev"):
        read_data(write(tmp_path / "my.jsonl", *conversations(3, MOODS, split="train")))
    with pytest.raises(DataError, match="with a 'label'"):
        read_data(write(tmp_path / "bare.jsonl", {"id": "d", "utterances": [{"speaker": "a", "text": "hi"}]}))
