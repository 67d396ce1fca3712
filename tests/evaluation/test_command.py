"""``convemo eval`` as its user meets it: exit codes, messages, files."""

import json
import os
import re
import subprocess
import sys

import pytest

from convemo.commands import eval as command
from convemo.evaluation.write import load

from .builders import answers, conversations, write


def convemo(*arguments, cwd=None):
    environment = os.environ | {"CONVEMO_DATA": "", "COLUMNS": "140"}
    done = subprocess.run(
        [sys.executable, "-m", "convemo", "eval", *arguments], capture_output=True, text=True, timeout=120, cwd=cwd, env=environment
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """One run, with an LLM's answers on disk."""
    folder, records = tmp_path_factory.mktemp("run"), conversations()
    write(folder / "talks.jsonl", records)
    write(folder / "answers.jsonl", answers(records, 1.5, seed=1))
    write(folder / "voice.jsonl", answers(records, 0.8, seed=2))
    done = convemo(
        *("talks.jsonl", "--channel", "llm=answers.jsonl", "--channel", "voice=voice.jsonl", "--folds", "fold"),
        *("--resamples", "50", "--out", "results"),
        cwd=folder,
    )
    return folder, done


def test_one_command_tells_whether_fusing_helps(evaluated):
    _, done = evaluated
    assert done.returncode == 0
    assert "talks: 216 utterances of 24 dialogues, 3 labels" in done.stdout
    assert re.search(r"fused against llm: .*weighted F1 \+\d+\.\d \[.*\] better", done.stdout.replace("\n", " "))
    assert "text is left out" in done.stdout


def test_four_files_are_written_and_no_others(evaluated):
    folder, _ = evaluated
    assert sorted(p.name for p in (folder / "results").iterdir()) == ["predictions.jsonl", "report.html", "results.json", "table.md"]


def test_results_read_back(evaluated):
    folder, _ = evaluated
    results = load(folder / "results")
    assert results == json.loads((folder / "results" / "results.json").read_text())
    assert results["command"] == (
        "convemo eval talks.jsonl --channel llm=answers.jsonl --channel voice=voice.jsonl --folds fold --resamples 50"
    )
    lines = (folder / "results" / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == results["data"]["labelled"] and set(json.loads(lines[0])) == {
        "dialogue",
        "utterance",
        "unit",
        "label",
        "slices",
        "systems",
    }


def test_the_table_has_every_system_and_every_metric(evaluated):
    folder, _ = evaluated
    table = (folder / "results" / "table.md").read_text()
    assert "|  | llm | voice | llm+history | fused |" in table
    assert all(name in table for name in ("weighted F1", "UAR", "NLL", "classwise ECE", "AURC", "set coverage", "convemo eval talks.jsonl"))
    assert "| ECE % of a perfectly calibrated system |" in table and "| set coverage % | occurs | llm | voice |" in table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.jsonl"], "none.jsonl: expected"),
        (["melt"], "a suite ("),
        (["talks.jsonl", "--channel", "answers.jsonl"], "expected NAME=SPEC with --channel"),
        (["talks.jsonl", "--channel", "fused=answers.jsonl"], "another name than 'fused'"),
        (["talks.jsonl", "--channel", "llm=gone.jsonl"], "gone.jsonl: expected a file of predictions"),
        (["talks.jsonl", "--channels", "text"], "channel 'text' to choose among calm, pleased, upset"),
        (["talks.jsonl", "--channels", "llm", "--channel", "llm=answers.jsonl", "--folds", "day"], "'day' of every dialogue"),
        (["talks.jsonl", "--channels", "llm", "--channel", "llm=answers.jsonl", "--seeds", "a"], "whole numbers with --seeds"),
        (["talks.jsonl", "--text", "shouted"], "for --text"),
        (["talks.jsonl", "--missing", "smell", "--channels", "llm", "--channel", "llm=answers.jsonl"], "channels among llm for --missing"),
        (["talks.jsonl", "--out", "talks.jsonl"], "a file of that name"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_status_1(evaluated, arguments, message, monkeypatch, capsys):
    from convemo.cli import main

    monkeypatch.chdir(evaluated[0])
    monkeypatch.setattr(sys, "argv", ["convemo", "eval", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    told = capsys.readouterr().err
    assert stopped.value.code == 1 and told.startswith("convemo: ") and message in told and told.count("\n") == 1


def test_the_command_is_told_without_what_differs_between_machines(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["convemo", "eval", "meld", "--data", "/home/me/data", "--out=/tmp/x", "--text", "raw"])
    assert command.command_line() == "convemo eval meld --text raw"


def test_the_help_needs_nothing_heavy():
    code = "import sys; import convemo.cli; print([m for m in ('numpy', 'torch', 'pydantic', 'onnxruntime') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
