"""How long a server is waited for, when it is asked again, and when it is given up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds, and how often is asked again."""

    connect_s: float = 5.0
    read_s: float = 60.0
    """The longest silence within an answer. A large model on a processor may think longer before its first token."""
    total_s: float = 120.0
    """The longest that one request may take, attempts and pauses together."""
    retries: int = 2
    """How often a request is repeated that failed: a broken connection, a server's error, an answer that is none."""
    backoff_s: float = 0.5
    """The first pause; each further one is twice as long."""
    longest_pause_s: float = 30.0
    failures: int = 5
    """So many requests that failed one after the other, repetitions included, and the server counts as unavailable."""
    rest_s: float = 30.0
    """So long it is then left alone, before one request tries whether it is back."""

    def pause_s(self, failed: int, asked_for_s: float | None = None) -> float:
        """How long to wait after so many failed attempts.

        Exponential, with full jitter over its upper half, so that requests that failed together do not come back together
        (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). What the server asks for is granted, within bounds.

        >>> 0.5 <= Patience(backoff_s=0.5).pause_s(2) <= 1.0
        True
        >>> Patience(longest_pause_s=30).pause_s(1, asked_for_s=3600)
        30
        """
        if asked_for_s is not None:
            return min(max(asked_for_s, self.backoff_s), self.longest_pause_s)  # "at once" would be a storm
        longest = min(self.backoff_s * 2 ** (failed - 1), self.longest_pause_s)
        return longest * random.uniform(0.5, 1.0)


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """How long a Retry-After header asks to wait: seconds or a date (RFC 9110, section 10.2.3); ``None`` if it says nothing of use.

    >>> retry_after_s("7"), retry_after_s("soon"), retry_after_s("-1")
    (7.0, None, None)
    >>> retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT", datetime(1999, 12, 31, 23, 59, 29, tzinfo=UTC))
    30.0
    """
    if not header:
        return None
    header = header.strip()
    if header.isascii() and header.replace(".", "", 1).isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
        return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):  # no date; a date without a zone; a year that does not exist
        return None


class Breaker:
    """Remembers whether a server answers, so that a dead one does not cost every question its whole patience.

    Closed while it answers; open after so many failures one after the other; then, after a rest, one request is let through to see.

    >>> now = 0.0
    >>> breaker = Breaker(failures=2, rest_s=30, clock=lambda: now)
    >>> breaker.failed("connection refused"), breaker.failed("connection refused"), breaker.open, breaker.why
    (None, None, True, 'connection refused')
    >>> now = 31.0
    >>> breaker.open, breaker.open  # one may try, the others wait for how it fares
    (False, True)
    >>> breaker.succeeded(), breaker.open
    (None, False)
    """

    def __init__(self, failures: int, rest_s: float, clock: Callable[[], float] = time.monotonic):
        self._limit, self._rest_s, self._clock = failures, rest_s, clock
        self._failures, self._opened = 0, None
        self.why = ""
        """How the last request failed."""

    @property
    def tripped(self) -> bool:
        """Whether the server was given up and has not answered since."""
        return self._opened is not None

    @property
    def open(self) -> bool:
        """Whether a request should not even be tried. The first to ask after the rest is told to try."""
        if self._opened is None:
            return False
        if self._clock() - self._opened < self._rest_s:
            return True
        self._opened = self._clock()
        return False

    def succeeded(self) -> None:
        self._failures, self._opened = 0, None

    def failed(self, why: str) -> None:
        self._failures += 1
        self.why = why
        if self._failures >= self._limit:
            self._opened = self._clock()

    def give_up(self, why: str) -> None:
        """Opens at once, as where a server does not even say what it is."""
        self._failures = self._limit - 1
        self.failed(why)
