"""A server that speaks OpenAI's protocol as several real ones do, and breaks in every way that a test wants.

There is no model behind it: what it answers is a function of the prompt alone (`truth`), so that an answer given to another question shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from convemo.llm.base import Question

LETTERS = "ABCDEFG"


def question(number: int, history: Sequence[str] = (), options: str = "ABC") -> Question:
    """A question that no other is equal to."""
    target = f'{{"id": "u{number}", "text": "utterance {number}"}}\nWhich emotion? {options}'
    return Question("Answer with one letter.", tuple(history), target, tuple(options), tuple(f"label {option}" for option in options))


def truth(user: str, options: Sequence[str]) -> np.ndarray:
    """The probabilities that the server gives the options of a prompt, of all its probability (the rest is for words)."""
    numbers = np.array([hashlib.sha256(f"{user}|{option}".encode()).digest()[0] + 1.0 for option in options])
    return 0.9 * numbers / numbers.sum()


@dataclass
class Dialect:
    """What a server can do; the default is a vLLM of today."""

    models: tuple[str, ...] = ("m",)
    chat: bool = True
    most_tops: int | None = 20
    """Log-probabilities that it gives at most; 0 for a server that ignores the wish, ``None`` for no limit."""
    chosen_only: bool = False
    """Whether it tells of the chosen token alone."""
    one_hot_at_zero: bool = False
    """Whether its log-probabilities are taken after the temperature."""
    breaks: bool = False
    """Whether the wish for log-probabilities is a 500."""
    refuses_zero: bool = False
    """Whether a temperature of 0 is an error."""
    constraints: tuple[str, ...] = ("structured_outputs",)
    masks: bool = True
    """Whether log-probabilities are taken after the constraint."""
    strict: bool = False
    """Whether a field that it does not know is an error."""
    samples_by: str | None = "temperature"
    """What has it draw answers: ``"temperature"``, ``"generation_config"`` or nothing."""
    thinks: str | None = None
    """The field that stops its model from thinking first; ``None`` for a model that does not think."""
    caches: bool = True
    key: str | None = None
    echoes: bool = True
    latency_s: float = 0.0
    words: int = 0
    """Words that its model finds likelier than any option."""
    context: int = 100_000


VLLM = Dialect()
OLLAMA = Dialect(models=("a", "b"), constraints=("response_format",), thinks="reasoning_effort", caches=False, echoes=False)
LLAMA_CPP = Dialect(most_tops=None, constraints=("grammar",), masks=False)
TRANSFORMERS = Dialect(
    models=(), most_tops=0, constraints=(), strict=True, samples_by="generation_config", caches=False, thinks="chat_template_kwargs"
)

_STANDARD = {"model", "messages", "prompt", "max_tokens", "temperature", "top_p", "seed", "stream", "logprobs", "top_logprobs"}
_EXTENSIONS = {"generation_config", "chat_template_kwargs"}


@dataclass
class Faults:
    """Shares of the requests that go wrong, each in ``[0, 1]``."""

    busy: float = 0.0
    """429, with Retry-After."""
    error: float = 0.0
    """500."""
    hang: float = 0.0
    malformed: float = 0.0
    jitter_s: float = 0.0
    """Answers come after a random time up to this, and so out of order."""
    swapped: float = 0.0
    """The answer to another request, with that one's id."""


