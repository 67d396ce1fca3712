"""MELD, EmoContext, IEMOCAP and CMU-MOSEI: who says what, when, and what becomes of it."""

from collections import Counter

import pytest

from convemo.data import cmu_mosei, emocontext, iemocap, meld
from convemo.data.mappings import EMOCONTEXT_4, IEMOCAP_4, IEMOCAP_6
from convemo.errors import DataError
from tests.data import miniatures
from tests.data.miniatures import MELD_HEADER, PROSODY_HEADER, meld_row, touch, write


def test_meld_is_read_by_dialogue_in_order_with_times_in_the_episode(tmp_path):
    rows = (meld_row("Second.", "Ross", "anger", utterance=1), meld_row("First."), meld_row("Another.", dialogue=7))
    write(tmp_path / "dev_sent_emo.csv", MELD_HEADER, *rows)
    first, second = meld.load(tmp_path, "dev")
    assert [(u.id, u.speaker, u.text, u.label) for u in first] == [
        ("meld-dev-dia0_utt0", "Joey", "First.", "joy"),
        ("meld-dev-dia0_utt1", "Ross", "Second.", "anger"),
    ]
    assert (first[0].start, first[0].end) == (976.059, 981.731)
    assert first.groups == {"episode": "s08e21"}
    assert second.id == "meld-dev-dia7"


@pytest.mark.parametrize("published", ["I\x92m fine\x85", "Iâ€™m fineâ€¦", "I’m fine…"])
def test_quotes_of_meld_are_quotes_whatever_they_went_through(tmp_path, published):
    write(tmp_path / "dev_sent_emo.csv", MELD_HEADER, meld_row(published, speaker="Ross\xa0"))
    ((utterance,),) = meld.load(tmp_path, "dev")
    assert (utterance.text, utterance.speaker) == ("I’m fine…", "Ross")


def test_prosody_joins_the_row_of_its_own_part_and_what_is_missing_is_absent(tmp_path):
    root = miniatures.meld(tmp_path)
    write(
        root / "dev_prosody.csv",
        PROSODY_HEADER,
        "dia0_utt1.wav,2.0,60.5,5.0,,0.0,0.0,,3.5",
        "dia0_utt0.wav,1.0,62.0,6.0,181.2,40.0,99.0,4.5,2.5",
        "dia49_utt4.wav,1.0,62.0,6.0,181.2,40.0,99.0,4.5,2.5",
    )
    ((voiced, unvoiced),) = meld.load(root, "dev")
    assert voiced.features == {
        "duration_s": 1.0,
        "intensity_mean_db": 62.0,
        "intensity_std_db": 6.0,
        "f0_mean_hz": 181.2,
        "f0_std_hz": 40.0,
        "f0_range_hz": 99.0,
        "syllables_per_s": 4.5,
        "hnr_mean_db": 2.5,
    }
    assert unvoiced.features == {"duration_s": 2.0, "intensity_mean_db": 60.5, "intensity_std_db": 5.0, "hnr_mean_db": 3.5}
    assert all(u.features is None for d in meld.load(root, "train") for u in d)


def test_the_corrected_clip_of_meld_counts(tmp_path):
    root = miniatures.meld(tmp_path)
    touch(root / "output_repeated_splits_test", "dia0_utt0.mp4", "dia0_utt1.mp4", "final_videos_testdia0_utt1.mp4", "._dia0_utt0.mp4")
    ((first, second),) = meld.load(root, "test")
    assert first.audio.endswith("/dia0_utt0.mp4")
    assert second.audio.endswith("/final_videos_testdia0_utt1.mp4")


def test_a_clip_that_the_archive_lacks_is_no_error_any_other_is(tmp_path):
    write(tmp_path / "dev_sent_emo.csv", MELD_HEADER, *(meld_row(dialogue=110, utterance=u) for u in (6, 7)))
    touch(tmp_path / "dev_splits_complete", "dia110_utt6.mp4")
    ((there, lacking),) = meld.load(tmp_path, "dev")
    assert there.audio and lacking.audio is None
    write(tmp_path / "dev_sent_emo.csv", MELD_HEADER, *(meld_row(dialogue=110, utterance=u) for u in (6, 8)))
    with pytest.raises(DataError, match=r"clips of all utterances of dev, found 1 without, e\.g\. meld-dev-dia110_utt8"):
        meld.load(tmp_path, "dev")


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        (MELD_HEADER, meld_row(emotion="bored"), "line 2: .*'bored'"),
        (MELD_HEADER, meld_row().replace("00:16:16,059", "noon"), "line 2: .*noon"),
        (MELD_HEADER, "1,Hi.,Joey", "line 2: expected 11 cells"),
        (MELD_HEADER.replace("Speaker", "Who"), meld_row(), "line 1: .*no Speaker"),
    ],
)
def test_what_is_wrong_with_meld_is_named_with_its_line(tmp_path, header, row, says):
    write(tmp_path / "dev_sent_emo.csv", header, row)
    with pytest.raises(DataError, match=rf"dev_sent_emo\.csv, {says}"):
        meld.load(tmp_path, "dev")


