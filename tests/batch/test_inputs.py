"""What is found, what belongs together, and what it is called."""

import pytest

from convemo import ConvemoError
from convemo.batch.inputs import Input, Inputs, safe_name
from convemo.batch.manifest import is_manifest, read_manifest


def made(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Ana: Hello.\n")
    return folder


def found(*given, leave_out="/nowhere"):
    return [
        (one.name, one.audio and one.audio.rsplit("/", 1)[1], one.transcript and one.transcript.rsplit("/", 1)[1])
        for one in Inputs(given, leave_out)
    ]


def test_a_recording_and_the_transcript_beside_it_are_one_call(tmp_path):
    made(tmp_path, "a.wav", "a.vtt", "b.mp3", "c.txt")
    assert found(tmp_path) == [("a", "a.wav", "a.vtt"), ("b", "b.mp3", None), ("c", None, "c.txt")]


def test_a_transcript_may_bear_the_whole_name_of_its_recording(tmp_path):
    made(tmp_path, "a.wav", "a.wav.json")
    assert found(tmp_path) == [("a", "a.wav", "a.wav.json")]


def test_of_several_transcripts_the_one_with_times_is_taken_and_that_is_told(tmp_path):
    inputs = Inputs([made(tmp_path, "a.wav", "a.txt", "a.vtt")], "/nowhere")
    assert [one.transcript[-5:] for one in inputs] == ["a.vtt"] and "2 transcripts; a.vtt is taken" in inputs.notes[0]


def test_folders_are_walked_in_order_and_names_say_where_a_call_lies(tmp_path):
    made(tmp_path, "team b/1.txt", "team a/2.txt", ".hidden/3.txt", "team a/.4.txt")
    assert [name for name, *_ in found(tmp_path)] == ["team a/2", "team b/1"]


def test_the_results_are_no_input(tmp_path):
    made(tmp_path, "1.txt", "results/calls.csv")
    assert [name for name, *_ in found(tmp_path, leave_out=tmp_path / "results")] == ["1"]


def test_other_files_in_a_folder_are_counted_but_a_file_given_by_name_is_tried(tmp_path):
    made(tmp_path, "1.txt", "notes.docx", "talk.transcript")
    inputs = Inputs([tmp_path], "/nowhere")
    assert len(list(inputs)) == 1 and dict(inputs.skipped) == {".docx": 1, ".transcript": 1}
    assert found(tmp_path / "talk.transcript") == [("talk", None, "talk.transcript")]


def test_globs_are_files_and_one_that_matches_nothing_is_a_problem(tmp_path):
    made(tmp_path, "1.txt", "2.txt", "x.vtt")
    assert [name for name, *_ in found(f"{tmp_path}/*.txt")] == ["1", "2"]
    inputs = Inputs([f"{tmp_path}/*.wav"], "/nowhere")
    assert list(inputs) == [] and len(inputs.problems) == 1


def test_a_file_given_twice_is_one_input(tmp_path):
    made(tmp_path, "1.txt")
    assert len(found(tmp_path, tmp_path / "1.txt", f"{tmp_path}/*.txt")) == 1


def test_names_are_harmless_paths():
    assert safe_name("/etc/passwd") == "etc/passwd" and safe_name("a/../../b") == "a/b" and safe_name("?:*") == "___"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", "audio,transcript,roles,team\na.wav,a.vtt,channel:0=agent; Ana=customer,Blue\nsub/b.wav,,,\n"),
        ("list.csv", "audio;transcript;roles;team\na.wav;a.vtt;channel:0=agent, Ana=customer;Blue\nsub/b.wav;;;\n"),
        (
            "list.jsonl",
            '{"audio": "a.wav", "transcript": "a.vtt", "roles": {"channel:0": "agent", "Ana": "customer"}, "team": "Blue"}\n'
            '{"audio": "sub/b.wav", "team": null}\n',
        ),
    ],
)
def test_a_manifest_names_files_roles_and_carries_columns_through(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert is_manifest(str(tmp_path / name))
    first, second = Inputs([tmp_path / name], "/nowhere")
    assert first == Input(
        "a", str(tmp_path / "a.wav"), str(tmp_path / "a.vtt"), None, {"channel:0": "agent", "Ana": "customer"}, {"team": "Blue"}
    )
    assert (second.name, second.audio, second.metadata) == ("sub/b", str(tmp_path / "sub" / "b.wav"), {"team": None})


def test_a_manifest_may_name_calls_and_one_conversation_of_a_file(tmp_path):
    (tmp_path / "list.csv").write_text("id,transcript,conversation\nA 17,chats.csv,c2\n")
    (one,) = Inputs([tmp_path / "list.csv"], "/nowhere")
    assert (one.name, one.conversation) == ("A 17", "c2")


def test_a_transcript_table_is_no_manifest(tmp_path):
    (tmp_path / "chat.csv").write_text("speaker,transcript\nAna,See you at example.com\n")
    assert not is_manifest(str(tmp_path / "chat.csv"))


@pytest.mark.parametrize(
    ("content", "told"),
    [("audio,roles\na.wav,Ana=boss\n", "line 2: expected roles"), ("audio,x\na.wav,1\n,2\n", "line 3: expected a file under audio")],
)
def test_a_broken_manifest_says_which_line(tmp_path, content, told):
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(ConvemoError, match=told):
        list(read_manifest(str(tmp_path / "list.csv")))