@dataclass
class FakeServer:
    """Answers on a port of this machine while its ``with`` block lasts."""

    dialect: Dialect = field(default_factory=Dialect)
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    port: int = 0

    def __post_init__(self):
        self.seen: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.done: Counter[str] = Counter()
        """What became of the requests: ok, busy, error, hang, malformed, swapped."""
        self.under_way = self.most_under_way = 0
        self.healthy = True
        self._random = random.Random(self.seed)
        self._cached: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> FakeServer:
        self._loop, started = asyncio.new_event_loop(), threading.Event()

        def serve() -> None:
            self._server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=1000))
            self.port = self._server.sockets[0].getsockname()[1]
            started.set()
            self._loop.run_forever()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split(" ", 2)
                headers = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                try:
                    status, extra, answer = await self._respond(method, path, headers, body)
                finally:
                    self.under_way -= 1
                extra = {"Content-Type": "application/json", **extra}
                if self.dialect.echoes and "X-Request-Id" not in extra:
                    extra["X-Request-Id"] = headers.get("x-request-id", "")
                head = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{head}Content-Length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.dialect.key and headers.get("authorization") != f"Bearer {self.dialect.key}":
            return _error(401, "who are you?")
        if method == "GET" and path == "/v1/models":
            return 200, {}, json.dumps({"object": "list", "data": [{"id": name} for name in self.dialect.models]}).encode()
        if path not in ("/v1/chat/completions", "/v1/completions"):
            return _error(404, "Not Found")
        request = json.loads(body)
        self.seen.append(request)
        self.headers.append(headers)
        fault = self._fault() if self.healthy else "error"
        self.done[fault] += 1
        if fault == "busy":
            return 429, {"Retry-After": "0.02"}, b'{"error": {"message": "slower"}}'
        if fault == "error":
            return _error(500, "oh")
        if fault == "hang":
            await asyncio.sleep(3600)
        await asyncio.sleep(self.dialect.latency_s + self._random.random() * self.faults.jitter_s)
        if fault == "swapped":
            other = request | {"messages": [{"role": "user", "content": "of somebody else"}]}
            status, _, answer = self._answer(other, path.endswith("/chat/completions"))
            return status, {"X-Request-Id": "of-somebody-else"}, answer
        status, extra, answer = self._answer(request, path.endswith("/chat/completions"))
        return (status, extra, answer) if fault == "ok" else (status, extra, _broken(answer, self._random))

    def _fault(self) -> str:
        at, faults = self._random.random(), self.faults
        for name in ("busy", "error", "hang", "malformed", "swapped"):
            at -= getattr(faults, name)
            if at < 0:
                return name
        return "ok"

    def _answer(self, request: dict, chat: bool) -> tuple[int, dict[str, str], bytes]:
        dialect = self.dialect
        if dialect.models and request["model"] not in dialect.models:
            return _error(404, f"the model {request['model']} does not exist")
        if chat and not dialect.chat:
            return _error(400, "no template for a chat")
        if dialect.strict and (unknown := set(request) - _STANDARD - _EXTENSIONS):
            return _error(422, f"Unexpected fields in the request: {unknown}")
        if dialect.refuses_zero and request["temperature"] == 0:
            return _error(422, "temperature must be strictly positive")
        system, user = _prompt(request, chat)
        if len(system) + len(user) > dialect.context:
            return _error(400, f"This model's maximum context length is {dialect.context} tokens")
        wanted = request["top_logprobs"] if request.get("logprobs") is True else request.get("logprobs") or 0
        if dialect.most_tops and wanted > dialect.most_tops:
            return _error(400, f"top_logprobs must be at most {dialect.most_tops}")
        if wanted and dialect.breaks:
            return _error(500, "oh")
        choices, holds = _allowed(request, dialect)
        tops = self._tops(user, choices if holds and dialect.masks else None)
        if dialect.thinks and dialect.thinks not in request:
            tops = [("<think>", math.log(0.97)), *[(token, logprob + math.log(0.03)) for token, logprob in tops]]
        text = self._text(request, tops if not holds or dialect.masks else self._tops(user, choices))
        if dialect.one_hot_at_zero and request["temperature"] == 0:
            tops = [(token, 0.0 if place == 0 else -17.0) for place, (token, _) in enumerate(tops)]
        tops = [] if dialect.most_tops == 0 else tops[: 1 if dialect.chosen_only else wanted]
        usage = {"prompt_tokens": len(system.split()) + len(user.split())}
        if dialect.caches:
            usage["prompt_tokens_details"] = {"cached_tokens": self._count_cached(system, user)}
        logprobs = None
        if tops and chat:
            listed = [{"token": token, "logprob": logprob} for token, logprob in tops]
            logprobs = {"content": [{**listed[0], "top_logprobs": [] if dialect.chosen_only else listed}]}
        elif tops:
            logprobs = {"tokens": [tops[0][0]], "token_logprobs": [tops[0][1]], "top_logprobs": [dict(tops)]}
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        choice = {"index": 0, "finish_reason": "length", "logprobs": logprobs, **said}
        return 200, {}, json.dumps({"id": "x", "model": request["model"], "choices": [choice], "usage": usage}).encode()

    def _tops(self, user: str, choices: Sequence[str] | None) -> list[tuple[str, float]]:
        if "Say hello" in user:
            probabilities = {"Hello": 0.9, "Hi": 0.1} if choices is None else dict.fromkeys(choices, 1 / len(choices))
        elif "first in the alphabet" in user:
            probabilities = {"A": 0.9, "B": 0.05, "The": 0.05}
        elif "random number" in user:
            probabilities = {str(number): 0.01 for number in range(100)}
        else:
            options = choices or [letter for letter in LETTERS if letter in user.rpartition("?")[2]]
            shares = truth(user, options) / (0.9 if choices else 1.0)
            probabilities = dict(zip(options, shares)) | ({} if choices else {"The": 0.06, "I": 0.03})
            if choices is None:  # a quarter of each option goes to its variant with a space
                probabilities |= {f" {option}": share / 4 for option, share in zip(options, shares)}
                probabilities |= {option: share * 3 / 4 for option, share in zip(options, shares)}
            if self.dialect.words:
                probabilities = {token: p / 1000 for token, p in probabilities.items()}
                probabilities |= {f"word{number}": 0.99 / self.dialect.words for number in range(self.dialect.words)}
        probabilities |= {f"<{number}>": 1e-9 for number in range(200)}
        return sorted(((token, math.log(p)) for token, p in probabilities.items()), key=lambda pair: -pair[1])

    def _text(self, request: dict, tops: list[tuple[str, float]]) -> str:
        by = self.dialect.samples_by
        drawn = by is not None and request["temperature"] > 0 and (by == "temperature" or by in request)
        if not drawn:
            return tops[0][0]
        seed = hashlib.sha256(json.dumps([request["seed"], _prompt(request, "messages" in request)]).encode()).digest()
        return random.Random(seed).choices([token for token, _ in tops], [math.exp(logprob) for _, logprob in tops])[0]

    def _count_cached(self, system: str, user: str) -> int:
        """Words of the longest prefix, line by line, that some prompt before had."""
        lines, found = [system, *user.split("\n")], 0
        for end in range(1, len(lines) + 1):
            prefix = "\n".join(lines[:end])
            if prefix in self._cached:
                found = len(prefix.split())
            self._cached.add(prefix)
        return found


