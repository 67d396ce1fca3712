"""What a server can do is found out by asking it, and what it only pretends to do is noticed."""

import numpy as np
import pytest

from convemo.errors import ConfigError
from convemo.llm.openai import OpenAIEngine
from convemo.llm.openai_retry import Patience
from tests.llm.fake_server import LLAMA_CPP, OLLAMA, TRANSFORMERS, VLLM, Dialect, FakeServer, question, truth

HASTY = Patience(connect_s=2, read_s=2, total_s=5, retries=1, backoff_s=0.01)


def asked_of(dialect, settings="", count=6):
    """The engine and its answers to some questions, from a server of that dialect."""
    with FakeServer(dialect) as server:
        engine = OpenAIEngine(f"{server.url}{settings}", patience=HASTY)
        answers = engine.answer([question(number) for number in range(count)])
        engine.close()
    return engine, answers, server


def expected(number):
    asked = question(number)
    return np.log(truth(asked.user, asked.options) / 0.9)


def assert_right(answers):
    for number, answer in enumerate(answers):
        assert answer.how == "logprobs" and answer.log_probs == pytest.approx(expected(number), abs=1e-9)


@pytest.mark.parametrize(
    "dialect, settings, top, constraint, exact",
    [
        (VLLM, "", 20, "structured_outputs", True),
        (Dialect(constraints=("guided_choice",)), "", 20, "guided_choice", True),
        (Dialect(masks=False), "", 20, None, False),
        (Dialect(constraints=(), most_tops=10), "", 10, None, False),
        (LLAMA_CPP, "", 100, None, False),
        (OLLAMA, "#a", 20, None, False),
        (Dialect(chat=False), "", 20, "structured_outputs", True),
        (Dialect(chat=False, constraints=()), "", 20, None, False),
    ],
)
def test_whatever_a_server_offers_the_distribution_comes_out_the_same(dialect, settings, top, constraint, exact):
    engine, answers, _ = asked_of(dialect, settings)
    able = engine.capabilities
    assert (able.form.top, able.form.constraint, able.exact, able.form.chat) == (top, constraint, exact, dialect.chat)
    assert_right(answers)


def test_the_probe_holds_no_word_of_a_conversation_and_is_short():
    _, _, server = asked_of(LLAMA_CPP, count=1)
    probes = server.seen[:-1]
    assert 5 <= len(probes) <= 14 and all("utterance" not in str(body) for body in probes)
    assert all(body["max_tokens"] <= 16 for body in probes)


def test_log_probabilities_that_are_ignored_in_silence_are_noticed_and_answers_sampled_instead():
    engine, answers, server = asked_of(Dialect(most_tops=0), "?samples=40")
    assert engine.capabilities.how == "samples" and engine.capabilities.random
    assert "no log-probabilities: each distribution is 40 sampled answers" in engine.notes[0]
    for number, answer in enumerate(answers):
        assert answer.how == "samples" and answer.reason is None
        assert np.exp(answer.log_probs).sum() == pytest.approx(1)
        assert np.exp(answer.log_probs) == pytest.approx(np.exp(expected(number)), abs=0.25)
    assert all(body["temperature"] == 1.0 for body in server.seen[-40:])


def test_the_token_chosen_alone_is_no_distribution():
    engine, answers, _ = asked_of(Dialect(chosen_only=True))
    assert engine.capabilities.how == "samples" and {answer.how for answer in answers} == {"samples"}


def test_a_server_that_breaks_over_log_probabilities_is_not_asked_for_them():
    engine, answers, _ = asked_of(Dialect(breaks=True), count=2)
    assert engine.capabilities.how == "samples" and all(answer.reason is None for answer in answers)


def test_sampled_answers_are_the_same_whatever_the_concurrency():
    first, second = (asked_of(Dialect(most_tops=0), f"?concurrency={n}")[1] for n in (1, 16))
    assert all(np.array_equal(a.log_probs, b.log_probs) for a, b in zip(first, second))


