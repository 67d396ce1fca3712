"""The same work on Ray: the same rows. Needs ray, which starts processes of its own: slow."""

import pytest

from convemo import EngineUnavailable
from convemo.batch import Batch
from convemo.batch.inline import InlineEngine
from tests.batch.test_batch import rows
from tests.batch.trivial import NAME, write_calls

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


def sorted_rows(out):
    return [sorted(rows(out, table), key=lambda row: (row["call"], row.get("number"))) for table in ("utterances", "calls")]


@pytest.fixture(autouse=True)
def path_of_tests(monkeypatch):
    from pathlib import Path

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def test_rows_equal_those_of_this_machine(tmp_path):
    from convemo.batch.ray import RayEngine

    (write_calls(tmp_path / "in", 8) / "bad.txt").write_text("Ana: BREAK\n")
    settings = {"offline": True, "channels": "text"}
    here = Batch(tmp_path / "in", tmp_path / "here", workers=InlineEngine(), **settings).run()
    there = Batch(tmp_path / "in", tmp_path / "there", workers=RayEngine(2), **settings).run()
    assert (here.done, here.calls, here.utterances) == (there.done, there.calls, there.utterances)
    assert sorted_rows(tmp_path / "here") == sorted_rows(tmp_path / "there")
    for path in (tmp_path / "here" / "analyses").glob("*.json"):
        assert path.read_text() == (tmp_path / "there" / "analyses" / path.name).read_text()


def test_an_actor_that_dies_costs_one_file(tmp_path):
    from convemo.batch.ray import RayEngine

    (write_calls(tmp_path / "in", 3) / "bad.txt").write_text("Ana: CRASH\n")
    summary = Batch(tmp_path / "in", tmp_path / "out", workers=RayEngine(1), analyzer=NAME).run()
    assert (summary.done, [f.kind for f in summary.failures]) == (3, ["WorkerDied"])


def test_a_cluster_that_does_not_answer_is_told(tmp_path):
    from convemo.batch.ray import RayEngine

    write_calls(tmp_path / "in", 1)
    with pytest.raises(EngineUnavailable, match="a Ray cluster at"):
        Batch(tmp_path / "in", tmp_path / "out", workers=RayEngine(1, address="127.0.0.1:1"), analyzer=NAME).run()
