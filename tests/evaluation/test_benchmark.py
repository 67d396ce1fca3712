"""What is evaluated on: suites and own data, parts, folds, units and labels."""

from dataclasses import replace

import pytest

from convemo import registry
from convemo.errors import ConfigError, DataError
from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation.benchmark import Suite, fold_of_dialogues
from convemo.types import Dialogue, Speaker, Utterance

from .builders import LABELS, conversations, write


def talk(id, *speakers, **groups):
    utterances = tuple(Utterance(f"u{i}", who, label="joy") for i, who in enumerate(speakers))
    return Dialogue(id, utterances, tuple(Speaker(who) for who in dict.fromkeys(speakers)), groups=groups)


def test_own_data_without_parts_are_taken_whole(files):
    data = benchmarks.load(files["data"])
    assert (data.split, len(data.test), data.dev) == ("all", 24, ())


def test_own_data_with_parts_are_tested_on_test_and_fitted_on_dev(parted):
    data = benchmarks.load(parted["data"])
    assert data.split == "test" and len(data.test) == len(data.dev) == 12
    assert not {d.id for d in data.test} & {d.id for d in data.dev}


def test_folds_take_the_place_of_dev(parted):
    data = benchmarks.load(parted["data"], folds="fold")
    assert data.dev == () and set(data.folds.values()) == {"0", "1", "2"}


def test_a_part_that_is_not_there_is_refused(files, parted):
    with pytest.raises(ConfigError, match="a part among dev, test, all, found 'train'"):
        benchmarks.load(parted["data"], split="train")
    with pytest.raises(ConfigError, match="a part among all, found 'test'"):
        benchmarks.load(files["data"], split="test")


def test_labels_are_those_of_the_data_or_fewer(files):
    assert benchmarks.load(files["data"]).labels == LABELS
    fewer = benchmarks.load(files["data"], labels=["calm", "upset"])
    assert fewer.labels == ("calm", "upset")
    assert {u.label for d in fewer.test for u in d} == {None, "calm", "upset"}, "the others are history"
    with pytest.raises(ConfigError, match="labels among calm, pleased, upset, found glad"):
        benchmarks.load(files["data"], labels=["calm", "glad"])


def test_a_key_that_dialogues_lack_is_refused(files):
    with pytest.raises(ConfigError, match="'session' of every dialogue, found dialogue 'd0' with dialogue, speaker, fold"):
        benchmarks.load(files["data"], folds="session")
    with pytest.raises(ConfigError, match="'session' of every dialogue"):
        benchmarks.load(files["data"], unit="session")


def test_by_speaker_nobody_speaks_in_two_folds():
    dialogues = [talk("1", "ana", "ben"), talk("2", "ben", "cy"), talk("3", "dee", "ed"), talk("4", "ed")]
    folds = fold_of_dialogues(dialogues, "speaker")
    assert folds["1"] == folds["2"] != folds["3"] == folds["4"]
    with pytest.raises(ConfigError, match="at least two folds by 'speaker', found 1"):
        fold_of_dialogues(dialogues[:2], "speaker")


def test_many_values_of_a_key_are_dealt_into_ten_folds():
    folds = fold_of_dialogues([talk(str(i), "ana") for i in range(35)], "dialogue")
    assert len(set(folds.values())) == 10


def test_the_fingerprint_changes_with_the_words_and_not_with_the_place(files, tmp_path, records):
    again = benchmarks.load(write(tmp_path / "copy.jsonl", records))
    records[3]["utterances"][0]["text"] += "!"
    changed = benchmarks.load(write(tmp_path / "changed.jsonl", records))
    assert again.sha256 == benchmarks.load(files["data"]).sha256 != changed.sha256


def test_clips_that_are_filed_by_emotion_come_in_an_order_of_their_own(tmp_path):
    arrange = benchmarks._arrangement(["joy", "anger"], True)
    clips = replace(
        talk("d"), utterances=tuple(Utterance(str(i), "a", label="joy" if i < 20 else "anger") for i in range(40)), speakers=(Speaker("a"),)
    )
    order = [u.id for u in arrange(clips)]
    assert order != sorted(order, key=int) and sorted(order, key=int) == [u.id for u in clips]
    assert order == [u.id for u in arrange(clips)]


def test_every_suite_is_valid_and_names_a_known_data_set():
    assert set(benchmarks.suites()) >= {"meld", "emorynlp", "xed", "goemotions", "ravdess", "ravdess-emodb", "nemo-ravdess", "support"}
    for name in benchmarks.suites():
        suite, _, _ = benchmarks._suite(name, benchmarks.Path("/"))
        assert suite.data in registry.names("data")


def test_the_suite_that_comes_with_its_data_needs_no_folder():
    data = benchmarks.load("support")
    assert len(data.labels) == 7 and sum(map(len, data.test)) >= 200


def test_an_unknown_suite_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"a suite \(.*meld.*\), or a path ending in \.jsonl or \.toml, found 'melt'"):
        benchmarks.load("melt")


def test_a_suite_without_its_data_says_how_to_name_the_folder(tmp_path):
    with pytest.raises(DataError, match="--data or in CONVEMO_DATA"):
        benchmarks.load("meld", tmp_path / "none")


def test_a_suite_of_ones_own_is_checked(tmp_path):
    (tmp_path / "mine.toml").write_text('data = "jsonl"\nfolder = "talks.jsonl"\nunits = "dialogue"\n')
    with pytest.raises(ConfigError, match="units: Extra inputs are not permitted"):
        benchmarks.load(str(tmp_path / "mine.toml"), tmp_path)
    (tmp_path / "mine.toml").write_text('data = "jsonl"\nfolder = "talks.jsonl"\nunit = "fold"\n')
    write(tmp_path / "talks.jsonl", conversations())
    assert benchmarks.load(str(tmp_path / "mine.toml"), tmp_path).unit == "fold"
    assert Suite(data="meld").dev == "dev"


@pytest.mark.data
def test_meld_has_the_published_test_part(data_root):
    data = benchmarks.load("meld", data_root)
    assert (len(data.test), sum(map(len, data.test)), sum(map(len, data.dev))) == (280, 2610, 1109)
    assert len(data.train) == 1038


@pytest.mark.data
def test_every_actor_of_ravdess_is_tested_once_and_the_clips_are_shuffled(data_root):
    data = benchmarks.load("ravdess", data_root)
    assert len(data.test) == 24 and set(data.folds.values()) == set("123456")
    assert data.unit == "speaker" and not data.ordered
