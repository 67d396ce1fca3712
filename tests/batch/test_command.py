"""``convemo batch`` as its user meets it."""

import pytest
from typer.testing import CliRunner

from convemo.cli import app


def run(*arguments):
    return CliRunner().invoke(app, ["batch", *map(str, arguments)])


@pytest.fixture
def calls(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.txt").write_text("Ana: Thank you so much, that is wonderful!\n")
    return tmp_path / "in"


def test_a_folder_in_results_out_and_the_same_command_again(calls, tmp_path):
    first = run(calls, "--out", tmp_path / "out", "--workers", 1, "--offline", "--channels", "text")
    assert first.exit_code == 0 and "1 done now, 0 before, 0 failed; 1 calls, 1 utterances" in first.stdout
    again = run(calls, "--out", tmp_path / "out", "--workers", 1, "--offline", "--channels", "text")
    assert again.exit_code == 0 and "0 done now, 1 before, 0 failed" in again.stdout


def test_failures_are_a_line_each_and_the_status_says_that_there_were_some(calls, tmp_path):
    (calls / "bad.vtt").write_text("WEBVTT\n\nno cue\n")
    result = run(calls, calls / "gone.wav", "--out", tmp_path / "out", "--workers", 1, "--offline", "--channels", "text")
    assert result.exit_code == 1 and "1 done now, 0 before, 1 failed" in result.stdout
    failed = [line for line in result.stderr.splitlines() if "failed:" in line]
    assert len(failed) == 1 and "bad.vtt" in failed[0] and "--retry-failed" in result.stdout


def test_a_dry_run_lists_and_writes_nothing(calls, tmp_path):
    result = run(calls, "--out", tmp_path / "out", "--dry-run", "--offline")
    assert result.exit_code == 0 and "new        good" in result.stdout and not (tmp_path / "out").exists()


def test_code_is_not_run_by_a_name_on_the_command_line(calls, tmp_path):
    result = run(calls, "--out", tmp_path / "out", "--redact", "os:system")
    assert result.exit_code == 1 and "registered redactors" in str(result.exception)


def test_alerts_of_rules_of_ones_own_can_be_asked_for(calls, tmp_path):
    (tmp_path / "rules.toml").write_text('[[alert]]\nname = "glad"\nemotions = ["joy"]\nat_least = 0.5\nutterances = 1\n')
    out = tmp_path / "out"
    assert run(calls, "--out", out, "--alerts", tmp_path / "rules.toml", "--workers", 1, "--offline", "--channels", "text").exit_code == 0
    asked = CliRunner().invoke(app, ["query", "SELECT call, rule, utterances FROM alerts", str(out), "--format", "csv"])
    assert asked.stdout == "call,rule,utterances\ngood,glad,u1\n"
