"""Every data set in miniature: a few items in the layout in which it is published, enough for each part to hold some."""

import json
from pathlib import Path

SPLITS = ("train", "dev", "test")
MELD_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
MELD_ROW = '1,"{text}",{speaker},{emotion},neutral,{dialogue},{utterance},8,21,"00:16:16,059","00:16:21,731"'
PROSODY_HEADER = "filename,duration,avg_intensity,intensity_variation,avg_pitch,pitch_std,pitch_range,articulation_rate,mean_hnr"


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def touch(root: Path, *names: str) -> None:
    """Empty files: the loaders name sound, they never open it."""
    for name in names:
        write(root / name)


def meld_row(text="Hi.", speaker="Joey", emotion="joy", dialogue=0, utterance=0) -> str:
    return MELD_ROW.format(text=text, speaker=speaker, emotion=emotion, dialogue=dialogue, utterance=utterance)


def meld(root: Path) -> Path:
    for part in SPLITS:
        write(root / f"{part}_sent_emo.csv", MELD_HEADER, meld_row(), meld_row("Well, yes.", "Rachel", "neutral", utterance=1))
    return root


def emorynlp(root: Path) -> Path:
    for part in SPLITS:
        write(
            root / f"emorynlp_{part}_final.csv",
            "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time",
            "Coffee.,['Rachel'],Neutral,1,1,1,15,00:00:03.795,00:00:05.004",
        )
    return root


def emocontext(root: Path) -> Path:
    for part in SPLITS:
        write(root / f"{part}.txt", "id\tturn1\tturn2\tturn3\tlabel", '0\tHm\tWho are "you"?\tme :(\tsad', "1\tOk\tOk\tOk \tothers")
    return root


def goemotions(root: Path) -> Path:
    write(root / "original" / "labels.txt", "joy", "anger")
    for part in SPLITS:
        write(root / "original" / f"{part}.tsv", f"Great.\t0\t{part}1", f"Oh no.\t0,1\t{part}2")
    return root


def xed(root: Path) -> Path:
    write(root / "en-annotated.tsv", *(f"Line {i} .\t1, 5" for i in range(40)))
    write(root / "neu_en.txt", *(f"9\tNeutral {i}." for i in range(40)))
    return root


def emobank(root: Path) -> Path:
    write(root / "emobank.csv", "id,split,V,A,D,text", *(f"{part},{part},3.0,2.0,4.5,A text." for part in SPLITS))
    return root


def iemocap(root: Path) -> Path:
    for session in range(1, 6):
        name, folder = f"Ses0{session}F_impro01", root / f"Session{session}"
        write(
            folder / "dialog" / "EmoEvaluation" / f"{name}.txt",
            "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]",
            "",
            f"[6.2901 - 8.2357]\t{name}_F000\tneu\t[2.5000, 2.5000, 3.0000]",
            "C-E2:\tNeutral;\t()",
            f"[8.9000 - 12.1000]\t{name}_M000\tfru\t[2.0000, 3.5000, 3.0000]",
            f"[10.0000 - 11.4000]\t{name}_F001\texc\t[5.0000, 5.0000, 3.0000]",
        )
        write(
            folder / "dialog" / "transcriptions" / f"{name}.txt",
            f"{name}_F000 [006.2901-008.2357]: Excuse me.",
            "M: [BREATHING]",
            f"{name}_F001 [010.0000-011.4000]: Yeah.",
            f"{name}_M000 [008.9000-012.1000]: Do you have your forms?",
            f"{name}_MXX0 [012.3000-012.9000]: Mmhmm.",
        )
        touch(folder / "sentences" / "wav" / name, *(f"{name}_{turn}.wav" for turn in ("F000", "F001", "M000")), f"._{name}_F000.wav")
    return root


def msp_improv(root: Path) -> Path:
    lines = []
    for session in range(1, 7):
        for speaker, letter in ((f"F0{session}", "N"), (f"M0{session}", "X")):
            name = f"S01A-{speaker}-S-FM01"
            lines += [f"UTD-IMPROV-{name}.avi; {letter}; A:3.000000; V:3.500000; D:3.000000 ; N:4.000000;", "W1; Happy; ; A:3.0;"]
            touch(root, f"session{session}/S01A/S/MSP-IMPROV-{name}.wav")
    write(root / "Evalution.txt", *lines)
    write(root / "Human_transcriptions" / "All_human_transcriptions" / "MSP-IMPROV-S01A-F01-S-FM01.txt", "How can I", "not?")
    return root


