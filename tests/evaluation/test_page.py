"""The report: it says what results.json says, runs nothing, fetches nothing, and everybody can use it."""

import copy
import re
from html.parser import HTMLParser

import pytest

from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation import page, robustness
from convemo.evaluation.conditions import Conditions
from convemo.evaluation.lineup import open_lineup
from convemo.evaluation.measures import measure
from convemo.evaluation.page import draw, story
from convemo.evaluation.run import evaluate

from .builders import LABELS, answers, conversations, write

NASTY = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    folder, records = tmp_path_factory.mktemp("page"), conversations()
    data = write(folder / "talks.jsonl", records)
    specs = {name: write(folder / f"{name}.jsonl", answers(records, skill, seed=1)) for name, skill in (("llm", 1.5), ("voice", 0.8))}
    benchmark = benchmarks.load(data, folds="fold")
    lineup = open_lineup(benchmark, ["llm", "voice", "fused"], specs)
    done = evaluate(benchmark, lineup, resamples=50, command="convemo eval talks.jsonl")
    cells = [Conditions.parse(missing=missing) for missing in ("none", "voice", "voice=0.5")]
    done.results["robustness"] = robustness.matrix(benchmark, lineup, cells=cells, resamples=50)
    return done


@pytest.fixture(scope="module")
def html(evaluation):
    return page.render(evaluation.results, evaluation.predictions)


class Elements(HTMLParser):
    """Tags with their attributes, and whether what was opened was closed."""

    VOID = ("meta", "br", "img", "link", "input")

    def __init__(self, html):
        super().__init__()
        self.found, self.open, self.text = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def poisoned(value):
    """The same with something hostile in every text."""
    if isinstance(value, dict):
        return {k: poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v) for v in value]
    return f"{value}{NASTY}" if isinstance(value, str) else value


def renamed(value):
    """The same where systems, labels, slices and dialogues have hostile names, throughout, so that they still belong together."""
    if isinstance(value, dict):
        return {renamed(k): renamed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(v) for v in value]
    return f"{value}{NASTY}" if value in ("llm", "voice", *LABELS, "talks", "ana", "d0", "1-3 words", "speaker") else value


def test_it_says_the_headline_and_every_figure(evaluation, html):
    text = " ".join("".join(Elements(html).text).split())
    for sentence in story.headline(evaluation.results):
        assert sentence in text
    for system in evaluation.results["systems"].values():
        for metric, figure in system["metrics"].items():
            assert measure(metric).show(figure["value"]) in text
    assert "convemo eval talks.jsonl" in text


def test_every_part_is_there_and_the_navigation_leads_to_each(html):
    elements = Elements(html)
    sections = [a["id"] for tag, a in elements.found if tag == "section"]
    assert sections == list(page.NAVIGATION)
    assert [a["href"] for tag, a in elements.found if tag == "a"][1:] == [f"#{id}" for id in sections]
    assert not elements.open


def test_nothing_is_fetched_and_nothing_runs(html):
    elements = Elements(html)
    assert not {tag for tag, _ in elements.found} & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    attributes = {name for _, a in elements.found for name in a}
    assert not {name for name in attributes if name.startswith("on")} and not attributes & {"src", "srcset", "action"}
    assert "url(" not in html and "@import" not in html and not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert "default-src 'none'" in html


def test_hostile_texts_are_only_shown(evaluation):
    told = ("command", "created", "convemo", "suite", "unit", "data", "conditions", "fusion", "provenance")
    results = {name: poisoned(value) if name in told else value for name, value in evaluation.results.items()}
    assert only_shown(page.render(results, evaluation.predictions)) > len(told)


def test_hostile_names_are_only_shown(evaluation):
    assert only_shown(page.render(renamed(evaluation.results), renamed(evaluation.predictions))) > 50


def only_shown(html):
    """How often the hostile text is shown; it must never have become an element."""
    elements = Elements(html)
    assert not {tag for tag, _ in elements.found} & {"script", "img"} and not elements.open
    return "".join(elements.text).count(NASTY)


def test_it_can_be_used_without_eyes_and_without_a_mouse(html):
    found = Elements(html).found
    assert ("html", {"lang": "en"}) in found
    assert all("aria-label" in a or a.get("aria-hidden") == "true" for tag, a in found if tag == "svg")
    assert all(a.get("tabindex") == "0" and a["aria-label"] for tag, a in found if tag == "div" and a.get("class") == "scroll")
    assert all("scope" in a for tag, a in found if tag == "th")
    assert "prefers-color-scheme: dark" in html and "@media print" in html and "focus-visible" in html


def test_a_system_that_scored_nothing_is_shown_without_figures(evaluation):
    results = copy.deepcopy(evaluation.results)
    results["systems"]["deaf"] = {"models": {}, "scored": 0, "metrics": {}}
    assert "deaf" in page.render(results)


def test_without_a_matrix_there_is_no_part_for_it(evaluation):
    results = {**evaluation.results, "robustness": []}
    assert 'id="robustness"' not in page.render(results, evaluation.predictions)


def test_many_labels_still_fit(evaluation):
    results = copy.deepcopy(evaluation.results)
    labels = [f"emotion {i}" for i in range(28)]
    for system in results["systems"].values():
        system["confusion"] = [[int(i == j) for j in range(28)] for i in range(28)]
        system["classes"] = {label: {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 1} for label in labels}
    assert 'class="count' not in page.render({**results, "labels": labels})


def test_the_file_is_written_whole(tmp_path, evaluation, html):
    page.write(evaluation.results, evaluation.predictions, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html


def test_a_difference_reads_the_same_from_either_side():
    row = {"a": "x", "b": "y", "metric": "nll", "difference": 0.1, "low": 0.05, "high": 0.2, "p_value": 0.01}
    turned = story.find([row], "y", "x", "nll")
    assert (turned["difference"], turned["low"], turned["high"]) == (-0.1, -0.2, -0.05)


def test_ticks_are_round_and_inside():
    for low, high in ((0.0, 1.0), (0.317, 0.642), (-0.02, 0.03), (10, 12345), (0.5, 0.5)):
        ticks = draw.Scale(low, high, 0, 100).ticks()
        assert all(low - 1e-9 <= t <= high + 1e-9 for t in ticks) and len(ticks) >= 1
