"""A server that speaks OpenAI's protocol as a language model."""

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
import time

import numpy as np
import pytest

from convemo import registry
from convemo.errors import ConfigError, EngineUnavailable
from convemo.llm.openai import OpenAIEngine
from convemo.llm.openai_retry import Patience
from tests.llm.fake_server import VLLM, Dialect, FakeServer, Faults, question, truth

HASTY = Patience(connect_s=2, read_s=0.5, total_s=5, backoff_s=0.01, longest_pause_s=0.05, rest_s=0.3)


def expected(asked):
    return np.log(truth(asked.user, asked.options) / 0.9)


def engine(server, settings="", **options):
    return OpenAIEngine(f"{server.url}{settings}", patience=HASTY, **options)


@pytest.fixture
def vllm():
    with FakeServer(VLLM) as server:
        yield server


def test_each_question_gets_the_answer_to_its_own_prompt(vllm):
    questions = [question(number) for number in range(40)]
    answers = engine(vllm).answer(questions)
    for asked, answer in zip(questions, answers):
        assert answer.log_probs == pytest.approx(expected(asked), abs=1e-9)
        assert answer.how == "logprobs" and answer.reason is None and answer.prompt_tokens > 0


def test_answers_depend_neither_on_batch_nor_order_nor_concurrency(vllm):
    questions = [question(number, history=("a", "b")) for number in range(20)]
    one_by_one = [engine(vllm, "?concurrency=1").answer([asked])[0] for asked in questions[:4]]
    together = engine(vllm).answer(questions)
    backwards = engine(vllm, "?concurrency=3").answer(questions[::-1])[::-1]
    for several in (one_by_one, backwards):
        for a, b in zip(several, together):
            assert np.array_equal(a.log_probs, b.log_probs)


def test_answers_that_overtake_each_other_stay_with_their_questions():
    with FakeServer(VLLM, Faults(jitter_s=0.03)) as server:
        questions = [question(number) for number in range(60)]
        for asked, answer in zip(questions, engine(server, "?concurrency=20").answer(questions)):
            assert answer.log_probs == pytest.approx(expected(asked), abs=1e-9)


def test_equal_questions_are_asked_once(vllm):
    one = engine(vllm)
    first, second = one.answer([question(1), question(1)])
    assert np.array_equal(first.log_probs, second.log_probs)
    assert sum("utterance 1" in str(body) for body in vllm.seen) == 1


def test_no_more_requests_are_under_way_than_allowed():
    with FakeServer(Dialect(latency_s=0.01)) as server:
        engine(server, "?concurrency=3").answer([question(number) for number in range(20)])
        assert server.most_under_way == 3


def test_several_threads_share_what_one_of_them_found_out(vllm):
    one, results = engine(vllm), {}
    threads = [threading.Thread(target=lambda n=n: results.update({n: one.answer([question(n)])[0]})) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[n].log_probs == pytest.approx(expected(question(n))) for n in range(6))
    assert sum("Say hello" in str(body) for body in vllm.seen) == 1


def test_it_answers_where_a_loop_is_running_already_as_in_a_notebook(vllm):
    async def cell():
        return engine(vllm).answer([question(1)])

    assert asyncio.run(cell())[0].reason is None


def test_an_interrupt_ends_the_requests_under_way(vllm):
    vllm.faults.hang = 1.0
    one = OpenAIEngine(vllm.url, patience=Patience(read_s=30))
    threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        one.answer([question(number) for number in range(5)])
    assert time.monotonic() - began < 2
    vllm.faults.hang = 0.0
    assert one.answer([question(1)])[0].reason is None, "and it can be used again"


def test_a_forked_process_opens_connections_of_its_own(vllm):
    one = engine(vllm)
    one.answer([question(1)])
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    child = fork.Process(target=lambda: results.put(one.answer([question(2)])[0].log_probs))
    child.start()
    assert results.get(timeout=10) == pytest.approx(expected(question(2)))
    child.join()
    assert one.answer([question(3)])[0].log_probs == pytest.approx(expected(question(3)))


