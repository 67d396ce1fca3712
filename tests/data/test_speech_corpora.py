"""RAVDESS, nEMO and EmoBox's folds, as they lie on disk."""

from collections import Counter

import pytest

from convemo.data import emobox, nemo, ravdess
from convemo.errors import DataError

CORPORA = {"ravdess": (ravdess.load, 24, 1440), "nemo": (nemo.load, 9, 4481)}


@pytest.mark.data
@pytest.mark.parametrize("name", CORPORA)
def test_one_dialogue_an_actor_and_no_clip_lost(data_root, name):
    load, actors, clips = CORPORA[name]
    dialogues = load(data_root / name)
    assert len(dialogues) == actors
    assert sum(map(len, dialogues)) == clips
    assert all(utterance.label and utterance.audio for dialogue in dialogues for utterance in dialogue)
    assert all({u.speaker for u in dialogue} == {dialogue.speakers[0].id} for dialogue in dialogues)


@pytest.mark.data
@pytest.mark.parametrize("name", CORPORA)
def test_the_parts_share_no_actor_and_lose_none(data_root, name):
    load, _, _ = CORPORA[name]
    parts = {split: {d.id for d in load(data_root / name, split)} for split in ("train", "dev", "test")}
    assert set.union(*parts.values()) == {d.id for d in load(data_root / name)}
    assert sum(map(len, parts.values())) == len(set.union(*parts.values()))
    assert all(parts.values())


@pytest.mark.data
def test_calm_is_neutral_and_every_actor_shows_each_other_label_eight_times(data_root):
    for dialogue in ravdess.load(data_root / "ravdess"):
        counts = Counter(utterance.label for utterance in dialogue)
        assert counts.pop("neutral") == 12
        assert set(counts.values()) == {8} and len(counts) == 6


@pytest.mark.data
@pytest.mark.parametrize("fold", emobox.FOLDS)
def test_each_fold_of_emobox_tests_four_actors_whom_it_does_not_train_on(data_root, fold):
    parts = {split: {d.id for d in emobox.load(data_root / "emobox", fold, split)} for split in ("train", "dev", "test")}
    assert [len(parts[split]) for split in ("train", "dev", "test")] == [16, 4, 4]
    assert len(set.union(*parts.values())) == 24


@pytest.mark.data
def test_the_shipped_model_is_tested_on_the_actors_of_emoboxs_first_fold(data_root):
    for split in ("train", "dev", "test"):
        published = emobox.load(data_root / "emobox", 1, split)
        assert [d.id for d in published] == [d.id for d in ravdess.load(data_root / "ravdess", split)]


@pytest.mark.parametrize("load", [ravdess.load, nemo.load, emobox.load])
def test_a_missing_corpus_is_one_clear_error(tmp_path, load):
    with pytest.raises(DataError, match=str(tmp_path)):
        load(tmp_path)


@pytest.mark.parametrize("load", [ravdess.load, nemo.load])
def test_an_unknown_part_is_refused(tmp_path, load):
    with pytest.raises(ValueError, match="training"):
        load(tmp_path, "training")


def test_a_name_that_is_not_of_ravdess_is_pointed_at(tmp_path):
    (tmp_path / "Actor_01").mkdir()
    (tmp_path / "Actor_01" / "angry.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"angry\.wav"):
        ravdess.load(tmp_path)


def nemo_table(root, row, header="file_id\temotion\traw_text\tspeaker_id"):
    (root / "data.tsv").write_text(f"{header}\n{row}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("file_id\temotion\traw_text\tspeaker_id", "A_anger_1.wav\tangry\tTak.\tA", "line 2.*'angry'"),
        ("file_id\temotion\traw_text\tspeaker_id", "A_anger_1.wav\tanger\tTak.\tA", "line 2.*A_anger_1"),
        ("file\temotion\traw_text\tspeaker_id", "A_anger_1.wav\tanger\tTak.\tA", "line 1.*file_id"),
    ],
)
def test_what_is_wrong_with_a_table_is_named_with_its_line(tmp_path, header, row, says):
    nemo_table(tmp_path, row, header)
    with pytest.raises(DataError, match=says):
        nemo.load(tmp_path)