def test_transformers_serve_is_made_to_sample():
    engine, answers, _ = asked_of(TRANSFORMERS, "#any?samples=30")
    assert engine.capabilities.random and "generation_config" in engine.capabilities.form.extras
    assert {answer.how for answer in answers} == {"samples"} and all(answer.reason is None for answer in answers)


def test_a_server_that_never_varies_gives_one_answer_and_the_note_says_so():
    engine, answers, server = asked_of(Dialect(most_tops=0, samples_by=None), count=1)
    assert not engine.capabilities.random
    assert "one answer, smoothed" in engine.notes[0]
    assert sorted(np.exp(answers[0].log_probs)) == pytest.approx([0.25, 0.25, 0.5])
    assert sum("utterance 0" in str(body) for body in server.seen) == 1


def test_log_probabilities_taken_after_a_temperature_of_zero_are_asked_for_at_one():
    engine, answers, _ = asked_of(Dialect(one_hot_at_zero=True))
    assert engine.capabilities.form.temperature == 1.0
    assert_right(answers)


def test_a_server_that_refuses_a_temperature_of_zero_is_asked_at_one():
    engine, answers, _ = asked_of(Dialect(refuses_zero=True))
    assert engine.capabilities.form.temperature == 1.0
    assert_right(answers)


@pytest.mark.parametrize("way", ["chat_template_kwargs", "reasoning_effort"])
@pytest.mark.parametrize("tops", [20, 0])
def test_a_model_that_thinks_first_is_asked_not_to(way, tops):
    engine, answers, _ = asked_of(Dialect(constraints=(), thinks=way, most_tops=tops))
    assert way in engine.capabilities.form.extras
    assert all(answer.reason is None for answer in answers)
    if tops:
        assert_right(answers)


def test_a_model_that_cannot_be_kept_from_thinking_is_told_of():
    engine, answers, _ = asked_of(Dialect(constraints=(), thinks="a field nobody knows"))
    assert_right(answers)
    assert "would rather have said something else: 2.7% of the probability was on the options" in engine.notes[0]


def test_an_option_that_is_not_told_of_gets_what_it_can_have_had_at_most():
    engine, answers, _ = asked_of(Dialect(constraints=(), most_tops=2))
    assert "tells of the 2 likeliest tokens only" in engine.notes[0]
    for number, answer in enumerate(answers):
        if answer.reason is None:
            shares, found = np.exp(expected(number)), np.exp(answer.log_probs)
            assert found.sum() == pytest.approx(1) and found.argmax() == shares.argmax()


def test_where_a_hundred_are_not_enough_more_are_asked_for_if_there_are_more():
    engine, answers, _ = asked_of(Dialect(constraints=(), most_tops=None, words=150))
    assert_right(answers)
    assert len(engine.notes) == 1 and "would rather have said something else: 0.1%" in engine.notes[0]
    _, answers, _ = asked_of(Dialect(constraints=(), most_tops=100, words=150))
    assert {answer.reason for answer in answers} == {"no option among the 100 likeliest tokens"}


# Which model.


def test_the_only_model_need_not_be_named_and_of_several_one_must():
    engine, _, _ = asked_of(VLLM, count=1)
    assert engine.capabilities.model == "m"
    with pytest.raises(ConfigError, match=r"found 2 of them: a, b\. Name one after a #, as in openai:http://127.0.0.1:\d+/v1#a"):
        asked_of(OLLAMA, count=1)
    with pytest.raises(ConfigError, match="Name one after a #"):
        asked_of(TRANSFORMERS, count=1)


def test_a_model_that_it_lacks_is_an_error_that_names_those_it_has():
    with pytest.raises(ConfigError, match=r"the model 'c' .* does not exist\. It has a, b\."):
        asked_of(OLLAMA, "#c", count=1)


def test_an_address_without_its_path_is_an_error_that_says_so():
    with FakeServer(VLLM) as server, pytest.raises(ConfigError, match="Most servers want /v1 at the end"):
        OpenAIEngine(server.url.removesuffix("/v1") + "#m", patience=HASTY).answer([question(0)])