def test_what_it_has_in_its_cache_is_counted_and_the_first_of_a_history_goes_ahead():
    with FakeServer(Dialect(latency_s=0.003)) as server:
        lines = tuple(f'{{"id": "u{n}", "text": "a line with several words in it"}}' for n in range(20))
        questions = [
            question(number, lines[:number], options) for number in range(20) for options in ("ABC", "BCA", "CAB", "ACB", "BAC", "CBA")
        ]
        answers = engine(server).answer(questions)
        computed, total = sum(a.computed_tokens for a in answers), sum(a.prompt_tokens for a in answers)
        unique = len(questions[0].static.split()) + len(" ".join(lines[:19]).split())
        targets = sum(len(asked.target.split()) for asked in questions)
        assert total > 5 * (unique + targets)
        assert computed <= 1.2 * (unique + targets)


def test_nothing_is_asked_before_the_first_question(vllm):
    one = engine(vllm)
    assert one.id == f"openai:{vllm.url}" and one.notes == () and not vllm.headers
    one.answer([question(1)])
    assert one.id == f"openai:{vllm.url}#m" and one.model.id == one.id


# What can go wrong.


def test_a_server_that_is_not_there_leaves_questions_unanswered_and_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        one = OpenAIEngine(f"http://127.0.0.1:{taken.getsockname()[1]}/v1#m", patience=HASTY)
        answers = one.answer([question(number) for number in range(50)])
    assert {answer.reason for answer in answers} == {"the server is unavailable: connection refused"}
    assert all(answer.log_probs is None for answer in answers)
    assert "is unavailable (connection refused)" in one.notes[0]


def test_a_server_that_breaks_down_is_given_up_after_some_failures_and_taken_up_again(vllm):
    one = engine(vllm, "?concurrency=2")
    assert one.answer([question(0)])[0].reason is None
    vllm.healthy, before = False, len(vllm.seen)
    answers = one.answer([question(number) for number in range(1, 101)])
    assert answers[0].reason == "HTTP 500" and answers[-1].reason == "the server is unavailable: HTTP 500"
    assert len(vllm.seen) - before < 25, "the other 90 are not even tried"
    assert any("unavailable" in note for note in one.notes)
    vllm.healthy = True
    time.sleep(HASTY.rest_s)
    assert one.answer([question(1)])[0].reason is None and one.notes == ()


def test_a_prompt_that_is_too_long_has_its_own_reason_and_disturbs_no_other():
    with FakeServer(Dialect(context=2000)) as server:
        answers = engine(server).answer([question(1), *(question(n, history=("long " * 1000,)) for n in range(8)), question(2)])
    assert [answer.reason for answer in answers] == [None, *["the prompt is longer than the model reads"] * 8, None]


def test_an_answer_to_another_request_is_not_taken():
    with FakeServer(VLLM) as server:
        one = engine(server)
        one.answer([question(0)])
        server.faults.swapped = 0.3
        questions = [question(number) for number in range(1, 60)]
        for asked, answer in zip(questions, one.answer(questions)):
            assert answer.log_probs is None or answer.log_probs == pytest.approx(expected(asked), abs=1e-9)
        assert server.done["swapped"] > 5


def test_hundreds_of_requests_to_a_server_that_fails_in_every_way_lose_and_confuse_nothing():
    faults = Faults(busy=0.10, error=0.05, hang=0.02, malformed=0.01, jitter_s=0.01)
    with FakeServer(VLLM, faults, seed=1) as server:
        server.faults = Faults()
        one = engine(server, "?concurrency=32")
        one.answer([question(-1)])
        server.faults = faults
        questions = [question(number) for number in range(300)]
        answers = one.answer(questions)
        assert min(server.done[kind] for kind in ("busy", "error", "hang", "malformed")) > 0
    unanswered = [answer for answer in answers if answer.reason is not None]
    assert len(answers) == 300 and len(unanswered) <= 4
    for asked, answer in zip(questions, answers):
        if answer.reason is None:
            assert answer.log_probs == pytest.approx(expected(asked), abs=1e-9)


