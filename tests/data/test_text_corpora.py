from collections import Counter

import pytest

from convemo.data import as_raw_asr, even_targets, split_by_hash, xed
from convemo.errors import DataError
from convemo.registry import find


def emory(path, *rows):
    header = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n"
    path.mkdir(exist_ok=True)
    (path / "emorynlp_dev_final.csv").write_text(header + "".join(row + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_scene_is_a_dialogue_and_its_dropped_emotions_stay_as_history(tmp_path):
    root = emory(
        tmp_path,
        "Cappuccino.,['Joey'],Joyful,1,2,1,15,00:00:07.590,00:00:08.757",
        "Coffee.,['Rachel'],Neutral,1,1,1,15,00:00:03.795,00:01:05.004",
        "\"Well, yes.\",\"['Monica', 'Phoebe']\",Powerful,1,3,1,15,00:00:09.000,00:00:10.000",
        "Hi.,['Ross'],Mad,1,1,2,15,00:00:09.000,00:00:10.000",
    )
    first, second = find("data", "emorynlp")(root, "dev")
    assert [u.text for u in first] == ["Coffee.", "Cappuccino.", "Well, yes."]
    assert [u.label for u in first] == ["neutral", "joy", None]
    assert [u.speaker for u in first] == ["Rachel", "Joey", "Monica & Phoebe"]
    assert (first[0].start, first[0].end) == (3.795, 65.004)
    assert first.id != second.id
    own = find("data", "emorynlp")(root, "dev", own_labels=True)
    assert [u.label for u in own[0]] == ["neutral", "joy", "powerful"]


def test_a_row_with_an_unknown_emotion_is_named(tmp_path):
    root = emory(tmp_path, "Hi.,['Ross'],Bored,1,1,2,15,00:00:09.000,00:00:10.000")
    with pytest.raises(DataError, match=r"emorynlp_dev_final\.csv, line 2: .*Bored"):
        find("data", "emorynlp")(root, "dev")


def test_a_subtitle_with_two_emotions_has_a_target_each_and_no_label(tmp_path):
    (tmp_path / "en-annotated.tsv").write_text("Oh , you !\t1, 5\r\nWe wait .\t2\r\n", encoding="utf-8")
    (tmp_path / "neu_en.txt").write_text("9\tI fold.\n\t\t\t\t\n9\tNothing\t\t\t\n", encoding="utf-8")
    examples = {e.text: e.targets for e in xed.examples(tmp_path)}
    assert examples == {"Oh , you !": {"anger": 0.5, "joy": 0.5}, "I fold.": {"neutral": 1.0}, "Nothing": {"neutral": 1.0}}
    assert [d[0].label for d in find("data", "xed")(tmp_path)] == [None, None, "neutral", "neutral"]


def test_labels_that_map_to_one_of_ours_make_one_label():
    assert even_targets(["joy", "joy", None]) == {"joy": 1.0}
    assert even_targets([None]) == {}


def test_twins_that_differ_in_punctuation_land_in_the_same_part():
    texts = [f"line {i}" for i in range(2000)]
    assert all(split_by_hash(t) == split_by_hash(t.upper() + " !") for t in texts)
    counts = Counter(map(split_by_hash, texts))
    assert counts["train"] > 1500
    assert min(counts["dev"], counts["test"]) > 150


@pytest.mark.parametrize(
    ("written", "raw"),
    [("Don't!", "don't"), ("'Tis  42 %...", "tis 42"), ("Café-bar?", "café bar"), ("?!", ""), ("it’s", "it’s"), ("a_b", "a b")],
)
def test_raw_asr_text_has_no_case_and_no_punctuation(written, raw):
    assert as_raw_asr(written) == raw


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "sizes"),
    [("emorynlp", (7551, 954, 984)), ("goemotions", (43410, 5426, 5427)), ("emobank", (8062, 1000, 1000)), ("xed", None)],
)
def test_the_real_corpora_have_their_published_sizes(data_root, name, sizes):
    load = find("data", name)
    found = {split: sum(map(len, load(data_root / name, split))) for split in ("train", "dev", "test")}
    if sizes:
        assert tuple(found.values()) == sizes
    else:  # 17,528 annotated lines and 9,674 neutral ones (one line of the file is blank), parts by hash
        assert sum(found.values()) == 17_528 + 9_674


@pytest.mark.data
def test_no_text_of_xed_is_in_two_parts(data_root):
    parts = [{as_raw_asr(d[0].text) for d in find("data", "xed")(data_root / "xed", split)} for split in ("train", "dev", "test")]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


@pytest.mark.data
def test_emobank_dimensions_are_scaled_to_one(data_root):
    values = [d[0].dimensions["valence"] for d in find("data", "emobank")(data_root / "emobank", "dev")]
    assert -1 <= min(values) < -0.5
    assert 0.5 < max(values) <= 1
