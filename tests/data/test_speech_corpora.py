"""Corpora of clips, and EmoBox's folds."""

from collections import Counter

import pytest

from convemo.data import crema_d, emobox, emodb, msp_improv, nemo, ravdess, tess
from convemo.errors import DataError
from tests.data import miniatures
from tests.data.miniatures import touch

CORPORA = {"ravdess": (ravdess.load, 24, 1440), "nemo": (nemo.load, 9, 4481), "emodb": (emodb.load, 10, 535)}


@pytest.mark.data
@pytest.mark.parametrize("name", CORPORA)
def test_one_dialogue_an_actor_and_no_clip_lost(data_root, name):
    load, actors, clips = CORPORA[name]
    dialogues = load(data_root / name)
    assert len(dialogues) == actors
    assert sum(map(len, dialogues)) == clips
    assert all(utterance.text and utterance.audio for dialogue in dialogues for utterance in dialogue)
    assert all(dialogue.genders for dialogue in dialogues)
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
    parts = {split: {d.id for d in emobox.load(data_root / "emobox", split, fold=fold)} for split in ("train", "dev", "test")}
    assert [len(parts[split]) for split in ("train", "dev", "test")] == [16, 4, 4]
    assert len(set.union(*parts.values())) == 24


def test_emobox_files_each_actor_under_the_fold_that_tests_on_them(tmp_path):
    root = miniatures.emobox(tmp_path / "emobox")
    for fold in emobox.FOLDS:
        assert {d.groups["fold"] for d in emobox.load(root, "test", fold=fold)} == {str(fold)}


def test_an_actor_whom_no_fold_tests_on_is_an_error(tmp_path):
    root = miniatures.emobox(tmp_path / "emobox")
    (root / "ravdess_test_fold_6.jsonl").write_text((root / "ravdess_test_fold_5.jsonl").read_text())
    with pytest.raises(DataError, match="actor 21 in none"):
        emobox.load(root)


def test_there_is_no_seventh_fold(tmp_path):
    with pytest.raises(ValueError, match="fold must be 1 to 6; got 7"):
        emobox.load(tmp_path, fold=7)


@pytest.mark.data
def test_the_shipped_model_is_tested_on_the_actors_of_emoboxs_first_fold(data_root):
    for split in ("train", "dev", "test"):
        published = emobox.load(data_root / "emobox", split, fold=1)
        assert [d.id for d in published] == [d.id for d in ravdess.load(data_root / "ravdess", split)]


def nemo_table(root, row, header="file_id\temotion\traw_text\tspeaker_id\tgender"):
    (root / "data.tsv").write_text(f"{header}\n{row}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("file_id\temotion\traw_text\tspeaker_id\tgender", "A_anger_1.wav\tangry\tTak.\tA\tmale", "line 2.*'angry'"),
        ("file_id\temotion\traw_text\tspeaker_id\tgender", "A_anger_1.wav\tanger\tTak.\tA\tmale", "line 2.*A_anger_1"),
        ("file\temotion\traw_text\tspeaker_id\tgender", "A_anger_1.wav\tanger\tTak.\tA\tmale", "line 1.*file_id"),
    ],
)
def test_what_is_wrong_with_a_table_is_named_with_its_line(tmp_path, header, row, says):
    nemo_table(tmp_path, row, header)
    with pytest.raises(DataError, match=says):
        nemo.load(tmp_path)


@pytest.mark.data
def test_emodb_shows_every_label_in_every_part_and_boredom_in_none(data_root):
    for split in ("train", "dev", "test"):
        labels = Counter(u.label for d in emodb.load(data_root / "emodb", split) for u in d)
        assert labels.pop(None) > 0
        assert labels.keys() == {"neutral", "joy", "sadness", "anger", "fear", "disgust"}


@pytest.mark.parametrize(
    ("load", "clip"),
    [
        (ravdess.load, "Actor_01/angry.wav"),
        (ravdess.load, "Actor_01/03-01-09-02-01-01-01.wav"),
        (emodb.load, "wav/03a01Xa.wav"),
        (emodb.load, "wav/03a03Fa.wav"),
        (emodb.load, "wav/04a01Fa.wav"),
        (tess.load, "OAF_back_bored.wav"),
        (tess.load, "OAF_back.wav"),
        (crema_d.load, "AudioWAV/1001_DFA_SUR_XX.wav"),
        (crema_d.load, "AudioWAV/2001_DFA_ANG_XX.wav"),
        (crema_d.load, "AudioWAV/a.wav"),
    ],
)
def test_a_name_of_another_form_is_pointed_at_not_guessed(tmp_path, load, clip):
    miniatures.write(tmp_path / "VideoDemographics.csv", "ActorID,Age,Sex,Race,Ethnicity")
    touch(tmp_path, clip)
    with pytest.raises(DataError, match=clip.rpartition("/")[2].replace(".", r"\.")):
        load(tmp_path)


