"""What many tests share: the research data, where it is here."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of research data: ``CONVEMO_DATA``, else ``../shared/data`` beside the checkout. Skips where it is absent."""
    root = Path(os.environ.get("CONVEMO_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not root.is_dir():
        pytest.skip(f"no research data at {root}; set CONVEMO_DATA to the folder that holds ravdess/, emorynlp/ …")
    return root


@pytest.fixture
def empty_caches(tmp_path, monkeypatch):
    """No weights of the developer's own; a test that wants some puts them there."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def no_network(monkeypatch):
    """Fails the test if anything opens a socket or asks for an address."""
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError(f"the network was touched: {args[1:]}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
