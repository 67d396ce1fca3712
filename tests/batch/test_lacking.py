"""A language model that goes away in the middle of a batch: what was done without it is known, and asked again when somebody says so."""

import sqlite3
from contextlib import contextmanager

import pytest

from convemo import Analysis, Policy
from convemo.batch import Batch, tables
from convemo.batch.inline import InlineEngine
from convemo.batch.lacking import lacking
from convemo.batch.stages import StagedAnalyzer
from convemo.llm.openai_retry import Patience
from tests.batch.test_batch import rows
from tests.llm.fake_server import VLLM, FakeServer
from tests.report.builders import call


class Breaks:
    """The server is away from when so many calls are done."""

    def __init__(self, server, after):
        self._server, self._after = server, after

    def progress(self, progress):
        if progress.calls >= self._after:
            self._server.faults.error = 1.0

    def failed(self, failure): ...

    def note(self, text): ...


@pytest.fixture
def server(monkeypatch):
    hasty = Patience(connect_s=2, read_s=0.5, total_s=5, backoff_s=0.01, longest_pause_s=0.05, rest_s=0.3)
    monkeypatch.setattr("convemo.llm.openai.Patience", lambda: hasty)
    with FakeServer(VLLM) as server:
        yield server


def run(tmp_path, server, reporter=None, retry_failed=False):
    settings = dict(channels="llm", llm=f"openai:{server.url}", llm_permutations=1)
    return Batch(tmp_path / "in", tmp_path / "out", workers=InlineEngine(), **settings).run(reporter, retry_failed)


def chats(tmp_path, count=3):
    """One file of several conversations."""
    (tmp_path / "in").mkdir()
    lines = "".join(f"c{n},Ana,This is call {n}.\n" for n in range(count))
    (tmp_path / "in" / "chats.csv").write_text("conversation_id,speaker,text\n" + lines)


@contextmanager
def failing(conversation):
    """No analysis of it comes to its end."""
    analyze_file = StagedAnalyzer.analyze_file

    def analyze(self, *given, id, **told):
        if id == conversation:
            raise RuntimeError("a passing fault")
        return analyze_file(self, *given, id=id, **told)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StagedAnalyzer, "analyze_file", analyze)
        yield


def calls(tmp_path, count=3):
    (tmp_path / "in").mkdir()
    for number in range(count):
        (tmp_path / "in" / f"call{number}.txt").write_text(f"Ana: This is call {number}.\nBen: Thanks!\nAna: …\n")


def scored(tmp_path):
    """Call → how many of its utterances have a label."""
    return {row["call"]: row["scored"] for row in rows(tmp_path / "out", "calls")}


def test_calls_that_a_server_left_unanswered_are_done_and_asked_again_when_told_to(tmp_path, server):
    calls(tmp_path)
    first = run(tmp_path, server, Breaks(server, after=1))
    assert first.ok and (first.done, first.lacking) == (3, 2) and scored(tmp_path) == {"call0": 2, "call1": 0, "call2": 0}
    whole, *others = (row["lacking"] for row in rows(tmp_path / "out", "calls"))
    assert whole is None and all(told.startswith("llm: 2 of 3 utterances: ") for told in others)

    server.faults.error = 0.0
    assert (run(tmp_path, server).done, scored(tmp_path)["call1"]) == (0, 0)  # not by itself
    again = run(tmp_path, server, retry_failed=True)
    assert (again.done, again.lacking, again.all_calls) == (2, 0, 3)
    assert scored(tmp_path) == {"call0": 2, "call1": 2, "call2": 2} and len(rows(tmp_path / "out")) == 9
    assert Analysis.load(tmp_path / "out" / "analyses" / "call2.json")[0].label is not None
    assert run(tmp_path, server, retry_failed=True).done == 0


def test_a_result_stands_until_there_is_a_better_one(tmp_path, server):
    calls(tmp_path)
    run(tmp_path, server, Breaks(server, after=0))
    again = run(tmp_path, server, Breaks(server, after=0), retry_failed=True)
    assert (again.done, again.lacking) == (3, 3) and len(rows(tmp_path / "out", "calls")) == 3
    (tmp_path / "in" / "call1.txt").unlink()
    gone = run(tmp_path, server, retry_failed=True)
    assert (gone.failed, gone.lacking) == (0, 3) and len(rows(tmp_path / "out", "calls")) == 3


