"""What eval/data/README.md says of the support conversations."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from convemo.data import jsonl
from convemo.types import LABELS

FOLDER = Path(__file__).parents[2] / "eval" / "data"
STOCK_PHRASE_WORDS = 5
"""Shorter turns ("Yes, that one, please.") are said in any two conversations."""


@pytest.fixture(scope="module")
def suite():
    return jsonl.load(FOLDER / "support.jsonl", "test")


@pytest.fixture(scope="module")
def training():
    return jsonl.load(FOLDER / "support_train.jsonl", "train") + jsonl.load(FOLDER / "support_train.jsonl", "dev")


def test_the_suite_has_enough_of_every_label(suite):
    counts = Counter(u.label for dialogue in suite for u in dialogue)
    assert len(suite) >= 24
    assert sum(counts.values()) >= 240
    assert set(counts) == set(LABELS)
    assert min(counts.values()) >= 12


def test_there_is_enough_to_learn_from_and_to_select_on(training):
    assert len(training) >= 60
    assert sum(map(len, training)) >= 700
    dev = jsonl.load(FOLDER / "support_train.jsonl", "dev")
    assert {u.label for dialogue in dev for u in dialogue} == set(LABELS)


def test_every_speaker_is_an_agent_or_a_customer(suite, training):
    assert {speaker.role for dialogue in suite + training for speaker in dialogue.speakers} == {"agent", "customer"}


def test_nothing_of_the_suite_stands_in_the_training_set(suite, training):
    ours, theirs = ([u.text for dialogue in part for u in dialogue] for part in (suite, training))
    runs = {run for text in theirs for run in sequences(text, 6)}
    assert not [text for text in ours if sequences(text, 6) & runs]
    triples = [sequences(text, 3) for text in theirs if len(words(text)) >= STOCK_PHRASE_WORDS]
    for text in ours:
        if len(words(text)) >= STOCK_PHRASE_WORDS:
            own = sequences(text, 3)
            assert max(len(own & other) / len(own | other) for other in triples) < 1 / 3, text


def test_every_difference_between_the_two_passes_was_decided_and_says_why(suite):
    labels = {u.id: u.label for dialogue in suite for u in dialogue}
    with open(FOLDER / "support_annotations.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["utterance"]: row["label"] for row in rows} == labels
    assert all(row["label"] in (row["first"], row["second"]) for row in rows)
    assert all(bool(row["why"]) == (row["first"] != row["second"]) for row in rows)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower().replace("’", "'"))


def sequences(text: str, length: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}
