import json

import pytest

from convemo import cli
from convemo.commands import analyze
from convemo.results import Analysis
from tests.report.builders import call

RULES = '[[alert]]\nname = "upset"\nemotions = ["anger"]\nat_least = 0.6\nutterances = 1\nroles = ["customer"]\n'


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`convemo analyze` with an analyzer that needs no model."""
    (tmp_path / "call.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\n<v Ben>No!\n")
    (tmp_path / "rules.toml").write_text(RULES)
    monkeypatch.setattr(analyze.Analyzer, "analyze", lambda self, file, *_, **__: call(angry=(0.1, 0.9)))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr("sys.argv", ["convemo", "analyze", "call.vtt", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr()

    return run


def test_alerts_are_shown_and_kept_with_the_results(run, tmp_path):
    status, said = run("--alerts", "rules.toml", "--out", "results")
    assert status == 0
    assert "Alert: upset: Ben (customer), 0:03 to 0:05" in said.out
    (alert,) = Analysis.load(tmp_path / "results" / "call.json").alerts()
    assert (alert.rule, alert.utterances) == ("upset", ("u1",))


def test_json_has_them_too(run):
    _, said = run("--alerts", "rules.toml", "--json")
    assert any(note.startswith("Alert: upset") for note in json.loads(said.out)["notes"])


def test_wrong_rules_stop_before_anything_is_analysed(run, tmp_path):
    (tmp_path / "rules.toml").write_text(RULES.replace("0.6", "6"))
    status, said = run("--alerts", "rules.toml", "--out", "results")
    assert status == 1
    assert "alert 1, at_least" in said.err