@pytest.mark.parametrize("row", ["clip.wav,1,1,1,1,1,1,1,1", "dia0_utt0.wav,1,1,1,high,1,1,1,1"])
def test_what_is_wrong_with_prosody_is_named_with_its_line(tmp_path, row):
    write(miniatures.meld(tmp_path) / "dev_prosody.csv", PROSODY_HEADER, row)
    with pytest.raises(DataError, match=r"dev_prosody\.csv, line 2"):
        meld.load(tmp_path, "dev")


@pytest.mark.data
def test_meld_has_its_published_size_and_labels(data_root):
    parts = {split: meld.load(data_root / "meld", split) for split in ("train", "dev", "test")}
    assert [sum(map(len, dialogues)) for dialogues in parts.values()] == [9_989, 1_109, 2_610]
    assert [len(dialogues) for dialogues in parts.values()] == [1_038, 114, 280]
    assert Counter(u.label for d in parts["test"] for u in d) == {
        "neutral": 1256,
        "joy": 402,
        "anger": 345,
        "surprise": 281,
        "sadness": 208,
        "disgust": 68,
        "fear": 50,
    }


@pytest.mark.data
def test_every_utterance_of_meld_has_its_prosody_but_the_two_without_a_clip(data_root):
    utterances = [u for d in meld.load(data_root / "meld") for u in d]
    assert [u.id for u in utterances if u.features is None] == ["meld-train-dia125_utt3", "meld-dev-dia110_utt7"]
    lacking = Counter(name for u in utterances if u.features for name in meld.PROSODY.values() if name not in u.features)
    assert lacking == {"syllables_per_s": 529, "f0_mean_hz": 115, "f0_std_hz": 115, "f0_range_hz": 115}


def test_the_last_turn_of_a_chat_carries_its_label_and_quotes_are_characters(tmp_path):
    root = miniatures.emocontext(tmp_path)
    sad, other = emocontext.load(root, "train")
    assert [(u.speaker, u.text, u.label) for u in sad] == [
        ("user", "Hm", None),
        ("bot", 'Who are "you"?', None),
        ("user", "me :(", "sadness"),
    ]
    assert other[2].label is None
    assert emocontext.load(root, "train", mapping=EMOCONTEXT_4)[1][2].label == "others"


def test_the_dev_part_of_emocontext_goes_by_two_names(tmp_path):
    root = miniatures.emocontext(tmp_path)
    (root / "dev.txt").rename(root / "valid.txt")
    assert [d.id for d in emocontext.load(root, "dev")] == ["emocontext-dev-0", "emocontext-dev-1"]


def test_emocontext_without_labels_is_an_error(tmp_path):
    write(tmp_path / "test.txt", "id\tturn1\tturn2\tturn3", "0\ta\tb\tc")
    with pytest.raises(DataError, match=r"test\.txt, line 1: .*no label.*with labels"):
        emocontext.load(tmp_path, "test")


@pytest.mark.data
def test_emocontext_has_its_published_size(data_root):
    assert [len(emocontext.load(data_root / "emocontext", split)) for split in ("train", "dev", "test")] == [30_160, 2_755, 5_509]
    labels = Counter(d[2].label for d in emocontext.load(data_root / "emocontext", "test", mapping=EMOCONTEXT_4))
    assert labels == {"others": 4677, "anger": 298, "joy": 284, "sadness": 250}


def test_iemocap_puts_both_actors_turns_in_order_of_time(tmp_path):
    dialogue = iemocap.load(miniatures.iemocap(tmp_path))[0]
    assert dialogue.id == "Ses01F_impro01"
    assert [(u.id[15:], u.speaker, u.text, u.start, u.label) for u in dialogue] == [
        ("F000", "Ses01F", "Excuse me.", 6.2901, "neutral"),
        ("M000", "Ses01M", "Do you have your forms?", 8.9, None),
        ("F001", "Ses01F", "Yeah.", 10.0, "joy"),
        ("MXX0", "Ses01M", "Mmhmm.", 12.3, None),
    ]
    assert dialogue.genders == {"Ses01F": "female", "Ses01M": "male"}
    assert dialogue.groups == {"session": "Ses01", "kind": "impro"}
    assert dialogue[0].dimensions == {"valence": -0.25, "arousal": -0.25, "dominance": 0.0}
    assert dialogue[0].audio.endswith("/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav")
    assert dialogue[3].audio is dialogue[3].dimensions is None


