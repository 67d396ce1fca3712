"""Any server that speaks OpenAI's protocol as a language model: ``llm="openai:http://localhost:8000/v1#MODEL"``.

vLLM, llama.cpp, Ollama, LM Studio, TGI, SGLang … What each can do is found out when it is first needed, and used:

openai_address   where it is
openai_server    asking it over HTTP, with patience (openai_retry), in a loop of its own (openai_loop)
openai_order     in which order, for the sake of its cache
openai_wire      requests, and answers that are checked
openai_probe     what it can do
openai_options   from its answers to probabilities
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Sequence
from dataclasses import replace

import httpx

from convemo.llm.base import Answer, Question
from convemo.llm.openai_address import Address, is_cloud
from convemo.llm.openai_loop import LoopThread
from convemo.llm.openai_options import from_samples, from_tops
from convemo.llm.openai_order import ask_in_order
from convemo.llm.openai_probe import Capabilities, probe
from convemo.llm.openai_retry import Patience
from convemo.llm.openai_server import KEY, Refused, Server, Unanswered
from convemo.llm.openai_wire import Reply
from convemo.registry import Availability
from convemo.types import ModelInfo


class OpenAIEngine:
    """A server that speaks OpenAI's protocol.

    It is asked nothing before the first question; a server that does not answer leaves questions unanswered and says so in `notes`, for
    the rest of an analysis does not need it. A key, if it wants one, stands in the environment variable ``CONVEMO_LLM_KEY``.

    Args:
        argument: the API's address, and the model's name after a ``#``; see `convemo.llm.openai_address.Address.parse`.
        offline: allow a server on this machine only.
        patience: how long it is waited for; ``None`` for what is usual, with the address's ``?read=``.
        transport: what carries the requests, for tests.

    Raises:
        ConfigError: the address makes no sense; or `offline`, and the server is another machine.
    """

    def __init__(
        self,
        argument: str | None = None,
        *,
        offline: bool = False,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ):
        self.check(argument, offline)
        self.address = Address.parse(argument)
        self._offline = offline
        read_s = self.address.read_s
        self.patience = patience or (Patience(read_s=read_s, total_s=2 * read_s) if read_s else Patience())
        self._transport = transport
        self._loop = LoopThread()
        self._server: tuple[asyncio.AbstractEventLoop, Server, asyncio.Lock] | None = None
        self._capabilities: Capabilities | None = None
        self._told: dict[str, str] = {}
        self._mass, self._answers = 0.0, 0
        weakref.finalize(self, self._loop.close)

    @classmethod
    def check(cls, argument: str | None, offline: bool = False) -> None:
        """Raises ConfigError if the address makes no sense; or if `offline`, and the server is another machine."""
        address = Address.parse(argument)
        if offline:
            address.check_offline()

    @classmethod
    def availability(cls, argument: str | None = None, offline: bool = False) -> Availability:
        """That it needs nothing but a server. None is asked here."""
        key = f"{KEY} is set" if os.environ.get(KEY) else f"{KEY} is not set, which most local servers do not mind"
        return Availability(True, f"any server that speaks OpenAI's protocol: llm='openai:URL#MODEL'; {key}")

    @property
    def id(self) -> str:
        """The spec that names it; the model's name is in it as soon as it is known."""
        model = self._capabilities.model if self._capabilities else self.address.model
        return f"openai:{self.address.url}" + (f"#{model}" if model else "")

    @property
    def model(self) -> ModelInfo:
        """Which model answers, as far as a server says: its name, not its weights."""
        return ModelInfo(self.id, licence="unknown")

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server can do; ``None`` before the first question."""
        return self._capabilities

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the answers must know."""
        notes = list(self._told.values())
        if not self.address.loopback:
            how = "" if self.address.encrypted else ", unencrypted"
            notes.insert(0, f"What was said is sent to {self.address.host}{how}: {self.id} is not this machine.")
        if is_cloud(self._capabilities.model if self._capabilities else self.address.model):
            notes.insert(0, f"What was said is sent to a cloud: {self.id} is named like one of Ollama's models that run there.")
        if self._answers and self._mass / self._answers < 0.5:
            share = self._mass / self._answers
            notes.append(f"{self.id} would rather have said something else: {share:.1%} of the probability was on the options, on average.")
        if self._server is not None and self._server[1].breaker.tripped:
            notes.append(f"{self.id} is unavailable ({self._server[1].breaker.why}): what it did not answer goes without it.")
        return tuple(notes)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer each, in the same order. Equal questions are asked once.

        May be called from any thread, and where an event loop is running. Ctrl-C ends the requests under way.

        Raises:
            ConfigError, EngineUnavailable: the server answers, and says that it lacks the model or wants a key.
        """
        if not questions:
            return []
        answers = self._loop.run(self._answer_all(list(dict.fromkeys(questions))))
        return [answers[question] for question in questions]

    def close(self) -> None:
        """Closes the connections. A later question opens new ones."""
        if self._server is not None:
            self._loop.run(self._close())
        self._loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            await self._server[1].close()
        self._server = None

    async def _answer_all(self, questions: Sequence[Question]) -> dict[Question, Answer]:
        loop = asyncio.get_running_loop()
        if self._server is None or self._server[0] is not loop:
            self._server = loop, Server(self.address, self.patience, self._transport), asyncio.Lock()
        _, server, lock = self._server
        async with lock:  # callers in several threads wait for one of them to find out
            if self._capabilities is None:
                try:
                    able = await probe(server)
                    if self._offline:
                        self.address.check_offline(able.model)
                    self._capabilities = able
                    self._tell_capabilities(self._capabilities)
                except Unanswered as error:
                    if not server.breaker.tripped:
                        server.breaker.give_up(str(error))
                    nothing = Answer(None, f"the server is unavailable: {server.breaker.why}", "logprobs")
                    return dict.fromkeys(questions, nothing)
        able, failed = self._capabilities, []

        async def answered(question: Question) -> Answer:
            try:
                by = self._by_samples if able.how == "samples" else self._by_log_probabilities
                return await by(server, able, question)
            except Unanswered as error:
                if not isinstance(error, Refused):
                    failed.append(question)
                return Answer(None, str(error), able.how)

        answers = await ask_in_order(questions, answered, self.address.concurrency)
        if failed and len(failed) < len(questions) and not server.breaker.tripped:
            # The server works, and they had bad luck three times in a row: once more, when the others are done.
            answers |= await ask_in_order(failed.copy(), answered, self.address.concurrency)
        return answers

    async def _by_log_probabilities(self, server: Server, able: Capabilities, question: Question) -> Answer:
        reply = await server.ask(able.form, able.model, question.static, question.user, question.options)
        replies, scored = [reply], from_tops(question.options, reply.tops or ())
        if able.more and (scored is None or scored.bounded):
            wide = replace(able.form, top=able.more)
            reply = await server.ask(wide, able.model, question.static, question.user, question.options)
            replies, scored = [*replies, reply], from_tops(question.options, reply.tops or ())
        tokens = _tokens(replies)
        if scored is None:
            why = "no log-probabilities in the answer" if not reply.tops else f"no option among the {len(reply.tops)} likeliest tokens"
            return Answer(None, why, "logprobs", *tokens)
        if scored.bounded and not able.exact:
            self._tell(
                "bounded",
                f"{self.id} tells of the {able.more or able.form.top} likeliest tokens only: an option that was not among them got the "
                "most that it could have had (the least of those told of, or what they leave of 1).",
            )
        if not able.exact:
            self._mass, self._answers = self._mass + scored.mass, self._answers + 1
        return Answer(scored.log_probs, None, "logprobs", *tokens)

    async def _by_samples(self, server: Server, able: Capabilities, question: Question) -> Answer:
        count = self.address.samples if able.random else 1
        asked = (server.ask(able.form, able.model, question.static, question.user, question.options, seed) for seed in range(count))
        drawn = await asyncio.gather(*asked, return_exceptions=True)
        replies = [reply for reply in drawn if isinstance(reply, Reply)]
        for failure in drawn:
            if isinstance(failure, BaseException) and (not replies or not isinstance(failure, Unanswered)):
                raise failure
        log_probs = from_samples(question.options, [reply.text for reply in replies])
        why = None if log_probs is not None else f"none of {len(replies)} sampled answers was an option"
        return Answer(log_probs, why, "samples", *_tokens(replies))

    def _tell_capabilities(self, able: Capabilities) -> None:
        if able.how == "samples" and able.random:
            self._tell(
                "samples",
                f"{self.id} gives no log-probabilities: each distribution is {self.address.samples} sampled answers, counted and smoothed "
                "(one added to each count), and as coarse as that.",
            )
        elif able.how == "samples":
            self._tell(
                "samples",
                f"{self.id} gives no log-probabilities and answers the same each time: each distribution is one answer, smoothed (one "
                "added to each count), and says little of how sure the model is.",
            )
        if not able.form.chat:
            self._tell("completions", f"{self.id} has no template for a chat: it was asked in bare text.")

    def _tell(self, about: str, note: str) -> None:
        self._told.setdefault(about, note)


def _tokens(replies: Sequence[Reply]) -> tuple[int, int]:
    """How long the prompts were, and how much of them was computed, as far as a server says."""
    total = sum(reply.prompt_tokens for reply in replies)
    return total, total - sum(reply.cached_tokens or 0 for reply in replies)
