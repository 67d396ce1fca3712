import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import huggingface_hub
import pytest

from convemo.errors import EngineUnavailable
from convemo.weights import hub

FILES = ("model.bin", "vocabulary.*")


pytestmark = pytest.mark.usefixtures("empty_caches")


@pytest.fixture
def hub_answers(monkeypatch):
    """A hub on this machine: says how large a file is, as the real one does, on the way to where it lies."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            missing = "missing" in self.path
            self.send_response(404 if missing else 302)
            if not missing:
                self.send_header("X-Linked-Size", "483546902")
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args):
            """Keeps the test's output quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def fetch(repository="a/b", said=None):
    return hub.fetch(repository, FILES, (), "engine:small", "hf download a/b", (said if said is not None else []).append)


def downloads(folder, *names):
    """Stands in for the hub's client: leaves these files."""

    def snapshot_download(repository, **kwargs):
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_text("x")
        return str(folder)

    return snapshot_download


def test_what_is_fetched_is_announced_before_with_its_size_and_its_host(hub_answers, tmp_path, monkeypatch):
    said, order = [], []
    client = downloads(tmp_path / "model", "model.bin", "vocabulary.txt")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: order.append(list(said)) or client(*a, **k))
    assert fetch(said=said) == tmp_path / "model"
    assert order == [said] and "Fetching engine:small (484 MB) from http://127.0.0.1:" in said[0]
    assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY is True


def test_a_download_that_breaks_is_one_error_with_the_command_to_try_again(hub_answers, monkeypatch):
    def breaks(*args, **kwargs):
        raise ConnectionResetError("in the middle")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", breaks)
    with pytest.raises(EngineUnavailable, match=r"in the middle.*hf download a/b"):
        fetch()


def test_a_download_that_leaves_a_part_does_not_pass_for_a_whole(hub_answers, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", downloads(tmp_path / "model", "vocabulary.txt"))
    with pytest.raises(EngineUnavailable, match="only part of it"):
        fetch()


def test_a_model_that_the_hub_does_not_have_is_not_announced(hub_answers):
    said = []
    with pytest.raises(EngineUnavailable, match="HTTP 404"):
        fetch("a/missing", said)
    assert said == []


def test_a_hub_out_of_reach_is_one_error_and_nothing_is_announced(monkeypatch):
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses at once
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        said = []
        with pytest.raises(EngineUnavailable, match="on a machine with network"):
            fetch(said=said)
        assert said == []


def test_a_name_server_that_never_answers_is_not_waited_for(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(hub, "REACH_S", 0.05)
    monkeypatch.setattr(hub, "_head", lambda url: answered.wait(30))
    with pytest.raises(TimeoutError, match="no answer within"):
        hub.asked("https://example.org/model.bin")
    answered.set()


def test_the_hubs_own_offline_switch_is_obeyed(monkeypatch, no_network):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EngineUnavailable, match="HF_HUB_OFFLINE is set"):
        fetch()


@pytest.mark.parametrize(
    "variables, folder",
    [
        ({"HF_HUB_CACHE": "/a"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/b"}, "/b"),
        ({"HF_HOME": "/c"}, "/c/hub"),
        ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_hubs_client_keeps_it(variables, folder, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(hub.cache_folder()) == folder


def test_the_main_branch_goes_before_other_copies(tmp_path, monkeypatch):
    root = hub.cache_folder() / "models--a--b"
    for commit in ("new", "old"):
        (root / "snapshots" / commit).mkdir(parents=True)
        downloads(root / "snapshots" / commit, "model.bin", "vocabulary.json")("")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("old\n")
    assert hub.cached("a/b", FILES).name == "old"
    (root / "snapshots" / "old" / "model.bin").unlink()
    assert hub.cached("a/b", FILES).name == "new"
    assert hub.cached("a/other", FILES) is None
