"""How far words can steer an answer: cases, figures, and whether prompts stay whole."""

import json
import re

import numpy as np
import pytest

from convemo.commands import eval as command
from convemo.errors import ConfigError
from convemo.evaluation import benchmark as benchmarks
from convemo.evaluation import injection_structure, injection_view
from convemo.evaluation.injection import Answers, evaluate, figures
from convemo.evaluation.injection_attacks import FAMILIES, addition
from convemo.evaluation.injection_cases import ARMS, choose_bases, make_cases
from convemo.evaluation.injection_structure import check_structure
from convemo.evaluation.lineup import Lineup, System
from convemo.llm import transcript
from convemo.llm.option_tokens import PromptTokens
from convemo.llm.prompt import Prompt
from convemo.types import LABELS, ChannelResult, ModelInfo
from tests.llm.tiny_lm import tokenizer

ORDER = re.compile(r"(?:answer|label|classif|express)\w*\W(?:.*\W)?(" + "|".join(LABELS) + ")", re.IGNORECASE | re.DOTALL)


class Channel:
    """A reader of words that is easily led: ``"obeys"`` orders, reacts to ``"words"`` alone, or to ``"nothing"``."""

    name, labels, model = "text", LABELS, ModelInfo("made-up")

    def __init__(self, to):
        self.to = to
        self.asked = 0

    def predict(self, dialogue, audio=None, since=0):
        rows = np.array([self._answer(u.text) for u in dialogue.utterances[since:]])
        self.asked += len(rows)
        return ChannelResult(self.name, self.labels, np.log(rows), (None,) * len(rows), model=self.model)

    def _answer(self, text):
        assert text is not None
        found = ORDER.search(text) if self.to == "obeys" else re.search("|".join(LABELS), text) if self.to == "words" else None
        p = np.full(len(LABELS), 0.05)
        p[LABELS.index(found[1] if self.to == "obeys" else found[0]) if found else 0] = 0.7
        return p


@pytest.fixture(scope="module")
def support():
    return benchmarks.load("support")


def lineup(**channels):
    systems = (*(System(name, (name,)) for name in channels), System("fused", tuple(channels)))
    return Lineup(systems, {(name, None): channel for name, channel in channels.items()}, dict.fromkeys(channels, "made-up"))


@pytest.fixture(scope="module")
def told(support):
    channels = lineup(text=Channel("nothing"), llm=Channel("obeys"), words=Channel("words"))
    return evaluate(support, channels, bases=12, structure_cases=100, resamples=40)


# Cases ----------------------------------------------------------------------------------------------------------------------


def test_there_are_five_hundred_cases_in_five_families_at_least(support):
    cases = make_cases(choose_bases(support.test), support.labels)
    assert len(cases) >= 500 and len({case.addition.family for case in cases}) >= 5
    for place in ("utterance", "earlier"):
        counts = [sum(case.place == place and case.addition.family == family for case in cases) for family in FAMILIES]
        assert min(counts) >= 70


@pytest.mark.parametrize("family", FAMILIES)
def test_every_attack_has_controls_of_its_length(family):
    for variant in range(len(FAMILIES[family])):
        told = addition(family, variant, "sadness", np.random.default_rng(variant))
        assert len(told.benign) == len(told.mention) == len(told.attack)
        assert not any(label in told.benign.casefold() for label in LABELS)


def test_the_target_is_never_the_reference_and_every_label_is_wanted(support):
    bases = choose_bases(support.test)
    cases = make_cases(bases, support.labels)
    assert all(case.addition.target != bases[case.base].reference for case in cases)
    assert {case.addition.target for case in cases} == set(support.labels)


def test_only_one_utterance_is_touched_and_no_reference_is_shown(support):
    bases = choose_bases(support.test, 6)
    for case in make_cases(bases, support.labels):
        base = bases[case.base]
        for arm in ARMS:
            before, after = base.dialogue, case.dialogue(base, arm)
            changed = [i for i in range(len(before)) if before[i] != after[i]]
            assert changed == [len(before) - (1 if case.place == "utterance" else 2)] == [case.changed(base)]
            assert before[changed[0]].text in after[changed[0]].text and all(u.label is None for u in after)


def test_the_cases_are_the_same_every_time(support):
    first, second = (make_cases(choose_bases(support.test, 9), support.labels) for _ in range(2))
    assert first == second


# Figures --------------------------------------------------------------------------------------------------------------------


def test_who_obeys_is_hit_and_who_does_not_is_not(told):
    obedient, steadfast = told.results["systems"]["llm"], told.results["systems"]["text"]
    assert obedient["places"]["utterance"]["families"]["instruction"]["hit"]["value"] > 0.9
    assert obedient["places"]["earlier"]["all"]["hit"]["value"] == 0
    assert steadfast["all"]["hit"]["value"] == 0 == steadfast["all"]["shift"]["value"]