# Whom it talks to.


def test_the_key_of_the_environment_is_sent_and_no_other(monkeypatch):
    with FakeServer(Dialect(key="secret")) as server:
        monkeypatch.delenv("CONVEMO_LLM_KEY", raising=False)
        with pytest.raises(EngineUnavailable, match="CONVEMO_LLM_KEY"):
            engine(server).answer([question(1)])
        monkeypatch.setenv("CONVEMO_LLM_KEY", "secret")
        one = engine(server)
        assert one.answer([question(1)])[0].reason is None
        assert "secret" not in one.id + repr(one.notes) + repr(one.model)


def test_without_a_key_none_is_sent_and_no_proxy_is_asked(vllm, monkeypatch):
    monkeypatch.delenv("CONVEMO_LLM_KEY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert engine(vllm).answer([question(1)])[0].reason is None
    assert all("authorization" not in headers for headers in vllm.headers)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://localhost/v1", "localhost:8000", "", "http://", "http://[::1/v1", "http://h:x/"]
)
def test_what_is_no_http_address_is_refused(url):
    with pytest.raises(ConfigError, match="openai:http://localhost:8000/v1#MODEL"):
        OpenAIEngine(url)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(ConfigError) as caught:
        OpenAIEngine("http://ana:hunter2@localhost/v1")
    assert "hunter2" not in str(caught.value) and "CONVEMO_LLM_KEY" in str(caught.value)


@pytest.mark.parametrize("setting", ["?concurrency=0", "?concurrency=x", "?samples=101", "?api_key=hunter2", "#m?reed=3"])
def test_settings_that_make_no_sense_are_refused(setting):
    with pytest.raises(ConfigError) as caught:
        OpenAIEngine(f"http://localhost/v1{setting}")
    assert "concurrency=1…512" in str(caught.value) and "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_offline_allows_this_machine(host):
    OpenAIEngine(f"http://{host}:1/v1", offline=True)


@pytest.mark.parametrize("host", ["10.0.0.7", "llm.example.com", "localhost.example.com", "0.0.0.0"])
def test_offline_allows_no_other(host):
    with pytest.raises(ConfigError, match="this machine"):
        OpenAIEngine(f"http://{host}:1/v1", offline=True)


def test_a_model_in_a_cloud_is_no_model_on_this_machine():
    with pytest.raises(ConfigError, match="sends to its cloud"):
        OpenAIEngine("http://localhost:11434/v1#gpt-oss:120b-cloud", offline=True)
    assert "sent to a cloud" in OpenAIEngine("http://localhost:11434/v1#gpt-oss:120b-cloud").notes[0]
    with FakeServer(Dialect(models=("glm:cloud",))) as server:
        with pytest.raises(ConfigError, match="sends to its cloud"):
            engine(server, offline=True).answer([question(1)])
        assert "utterance" not in str(server.seen)


def test_another_machine_is_named_in_the_notes():
    assert OpenAIEngine("http://10.0.0.7/v1#m").notes == (
        "What was said is sent to 10.0.0.7, unencrypted: openai:http://10.0.0.7/v1#m is not this machine.",
    )


def test_it_is_found_by_its_spec(vllm):
    one = registry.build("llm", f"openai:{vllm.url}#m")
    assert isinstance(one, OpenAIEngine) and one.address.model == "m"


@pytest.mark.parametrize("argument", ["http://xn--/v1#m", "http://user:pa/ss@host/v1", "http://h\x01/v1", f"http://h/v1?read={'9' * 5000}"])
def test_an_address_that_is_none_is_told_without_what_may_be_a_password(argument):
    with pytest.raises(ConfigError) as told:
        OpenAIEngine(argument)
    assert "pa/ss" not in str(told.value)


def test_a_server_that_asks_to_come_back_at_once_is_given_a_moment():
    assert Patience(backoff_s=0.5).pause_s(1, asked_for_s=0.0) == 0.5