def test_a_conversation_of_a_file_is_asked_again_and_the_others_are_not(tmp_path, server):
    chats(tmp_path)
    run(tmp_path, server, Breaks(server, after=1))
    server.faults.error, asked = 0.0, len(server.seen)
    again = run(tmp_path, server, retry_failed=True)
    assert (again.calls, again.lacking) == (2, 0) and sorted(scored(tmp_path).values()) == [1, 1, 1]
    assert not any("call 0" in str(request) for request in server.seen[asked:])


@pytest.mark.parametrize("small", [1, 256])  # the part is a large one, or is put together at the end of each run
def test_a_conversation_that_fails_when_it_is_asked_again_keeps_its_result(tmp_path, server, monkeypatch, small):
    monkeypatch.setattr(tables, "SMALL_CALLS", small)
    chats(tmp_path)
    run(tmp_path, server, Breaks(server, after=0))
    server.faults.error = 0.0
    with failing("chats#c1"):
        again = run(tmp_path, server, retry_failed=True)
    assert (again.failed, again.lacking, again.all_calls) == (1, 1, 3) and [f.name for f in again.failures] == ["chats#c1"]
    assert sorted(scored(tmp_path).items()) == [("chats#c0", 1), ("chats#c1", 0), ("chats#c2", 1)]
    later = run(tmp_path, server)
    assert (later.failed, later.calls, later.all_calls) == (1, 0, 3)  # told until somebody has it tried once more

    last = run(tmp_path, server, retry_failed=True)
    assert (last.failed, last.lacking, last.calls, last.all_calls) == (0, 0, 1, 3)
    assert sorted(row["call"] for row in rows(tmp_path / "out", "calls")) == ["chats#c0", "chats#c1", "chats#c2"]
    assert scored(tmp_path)["chats#c1"] == 1


def test_a_call_that_was_not_yet_in_the_tables_when_it_is_asked_again_is_in_them_once(tmp_path, server):
    calls(tmp_path)
    run(tmp_path, server, Breaks(server, after=0))
    for table in tables.TABLES:  # as if the plug had been pulled before they were written
        for part in (tmp_path / "out" / table).glob("*.parquet"):
            part.unlink()
    server.faults.error = 0.0
    run(tmp_path, server, retry_failed=True)
    assert [(row["call"], row["lacking"]) for row in rows(tmp_path / "out", "calls")] == [(f"call{n}", None) for n in range(3)]


def test_a_plan_says_what_would_be_asked_again(tmp_path, server):
    calls(tmp_path)
    run(tmp_path, server, Breaks(server, after=2))
    settings = dict(channels="llm", llm=f"openai:{server.url}", llm_permutations=1)
    batch = Batch(tmp_path / "in", tmp_path / "out", workers=InlineEngine(), **settings)
    assert [planned.state for planned in batch.plan()] == ["done", "done", "done"]
    assert [planned.state for planned in batch.plan(retry_failed=True)] == ["done", "done", "again"]


def test_what_has_no_words_or_may_not_be_judged_is_not_lacking():
    analysis = call(texts=("Hello.", ""), angry=(0.1, 0.9), unscored=(1,))
    assert lacking(analysis, Policy()) is None  # "no text"
    away = ("the server is away", "excluded by the policy: customer")
    result = analysis.channels["text"]
    analysis.channels["llm"] = type(result)("llm", result.labels, result.log_probs * 0, away)
    assert lacking(analysis, Policy.parse("exclude:customer")) == "llm: 1 of 2 utterances: the server is away"


def test_a_ledger_of_the_version_before_is_taken_over(tmp_path, server):
    calls(tmp_path, 1)
    run(tmp_path, server)
    db = sqlite3.connect(tmp_path / "out" / ".convemo" / "ledger.sqlite")
    for column in ("lacking", "again"):
        db.execute(f"ALTER TABLE calls DROP COLUMN {column}")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    assert (run(tmp_path, server).before, run(tmp_path, server).all_calls) == (1, 1)
