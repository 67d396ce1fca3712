"""Answers as scores: what a model prefers by place is taken out, what it does not answer has a reason."""

import json
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest

from convemo import ConfigError, EngineFailed, registry
from convemo.llm.base import Answer
from convemo.llm.calibration import FLOOR
from convemo.llm.channel import LlmChannel, Unavailable
from convemo.llm.prompt import Prompt
from convemo.llm.spec import ChannelSpec, open_llm
from convemo.types import LABELS, ChannelResult, Dialogue, Speaker, Utterance

from .fakes import FakeEngine, judged

SAID = ("Hello.", "Oh, that is wonderful!", None, "I am furious.", "?!", "So sad.", "Fine.")
DIALOGUE = Dialogue(
    "d", tuple(Utterance(f"x{n}", "ab"[n % 2], text) for n, text in enumerate(SAID)), (Speaker("a", role="agent"), Speaker("b"))
)


def channel(engine: FakeEngine | None = None, prompt: str = "zero-shot", **settings) -> LlmChannel:
    return LlmChannel(engine or FakeEngine(), Prompt.load(prompt), **settings)


def best(result: ChannelResult, row: int) -> str | None:
    p = result.probabilities(row)
    return None if p is None else max(p, key=p.get)


def test_what_the_model_finds_is_the_score():
    result = channel().predict(DIALOGUE)
    assert [best(result, n) for n in range(len(SAID))] == ["neutral", "joy", None, "anger", None, "sadness", "neutral"]
    assert (result.channel, result.labels, result.calibrated) == ("llm", LABELS, False)


def test_what_has_no_words_says_so():
    assert channel().predict(DIALOGUE).reasons == (None, None, "no text", None, "no words", None, None)


def test_a_distribution_comes_out_as_sure_as_the_model_is():
    p = channel(FakeEngine(sure=2.0)).predict(DIALOGUE).probabilities(1)
    assert p["joy"] == pytest.approx(np.exp(2) / (np.exp(2) + 6), abs=1e-4) and sum(p.values()) == pytest.approx(1)


@pytest.mark.parametrize("permutations", [None, 7, 14])
def test_a_preference_for_places_cancels_over_all_cyclic_shifts(permutations):
    fair, biased = (channel(FakeEngine(bias=bias), permutations=permutations).predict(DIALOGUE) for bias in (0.0, 5.0))
    assert np.allclose(fair.log_probs, biased.log_probs, atol=1e-4)


def test_a_single_order_is_open_to_that_preference():
    fair, biased = (channel(FakeEngine(bias=bias), permutations=1).predict(DIALOGUE) for bias in (0.0, 5.0))
    assert not np.allclose(fair.log_probs, biased.log_probs, atol=0.5)


@pytest.mark.parametrize("calibration", ["none", "null", "batch"])
@pytest.mark.parametrize("since", range(len(SAID) + 1))
def test_scoring_from_an_utterance_on_gives_the_same_rows(calibration, since):
    whole = channel(calibration=calibration).predict(DIALOGUE)
    part = channel(calibration=calibration).predict(DIALOGUE, since=since)
    assert part.reasons == whole.reasons[since:] and np.array_equal(part.log_probs, whole.log_probs[since:])


@pytest.mark.parametrize("calibration", ["none", "null", "batch"])
def test_what_follows_changes_no_row(calibration):
    for until in range(len(SAID)):
        begun = replace(DIALOGUE, utterances=DIALOGUE.utterances[:until])
        part, whole = (channel(calibration=calibration).predict(d) for d in (begun, DIALOGUE))
        assert part.reasons == whole.reasons[:until] and np.array_equal(part.log_probs, whole.log_probs[:until])


def test_all_questions_of_a_conversation_are_one_call_to_the_engine():
    engine = FakeEngine()
    channel(engine, calibration="null").predict(DIALOGUE)
    assert [len(call) for call in engine.calls] == [7 * (5 + 3)]


def test_nothing_is_asked_twice():
    engine = FakeEngine()
    asking = channel(engine, calibration="null")
    first, again = asking.predict(DIALOGUE), asking.predict(DIALOGUE)
    assert first == again and len(engine.calls) == 1


def test_a_conversation_without_a_word_asks_nothing():
    engine = FakeEngine()
    nobody = replace(DIALOGUE, utterances=())
    assert len(channel(engine).predict(nobody)) == 0 and engine.calls == []