def _prompt(request: dict, chat: bool) -> tuple[str, str]:
    if not chat:
        system, _, user = request["prompt"].removesuffix("\nAnswer:").partition("\n\n")
        return system, user
    by_role = {message["role"]: message["content"] for message in request["messages"]}
    return by_role.get("system", ""), by_role["user"]


def _allowed(request: dict, dialect: Dialect) -> tuple[Sequence[str] | None, bool]:
    """The answers that a request allows, and whether this server cares."""
    for name in dialect.constraints:
        if name in request:
            value = request[name]
            if name == "structured_outputs":
                return value["choice"], True
            if name == "grammar":
                return [part.strip().strip('"') for part in value.partition("::=")[2].split("|")], True
            if name == "response_format":
                return value["json_schema"]["schema"]["enum"], True
            return value, True
    return None, False


def _error(status: int, message: str) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"error": {"message": message}}).encode()


def _broken(answer: bytes, chance: random.Random) -> bytes:
    """An answer made worthless in one of several ways."""
    return chance.choice(
        [
            answer[: len(answer) // 2],
            b"<html>Bad gateway</html>",
            b"",
            b"[]",
            b'{"choices": []}',
            answer.replace(b'"logprob": -', b'"logprob": NaN, "x": -', 1) if b'"logprob": -' in answer else b"null",
            b"\xff\xfe" + answer,
        ]
    )
