"""Where a server of a language model is: ``http://localhost:8000/v1#model``."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

import httpx

from convemo.errors import ConfigError

CONCURRENCY = 8
"""Requests under way at once, unless said otherwise."""
SAMPLES = 10
"""Answers that are drawn for a question where a server gives no log-probabilities."""

_EXAMPLE = "openai:http://localhost:8000/v1#MODEL"
_MOST = {"concurrency": 512, "samples": 100, "read": 3600}
_KEY = "A key stands in the environment variable CONVEMO_LLM_KEY, never in a spec, which results and logs show."


@dataclass(frozen=True, slots=True)
class Address:
    """A server, the model asked of it, and how hard it may be asked."""

    url: str
    """Base of the API, without a slash at its end."""
    model: str | None = None
    """The model's name there; ``None`` for the only one it has."""
    loopback: bool = False
    """Whether the server is this machine."""
    concurrency: int = CONCURRENCY
    samples: int = SAMPLES
    read_s: int | None = None

    @classmethod
    def parse(cls, argument: str | None) -> Address:
        """Reads what stands after ``openai:``.

        Settings may follow the URL or the model: ``?concurrency=16`` (1 to 512), ``?samples=20`` (1 to 100), ``?read=300`` seconds
        (1 to 3600).

        Raises:
            ConfigError: no URL, another scheme than http or https, a password in it, or a setting that makes no sense.

        >>> address = Address.parse("http://localhost:11434/v1#qwen2.5:7b?concurrency=4")
        >>> address.url, address.model, address.loopback, address.concurrency
        ('http://localhost:11434/v1', 'qwen2.5:7b', True, 4)
        """
        argument = argument or ""
        shown = "…@" + argument.rpartition("@")[2] if "@" in argument else repr(argument)  # what stands before an @ may be a password
        try:
            parts = urlsplit(argument)
            host, _ = parts.hostname, parts.port
            _ = httpx.URL(argument.partition("#")[0]).host  # what the client makes of it
        except (ValueError, httpx.InvalidURL) as error:  # a port that is no number, brackets that do not close, no domain name
            why = "" if "@" in argument else f": {error}"
            raise ConfigError(f"a server's address such as {_EXAMPLE}", shown + why) from error
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigError(f"a server's address such as {_EXAMPLE}", shown, "Only http and https are spoken.")
        if parts.username or parts.password:
            raise ConfigError("a server's address without a password in it", f"{parts.scheme}://…@{host}", _KEY)
        settings = {}
        model, _, behind = parts.fragment.partition("?")
        for name, value in parse_qsl(f"{parts.query}&{behind}", keep_blank_values=True):
            if name not in _MOST or not value.isascii() or not value.isdigit() or len(value) > 9 or not 1 <= int(value) <= _MOST[name]:
                known = ", ".join(f"{name}=1…{most}" for name, most in _MOST.items())
                # The value is not shown: it may be somebody's key.
                raise ConfigError(f"settings among {known} after the ?", repr(name), _KEY)
            settings["read_s" if name == "read" else name] = int(value)
        path = parts.path.rstrip("/")
        return cls(f"{parts.scheme}://{parts.netloc}{path}", model or None, _is_loopback(host), **settings)

    def check_offline(self, model: str | None = None) -> None:
        """Without a network there is still this machine.

        Args:
            model: its name, where the address does not hold it.

        Raises:
            ConfigError: the server is another machine, or is known to pass prompts of that model on to one.
        """
        expected = "a server on this machine (localhost, 127.0.0.0/8, ::1), for offline allows no other"
        if not self.loopback:
            raise ConfigError(expected, self.url, "Run the server here, or leave offline out.")
        if is_cloud(model or self.model):
            raise ConfigError(expected, f"{model or self.model}, which Ollama sends to its cloud", "Use a model that was pulled.")

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def encrypted(self) -> bool:
        return self.url.startswith("https:")


def is_cloud(model: str | None) -> bool:
    """Whether a server on this machine passes prompts on to another: models of Ollama's cloud (https://docs.ollama.com/cloud).

    >>> is_cloud("gpt-oss:120b-cloud"), is_cloud("glm-4.6:cloud"), is_cloud("qwen2.5:7b")
    (True, True, False)
    """
    return model is not None and model.endswith(("-cloud", ":cloud"))


def _is_loopback(host: str) -> bool:
    """Names other than ``localhost`` are not looked up: what a name server answers is no promise."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
