"""What a batch does, by an analyzer without engines (`tests.batch.trivial`), in this process."""

import json
import sqlite3
from importlib.resources import files

import pyarrow.parquet as pq
import pytest

from convemo import Analysis, AnalyzerConfig, ConfigError, ResultError
from convemo.batch import Batch, run, tables
from convemo.batch.cache import StageCache
from convemo.batch.identity import models_of
from convemo.batch.inline import InlineEngine
from convemo.batch.inputs import Input
from tests.batch.trivial import LOG, NAME, write_calls


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The names of all calls that were analysed, in order."""
    path = tmp_path / "log.txt"
    monkeypatch.setenv(LOG, str(path))
    return lambda: path.read_text().split("\n")[:-1] if path.exists() else []


def batch(*inputs, out, retry_failed=False, reporter=None, **settings):
    return Batch(inputs, out, workers=InlineEngine(), analyzer=NAME, **settings).run(reporter, retry_failed)


def rows(out, table="utterances"):
    return [row for path in sorted((out / table).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_every_call_is_in_both_tables_and_whole_on_its_own(tmp_path):
    summary = batch(write_calls(tmp_path / "in", 3), out=tmp_path / "out")
    assert summary.ok and (summary.done, summary.calls, summary.utterances) == (3, 3, 12)
    assert [row["call"] for row in rows(tmp_path / "out", "calls")] == ["call000", "call001", "call002"]
    first = [row for row in rows(tmp_path / "out") if row["call"] == "call000"]
    analysis = Analysis.load(tmp_path / "out" / "analyses" / "call000.json")
    assert [row["text"] for row in first] == [u.text for u in analysis]
    assert [row["label"] for row in first] == [u.label for u in analysis] == ["neutral", "anger", "neutral", "neutral"]
    assert first[1]["p_anger"] == first[1]["text_p_anger"] == pytest.approx(0.8, abs=1e-4)
    assert first[1]["role"] == "customer" and first[1]["confidence"] == pytest.approx(0.8, abs=1e-4)


def test_the_second_run_does_nothing(tmp_path, log):
    write_calls(tmp_path / "in", 3)
    batch(tmp_path / "in", out=tmp_path / "out")
    summary = batch(tmp_path / "in", out=tmp_path / "out")
    assert (summary.done, summary.before, summary.all_calls) == (0, 3, 3) and len(log()) == 3


def test_what_is_new_is_added(tmp_path, log):
    write_calls(tmp_path / "in", 3)
    batch(tmp_path / "in", out=tmp_path / "out")
    write_calls(tmp_path / "in", 5)
    assert batch(tmp_path / "in", out=tmp_path / "out").done == 2
    assert sorted(row["call"] for row in rows(tmp_path / "out", "calls")) == [f"call00{n}" for n in range(5)] and len(log()) == 5


def test_a_file_that_was_only_touched_is_not_done_again(tmp_path, log):
    write_calls(tmp_path / "in", 2)
    batch(tmp_path / "in", out=tmp_path / "out")
    write_calls(tmp_path / "in", 2)
    assert batch(tmp_path / "in", out=tmp_path / "out").before == 2 and len(log()) == 2


def test_a_file_that_was_changed_takes_the_place_of_what_it_was(tmp_path):
    write_calls(tmp_path / "in", 2)
    batch(tmp_path / "in", out=tmp_path / "out")
    (tmp_path / "in" / "call001.txt").write_text("Ana: Quite another call!\n")
    assert batch(tmp_path / "in", out=tmp_path / "out").done == 1
    assert [r["text"] for r in rows(tmp_path / "out") if r["call"] == "call001"] == ["Quite another call!"]
    assert len(rows(tmp_path / "out", "calls")) == 2


def test_two_files_of_one_content_are_one_call(tmp_path, log):
    write_calls(tmp_path / "in", 1)
    (tmp_path / "in" / "copy.txt").write_text((tmp_path / "in" / "call000.txt").read_text())
    summary = batch(tmp_path / "in", out=tmp_path / "out")
    assert (summary.done, summary.duplicates) == (1, 1) and len(log()) == 1


def test_of_two_files_of_one_content_the_other_stays_when_one_is_changed(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text("Ana: The same.\n")
    batch(tmp_path / "a.txt", tmp_path / "b.txt", out=tmp_path / "out")
    (tmp_path / "a.txt").write_text("Ana: Another.\n")
    summary = batch(tmp_path / "a.txt", tmp_path / "b.txt", out=tmp_path / "out")
    assert summary.ok and not summary.left
    assert sorted(row["text"] for row in rows(tmp_path / "out")) == ["Another.", "The same."]


def test_a_prompt_of_another_content_is_another_setting(tmp_path):
    prompt = tmp_path / "mine.toml"
    prompt.write_text((files("convemo.prompts") / "zero-shot-1.toml").read_text())
    config = AnalyzerConfig(llm="openai:http://localhost:1/v1#m", llm_prompt=str(prompt))
    before = models_of(config)["llm"]
    prompt.write_text(prompt.read_text().replace("emotion", "feeling"))
    assert models_of(config)["llm"] != before


def test_an_input_named_by_a_way_out_of_the_folder_stays_in_it(tmp_path):
    (tmp_path / "a.txt").write_text("Ana: Hello.\n")
    batch(Input("../../evil", None, str(tmp_path / "a.txt")), out=tmp_path / "in" / "out")
    assert not list(tmp_path.glob("evil*")) and len(rows(tmp_path / "in" / "out")) == 1


def test_one_broken_file_fails_and_the_others_do_not(tmp_path):
    write_calls(tmp_path / "in", 2)
    (tmp_path / "in" / "broken.vtt").write_text("WEBVTT\n\nnot a cue\n")
    (tmp_path / "in" / "empty.txt").write_text("")
    summary = batch(tmp_path / "in", out=tmp_path / "out")
    assert not summary.ok and (summary.done, summary.failed) == (2, 2)
    assert {f.name: f.kind for f in summary.failures} == {"broken": "TranscriptError", "empty": "TranscriptError"}


def test_what_failed_is_not_tried_again_unless_asked_and_still_counts(tmp_path, log):
    (write_calls(tmp_path / "in", 1) / "x.txt").write_text("Ana: BREAK\n")
    batch(tmp_path / "in", out=tmp_path / "out")
    again = batch(tmp_path / "in", out=tmp_path / "out")
    assert (again.failed, again.done) == (1, 0) and log().count("x") == 1
    assert batch(tmp_path / "in", out=tmp_path / "out", retry_failed=True).failed == 1 and log().count("x") == 2


def test_a_file_that_vanished_and_comes_back(tmp_path):
    write_calls(tmp_path / "in", 2)
    given = [tmp_path / "in" / f"call00{n}.txt" for n in range(2)]
    text = given[1].read_text()
    given[1].unlink()
    gone = batch(*given, out=tmp_path / "out")
    assert (gone.done, gone.failed) == (1, 1) and "no such file" in gone.failures[0].error
    given[1].write_text(text)
    back = batch(*given, out=tmp_path / "out")
    assert back.ok and back.done == 1 and len(rows(tmp_path / "out", "calls")) == 2


def test_results_of_files_that_are_given_no_more_stay(tmp_path):
    write_calls(tmp_path / "in", 2)
    batch(tmp_path / "in", out=tmp_path / "out")
    (tmp_path / "in" / "call000.txt").unlink()
    assert batch(tmp_path / "in", out=tmp_path / "out").ok and len(rows(tmp_path / "out", "calls")) == 2


def test_several_conversations_in_a_file_are_several_calls(tmp_path, monkeypatch, log):
    monkeypatch.setattr("convemo.batch.work.AT_ONCE", 3)
    monkeypatch.setattr(run, "AT_ONCE", 3)
    lines = "".join(f"c{n},Ana,Hello number {n}.\nc{n},Ben,Good bye {n}.\n" for n in range(8))
    (tmp_path / "chats.csv").write_text("conversation_id,speaker,text\n" + lines)
    summary = batch(tmp_path / "chats.csv", out=tmp_path / "out")
    assert summary.ok and (summary.done, summary.calls) == (1, 8)
    assert sorted(log()) == sorted(r["call"] for r in rows(tmp_path / "out", "calls")) == [f"chats#c{n}" for n in range(8)]
    assert batch(tmp_path / "chats.csv", out=tmp_path / "out").before == 1


def test_one_conversation_that_fails_leaves_the_others_of_its_file(tmp_path, log):
    (tmp_path / "chats.csv").write_text("conversation_id,speaker,text\nc1,Ana,Hello.\nc2,Ana,BREAK\nc3,Ana,Good bye.\n")
    summary = batch(tmp_path / "chats.csv", out=tmp_path / "out")
    assert (summary.calls, summary.failed, [f.name for f in summary.failures]) == (2, 1, ["chats#c2"])
    batch(tmp_path / "chats.csv", out=tmp_path / "out", retry_failed=True)
    assert [log().count(f"chats#c{n}") for n in (1, 2, 3)] == [1, 2, 1]


def test_a_manifests_columns_are_in_both_tables_and_may_change(tmp_path, log):
    write_calls(tmp_path / "in", 2)
    manifest = tmp_path / "in" / "list.csv"
    manifest.write_text("transcript,team\ncall000.txt,Blue\ncall001.txt,Red\n")
    batch(manifest, out=tmp_path / "out")
    assert {r["call"]: r["meta_team"] for r in rows(tmp_path / "out")} == {"call000": "Blue", "call001": "Red"}
    manifest.write_text("transcript,team,shift\ncall000.txt,Green,night\ncall001.txt,Red,\n")
    batch(manifest, out=tmp_path / "out")
    assert {r["call"]: (r["meta_team"], r["meta_shift"]) for r in rows(tmp_path / "out", "calls")} == {
        "call000": ("Green", "night"),
        "call001": ("Red", None),
    }
    assert len(log()) == 2


def test_roles_from_the_manifest_reach_the_analyzer(tmp_path):
    (tmp_path / "a.txt").write_text("Ana: Hello.\nBen: Hi.\n")
    (tmp_path / "list.csv").write_text("transcript,roles\na.txt,Ana=agent;Ben=customer\n")
    summary = Batch(tmp_path / "list.csv", tmp_path / "out", workers=InlineEngine(), offline=True, channels="text").run()
    assert summary.ok and [r["role"] for r in rows(tmp_path / "out")] == ["agent", "customer"]


def test_a_second_batch_on_the_folder_is_told_who_is_at_work(tmp_path):
    class Nosy:
        def progress(self, progress):
            with pytest.raises(ResultError, match=r"no other batch is at work.*process"):
                batch(tmp_path / "in", out=tmp_path / "out")

    write_calls(tmp_path / "in", 1)
    assert batch(tmp_path / "in", out=tmp_path / "out", reporter=Nosy()).ok


def test_other_settings_have_tables_of_their_own_and_nothing_is_done_twice(tmp_path, log):
    write_calls(tmp_path / "in", 2)
    batch(tmp_path / "in", out=tmp_path / "out")
    batch(tmp_path / "in", out=tmp_path / "out", smooth=True)
    assert len(log()) == 4 and len(rows(tmp_path / "out", "calls")) == 2
    assert batch(tmp_path / "in", out=tmp_path / "out").before == 2
    assert len(log()) == 4 and len(rows(tmp_path / "out", "calls")) == 2


def test_an_analysis_that_somebody_deleted_is_made_again_where_it_is_needed(tmp_path, log):
    write_calls(tmp_path / "in", 2)
    batch(tmp_path / "in", out=tmp_path / "out")
    for table in ("utterances", "calls"):
        for part in (tmp_path / "out" / table).glob("*.parquet"):
            part.unlink()
    (tmp_path / "out" / "analyses" / "call001.json").unlink()
    assert batch(tmp_path / "in", out=tmp_path / "out").done == 1
    assert len(rows(tmp_path / "out", "calls")) == 2 and log() == ["call000", "call001", "call001"]


def test_parts_are_put_together_and_nothing_is_missing_or_doubled(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "PART_CALLS", 3)
    monkeypatch.setattr(tables, "SMALL_CALLS", 8)
    monkeypatch.setattr(tables, "MERGED_CALLS", 12)
    monkeypatch.setattr(tables, "MOST_SMALL", 3)
    for count in (10, 20, 31):
        write_calls(tmp_path / "in", count)
        batch(tmp_path / "in", out=tmp_path / "out")
        calls = [row["call"] for row in rows(tmp_path / "out", "calls")]
        assert len(calls) == len(set(calls)) == count and len(rows(tmp_path / "out")) == 4 * count
    parts = {table: [path.name for path in (tmp_path / "out" / table).glob("*.parquet")] for table in tables.TABLES}
    assert sorted(parts["utterances"]) == sorted(parts["calls"]) and len(parts["calls"]) <= 4


def test_csv_and_jsonl_hold_the_same_and_cannot_run_in_a_spreadsheet(tmp_path):
    (write_calls(tmp_path / "in", 2) / "x.txt").write_text("Ana: =1+1\n")
    batch(tmp_path / "in", out=tmp_path / "out", formats="csv,jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out" / "utterances.jsonl").read_text().splitlines()]
    assert lines == rows(tmp_path / "out")
    text = (tmp_path / "out" / "utterances.csv").read_text()
    assert text.count("\n") == 1 + len(lines) and ",'=1+1," in text and "\n=" not in text
    assert len((tmp_path / "out" / "calls.csv").read_text().splitlines()) == 4


def test_a_plan_says_what_would_be_done_and_does_nothing(tmp_path):
    write_calls(tmp_path / "in", 2)
    one = Batch([tmp_path / "in", tmp_path / "gone*.wav"], tmp_path / "out", workers=InlineEngine(), analyzer=NAME)
    assert [planned.state for planned in one.plan()] == ["new", "new", "missing"] and not (tmp_path / "out").exists()
    batch(tmp_path / "in", out=tmp_path / "out")
    (tmp_path / "in" / "call002.txt").write_text("Ana: Hello.\n")
    assert [planned.state for planned in one.plan()] == ["done", "done", "new", "missing"]


def test_the_run_says_why_and_by_what_it_was_made_and_holds_no_word(tmp_path):
    write_calls(tmp_path / "in", 1)
    batch(tmp_path / "in", out=tmp_path / "out", purpose="quality of service", policy="exclude:agent", redact=["numbers"])
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["purpose"] == "quality of service" and told["policy"]["exclude_roles"] == ["agent"] and told["redact"] == ["numbers"]
    assert told["settings"]["models"]["text"] and told["counts"]["done"] == 1 and told["ended"] and told["schema"] == {"tables": 2}
    assert "This is line" not in (tmp_path / "out" / "run.json").read_text()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    write_calls(tmp_path / "in", 1)
    (tmp_path / "out" / "calls").mkdir(parents=True)
    (tmp_path / "out" / "calls" / "diary.txt").write_text("mine")
    with pytest.raises(ResultError, match="files of somebody else"):
        batch(tmp_path / "in", out=tmp_path / "out")


def test_nothing_to_do_is_an_error_that_says_what_was_passed_over(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.docx").write_text("x")
    with pytest.raises(ConfigError, match=r"none \(1 .docx passed over\)"):
        batch(tmp_path / "in", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"workers": 0}, "at least 1"),
        ({"formats": ["xlsx"]}, "xlsx"),
        ({"redact": ["x:y"]}, "x:y"),
        ({"redact": [lambda text: text]}, "top of a module"),
        ({"colour": 1}, "colour"),
    ],
)
def test_settings_that_make_no_sense_are_told_at_once(tmp_path, wrong, told):
    with pytest.raises(ConfigError, match=told):
        Batch("in", tmp_path / "out", **wrong)


def test_the_ledger_keeps_every_commit_on_the_disk(tmp_path):
    write_calls(tmp_path / "in", 1)
    batch(tmp_path / "in", out=tmp_path / "out")
    db = sqlite3.connect(tmp_path / "out" / ".convemo" / "ledger.sqlite")
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


RULES = """
[[alert]]
name = "shouting"
emotions = ["anger"]
at_least = 0.5
utterances = {}
roles = ["customer"]
"""


def test_alerts_are_a_table_and_columns_and_are_kept_with_the_call(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "loud.txt").write_text("Customer Ben: No!\nAgent Ana: Yes!\nCustomer Ben: No, no!\n")
    (tmp_path / "in" / "quiet.txt").write_text("Customer Ben: Hello.\n")
    (tmp_path / "rules.toml").write_text(RULES.format(2))
    batch(tmp_path / "in", out=tmp_path / "out", alerts=tmp_path / "rules.toml")
    (alert,) = rows(tmp_path / "out", "alerts")
    assert (alert["call"], alert["rule"], alert["name"], alert["utterance"]) == ("loud", "shouting", "Customer Ben", "u3")
    assert alert["utterances"] == ["u1", "u3"] and alert["text"] == "No, no!" and alert["peak"] == pytest.approx(0.8, abs=1e-3)
    loud, quiet = rows(tmp_path / "out", "calls")
    assert (loud["alerts"], loud["first_alert"], loud["first_alert_utterance"]) == (1, "shouting", "u3")
    assert (quiet["alerts"], quiet["first_alert"]) == (0, None)
    analysis = Analysis.load(tmp_path / "out" / "analyses" / "loud.json")
    assert [a.utterances for a in analysis.alerts()] == [("u1", "u3")] and any(
        note.startswith("Alert: shouting") for note in analysis.notes
    )


def test_other_rules_are_another_setting_and_come_back(tmp_path, log):
    (write_calls(tmp_path / "in", 1) / "loud.txt").write_text("Customer Ben: No!\n")
    counted = []
    for number, needed in enumerate((1, 2, 1)):
        (tmp_path / "rules.toml").write_text(RULES.format(needed))
        summary = batch(tmp_path / "in", out=tmp_path / "out", alerts=tmp_path / "rules.toml")
        counted.append((summary.done, len(rows(tmp_path / "out", "alerts"))))
        assert len(log()) == (2, 4, 4)[number]
    assert counted == [(2, 2), (2, 0), (0, 2)]


def test_rules_that_make_no_sense_are_refused_before_anything_is_done(tmp_path):
    (tmp_path / "rules.toml").write_text('[[alert]]\nname = "x"\n')
    with pytest.raises(ConfigError, match=r"rules\.toml.*alert 1"):
        batch(write_calls(tmp_path / "in", 1), out=tmp_path / "out", alerts=tmp_path / "rules.toml")
    assert not (tmp_path / "out").exists()


def test_tables_of_an_older_version_get_what_is_missing_without_analysing(tmp_path, log):
    (tmp_path / "loud.txt").write_text("Customer Ben: No!\nCustomer Ben: No!\nCustomer Ben: No!\n")
    batch(tmp_path / "loud.txt", out=tmp_path / "out")
    db = sqlite3.connect(tmp_path / "out" / ".convemo" / "ledger.sqlite")
    db.execute("UPDATE facts SET value = '1' WHERE name LIKE 'schema %'")
    db.commit()
    db.close()
    for path in (tmp_path / "out" / "alerts").glob("*.parquet"):
        path.unlink()
    (tmp_path / "out" / "alerts" / ".settings.json").unlink()
    (tmp_path / "out" / "alerts").rmdir()
    assert batch(tmp_path / "loud.txt", out=tmp_path / "out").done == 0 and len(log()) == 1
    assert [row["rule"] for row in rows(tmp_path / "out", "alerts")] == ["upset customer"] and len(rows(tmp_path / "out", "calls")) == 1


def test_a_cache_that_cannot_be_used_is_told_and_the_work_goes_on(tmp_path):
    class Notes:
        def __init__(self):
            self.told = []

        def progress(self, progress): ...

        def failed(self, failure): ...

        def note(self, text):
            self.told.append(text)

    private = tmp_path / "out" / ".convemo"
    private.mkdir(parents=True)
    (private / "stages.sqlite").write_bytes(b"this is no database, whatever its name says" * 100)
    notes = Notes()
    assert batch(write_calls(tmp_path / "in", 1), out=tmp_path / "out", reporter=notes).ok
    assert any(told.startswith("What stages make is not kept: file is not a database") for told in notes.told)


@pytest.mark.parametrize("fault", [sqlite3.InterfaceError, sqlite3.OperationalError, sqlite3.DatabaseError])
def test_whatever_befalls_the_cache_a_stage_only_runs_again(tmp_path, fault):
    class Broken:
        def execute(self, *_):
            raise fault("bad parameter or other API misuse")

        def close(self): ...

    cache = StageCache(tmp_path / "stages.sqlite")
    cache.close()
    cache._db = Broken()
    assert cache.get("listen", 1) is None
    cache._db = Broken()
    cache.put("listen", 1, {"made": 2})
    assert cache.why_not == "bad parameter or other API misuse"


def test_a_csv_file_without_a_row_has_its_heads(tmp_path):
    (tmp_path / "bad.txt").write_text("Ana: BREAK\n")
    assert batch(tmp_path / "bad.txt", out=tmp_path / "out", formats="csv").failed == 1
    assert (tmp_path / "out" / "alerts.csv").read_text().startswith("call,number,rule,")
    assert (tmp_path / "out" / "calls.csv").read_text().startswith("call,audio,transcript,")


def test_a_csv_file_that_was_asked_for_once_does_not_grow_old(tmp_path):
    write_calls(tmp_path / "in", 1)
    batch(tmp_path / "in", out=tmp_path / "out", formats=["csv"])
    write_calls(tmp_path / "in", 2)
    batch(tmp_path / "in", out=tmp_path / "out")
    assert len((tmp_path / "out" / "calls.csv").read_text().splitlines()) == 3
    for table in tables.TABLES:
        (tmp_path / "out" / f"{table}.csv").unlink()
    write_calls(tmp_path / "in", 3)
    batch(tmp_path / "in", out=tmp_path / "out")
    assert not (tmp_path / "out" / "calls.csv").exists()
