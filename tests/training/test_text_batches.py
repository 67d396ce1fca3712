import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from convemo.data import TextExample
from convemo.text.reading import Reading, TokenReader
from convemo.training.text_batches import Collator, cut_batches, draw_mixture, rarity, units_of
from convemo.training.text_config import Corpus, TextConfig
from convemo.training.text_data import Turn, label_set, read_turns, thin, to_arrays

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "you", "ana", "ben", ":", "hello", "no", "why", "a", "!", "?"]


class Tokenizer:
    """One token a word; `TokenReader` needs no more of a tokenizer."""

    def no_padding(self): ...

    def no_truncation(self): ...

    def encode(self, text, add_special_tokens=True):
        for sign in ":!?":
            text = text.replace(sign, f" {sign} ")
        ids = [WORDS.index(word) for word in text.lower().split()]
        return type("Encoding", (), {"ids": [2, *ids, 3] if add_special_tokens else ids})

    def encode_batch_fast(self, texts, add_special_tokens=True):
        return [self.encode(text, add_special_tokens) for text in texts]


def reader(**settings):
    return TokenReader(Tokenizer(), Reading(**settings))


def words(ids):
    return " ".join(WORDS[i] for i in ids)


def turns(*said):
    return [Turn(TextExample(text, {label: 1.0} if label else {}), ["ana", "ben"].index(who), who) for who, text, label in said]


SCENE = turns(("ana", "Hello!", "joy"), ("ben", "No!", "anger"), ("ana", "Why?", None), ("ben", "No", "neutral"))


def collator(read, scenes=(SCENE,), **settings):
    examples = to_arrays(scenes, read, ("neutral", "joy", "anger"), where=None)
    return Collator(examples, read, TextConfig(**settings), mask_id=4)


def test_a_cross_encoder_reads_the_last_turns_and_is_told_who_spoke_and_which_one_counts():
    read = reader(context="cross-encoder", turns=2)
    (group,) = collator(read).evaluation([np.array([3])], raw=False).groups
    assert words(group.ids[0]) == "[CLS] i : no ! [SEP] you : why ? [SEP] i : no [SEP]"
    assert words(group.ids[0][group.target[0] == 1]) == "i : no [SEP]"


def test_names_stand_before_words_where_they_are_read():
    read = reader(context="cross-encoder", turns=1, names=True)
    (group,) = collator(read).evaluation([np.array([1])], raw=True).groups
    assert words(group.ids[0]) == "[CLS] ana : hello [SEP] ben : no [SEP]"
    read = reader(names=True)
    (group,) = collator(read).evaluation([np.array([1])], raw=False).groups
    assert words(group.ids[0]) == "[CLS] ben : no ! [SEP]"


def test_what_there_is_no_room_for_is_the_oldest():
    read = reader(context="cross-encoder", turns=3, max_tokens=11)
    (group,) = collator(read).evaluation([np.array([3])], raw=False).groups
    assert words(group.ids[0]) == "[CLS] you : why ? [SEP] i : no [SEP]"


def test_a_long_text_is_read_in_windows_that_leave_nothing_out():
    read = reader(max_tokens=6)
    said = read.tokens("hello no why hello no why hello no why")
    assert [words(window) for window in read.alone(said, np.zeros(0, dtype=int))] == [
        "[CLS] hello no why hello [SEP]", "[CLS] no why hello no [SEP]", "[CLS] why [SEP]"
    ]  # fmt: skip
    read = reader(context="cross-encoder", turns=1, max_tokens=8)
    windows = read.in_context(said, np.zeros(0, dtype=int), [(read.tokens("no"), np.zeros(0, dtype=int), False)])
    assert words(windows[0][0]) == "[CLS] i : hello no [SEP]"
    assert sum(int(mask.sum()) - 3 for _, mask in windows) == len(said)
    assert all(len(ids) <= 8 for ids, _ in windows)


def test_a_text_of_which_nothing_is_left_when_raw_is_read_as_written():
    scene = turns(("ana", "?!", "anger"), ("ben", "No!", None))
    examples = to_arrays([scene], reader(), ("anger",), where=None)
    assert [words(ids) for ids in examples.raw_ids] == ["? !", "no"]


def test_a_dialogue_is_drawn_whole_and_single_utterances_only_if_they_teach():
    examples = to_arrays([SCENE, turns(("ana", "Why?", None))], reader(), ("neutral", "joy", "anger"), where=None)
    assert [rows.tolist() for rows in units_of(examples, together=True)] == [[0, 1, 2, 3]]
    assert [rows.tolist() for rows in units_of(examples, together=False)] == [[0], [1], [3]]