class TestCalibration:
    """A model that says joy whatever it reads."""

    class Joyful(FakeEngine):
        def _one(self, question):
            usual = super()._one(question).log_probs + 3.0 * np.array([label == "joy" for label in question.labels])
            return Answer(usual - np.logaddexp.reduce(usual), None, "logprobs")

    def test_null_input_takes_out_what_it_says_to_nothing(self):
        plain, null = (channel(self.Joyful(), calibration=c).predict(DIALOGUE) for c in ("none", "null"))
        assert best(plain, 3) == "joy"
        assert best(null, 3) == "anger" and best(null, 1) == "joy"

    def test_null_input_of_a_model_that_prefers_nothing_changes_little_but_its_neutral(self):
        plain, null = (channel(calibration=c).predict(DIALOGUE).probabilities(3) for c in ("none", "null"))
        others = [label for label in LABELS if label != "neutral"]
        odds = [[p[label] / p["anger"] for label in others] for p in (plain, null)]
        assert np.allclose(*odds, atol=1e-3) and null["neutral"] < plain["neutral"]

    def test_batch_takes_out_the_mean_of_the_conversation_so_far(self):
        talk = replace(DIALOGUE, utterances=tuple(Utterance(f"x{n}", "a", "Fine.") for n in range(40)))
        plain, batch = (channel(self.Joyful(), calibration=c).predict(talk) for c in ("none", "batch"))
        assert plain.probabilities(39)["joy"] > 0.6 and batch.probabilities(39)["joy"] < 0.3
        assert batch.probabilities(0)["joy"] > batch.probabilities(39)["joy"]

    def test_no_answer_to_nothing_is_no_score(self):
        engine = FakeEngine(fails=lambda q: "overloaded" if judged(q)["text"] in ("N/A", "...") else None)
        reasons = channel(engine, calibration="null").predict(DIALOGUE).reasons
        assert reasons[0] == "no answer to the empty question: overloaded" and reasons[2] == "no text"


class TestFailures:
    def test_a_question_without_an_answer_says_why_and_takes_no_other_with_it(self):
        engine = FakeEngine(fails=lambda q: "the server is unavailable: timed out" if "furious" in q.target else None)
        asking = channel(engine)
        result = asking.predict(DIALOGUE)
        assert result.reasons[3] == "the server is unavailable: timed out" and result.reasons[5] is None
        assert asking.notes == ("The language model judged 4 of 5 utterances with words. Of 1: the server is unavailable: timed out.",)

    def test_it_is_asked_again_next_time(self):
        failing = ["busy"]
        engine = FakeEngine(fails=lambda q: failing[0])
        asking = channel(engine)
        assert asking.predict(DIALOGUE).reasons[0] == "busy"
        failing[0] = None
        assert asking.predict(DIALOGUE).reasons[0] is None and asking.notes == ()

    def test_some_orders_unanswered_are_told_most_are_no_score(self):
        few = channel(FakeEngine(fails=lambda q: "lost" if q.labels[0] in ("joy", "fear") else None))
        assert few.predict(DIALOGUE).reasons[0] is None
        assert few.notes == ("5 utterances got fewer than 7 orders: the language model left questions open.",)
        most = channel(FakeEngine(fails=lambda q: "lost" if q.labels[0] not in ("joy", "fear") else None))
        assert most.predict(DIALOGUE).reasons[0] == "lost"

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (np.log([0.5, 0.5]), "is not one probability for each option"),
            (np.full(7, np.nan), "is not one probability for each option"),
            (np.full(7, -np.inf), "is not one probability for each option"),
            (np.zeros(7), "do not sum to 1"),
            (None, "gave no answer"),
        ],
    )
    def test_what_is_no_distribution_over_the_options_is_no_score(self, answer, reason):
        engine = FakeEngine()
        engine._one = lambda question: Answer(answer, None, "logprobs")
        assert reason in channel(engine).predict(DIALOGUE).reasons[0]

    def test_an_option_that_is_excluded_stays_possible(self):
        engine = FakeEngine()
        engine._one = lambda q: Answer(np.where(np.array(q.labels) == "joy", 0.0, -np.inf), None, "logprobs")
        row = channel(engine).predict(DIALOGUE).log_probs[0]
        assert row[1] == pytest.approx(0, abs=1e-5) and row[0] == pytest.approx(FLOOR, abs=1e-3)

    def test_an_engine_that_breaks_is_a_reason(self):
        class Broken(FakeEngine):
            def answer(self, questions):
                raise EngineFailed("the model to run", "out of memory", "Take a smaller one.")

        asking = channel(Broken())
        assert asking.predict(DIALOGUE).reasons[0] == "the language model failed: out of memory"
        assert asking.notes[0].endswith("found out of memory. Take a smaller one.")

    def test_an_engine_that_loses_an_answer_is_not_believed_at_all(self):
        class Lossy(FakeEngine):
            def answer(self, questions):
                return super().answer(questions)[1:]

        assert channel(Lossy()).predict(DIALOGUE).reasons[0] == "the language model gave 34 answers to 35 questions"