def cmu_mosei(root: Path) -> Path:
    for part in SPLITS:
        write(
            root / "Raw" / "Transcript" / "Segmented" / "Combined" / f"{part}.txt",
            f"{part}___1___7.5___9.0___And then ___ well.",
            f"{part}___0___-0.4___7.5___I love it.",
            f"{part}___2___9.0___11.0___Nobody judged this.",
        )
    answers = ",".join(f"Answer.{e}" for e in ("anger", "disgust", "fear", "happiness", "sadness", "surprise"))
    judgements = [(part, "0", f"{part}{i}", answer) for part in SPLITS for i, answer in enumerate(("0,0,0,3,0,0", "0,0,0,0,1,0"))]
    judgements += [(f"folder/{part}", "1", f"{part}9", "0,0,0,0,0,0") for part in SPLITS]
    write(
        root / "Raw" / "Labels" / "batch.csv",
        f"AssignmentId,Input.VIDEO_ID,Input.CLIP,{answers}",
        *(f"{assignment},{video},{segment},{answer}" for video, segment, assignment, answer in judgements),
    )
    folds = {"standard_train_fold": ["train"], "standard_valid_fold": ["dev"], "standard_test_fold": ["test"]}
    write(root / "cmu_mosei_std_folds.py", *(f"{name}={videos}" for name, videos in folds.items()))
    touch(root / "Raw" / "Videos" / "Segmented" / "Combined", "train_0.mp4")
    return root


def ravdess(root: Path) -> Path:
    for actor in range(1, 25):
        touch(root / f"Actor_{actor:02}", *(f"03-01-{emotion:02}-01-01-01-{actor:02}.wav" for emotion in range(1, 9)))
    return root


def emobox(root: Path) -> Path:
    """The folder of lists, with RAVDESS beside it."""
    ravdess(root.parent / "ravdess")
    actors = [f"{actor:02}" for actor in range(1, 25)]
    for fold in range(6):
        test = actors[4 * fold : 4 * fold + 4]
        for part, chosen in (("test", test), ("train", [a for a in actors if a not in test])):
            keys = (json.dumps({"key": f"ravdess-03-01-05-01-01-01-{actor}"}) for actor in chosen)
            write(root / f"ravdess_{part}_fold_{fold + 1}.jsonl", *keys)
    return root


def crema_d(root: Path) -> Path:
    actors = range(1001, 1092)
    write(root / "VideoDemographics.csv", "ActorID,Age,Sex,Race,Ethnicity", *(f"{a},40,{('Male', 'Female')[a % 2]},x,y" for a in actors))
    touch(root / "AudioWAV", *(f"{a}_DFA_{emotion}_XX.wav" for a in actors for emotion in ("ANG", "NEU")), "1076_MTI_SAD_XX.wav")
    return root


def tess(root: Path) -> Path:
    touch(root / "YAF_pleasant_surprised", *(f"YAF_{word}_ps.wav" for word in ("back", "bar", "base", "bath", "bean", "beg", "bite")))
    touch(root / "OAF_angry", "OAF_back_angry.wav")
    touch(root / "OAF_neutral", "OA_bite_neutral.wav")
    return root


def emodb(root: Path) -> Path:
    touch(root / "wav", *(f"{a}a01{e}a.wav" for a in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16") for e in "FLN"))
    return root


def nemo(root: Path) -> Path:
    actors = ("EB0", "IC0", "KD0", "KS0", "MK0", "MP0", "SM0", "TP0", "WR0")
    rows = (f"{actor}_anger_1.wav\tanger\tTak.\ttak\t{actor}\tfemale\t27" for actor in actors)
    write(root / "data.tsv", "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage", *rows)
    touch(root / "audio", *(f"{actor}_anger_1.opus" for actor in actors))
    return root


def jsonl(root: Path) -> Path:
    for part in SPLITS:
        utterances = [{"speaker": "ana", "text": "Hello.", "label": "joy"}]
        write(root / f"{part}.jsonl", json.dumps({"id": part, "language": "en", "utterances": utterances}))
    return root


WRITERS = {
    write.__name__: write
    for write in (
        meld,
        emorynlp,
        emocontext,
        goemotions,
        xed,
        emobank,
        iemocap,
        msp_improv,
        cmu_mosei,
        ravdess,
        emobox,
        crema_d,
        tess,
        emodb,
        nemo,
        jsonl,
    )
}
"""Name of a data set → what writes it into a folder and returns the folder to load it from."""
