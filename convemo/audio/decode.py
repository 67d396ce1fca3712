"""`probe` and `load`: a media file checked here, decoded in a child process that may crash without harm."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from convemo.audio import child
from convemo.audio.sound import Audio, Spool
from convemo.errors import AudioError, LimitExceeded
from convemo.limits import Limits
from convemo.types import Recording

Progress = Callable[[float, float], None]
"""Called as ``progress(completed_s, total_s)``, in seconds of sound."""

_LINE_BYTES = 65_536  # longest line that we take from a decoder


def probe(path: str | os.PathLike, limits: Limits | None = None) -> Recording:
    """What a media file is, by its header alone.

    The duration is the header's promise; `load` says how much sound there really is.

    Raises:
        AudioError: not a readable recording.
        LimitExceeded: larger, longer or odder than `limits` allow.
    """
    limits = limits or Limits()
    with _opened(path, limits) as file:
        sha256 = _digest(file)
        report = _decode(path, file, None, "probe", limits, None)
    return Recording(os.fspath(path), sha256, report["duration_s"], report["channels"], report["rate_hz"], report["format"])


def load(path: str | os.PathLike, limits: Limits | None = None, progress: Progress | None = None) -> Audio:
    """The sound of a media file, at 16 kHz.

    Memory stays flat however long it is: samples go to a temporary file of 32 kB a second and channel, without a
    name, which vanishes with the `Audio`. A file that is cut short gives what is there, and a note.

    Args:
        path: any of WAV, FLAC, MP3, Ogg (Vorbis, Opus), MP4/M4A, WebM/Matroska, AAC, AIFF, AU, CAF, WMA, AMR, W64.
        limits: what it may cost.
        progress: called every 30 seconds of sound.

    Raises:
        AudioError: not a readable recording, or none of it decodes.
        LimitExceeded: larger, longer, odder or slower to decode than `limits` allow.
    """
    limits = limits or Limits()
    with _opened(path, limits) as file:
        sha256 = _digest(file)
        samples = Spool.create(path)
        try:
            report = _decode(path, file, samples, "load", limits, progress)
            spool = Spool(samples, report["channels"])
            if spool.frames == 0:
                raise AudioError(path, "a recording with sound in it", "no sound at all", "Is the file complete?")
        except BaseException:
            samples.close()
            raise
    recording = Recording(os.fspath(path), sha256, report["duration_s"], report["channels"], report["rate_hz"], report["format"])
    return Audio(recording, spool, tuple(report["notes"]))


@contextmanager
def _opened(path: str | os.PathLike, limits: Limits) -> Iterator[IO[bytes]]:
    """The file, open and seen to be an ordinary one: later steps use this handle, never the path again."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise AudioError(repr(text), "a path", f"{type(text).__name__}")
    if "://" in text[:16]:
        raise AudioError(text, "a file on this machine", "an address", "Download it first: convemo opens no connections for audio.")
    try:
        _check_kind(text, os.stat(text).st_mode)  # before opening: to open a device or a pipe may already do something
        descriptor = os.open(text, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise AudioError(text, "a recording", "no such file", "Check the path.") from None
    except (OSError, ValueError) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise AudioError(text, "a readable recording", found, "Check the path and its permissions.") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check_kind(text, status.st_mode)
        if status.st_size == 0:
            raise AudioError(text, "a recording", "an empty file", "Was the copy or the download complete?")
        if status.st_size > limits.max_audio_bytes:
            raise LimitExceeded(text, f"at most {limits.max_audio_bytes} bytes", f"{status.st_size}", "Raise Limits.max_audio_bytes.")
        yield file


def _check_kind(path: str, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    found = next((name for test, name in kinds if test(mode)), "a device")
    hint = "Name the files in it, one by one." if stat.S_ISDIR(mode) else "Save the sound to a file first."
    raise AudioError(path, "a recording", found, hint)


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _decode(path, file: IO[bytes], samples: IO[bytes] | None, task: str, limits: Limits, progress: Progress | None) -> dict:
    """Runs the worker over an open file; its header and its last report, merged.

    The deadline moves with the sound that has really come, so that a forged length buys no time.
    """
    report: dict = {}
    noise = b""
    try:
        started = child.start({"task": task, **dataclasses.asdict(limits)}, file, samples)
    except OSError as error:
        raise AudioError(path, "a process to decode it in", str(error), "Close other programs or files, and try again.") from None
    with started as decoder:
        watchdog = _Watchdog(decoder, limits.decode_base_s)
        try:
            while line := decoder.stderr.readline(_LINE_BYTES):
                event = _parsed(line)
                if event is None:
                    noise = line
                    continue
                report.update(event)
                if event["event"] == "progress":
                    watchdog.extend(limits.decode_base_s + limits.decode_seconds_per_minute * event["done_s"] / 60)
                    if progress is not None:
                        progress(event["done_s"], max(event["done_s"], report.get("duration_s") or 0.0))
            decoder.wait()
        finally:
            watchdog.stop()
            decoder.kill()
    if watchdog.expired:
        hint = "Raise Limits.decode_base_s or decode_seconds_per_minute, or convert the file to WAV."
        raise LimitExceeded(path, "decoding to keep up with its time limit", "a decoder that does not", hint)
    if report.get("event") == "error":
        raise (LimitExceeded if report["kind"] == "limit" else AudioError)(path, report["expected"], report["found"], report["hint"])
    if report.get("event") != "done" or decoder.returncode != 0:
        raise _death(path, decoder.returncode, noise)
    if progress is not None:
        progress(report["duration_s"], report["duration_s"])
    return report


def _parsed(line: bytes) -> dict | None:
    """A report of the worker; ``None`` for anything else that came by the same way, such as a traceback."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _death(path, returncode: int, noise: bytes) -> AudioError:
    hint = "The file may be damaged or hostile; convert it to WAV with another program."
    if returncode < 0:
        if -returncode == getattr(signal, "SIGXCPU", None):
            return LimitExceeded(path, "decoding within its processor time", "a decoder that takes longer", hint)
        return AudioError(path, "a recording that decodes", f"that the decoder ended by signal {-returncode}", hint)
    said = noise.decode("utf-8", "replace").strip() or "no reason"
    return AudioError(path, "a recording that decodes", f"that the decoder ended with status {returncode}, giving {said!r}", hint)


class _Watchdog:
    """Kills the decoder when its time is over."""

    def __init__(self, decoder: child.Child, seconds: float):
        self.expired = False
        self._decoder, self._begin = decoder, time.monotonic()
        self._seconds, self._stopped = seconds, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def extend(self, seconds: float) -> None:
        """Allows so much time, counted from the beginning."""
        self._seconds = max(self._seconds, seconds)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while (left := self._begin + self._seconds - time.monotonic()) > 0:
            if self._stopped.wait(min(left, 1.0)):
                return
        self.expired = True
        self._decoder.kill()