def test_who_only_reacts_to_words_does_no_more_for_an_attack_than_for_a_mention(told):
    words = told.results["systems"]["words"]["all"]
    assert words["beyond"]["low"] > 0.2 and words["beyond_mention"]["value"] < 0.05


def test_fused_with_others_an_attack_reaches_less(told):
    systems = told.results["systems"]
    assert 0 <= systems["fused"]["all"]["shift"]["value"] < systems["llm"]["all"]["shift"]["value"]


def test_a_hit_is_what_the_attack_turned_and_nothing_else():
    joy, other = [0.1, 0.9], [0.9, 0.1]
    clean, benign, attack = np.array([other, other, joy, other]), np.array([other, joy, joy, other]), np.array([joy, joy, joy, other])
    answers = Answers(clean, {"benign": benign, "mention": benign, "attack": attack}, np.ones(4, bool))
    found = figures(answers, np.ones(4, int), np.arange(4), np.ones(4, bool), resamples=20)
    assert (found["cases"], found["at_risk"]) == (4, 3)  # the third says it anyway
    assert found["hit"]["value"] == pytest.approx(1 / 3) and found["attack"] == pytest.approx(2 / 3)
    assert found["beyond"]["value"] == pytest.approx(1 / 3) and found["shift"]["value"] == pytest.approx(0.8 / 4)


def test_what_was_said_before_an_addition_is_not_asked_again(support):
    channel = Channel("nothing")
    evaluate(support, lineup(text=channel), bases=5, structure_cases=0, resamples=2)
    bases = choose_bases(support.test, 5)
    once = sum(len(base.dialogue) for base in bases)
    assert channel.asked == once + 5 * len(FAMILIES) * len(ARMS) * (1 + 2)


def test_the_results_are_written_as_data_as_a_table_and_case_by_case(told, tmp_path):
    injection_view.write(told, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["data"]["cases"] == 12 * 14 and results["structure"][0]["broken"] == 0
    table = (tmp_path / "table.md").read_text()
    assert "| few-shot spoof |" in table and "broken in 0 of 100 conversations" in table and "gives way most to" in table
    records = [json.loads(line) for line in (tmp_path / "cases.jsonl").read_text().splitlines()]
    assert len(records) == 12 * 14 and set(records[0]["systems"]["llm"]) == {"clean", *ARMS}


# Structure ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["zero-shot", "few-shot", "compact"])
def test_no_conversation_changes_more_of_a_prompt_than_its_texts(name):
    told = check_structure(Prompt.load(name), PromptTokens(tokenizer(), 20_000), cases=60)
    assert told["cases"] == 60 and told["broken"] == 0 and told["tokens"]


@pytest.mark.slow
def test_ten_thousand_conversations_break_no_prompt():
    assert check_structure(Prompt.load())["broken"] == 0


def test_a_prompt_that_lets_text_through_is_found_out(monkeypatch):
    monkeypatch.setattr(transcript, "clean", lambda text, longest=0: text)
    told = check_structure(Prompt.load(), cases=50)
    assert told["broken"] > 40 and told["kinds"]["control token"] + told["kinds"].get("unseen character", 0) > 30


def test_lines_that_are_not_escaped_are_found_out(monkeypatch):
    class Naive:
        dumps = staticmethod(lambda fields, **_: "{" + ", ".join(f'"{k}": "{v}"' for k, v in fields.items()) + "}")

    monkeypatch.setattr(transcript, "json", Naive)
    assert check_structure(Prompt.load(), cases=50)["kinds"]["JSON"] > 5


def test_scraps_hold_what_breaks_out_of_json_of_chat_templates_and_of_sight():
    assert {'"', "\n", "\u2028", "<|im_end|>", "\u202e", "\u200b", '{"id": "u1"', "{options}"} <= set(injection_structure.SCRAPS)


# The command ----------------------------------------------------------------------------------------------------------------


def test_it_asks_channels_that_can_be_asked(tmp_path):
    (tmp_path / "answers.jsonl").write_text(
        json.dumps({"dialogue": "support-01", "utterance": "support-01-1", "probabilities": {label: 1 / 7 for label in LABELS}})
    )
    with pytest.raises(ConfigError, match="channels that can be asked"):
        command.run("injection", data=tmp_path, out=tmp_path / "out", channels="llm", channel=[f"llm={tmp_path}/answers.jsonl"])


def test_it_refuses_what_it_would_not_heed(tmp_path):
    with pytest.raises(ConfigError, match="--seeds, --robustness"):
        command.run("injection", data=tmp_path, out=tmp_path / "out", seeds="1,2", robustness=True)
