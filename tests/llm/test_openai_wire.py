"""Answers are checked before they are believed."""

import contextlib
import json
import math

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convemo.errors import ConfigError
from convemo.llm.openai import OpenAIEngine
from convemo.llm.openai_options import chosen, from_samples, from_tops
from convemo.llm.openai_retry import Patience
from convemo.llm.openai_server import MOST_BYTES
from convemo.llm.openai_wire import Malformed, read
from tests.llm.fake_server import question


def answer(tops=(("A", -0.5), ("B", -1.5)), **changes):
    listed = [{"token": token, "logprob": logprob} for token, logprob in tops]
    choice = {"index": 0, "message": {"content": "A"}, "logprobs": {"content": [{"token": "A", "logprob": -0.5, "top_logprobs": listed}]}}
    return json.dumps({"choices": [choice | changes], "usage": {"prompt_tokens": 7}}).encode()


def test_chat_and_completions_are_read_alike():
    old = {"choices": [{"text": "A", "logprobs": {"tokens": ["A"], "top_logprobs": [{"A": -0.5, "B": -1.5}]}}]}
    assert read(answer()).tops == read(json.dumps(old).encode()).tops == (("A", -0.5), ("B", -1.5))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"A"',
        b"{}",
        b'{"choices": [7]}',
        b'{"choices": [{"message": {"content": 3}}]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"choices": ' + b"9" * 10_000 + b"}",
        answer()[:-20],
        answer([("A", float("nan"))]),
        answer([("A", float("-inf"))]),
        answer([("A", 3.0)]),
        answer([("A", True)]),
        answer([("A", "-1")]),
        answer([(None, -1.0)]),
        answer([("A", -0.1), ("B", -0.1)]),
        answer(index=1),
        answer(finish_reason="error"),
        answer(logprobs=[1]),
        answer(message="A"),
    ],
)
def test_what_is_no_answer_is_malformed(body):
    with pytest.raises(Malformed):
        read(body)


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}])
def test_missing_log_probabilities_are_missing_and_no_error(logprobs):
    assert read(answer(logprobs=logprobs)).tops is None


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda x: json.dumps({"choices": x}).encode())
)
def test_whatever_comes_is_an_answer_or_malformed(body):
    with contextlib.suppress(Malformed):
        read(body)


def test_an_endless_answer_is_cut_off():
    sent = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):
            while True:
                sent.append(1 << 20)
                yield b" " * (1 << 20)

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Endless()))
    engine = OpenAIEngine("http://localhost/v1#m", patience=Patience(retries=0), transport=transport)
    assert engine.answer([question(1)])[0].reason == "the server is unavailable: the answer is longer than 4 MiB"
    assert sum(sent) <= MOST_BYTES + (1 << 20)


def test_it_goes_nowhere_else_and_takes_nothing_compressed():
    asked = []

    def moved(request):
        asked.append(request.url.host)
        return httpx.Response(307, headers={"Location": "http://evil.example.com/"}, stream=httpx.ByteStream(b""))

    engine = OpenAIEngine("http://localhost/v1#m", patience=Patience(retries=0), transport=httpx.MockTransport(moved))
    with pytest.raises(ConfigError, match="points elsewhere"):
        engine.answer([question(1)])
    assert set(asked) == {"localhost"}

    bomb = httpx.MockTransport(lambda request: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"x")))
    engine = OpenAIEngine("http://localhost/v1#m", patience=Patience(retries=0), transport=bomb)
    assert engine.answer([question(1)])[0].reason == "the server is unavailable: the answer is compressed"


# From answers to probabilities.


def test_spaces_around_an_option_make_no_difference_and_other_words_do():
    tops = [(" A", math.log(0.2)), ("▁A", math.log(0.1)), ("ĠB", math.log(0.3)), ("a", math.log(0.2)), ("Anger", math.log(0.1))]
    scored = from_tops("AB", tops)
    assert scored.log_probs == pytest.approx([math.log(0.5), math.log(0.5)]) and scored.mass == pytest.approx(0.6)


def test_a_missing_option_gets_no_more_than_what_is_left():
    assert from_tops("ABC", [("A", math.log(0.6)), ("B", math.log(0.39))]).log_probs[2] == pytest.approx(math.log(0.01))
    assert from_tops("ABC", [("A", math.log(0.6)), ("B", math.log(0.1))]).log_probs[2] == pytest.approx(math.log(0.125))


def test_no_option_at_all_is_no_distribution():
    assert from_tops("AB", [("The", -0.1), ("A", -9999.0)]) is None
    assert from_samples("AB", ["I think", ""]) is None


@given(st.lists(st.tuples(st.text(max_size=3) | st.sampled_from("ABC"), st.floats(-20, -2)), min_size=1, max_size=7))
def test_a_distribution_is_finite_and_sums_to_one(tops):
    scored = from_tops("ABC", tops)
    if scored is not None:
        assert sum(math.exp(x) for x in scored.log_probs) == pytest.approx(1)


def test_an_answer_that_begins_with_an_option_is_that_option():
    assert chosen("AB", "A") == chosen("AB", "(A)") == chosen("AB", "A: joy") == chosen("AB", "'A'") == "A"
    assert chosen("AB", "Answer: A") is None and chosen("AB", "AB") is None and chosen("AB", "<think>A") is None
