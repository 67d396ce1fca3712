import json
import re
import shutil

import pytest

from convemo import cli
from convemo.alerts import Rules
from convemo.batch import Batch
from convemo.batch.inline import InlineEngine
from convemo.batch.layout import Layout
from convemo.errors import ResultError
from convemo.report import overview
from tests.batch.trivial import NAME

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")


def vtt(*lines):
    cues = (f"00:00:{3 * i:02d}.000 --> 00:00:{3 * i + 2:02d}.000\n<v {who}>{text}\n" for i, (who, text) in enumerate(lines))
    return "WEBVTT\n\n" + "\n".join(cues)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A calm call, an angry one, one of hostile words, and a broken file."""
    folder = tmp_path_factory.mktemp("calls")
    (folder / "calm.vtt").write_text(vtt(("Agent", "Hello."), ("Customer", "Thanks."), ("Agent", "Bye.")))
    (folder / "angry.vtt").write_text(vtt(("Customer", "Thanks."), *[("Agent", "Yes."), ("Customer", "No!")] * 4))
    hostile = "&lt;/script&gt;&lt;script&gt;document.title=1&lt;/script&gt;"
    (folder / "hostile.vtt").write_text(vtt(("Agent", "Hello."), ("Customer", hostile)))
    (folder / "broken.vtt").write_text("WEBVTT\n\n00:00 -> 00:01\nwords\n")
    out = tmp_path_factory.mktemp("batch") / "results"
    Batch([folder], out, workers=InlineEngine(), analyzer=NAME, purpose="to see <b>").run()
    return out


def test_the_worst_moment_comes_first_and_calls_are_linked(results, tmp_path):
    assert overview.write(results, tmp_path / "report.html") == []
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    moments = re.search(r'<ol class="moments">.*?</ol>', page)[0]
    assert moments.index("No!") < moments.index("Thanks.")
    assert 'href="report-calls/angry.html#u2"' in moments
    assert 'href="../report.html">All calls' in (tmp_path / "report-calls" / "angry.html").read_text(encoding="utf-8")


def test_what_failed_stands_in_the_page(results, tmp_path):
    overview.write(results, tmp_path / "report.html", pages=0)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 could not be analysed; see Failures." in page
    assert "expected a cue time" in re.search(r'<section id="failures".*?</section>', page)[0]
    assert "to see &lt;b&gt;" in page


def test_only_as_many_pages_as_asked_for(results, tmp_path):
    overview.write(results, tmp_path / "report.html", pages=1)
    assert [page.name for page in (tmp_path / "report-calls").glob("*.html")] == ["angry.html"]


def test_pages_of_an_earlier_report_are_taken_away_and_nothing_else_is(results, tmp_path):
    overview.write(results, tmp_path / "report.html")
    beside = tmp_path / "report-calls"
    (beside / "mine.html").write_text("my notes")
    (beside / "calm.html").write_text("what I made of the page")
    overview.write(results, tmp_path / "report.html", pages=1)
    assert sorted(page.name for page in beside.glob("*.html")) == ["angry.html", "calm.html", "mine.html"]
    overview.write(results, tmp_path / "report.html", pages=0)
    assert sorted(page.name for page in beside.iterdir()) == ["calm.html", "mine.html"]


def test_a_list_of_pages_that_somebody_has_changed_removes_nothing_outside(results, tmp_path):
    outside = tmp_path / "outside.html"
    overview.write(results, tmp_path / "report.html", pages=1)
    shutil.copy(tmp_path / "report-calls" / "angry.html", outside)
    (tmp_path / "report-calls" / ".convemo-pages.json").write_text(json.dumps(["../outside.html", str(outside), 3, "a\0b"]))
    overview.write(results, tmp_path / "report.html", pages=0)
    assert outside.exists()


def test_alerts_are_counted_listed_and_linked_to_what_raised_them(results, tmp_path):
    overview.write(results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    alerts = re.search(r'<section id="alerts".*?</section>', page)[0]
    assert "1 alert raised, in 1 call." in page and "<bdi>upset customer</bdi> 1" in alerts
    assert 'href="report-calls/angry.html#u6"' in alerts and "No!" in alerts
    told = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])
    assert {call["call"]: call["alerts"] for call in told["calls"]} == {"angry": 1, "calm": 0, "hostile": 0}


def test_other_rules_raise_other_alerts_in_the_overview_too(results, tmp_path):
    rules = Rules.of({"alert": [{"name": "thanks", "emotions": ["joy"], "at_least": 0.5, "utterances": 1}]})
    overview.write(results, tmp_path / "report.html", rules=rules)
    alerts = re.search(r'<section id="alerts".*?</section>', (tmp_path / "report.html").read_text(encoding="utf-8"))[0]
    assert "<bdi>thanks</bdi> 2" in alerts and "upset customer" not in alerts


def test_a_call_whose_analysis_is_gone_is_told_and_the_others_are_there(results, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    Layout(copy).analysis("angry").unlink()
    (wrong,) = overview.write(copy, tmp_path / "report.html")
    assert wrong.startswith("angry: ")
    assert sorted(page.stem for page in (tmp_path / "report-calls").glob("*.html")) == ["calm", "hostile"]


def test_a_copy_without_the_ledger_still_gives_a_page(results, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    shutil.rmtree(copy / ".convemo")
    overview.write(copy, tmp_path / "report.html", pages=0)
    assert "The ledger is not in this folder" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_batch_that_has_not_ended_is_told(results, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(results, copy)
    run = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    (copy / "run.json").write_text(json.dumps(run | {"ended": None}), encoding="utf-8")
    overview.write(copy, tmp_path / "report.html", pages=0)
    assert "The batch has not come to its end" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(ResultError, match="the results of convemo batch"):
        overview.write(tmp_path, tmp_path / "report.html")


def test_the_command(results, tmp_path, capsys, monkeypatch):
    def run(*words):
        monkeypatch.setattr("sys.argv", ["convemo", "report", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr()

    assert run(results, "-o", tmp_path / "all.html", "--pages", 1)[0] == 0
    assert (tmp_path / "all.html").is_file()
    one = Layout(results).analysis("angry")
    assert run(one, "-o", tmp_path / "one.html")[0] == 0
    assert "<strong><bdi>Customer</bdi> escalated" in (tmp_path / "one.html").read_text(encoding="utf-8")
    for words, told in (
        ((results, "-o", tmp_path / "all.pdf"), ".html"),
        ((one, "--pages", 3), "--pages"),
        ((one, "--audio", tmp_path / "none.wav", "-o", tmp_path / "x.html"), "no such file"),
        ((tmp_path / "none.json", "-o", tmp_path / "x.html"), "No such file"),
    ):
        status, said = run(*words)
        assert status == 1
        assert told in said.err
    assert not (tmp_path / "x.html").exists()


# In a browser -----------------------------------------------------------------------------------------------------------


def test_the_table_is_sorted_by_a_click_and_searched(results, browser, tmp_path):
    overview.write(results, tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    names = "[...document.querySelectorAll('.calls tbody th')].map(c => c.textContent)"
    assert browser.run(names)[0] == "angry"
    browser.run("document.querySelector('.calls thead button').click()")
    assert browser.run(names) == ["angry", "calm", "hostile"]
    browser.run("document.querySelector('.calls thead button').click()")
    assert browser.run(names) == ["hostile", "calm", "angry"]
    assert browser.run("document.querySelector('.calls thead th').getAttribute('aria-sort')") == "descending"
    browser.run("document.getElementById('find').value = 'CALM'; document.getElementById('find').dispatchEvent(new Event('input'))")
    assert browser.run(names) == ["calm"]
    assert browser.console == []
    assert [url for url in browser.requests if not url.startswith(("file:", "about:"))] == []


def test_hostile_words_stay_words(results, browser, tmp_path):
    overview.write(results, tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    assert browser.run("document.title") == "results: convemo"
    assert "</script><script>document.title=1</script>" in browser.run("document.querySelector('.calls').textContent")


def test_what_the_script_shows_is_what_the_page_says_without_it(results, browser, tmp_path):
    overview.write(results, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    browser.open(tmp_path / "report.html")
    cells = "[...document.querySelectorAll('.calls tbody :is(th, td)')].map(c => c.textContent)"
    live = browser.run(cells)
    (tmp_path / "still.html").write_text(re.sub(r"<script>.*?</script>", "", page, flags=re.S), encoding="utf-8")
    browser.open(tmp_path / "still.html")
    assert browser.run(cells) == live
    assert json.loads(re.search(r'id="data">(.*?)</script>', page)[1])["calls"][0]["call"] == "angry"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(results, browser, tmp_path, scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    overview.write(results, tmp_path / "report.html")
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(tmp_path / "report.html")
    worst = browser.worst_contrast()
    browser.ask("Emulation.setEmulatedMedia", features=[])
    assert worst["ratio"] >= 4.5, worst