def test_a_long_speech_is_shortened_and_that_is_told():
    asking = channel()
    asking.predict(replace(DIALOGUE, utterances=(Utterance("x", "a", "and so on " * 500),)))
    assert asking.notes == ("1 utterance reached the language model without their middle: it reads 1000 characters at most.",)


def test_a_prompt_that_tells_of_voices_says_when_there_are_none():
    asking = channel(prompt="speech-described")
    asking.predict(DIALOGUE)
    assert asking.listens and not channel().listens
    assert "no voice may be heard or there is no sound" in asking.notes[0]


def test_another_prompt_calibration_or_number_of_orders_is_another_model():
    models = [channel(**s).model for s in ({}, {"prompt": "few-shot"}, {"permutations": 3}, {"calibration": "null"})]
    assert len({m.id for m in models}) == len({m.sha256 for m in models}) == 4
    assert models[0].id == "fake-model+zero-shot-1+k7" and models[0].licence == "Apache-2.0"


def test_how_it_was_made_is_told():
    asking = channel()
    asking.predict(DIALOGUE)
    told = asking.account
    assert (told["engine"], told["prompt"], told["permutations"], told["answers"]) == ("fake:model", "zero-shot-1", 7, {"logprobs": 35})
    assert told["prompt_sha256"] == Prompt.load("zero-shot").sha256


@pytest.mark.parametrize(("setting", "value"), [("permutations", 0), ("permutations", 101), ("calibration", "zhao")])
def test_a_setting_out_of_its_range_is_refused(setting, value):
    with pytest.raises(ConfigError):
        channel(**{setting: value})


class TestSpec:
    def test_how_it_is_asked_stands_after_the_engine(self):
        spec = ChannelSpec.parse("transformers:PATH?dtype=bfloat16&prompt=few-shot&calibration=null")
        assert spec == ChannelSpec("transformers:PATH?dtype=bfloat16", "few-shot", None, "null")

    @pytest.mark.parametrize("spec", ["openai:http://h/v1?concurrency=4#m", "transformers:a/b?adapter=x", "vllm:m"])
    def test_what_is_the_engines_own_stays_as_it_is(self, spec):
        assert ChannelSpec.parse(spec) == ChannelSpec(spec)

    def test_the_spec_wins_over_the_settings(self):
        assert ChannelSpec.parse("e:m?prompt=few-shot", prompt="zero-shot", permutations=None).prompt == "few-shot"

    def test_a_number_that_is_none_is_refused(self):
        with pytest.raises(ConfigError, match="whole number after permutations="):
            ChannelSpec.parse("e:m?permutations=many")

    @pytest.mark.parametrize("named", ["", "model"])
    def test_a_folder_that_was_trained_is_asked_as_it_was_taught(self, tmp_path, monkeypatch, named):
        monkeypatch.setitem(registry.BUILT_IN["llm"], "transformers", f"{FakeEngine.__module__}:FakeEngine")
        prompt = (files("convemo.prompts") / "few-shot-1.toml").read_bytes()
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "prompt.toml").write_bytes(prompt)
        manifest = {"id": "mine", "channel": "llm", "licence": "MIT", "files": {"prompt.toml": sha256(prompt).hexdigest()}}
        (tmp_path / "model" / "model.json").write_text(json.dumps(manifest))
        assert open_llm(str(tmp_path / named)).prompt.name == "few-shot-1"
        assert open_llm(f"{tmp_path / named}?prompt=zero-shot").prompt.name == "zero-shot-1"

    def test_a_prompt_that_is_wrong_is_told_before_a_model_is_loaded(self):
        with pytest.raises(ConfigError, match="'none-such'"):
            open_llm("transformers:/nowhere?prompt=none-such")


def test_an_unavailable_model_is_a_channel_whose_every_row_says_so():
    from convemo import EngineUnavailable

    silent = Unavailable(EngineUnavailable("a server", "connection refused"), Prompt.load())
    assert set(silent.predict(DIALOGUE, since=2).reasons) == {"the language model is unavailable: connection refused"}
    assert silent.labels == LABELS and "connection refused" in silent.notes[0]