def test_a_batch_of_dialogues_says_where_each_utterance_stands():
    read = reader(context="dialogue", turns=8)
    batch = collator(read, (SCENE, turns(("ben", "Hello", "joy")))).evaluation([np.arange(4), np.array([4])], raw=False)
    assert batch.place.tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0]]
    rows = np.concatenate([group.rows for group in batch.groups])
    assert sorted(rows) == list(range(5))
    at_three = next(group.ids[list(group.rows).index(3)] for group in batch.groups if 3 in group.rows)
    assert words(at_three[at_three > 0]) == "[CLS] no [SEP]"


def test_words_and_turns_are_dropped_in_training_only():
    read = reader(context="cross-encoder", turns=3)
    made = collator(read, word_dropout=0.9, history_dropout=0.9)
    rng = np.random.default_rng(0)
    seen = [words(made.training([np.array([3])], rng).groups[0].ids[0]) for _ in range(30)]
    assert any("[MASK]" in text for text in seen) and min(map(len, seen)) < 25
    assert "[MASK]" not in words(made.evaluation([np.array([3])], raw=False).groups[0].ids[0])


def test_a_corpus_is_gone_through_as_often_as_asked():
    drawn = draw_mixture([4, 10], [2.5, 0.3], np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=14)
    assert counts[:4].sum() == 10 and set(counts[:4]) == {2, 3}
    assert counts[4:].sum() == 3 and counts[4:].max() == 1


def test_rare_labels_are_drawn_more_often_when_oversampled():
    scenes = [turns(("ana", "No", "neutral"))] * 9 + [turns(("ana", "No", "joy"))]
    examples = to_arrays(scenes, reader(), ("neutral", "joy"), where=None)
    units = units_of(examples, together=False)
    weights = rarity(examples.targets, units, 1.0)
    assert weights.mean() == pytest.approx(1)
    assert weights[-1] == pytest.approx(9 * weights[0])
    counts = np.bincount(draw_mixture([10], [10], np.random.default_rng(0), [weights]))
    assert counts.sum() == 100 and counts[-1] == pytest.approx(50, abs=1)


def test_batches_hold_every_unit_once_and_like_lengths_together():
    rng = np.random.default_rng(0)
    lengths, sizes = rng.integers(2, 60, 1000), np.ones(1000, dtype=int)
    batches = cut_batches(rng.permutation(1000), lengths, sizes, 16, rng)
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    assert max(map(len, batches)) == 16
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.1 * lengths.sum()


def test_batches_of_dialogues_are_full_by_their_utterances():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 20, 300)
    batches = cut_batches(rng.permutation(300), sizes * 3, sizes, 48, rng)
    assert sorted(np.concatenate(batches).tolist()) == list(range(300))
    assert max(sizes[batch].sum() for batch in batches) < 48 + 20


def test_labels_are_those_of_the_data_ours_first():
    scenes = [turns(("ana", "No", "boredom"), ("ben", "No", "joy"), ("ana", "No", "awe"), ("ana", "No", "neutral"))]
    assert label_set(scenes, Path()) == ("neutral", "joy", "awe", "boredom")


def test_thinning_keeps_whole_dialogues_spread_over_all():
    scenes = [turns(*[("ana", "No", "joy")] * 4) for _ in range(50)]
    kept = thin(scenes, 40)
    assert len(kept) == 10 and kept[0] is scenes[0] and kept[-1] is scenes[-1]
    assert thin(scenes, 1000) == scenes


def test_what_another_corpus_tests_on_can_be_left_out_of_training(tmp_path):
    shared = "Well I never heard of that"

    def write(name, split, texts):
        (tmp_path / name).mkdir(exist_ok=True)
        scenes = [
            {"id": f"{split}{i}", "utterances": [{"speaker": "a", "text": t, "label": "joy"} for t in ts]} for i, ts in enumerate(texts)
        ]
        (tmp_path / name / f"{split}.jsonl").write_text("\n".join(map(json.dumps, scenes)))

    write("ours", "train", [["Hello", "Oh no"], ["Oh no", shared.upper() + "!"]])
    write("jsonl", "dev", [["Hello"]])
    write("jsonl", "test", [[shared, "Oh no"]])
    settings = TextConfig(corpora={"ours": Corpus(format="jsonl", without="jsonl")})
    assert [[t.example.text for t in scene] for scene in read_turns(settings, tmp_path, "ours", "train")] == [["Hello", "Oh no"]]
