"""The decoder's process: cheap to start, alone with its file, and never left behind."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from convemo.audio import child, load
from convemo.audio.child import _Zygote
from convemo.errors import AudioError, LimitExceeded
from convemo.limits import Limits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each decoder is started afresh")


@pytest.fixture
def recording(tmp_path, media):
    return media.wav(tmp_path / "a.wav", media.tone(1.0))


def zygote() -> int:
    return _Zygote._running._process.pid


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(text) for text in file.read().split()]


def loads_in_time(path) -> bool:
    """Whether a thread has the sound within ten seconds."""
    loaded = threading.Event()
    threading.Thread(target=lambda: (load(path), loaded.set()), daemon=True).start()
    return loaded.wait(10.0)


@contextmanager
def waiting_decoder() -> Iterator[tuple[child.Child, int, int]]:
    """A decoder that waits for its file, its process, and the descriptor of what it reads."""
    silent, ours = os.pipe()
    with open(silent, "rb") as file, child.start({"task": "load", **dataclasses.asdict(Limits())}, file, None) as decoder:
        try:
            pid = next(filter(None, (children(zygote()) for _ in range(10_000))))[0]
            time.sleep(0.2)  # until it has confined itself
            yield decoder, pid, silent
        finally:
            os.close(ours)


def gone(pid: int) -> bool:
    """Whether a process ends within two seconds."""
    for _ in range(200):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":  # nobody has fetched its status yet
                    return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_one_warm_process_serves_all_files_and_threads(recording):
    load(recording)
    first, durations = zygote(), []
    threads = [threading.Thread(target=lambda: durations.append(load(recording).duration_s)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert durations == [1.0] * 8
    assert zygote() == first


def test_a_warm_process_that_was_killed_is_replaced(recording):
    load(recording)
    killed = zygote()
    os.kill(killed, signal.SIGKILL)
    for _ in range(3):
        try:  # an order that it had already been sent is lost with it
            assert load(recording).duration_s == 1.0
        except AudioError as error:
            assert "signal 9" in error.found
    assert load(recording).duration_s == 1.0
    assert zygote() != killed


def test_each_file_has_a_process_of_its_own_that_is_gone_afterwards(recording):
    load(recording)
    assert children(zygote()) == []


def test_a_decoder_that_is_too_slow_is_killed(tmp_path, media):
    path = media.wav(tmp_path / "a.wav", np.zeros(16_000 * 600))
    with pytest.raises(LimitExceeded, match="its time limit"):
        load(path, Limits(decode_base_s=0.0, decode_seconds_per_minute=0.0))
    assert all(gone(pid) for pid in children(zygote()))


def test_a_decoder_holds_nothing_but_its_own_file(recording):
    """A hostile file that took over its decoder could use what is open there."""
    load(recording)
    with waiting_decoder() as (decoder, pid, silent):
        assert set(os.listdir(f"/proc/{pid}/fd")) == {"0", "1", "2"}
        assert os.readlink(f"/proc/{pid}/fd/0") == os.readlink(f"/proc/self/fd/{silent}")
        decoder.kill()
        assert decoder.wait() == -signal.SIGKILL


def test_a_decoder_cannot_raise_its_own_limits(recording):
    load(recording)
    with waiting_decoder() as (_, pid, _):
        with open(f"/proc/{pid}/limits") as file:
            limits = {line[:26].strip(): line[26:].split()[:2] for line in file}
        assert limits["Max address space"] == [str(Limits().decode_memory_bytes)] * 2
        assert limits["Max file size"][0] == limits["Max file size"][1] != "unlimited"
        soft, hard = map(int, limits["Max cpu time"])
        assert hard == soft + 1


def test_a_decoder_does_not_outlive_the_warm_process(recording):
    """Nobody could end it any more."""
    load(recording)
    with waiting_decoder() as (decoder, pid, _):
        os.kill(zygote(), signal.SIGKILL)
        assert gone(pid)
        assert decoder.wait() == -signal.SIGKILL


def test_a_thread_that_blocks_signals_gets_its_sound(recording):
    _Zygote.stop()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGXCPU})
    try:
        assert loads_in_time(recording)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_fork_while_another_thread_loads_does_not_keep_it_waiting(recording, monkeypatch):
    """The copy, a worker of a pool perhaps, may live for hours; it must not hold the pipe that the decoder reports by."""
    load(recording)
    ordering, send = threading.Event(), _Zygote._send

    def slowly(order, descriptors):
        ordering.set()
        time.sleep(0.3)
        send(order, descriptors)

    monkeypatch.setattr(_Zygote, "_send", slowly)
    copies = []

    def fork():
        ordering.wait()
        copies.append(os.fork())
        if copies[-1] == 0:
            time.sleep(60)
            os._exit(0)

    forking = threading.Thread(target=fork)
    forking.start()
    try:
        assert loads_in_time(recording)
    finally:
        forking.join()
        os.kill(copies[0], signal.SIGKILL)
        os.waitpid(copies[0], 0)


@pytest.fixture
def altered(monkeypatch):
    """``altered(code)`` has the next warm process run that code before it takes orders."""

    def alter(code: str) -> None:
        _Zygote.stop()
        command = [sys.executable, "-c", f"import os; from convemo.audio import zygote\n{code}\nzygote.main()"]
        monkeypatch.setattr(child, "_python", lambda _module, **settings: subprocess.Popen(command, **settings))

    yield alter
    _Zygote.stop()


def test_no_room_for_another_process_is_told_and_passes(recording, altered):
    altered("""
fork, orders = os.fork, []
def full_at_first():
    orders.append(1)
    if len(orders) == 1:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()
os.fork = full_at_first""")
    with pytest.raises(AudioError, match=r"expected a process to decode it in, found .*temporarily unavailable"):
        load(recording)
    assert load(recording).duration_s == 1.0


def test_a_decoder_that_ends_as_it_is_killed_harms_no_other(recording, altered):
    """Its end and the hanging up may be seen in the same moment, the end first."""
    altered("""
hang_up = zygote.Zygote._hang_up
def late(self, link, pid):
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    self._reap()
    hang_up(self, link, pid)
zygote.Zygote._hang_up = late""")
    load(recording)
    serving = zygote()
    with waiting_decoder() as (decoder, _, _):
        decoder.kill()
    assert load(recording).duration_s == 1.0 and zygote() == serving


def test_a_process_that_the_user_forks_starts_its_own(recording):
    load(recording)
    parents = zygote()
    pid = os.fork()
    if pid == 0:
        same = load(recording).duration_s == 1.0 and zygote() != parents
        _Zygote.stop()
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert load(recording).duration_s == 1.0 and zygote() == parents


def test_where_forking_is_unsafe_each_decoder_is_started_afresh(tmp_path, recording, media, monkeypatch):
    warm = load(recording).read()
    monkeypatch.setattr(child, "_FORKS", False)
    np.testing.assert_array_equal(load(recording).read(), warm)
    with pytest.raises(AudioError, match="NaN or infinity"):
        load(media.float_wav(tmp_path / "b.wav", np.array([0.0, np.nan])))


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), 9)"], ids=["that ends", "that is killed"])
def test_nothing_is_left_behind_by_a_program(recording, end):
    code = (
        "import os, sys; from convemo.audio import load; from convemo.audio.child import _Zygote\n"
        f"load({str(recording)!r}); print(_Zygote._running._process.pid, flush=True); {end}"
    )
    ended = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert ended.stderr == ""
    assert gone(int(ended.stdout))