def test_a_mean_of_iemocap_outside_its_scale_counts_as_the_end_of_the_scale(tmp_path):
    miniatures.iemocap(tmp_path)
    judged = "[6.2901 - 8.2357]\tSes01F_impro01_F000\thap\t[5.5000, 3.0000, 0.5000]"
    write(tmp_path / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt", judged)
    assert iemocap.load(tmp_path)[0][0].dimensions == {"valence": 1.0, "arousal": 0.0, "dominance": -1.0}


@pytest.mark.parametrize(("session", "dev"), [(5, "Ses04"), (1, "Ses05")])
def test_iemocap_leaves_one_session_out_and_chooses_on_the_one_before(tmp_path, session, dev):
    root = miniatures.iemocap(tmp_path)
    parts = {split: {d.groups["session"] for d in iemocap.load(root, split, test_session=session)} for split in ("train", "dev", "test")}
    assert parts["test"] == {f"Ses0{session}"}
    assert parts["dev"] == {dev}
    assert len(parts["train"]) == 3


def test_there_is_no_sixth_session(tmp_path):
    with pytest.raises(ValueError, match="test_session must be 1 to 5; got 6"):
        iemocap.load(tmp_path, test_session=6)


@pytest.mark.parametrize(
    ("mapping", "labels"), [(IEMOCAP_4, ["neutral", None, "joy", None]), (IEMOCAP_6, ["neutral", "frustration", "excitement", None])]
)
def test_iemocap_speaks_the_labels_of_the_literature_when_asked(tmp_path, mapping, labels):
    dialogue = iemocap.load(miniatures.iemocap(tmp_path), mapping=mapping)[0]
    assert [u.label for u in dialogue] == labels


@pytest.mark.parametrize(
    "line", ["[6.2901 - 8.2357] Ses01F_impro01_F000 neu [2.5, 2.5, 3.0]", "[6.2 - 8.2]\tSes01F_impro01_F000\tbor\t[2.5, 2.5, 3.0]"]
)
def test_a_judgement_of_another_form_is_named_with_its_line(tmp_path, line):
    miniatures.iemocap(tmp_path)
    write(tmp_path / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro01.txt", "", line)
    with pytest.raises(DataError, match=r"Ses01F_impro01\.txt, line 2"):
        iemocap.load(tmp_path)


def test_a_session_that_is_missing_is_named(tmp_path):
    root = miniatures.iemocap(tmp_path)
    (root / "Session3" / "dialog" / "EmoEvaluation" / "Ses03F_impro01.txt").unlink()
    with pytest.raises(DataError, match=r"Session3.dialog.EmoEvaluation: expected a file of judgements"):
        iemocap.load(root)


def test_a_segment_of_mosei_is_labelled_by_its_strongest_emotion(tmp_path):
    (dialogue,) = cmu_mosei.load(miniatures.cmu_mosei(tmp_path), "train")
    assert [(u.id, u.text, u.start, u.label) for u in dialogue] == [
        ("cmu-mosei-train_0", "I love it.", 0.0, "joy"),
        ("cmu-mosei-train_1", "And then ___ well.", 7.5, "neutral"),
        ("cmu-mosei-train_2", "Nobody judged this.", 9.0, None),
    ]
    assert dialogue[0].audio.endswith("/Videos/Segmented/Combined/train_0.mp4")
    assert dialogue[1].audio is None


def test_an_assignment_in_two_tables_counts_once(tmp_path):
    root = miniatures.cmu_mosei(tmp_path)
    lines = (root / "Raw" / "Labels" / "batch.csv").read_text().splitlines()
    doubled = "train1,train,0,0,0,0,0,3,0"  # a judge of whom there is a sadness of 1 already: joy 3 against sadness 3 is a tie
    write(root / "Raw" / "Labels" / "later.csv", lines[0], doubled)
    (dialogue,) = cmu_mosei.load(root, "train")
    assert dialogue[0].label is None
    write(root / "Raw" / "Labels" / "later.csv", lines[0], *lines[1:])
    assert cmu_mosei.load(root, "train")[0][0].label == "joy"


def test_mosei_in_parts_needs_the_published_folds_and_as_a_whole_does_not(tmp_path):
    root = miniatures.cmu_mosei(tmp_path)
    (root / "cmu_mosei_std_folds.py").unlink()
    assert len(cmu_mosei.load(root / "Raw")) == 3
    with pytest.raises(DataError, match=r"cmu_mosei_std_folds\.py.*CMU-MultimodalSDK"):
        cmu_mosei.load(root, "test")


@pytest.mark.parametrize(
    "folds", ["import os", "standard_train_fold = [", "standard_train_fold = __import__('os').listdir()", "standard_train_fold = 3"]
)
def test_folds_are_read_never_run(tmp_path, folds):
    root = miniatures.cmu_mosei(tmp_path)
    write(root / "cmu_mosei_std_folds.py", folds)
    with pytest.raises(DataError, match=r"cmu_mosei_std_folds\.py: expected"):
        cmu_mosei.load(root, "test")


def test_a_segment_or_a_judgement_of_another_form_is_named_with_its_line(tmp_path):
    root = miniatures.cmu_mosei(tmp_path)
    table = root / "Raw" / "Labels" / "batch.csv"
    write(table, table.read_text().splitlines()[0], "a1,train,0,0,0,0,much,0,0")
    with pytest.raises(DataError, match=r"batch\.csv, line 2"):
        cmu_mosei.load(root)
    miniatures.cmu_mosei(tmp_path)
    write(root / "Raw" / "Transcript" / "Segmented" / "Combined" / "train.txt", "train___0___soon___7.5___I love it.")
    with pytest.raises(DataError, match=r"train\.txt, line 1"):
        cmu_mosei.load(root)
