"""Results in SQL and in one line of each library; and nothing else is read or written."""

import json
import shutil
import sqlite3
from contextlib import closing

import pyarrow.parquet as parquet
import pytest
from typer.testing import CliRunner

from convemo import ConfigError, ResultError
from convemo.batch.query import Query
from convemo.cli import app
from tests.batch.test_batch import batch
from tests.batch.trivial import write_calls


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    place = tmp_path_factory.mktemp("query")
    batch(write_calls(place / "in", 6), out=place / "out")
    return place / "out"


def test_each_library_reads_both_tables_in_one_line(results):
    import duckdb
    import pandas
    import polars

    for table, count in (("utterances", 24), ("calls", 6)):
        assert len(duckdb.sql(f"FROM '{results}/{table}/*.parquet'").fetchall()) == count
        assert len(pandas.read_parquet(results / table)) == count
        assert len(polars.read_parquet(f"{results}/{table}/*.parquet")) == count


def test_a_question_is_answered(results):
    query = Query(results, "SELECT label, count(*) AS n FROM utterances JOIN calls USING (call) GROUP BY label ORDER BY n")
    assert query.columns == ["label", "n"] and list(query) == [("anger", 6), ("neutral", 18)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM 'https://example.org/x.csv'",
        "COPY calls TO '/tmp/convemo-should-not-be.csv'",
        "ATTACH '/tmp/convemo-should-not-be.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW calls",
        "SELECT 1; SELECT 2",
        "SELECT * FROM json",
        "",
    ],
)
def test_sql_reaches_nothing_but_the_results(results, sql):
    json = __import__("pandas").DataFrame({"secret": [1]})  # a Python variable of that name is no table
    assert len(json) == 1
    with pytest.raises(ConfigError):
        list(Query(results, sql))


@pytest.mark.parametrize(("sql", "wrong"), [("SELECT colour FROM calls", "colour"), ("SELEC", 'syntax error at or near "SELEC"')])
def test_bad_sql_says_in_one_line_what_is_wrong_with_it(results, sql, wrong):
    with pytest.raises(ConfigError, match=wrong) as refused:
        Query(results, sql)
    assert "\n" not in str(refused.value)


def test_neither_a_query_nor_its_explanation_reaches_files_not_even_in_the_temporary_folder(results, tmp_path):
    (tmp_path / "secret.txt").write_text("words")
    for sql in (f"SELECT * FROM read_text('{tmp_path}/secret.txt')", f"EXPLAIN ANALYZE COPY calls TO '{tmp_path}/secret.txt'"):
        with pytest.raises(ConfigError):
            list(Query(results, sql))
    assert (tmp_path / "secret.txt").read_text() == "words"


def test_a_name_asked_for_twice_is_two_columns(results):
    assert Query(results, "SELECT call, 1 AS call FROM calls").columns == ["call", "call_2"]


def test_a_folder_without_results_is_told(tmp_path):
    with pytest.raises(ResultError, match="the results of convemo batch"):
        Query(tmp_path, "SELECT 1")


def of_the_version_before(out):
    """The folder as a version wrote it that knew no alerts, nor what a call lacks."""
    new = ["alerts", "first_alert", "first_alert_s", "first_alert_utterance", "lacking"]
    for part in (out / "calls").glob("*.parquet"):
        parquet.write_table(parquet.read_table(part).drop_columns(new), part)
    shutil.rmtree(out / "alerts")
    with closing(sqlite3.connect(out / ".convemo" / "ledger.sqlite")) as db, db:
        db.execute("UPDATE facts SET value = '1' WHERE name LIKE 'schema %'")


def test_results_of_the_version_before_are_read_and_get_their_alerts_from_the_same_command(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "loud.txt").write_text("Customer Ben: No!\n" * 3)
    out = tmp_path / "out"
    batch(tmp_path / "in", out=out)
    of_the_version_before(out)
    (tmp_path / "in").rename(tmp_path / "gone")
    assert list(Query(out, "SELECT call, alerts, lacking FROM calls WHERE alerts IS NULL")) == [("loud", None, None)]
    assert list(Query(out, "SELECT count(*) FROM alerts WHERE peak > 0.5")) == [(0,)]
    page = CliRunner().invoke(app, ["report", str(out), "--out", str(tmp_path / "page.html")])
    assert page.exit_code == 0, page.output
    assert "did not look for alerts" in (tmp_path / "page.html").read_text()

    (tmp_path / "gone").rename(tmp_path / "in")
    assert batch(tmp_path / "in", out=out).done == 0
    assert list(Query(out, "SELECT call, rule FROM alerts")) == [("loud", "upset customer")]
    assert list(Query(out, "SELECT alerts FROM calls")) == [(1,)]


def ask(*arguments):
    return CliRunner().invoke(app, ["query", *map(str, arguments)])


def test_the_command_prints_a_table_csv_or_json(results):
    sql = "SELECT call, prediction_set, p_anger, text FROM utterances WHERE call = 'call000' ORDER BY number LIMIT 1"
    assert ask(
        sql, results, "--format", "csv"
    ).output == "call,prediction_set,p_anger,text\ncall000,,0.1,This is line 0 of call 0\n".replace(
        "0.1,", f"{next(iter(Query(results, sql)))[2]},"
    )
    assert json.loads(ask(sql, results, "--format", "json").output)["text"] == "This is line 0 of call 0"
    assert "This is line 0 of call 0" in ask(sql, results).output


def test_brackets_and_formulas_in_a_transcript_stay_text(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Ana: =1+1 [bold]x[/bold]\n")
    batch(tmp_path / "in", out=tmp_path / "out")
    assert "=1+1 [bold]x[/bold]" in ask("SELECT text FROM utterances", tmp_path / "out").output
    assert "'=1+1 [bold]x[/bold]" in ask("SELECT text FROM utterances", tmp_path / "out", "--format", "csv").output
