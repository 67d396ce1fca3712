"""A server that is asked over HTTP: with patience, within bounds, and nobody else."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from typing import Any
from uuid import uuid4

import httpx

from convemo import __version__
from convemo.errors import ConfigError
from convemo.llm.base import TOO_LONG
from convemo.llm.openai_address import Address
from convemo.llm.openai_retry import Breaker, Patience, retry_after_s
from convemo.llm.openai_wire import Form, Malformed, Reply, complaint, models, read

KEY = "CONVEMO_LLM_KEY"
"""Environment variable that holds the key, if the server wants one."""

MOST_BYTES = 4 << 20
"""Longest answer that is read. A hundred log-probabilities are 10 KB."""

_BUSY = (429, 503)
"""The server works and has too much to do: such an answer, if it says when to come back, uses up no repetition."""


class Unanswered(Exception):
    """A request without an answer; its words are the reason, and hold nothing of the prompt."""


class Refused(Unanswered):
    """The server will not answer this request, however often it is asked."""

    def __init__(self, status: int, complaint: str):
        self.status, self.complaint = status, complaint
        words = complaint.lower()
        too_long = (status in (400, 413, 422, 500) and "context" in words) or "too long" in words or "too many tokens" in words
        super().__init__(TOO_LONG if too_long else f"the server refused the request (HTTP {status})")


class Faulty(Exception):
    """One attempt failed, and another may not."""

    def __init__(self, why: str, after_s: float | None = None, busy: bool = False):
        super().__init__(why)
        self.after_s, self.busy = after_s, busy


class Server:
    """An address, the connections to it, and how it has behaved. To be used within one event loop."""

    def __init__(self, address: Address, patience: Patience, transport: httpx.AsyncBaseTransport | None = None):
        self.address, self.patience = address, patience
        self.breaker = Breaker(patience.failures, patience.rest_s)
        self.echoes = False
        """Whether it sends a request's id back with the answer, so that a mix-up on the way would show."""
        self._slots = asyncio.Semaphore(address.concurrency)
        most = address.concurrency
        self._client = httpx.AsyncClient(
            headers=_headers(),
            timeout=httpx.Timeout(connect=patience.connect_s, read=patience.read_s, write=patience.read_s, pool=None),
            # Servers close what has idled for five seconds (llama.cpp's do); a request on a closed connection would be a failed one.
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=3.0),
            # No proxy, no netrc and no other place: nothing goes anywhere but to the address given.
            trust_env=False,
            follow_redirects=False,
            verify=ssl.create_default_context() if address.encrypted else False,
            transport=transport,
        )

    async def models(self) -> tuple[str, ...]:
        """The names of the models it has; none if it does not say.

        Raises:
            Unanswered: it cannot be reached, or lets nobody in without a key.
        """
        try:
            return models(await self._patiently("GET", "/models", None))
        except Malformed:
            return ()
        except Refused as error:
            if error.status in (401, 403):
                raise
            return ()

    async def ask(self, form: Form, model: str, system: str, user: str, options: tuple[str, ...] = (), seed: int = 0) -> Reply:
        """One answer.

        Raises:
            Unanswered: there is none, after all patience; it says why.
        """
        return await self._patiently("POST", form.path, form.body(model, system, user, options, seed), read)

    async def close(self) -> None:
        await self._client.aclose()

    async def _patiently(self, method: str, path: str, content: dict | None, use: Any = bytes) -> Any:
        """What `use` makes of the answer, asked for again where it is worth it. A place among those asking is kept while it waits."""
        async with self._slots:
            failed, why = 0, ""
            try:
                async with asyncio.timeout(self.patience.total_s):
                    while failed <= self.patience.retries:
                        if self.breaker.open:
                            raise Unanswered(f"the server is unavailable: {self.breaker.why}")
                        try:
                            answer = use(await self._once(method, path, content))
                        except Malformed as error:
                            fault = Faulty(f"the server's answer is malformed: {error}")
                        except Faulty as error:
                            fault = error
                        except Refused:
                            self.breaker.succeeded()  # it lives, and knows what it wants
                            raise
                        else:
                            self.breaker.succeeded()
                            return answer
                        why = str(fault)
                        failed += 0 if fault.busy and fault.after_s is not None else 1
                        if failed <= self.patience.retries:
                            await asyncio.sleep(self.patience.pause_s(max(failed, 1), fault.after_s))
            except TimeoutError:
                why = f"no answer within {self.patience.total_s:g} s" + (f" ({why})" if why else "")
            self.breaker.failed(why)
            raise Unanswered(why)

    async def _once(self, method: str, path: str, content: dict | None) -> bytes:
        """The body of one answer.

        Raises:
            Faulty, Refused: there is none.
        """
        identity = uuid4().hex
        request = self._client.build_request(
            method,
            self.address.url + path,
            content=None if content is None else json.dumps(content),
            headers={"X-Request-Id": identity} | ({} if content is None else {"Content-Type": "application/json"}),
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await _bounded(response)
            finally:
                await response.aclose()
        except httpx.ConnectTimeout as error:
            raise Faulty(f"no connection within {self.patience.connect_s:g} s") from error
        except httpx.TimeoutException as error:
            raise Faulty(f"silent for {self.patience.read_s:g} s") from error
        except httpx.ConnectError as error:
            raise Faulty("connection refused" if "refused" in str(error) or "attempts failed" in str(error) else "no connection") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Faulty(f"the connection broke ({type(error).__name__})") from error
        if response.is_redirect:
            raise Refused(response.status_code, "it points elsewhere, where nothing is sent")
        if response.status_code in (408, 425, *_BUSY) or response.status_code >= 500:
            after = retry_after_s(response.headers.get("Retry-After"))
            raise Faulty(f"HTTP {response.status_code}", after, response.status_code in _BUSY)
        if not response.is_success:
            raise Refused(response.status_code, complaint(body))
        came = response.headers.get("X-Request-Id")
        if came == identity:
            self.echoes = True
        elif self.echoes:
            raise Faulty("the answer is to another request")
        return body


async def _bounded(response: httpx.Response) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        # None was asked for, and a megabyte of it can become a gigabyte.
        raise Faulty("the answer is compressed")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MOST_BYTES:
            raise Faulty(f"the answer is longer than {MOST_BYTES >> 20} MiB")
    return bytes(body)


def _headers() -> dict[str, str]:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"convemo/{__version__}"}
    key = os.environ.get(KEY, "").strip()
    if key:
        if not key.isascii() or not key.isprintable():
            raise ConfigError(f"a key of printable ASCII in {KEY}", "other characters", "Set it anew.")
        headers["Authorization"] = f"Bearer {key}"
    return headers
