"""``convemo convert`` as its user meets it."""

from pathlib import Path

import pytest

from convemo import cli
from convemo.commands import convert

FIXTURES = Path(__file__).parents[1] / "readers" / "fixtures"


def run(source, out, **options):
    return convert.run(str(source), str(out), **{"to": None, "format": None, "conversation": None, "force": False} | options)


def test_it_says_what_was_written_and_in_one_line_what_was_lost(tmp_path, capsys):
    assert run(FIXTURES / "genesys.json", tmp_path / "a.srt") == 0
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'a.srt'}: 3 utterances, read as genesys.\n"
    assert told.err == "SRT does not hold roles, word times, confidences, the language or conversation ids.\n"


def test_internal_notes_that_were_left_out_are_mentioned(tmp_path, capsys):
    run(FIXTURES / "zendesk.json", tmp_path / "a.json")
    assert "Note: 1 internal note is left out." in capsys.readouterr().err


def test_a_folder_of_files_is_counted(tmp_path, capsys):
    assert run(FIXTURES / "gong.json", tmp_path / "out", to="txt") == 0
    assert capsys.readouterr().out == f"2 files in {tmp_path / 'out'}: 2 conversations, 4 utterances, read as gong.\n"


def test_a_conversation_that_could_not_be_written_is_a_line_and_a_status(tmp_path, capsys):
    calls = tmp_path / "calls.csv"
    calls.write_text("call_id,text,start,end\nc1,Hi.,0,1\nc2,Ho.,,\n")
    assert run(calls, tmp_path / "out", to="srt") == 1
    assert "c2.srt: expected utterances with times" in capsys.readouterr().err


def test_an_error_is_one_line_and_no_traceback(tmp_path, capsys, monkeypatch):
    broken = tmp_path / "broken.json"
    broken.write_text('{"transcripts": [{"phrases": [{"participantPurpose": "external"}]}]}')
    monkeypatch.setattr("sys.argv", ["convemo", "convert", str(broken), str(tmp_path / "a.srt")])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    told = capsys.readouterr().err
    assert caught.value.code == 1 and told.count("\n") == 1 and "looks like Genesys Cloud" in told