def test_what_macos_leaves_in_archives_is_no_clip(tmp_path):
    touch(miniatures.emodb(tmp_path), "wav/._03a01Fa.wav", "erkennung.txt")
    assert sum(map(len, emodb.load(tmp_path))) == 30


def test_emodb_may_lie_in_the_folder_itself_in_any_format(tmp_path):
    touch(tmp_path, "16b10Wb.opus")
    (dialogue,) = emodb.load(tmp_path)
    assert (dialogue[0].label, dialogue.language, dialogue.genders) == ("anger", "de", {"emodb-16": "female"})
    assert dialogue[0].text == "Die wird auf dem Platz sein, wo wir sie immer hinlegen."


def test_crema_d_leaves_out_the_clip_that_holds_no_sound_and_reads_the_one_that_is_misnamed(tmp_path):
    touch(miniatures.crema_d(tmp_path), "AudioWAV/1040_ITH_SAD_X.wav")
    utterances = {u.id: u for d in crema_d.load(tmp_path) for u in d}
    assert "crema-d-1076_MTI_SAD_XX" not in utterances
    assert utterances["crema-d-1040_ITH_SAD_X"].label == "sadness"
    assert utterances["crema-d-1040_ITH_SAD_X"].text == "I think I have a doctor's appointment."


def test_crema_d_takes_the_sex_from_its_table_and_asks_for_it(tmp_path):
    root = miniatures.crema_d(tmp_path)
    assert {d.id: d.genders for d in crema_d.load(root)}["crema-d-1001"] == {"crema-d-1001": "female"}
    (root / "VideoDemographics.csv").unlink()
    with pytest.raises(DataError, match=r"VideoDemographics\.csv.*Get it from"):
        crema_d.load(root)


def test_the_91_actors_of_crema_d_are_54_19_and_18(tmp_path):
    root = miniatures.crema_d(tmp_path)
    assert [len(crema_d.load(root, split)) for split in ("train", "dev", "test")] == [54, 19, 18]


def test_tess_tests_on_the_older_actress_and_her_misnamed_clip_is_hers(tmp_path):
    (dialogue,) = tess.load(miniatures.tess(tmp_path), "test")
    assert dialogue.id == "tess-OAF"
    assert {(u.text, u.label) for u in dialogue} == {("Say the word back.", "anger"), ("Say the word bite.", "neutral")}


def test_tess_chooses_on_words_that_it_does_not_train_on(tmp_path):
    train, dev = ({u.text for d in tess.load(miniatures.tess(tmp_path), split) for u in d} for split in ("train", "dev"))
    assert train and dev and not train & dev


def test_msp_improv_takes_the_majority_and_what_was_said(tmp_path):
    dialogues = {d.id: d for d in msp_improv.load(miniatures.msp_improv(tmp_path))}
    assert len(dialogues) == 12
    woman, man = dialogues["msp-improv-F01"], dialogues["msp-improv-M01"]
    assert (woman[0].label, man[0].label) == ("neutral", None)
    assert (woman[0].text, man[0].text) == ("How can I not?", None)
    assert woman.genders == {"msp-improv-F01": "female"}


def test_msp_improv_may_be_spelled_right_and_lie_below_audio(tmp_path):
    root = miniatures.msp_improv(tmp_path)
    (root / "Evalution.txt").rename(root / "Evaluation.txt")
    (root / "Audio").mkdir()
    for session in sorted(root.glob("session*")):
        session.rename(root / "Audio" / session.name)
    assert len(msp_improv.load(root)) == 12


@pytest.mark.parametrize("line", ["UTD-IMPROV-S01A-F09-S-FM01.avi; N; A:3.0;", "UTD-IMPROV-S01A-F01-S-FM01.avi; B; A:3.0;"])
def test_an_unknown_speaker_or_letter_of_msp_improv_is_an_error(tmp_path, line):
    miniatures.msp_improv(tmp_path)
    miniatures.write(tmp_path / "Evalution.txt", line)
    with pytest.raises(DataError, match=r"Evalution\.txt, line 1"):
        msp_improv.load(tmp_path)


def test_a_labelled_clip_that_is_not_there_is_an_error(tmp_path):
    root = miniatures.msp_improv(tmp_path)
    (root / "session3/S01A/S/MSP-IMPROV-S01A-M03-S-FM01.wav").unlink()
    with pytest.raises(DataError, match="a clip MSP-IMPROV-S01A-M03-S-FM01"):
        msp_improv.load(root)
