"""Weights by name: found in the Hugging Face cache without touching the network, or fetched into it, announced.

The cache is looked into by its documented layout, ``models--OWNER--NAME/{refs,snapshots}``
(https://huggingface.co/docs/huggingface_hub/guides/manage-cache), because importing the hub's client to ask costs
more than the whole `convemo doctor` may take.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from convemo.errors import EngineUnavailable

Announce = Callable[[str], None]
"""Told one sentence before anything is fetched: what, how large, from where."""

REACH_S = 5.0
"""Seconds a host has to answer before it counts as out of reach."""


def to_stderr(sentence: str) -> None:
    """The default `Announce`: one line on standard error, where it disturbs no output."""
    print(sentence, file=sys.stderr, flush=True)


def cache_folder() -> Path:
    """Where the Hugging Face client keeps what it has fetched, by the environment variables that it obeys."""
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return Path(os.path.expandvars(folder)).expanduser()


def endpoint() -> str:
    """The hub's address: ``HF_ENDPOINT`` where a mirror is set."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def cached(repository: str, files: Sequence[str]) -> Path | None:
    """The folder with a complete copy of a repository: the branch ``main``, else the newest other one.

    Args:
        repository: ``"OWNER/NAME"``.
        files: patterns, each of which must match a file there. A broken download has its small files first.
    """
    root = cache_folder() / f"models--{repository.replace('/', '--')}"
    try:
        copies = sorted((root / "snapshots").iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
        main = (root / "refs" / "main").read_text().strip() if (root / "refs" / "main").is_file() else None
    except OSError:  # no such folder, or one that we may not read
        return None
    copies.sort(key=lambda folder: folder.name != main)
    return next((folder for folder in copies if complete(folder, files)), None)


def complete(folder: Path, files: Sequence[str]) -> bool:
    """Whether each pattern matches a file that is there; links into the cache that lead nowhere do not count."""
    return all(any(path.is_file() for path in folder.glob(pattern)) for pattern in files)


def fetch(repository: str, files: Sequence[str], also: Sequence[str], name: str, mend: str, announce: Announce) -> Path:
    """Fetches a repository into the cache, after saying so; a bar shows how far it is, on a terminal.

    Args:
        repository: ``"OWNER/NAME"``.
        files: patterns of what is needed; the first one is the large file.
        also: patterns of what is fetched if it exists.
        name: what people call it.
        mend: the command to try again with.

    Raises:
        EngineUnavailable: the hub is out of reach, has no such model, or the download broke.
    """
    try:
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            raise OSError("HF_HUB_OFFLINE is set")
        size = asked(f"{endpoint()}/{repository}/resolve/main/{files[0]}")
        size = None if files[0].endswith(".index.json") else size  # a list of the large files says nothing of their size
    except OSError as error:
        raise EngineUnavailable(
            f"the weights of {name} on this machine, or {endpoint()} in reach",
            f"neither ({error})",
            f"Run `{mend}` on a machine with network, or pass the path of a folder that holds the weights.",
        ) from error
    announce(f"Fetching {name} ({readable(size)}) from {endpoint()}/{repository}, once; it is kept in {cache_folder()}.")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # in case somebody else imported it before
    piped = not sys.stderr.isatty() and not are_progress_bars_disabled()
    if piped:
        disable_progress_bars()
    try:
        folder = Path(huggingface_hub.snapshot_download(repository, allow_patterns=[*files, *also], etag_timeout=REACH_S))
    except Exception as error:  # requests, httpx and Xet below it each raise their own kind
        raise EngineUnavailable(
            f"to fetch {name} from {endpoint()}", f"{type(error).__name__}: {error}", f"Try again: `{mend}`."
        ) from error
    finally:
        if piped:
            enable_progress_bars()
    if not complete(folder, files):  # the client gives back what it has if the network goes away
        raise EngineUnavailable(
            f"{', '.join(files)} from {endpoint()}/{repository}", f"only part of it in {folder}", f"Try again: `{mend}`."
        )
    return folder


def asked(url: str) -> int | None:
    """Asks for the head of a file: its size in bytes, ``None`` if the host does not say.

    In a thread of its own, since a name server that does not answer holds a process far longer than any
    timeout that HTTP clients know.

    Raises:
        OSError: no answer within `REACH_S` seconds, or one that refuses.
    """
    answers: list[int | Exception | None] = []
    thread = threading.Thread(target=lambda: answers.append(_head(url)), daemon=True)
    thread.start()
    thread.join(REACH_S)
    if not answers:
        raise TimeoutError(f"no answer within {REACH_S:g} s")
    if isinstance(answers[0], Exception):
        raise OSError(str(answers[0]) or type(answers[0]).__name__) from answers[0]
    return answers[0]


def _head(url: str) -> int | Exception | None:
    import httpx

    try:
        response = httpx.head(url, timeout=REACH_S)
        if response.status_code >= 400 and response.status_code not in (401, 403):  # the client may have a token; we look for none
            raise OSError(f"HTTP {response.status_code} for {url}")
        size = response.headers.get("X-Linked-Size") or (None if response.is_redirect else response.headers.get("Content-Length"))
        return None if size is None else int(size)
    except (httpx.HTTPError, OSError, ValueError) as error:
        return error


def readable(size: int | None) -> str:
    if size is None:
        return "of unknown size"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
