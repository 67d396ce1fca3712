"""The command line as its user meets it: in a process of its own."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from convemo.cli.settings import OPTIONS
from convemo.commands.analyze import _Names
from convemo.config import AnalyzerConfig

EXAMPLES = Path(__file__).parents[1] / "examples"
CALL, TRANSCRIPT = str(EXAMPLES / "support_call.flac"), str(EXAMPLES / "support_call.vtt")


def convemo(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CONVEMO_DATA": "", "COLUMNS": "140"}
    command = [sys.executable, "-m", "convemo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, env=environment)


def test_the_help_names_every_command():
    done = convemo("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("analyze", "models", "doctor", "train"))


def test_options_of_an_analysis_are_told_alike_for_one_and_for_many():
    def shared(command: str) -> str:
        lines = convemo(command, "--help").stdout.splitlines()
        first, last = (next(n for n, line in enumerate(lines) if line.startswith(f"  --{name}")) for name in ("asr", "offline"))
        return "\n".join(lines[first : last + 1])

    assert shared("analyze") == shared("batch") and shared("analyze").count("\n  --") == len(OPTIONS) - 1


def test_options_of_an_analysis_are_settings_of_it():
    assert set(OPTIONS) - {"config"} <= set(AnalyzerConfig.model_fields)


def test_a_call_is_shown_and_written(tmp_path):
    done = convemo("analyze", CALL, "--transcript", TRANSCRIPT, "--offline", "--out", str(tmp_path), "--format", "json,csv,TextGrid")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Customer Tom" in done.stdout and "anger" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["support_call.TextGrid", "support_call.csv", "support_call.json"]


def test_json_is_one_object_a_conversation_and_nothing_else(tmp_path):
    chats = tmp_path / "chats.csv"
    chats.write_text("conversation_id,speaker,text\nc1,Ana,Hello there.\nc2,Ben,I am furious about this!\n")
    done = convemo("analyze", str(chats), TRANSCRIPT, "--json", "--offline")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert [row["id"] for row in rows] == ["chats.c1", "chats.c2", "support_call"]
    assert rows[1]["utterances"][0]["label"] == "anger"


def test_a_translation_by_an_engine_that_has_none_is_one_line():
    done = convemo("analyze", CALL, "--asr", "faster-whisper:small.en", "--translate", "--offline")
    assert done.returncode == 1 and "not trained to translate" in done.stderr and "Traceback" not in done.stderr


def test_roles_and_policy_come_from_options():
    done = convemo("analyze", TRANSCRIPT, "--role", "Agent Maya=customer", "--policy", "exclude:customer", "--json")
    row = json.loads(done.stdout)
    assert {s["role"] for s in row["speakers"]} == {"customer"}
    assert all(u["label"] is None for u in row["utterances"])


def test_a_form_that_cannot_be_written_keeps_no_other_back(tmp_path):
    chat = tmp_path / "chat.txt"
    chat.write_text("Ana: Hello there.\nBen: This is awful!\n")
    done = convemo("analyze", str(chat), "--out", str(tmp_path / "out"), "--format", "vtt,json")
    assert done.returncode == 1 and "needs" in done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["chat.json"]


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_analysed(tmp_path):
    (tmp_path / "file").write_text("")
    done = convemo("analyze", TRANSCRIPT, "--out", str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (1, "") and "a file of that name" in done.stderr


def test_one_bad_file_is_one_line_and_stops_nothing(tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    done = convemo("analyze", str(bad), TRANSCRIPT, "--json")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"convemo: {bad}: expected")
    assert len(done.stdout.splitlines()) == 1


def test_what_was_given_is_never_overwritten(tmp_path):
    chat = tmp_path / "chat.json"
    chat.write_text('[{"speaker": "Ana", "text": "Hello."}]')
    done = convemo("analyze", str(chat), "--out", str(tmp_path))
    assert done.returncode == 1 and "not in its place" in done.stderr
    assert chat.read_text() == '[{"speaker": "Ana", "text": "Hello."}]'


def test_no_two_results_share_a_name():
    names = _Names()
    assert [names.unique(id) for id in ("call", "Call", "call-2", "../call", "…")] == ["call", "Call-2", "call-2-2", "_call", "_"]


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is POSIX")
def test_on_a_terminal_no_bar_is_left_where_the_result_stands():
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "convemo", "analyze", TRANSCRIPT, "--offline"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm", "COLUMNS": "140"}) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(ours, 65_536):
                shown += part
    os.close(ours)
    before, _, after = shown.partition(b"support_call: ")
    assert process.returncode == 0 and "text" in before.decode() and "\x1b[2K" in before.decode()
    assert "\x1b[2K" not in after.decode() and "\x1b[1A" not in after.decode()  # nothing erases a line of the table


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are Unicode there")
def test_a_name_that_is_no_text_can_be_analysed_and_shown(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.vtt"
    with open(path, "wb") as file:
        file.write(Path(TRANSCRIPT).read_bytes())
    command = [sys.executable, "-m", "convemo", "analyze", "--offline", "--channels", "text", path]
    for encoding, form in (("utf-8", []), ("utf-8", ["--json"]), ("ascii", ["--json"])):
        shown = subprocess.run([*command, *form], capture_output=True, env=os.environ | {"PYTHONIOENCODING": f"{encoding}:strict"})
        assert shown.returncode == 0 and shown.stderr == b""
        assert not form or json.loads(shown.stdout)["id"] == "\udcff"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("analyze", "x.wav", "y.wav", "--transcript", "t.vtt"), "one recording with --transcript"),
        (("analyze", TRANSCRIPT, "--format", "docx", "--out", "."), "'docx'"),
        (("analyze", TRANSCRIPT, "--format", "csv"), "--out DIR with --format"),
        (("analyze", TRANSCRIPT, "--channels", "fused"), "nothing to fuse"),
        (("analyze", TRANSCRIPT, "--role", "agent"), "WHO=ROLE"),
        (("analyze", CALL, "--asr", "whispr"), "faster-whisper, openai-whisper"),
        (("analyze", "no-such-file.wav"), "no such file"),
        (("models", "path", "none"), "one of acoustic"),
        (("train", "text", "--data", "no-such-folder"), "no such folder"),
    ],
)
def test_a_wrong_option_is_one_line_without_a_traceback(tmp_path, arguments, message):
    done = convemo(*arguments, cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_models_are_listed_with_their_licences_and_places():
    rows = [json.loads(line) for line in convemo("models", "list", "--json").stdout.splitlines()]
    assert {row["name"]: row["permissive"] for row in rows} == {
        "acoustic": False,
        "fusion": False,
        "fusion_text": True,
        "speaker": True,
        "text": True,
    }
    assert (Path(convemo("models", "path", "text").stdout.strip()) / "CARD.md").is_file()


def test_the_doctor_mends_what_is_missing():
    findings = [json.loads(line) for line in convemo("doctor", "--json").stdout.splitlines()]
    assert {"faster-whisper", "channels", "embedded", "pyannote"} <= {f["name"] for f in findings}
    assert all(f["usable"] or f["mend"] for f in findings)


def test_the_transcript_never_reaches_the_error_stream():
    assert "ridiculous" not in convemo("analyze", TRANSCRIPT, "--json").stderr


def test_voices_are_described_when_asked_for():
    done = convemo("analyze", CALL, "--transcript", TRANSCRIPT, "--describe", "--channels", "text", "--offline", "--json")
    first = json.loads(done.stdout)["utterances"][0]
    assert first["voice"]["f0_mean_hz"] > 0 and first["voice_deviation"]["f0_mean_hz"] is None
