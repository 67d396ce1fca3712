"""Slices: who, how long, and whether the emotion has just changed."""

import numpy as np

from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation.slices import MIN_UTTERANCES, slices, values_of
from convemo.types import Dialogue, LabelSet, Speaker, Utterance


def talk(*said, **extra):
    utterances = tuple(Utterance(f"u{i}", who, text, label=label) for i, (who, label, text) in enumerate(said))
    return Dialogue("d", utterances, (Speaker("ana"), Speaker("ben")), **extra)


def sliced(dialogue, **settings):
    found = slices(benchmarks.Benchmark("made up", LabelSet(["joy", "anger"]), (dialogue,), **settings))
    return {kind: values.tolist() for kind, values in found.items()}


SAID = talk(
    ("ana", "joy", "Yes!"),
    ("ben", "anger", "I would rather not do that again."),
    ("ana", None, "Oh."),
    ("ana", "anger", "word " * 20),
    ("ben", "anger", None),
    genders={"ana": "female"},
    groups={"room": "1"},
)


def test_a_shift_is_against_the_same_speakers_labelled_utterance_before():
    assert sliced(SAID)["shift"] == ["first", "first", "shift", "same"]


def test_length_counts_words_and_is_unknown_without_them():
    assert sliced(SAID)["length"] == ["1-3 words", "4-7 words", "16 words or more", ""]


def test_gender_is_what_the_data_state_or_nothing():
    assert "gender" not in sliced(SAID), "one known gender tells nothing apart"
    both = talk(("ana", "joy", "a"), ("ben", "joy", "b"), genders={"ana": "female", "ben": "male"})
    assert sliced(both)["gender"] == ["female", "male"]


def test_where_the_order_means_nothing_there_is_no_shift():
    assert "shift" not in sliced(SAID, ordered=False)


def test_a_field_of_the_dialogues_is_a_slice_unless_folds_are_made_of_it():
    dialogues = tuple(
        Dialogue(str(i), (Utterance("u", "ana", "a", label="joy"),), (Speaker("ana"),), groups={"room": str(i % 2)}) for i in range(4)
    )
    data = benchmarks.Benchmark("made up", LabelSet(["joy"]), dialogues)
    assert slices(data)["room"].tolist() == ["0", "1", "0", "1"]
    assert "room" not in slices(benchmarks.Benchmark("made up", LabelSet(["joy"]), dialogues, fold_key="room"))


def test_too_few_utterances_are_no_slice():
    kind = np.array(["a"] * MIN_UTTERANCES + ["b"] * (MIN_UTTERANCES - 1) + [""], dtype=object)
    assert [value for value, _ in values_of(kind, np.ones(len(kind), bool))] == ["a"]
