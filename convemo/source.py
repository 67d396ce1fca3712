"""What the user gave: a recording, a transcript, or both; told apart by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from convemo import audio
from convemo.audio import Audio
from convemo.errors import AudioError, ConfigError
from convemo.limits import Limits
from convemo.readers import read_transcript
from convemo.types import Dialogue, Transcript

Source = str | os.PathLike | np.ndarray | Transcript | Dialogue
Said = TypeVar("Said", Transcript, Dialogue)

AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".webm", ".mkv", ".mov"),
    *(".aac", ".aiff", ".aif", ".au", ".caf", ".wma", ".w64", ".amr", ".3gp"),
)
_LIST_SUFFIXES = (".m3u8", ".m3u", ".pls", ".mpd", ".sdp", ".ffconcat", ".cue")
TEXT_SUFFIXES = (".vtt", ".srt", ".json", ".jsonl", ".csv", ".tsv", ".txt")
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of a source that are there."""

    audio: Audio | None = None
    transcript: Transcript | None = None
    dialogue: Dialogue | None = None
    origin: dict[str, str] | None = None
    """For the provenance: path and sha256 of a transcript file, sha256 of the sound."""
    name: str | None = None
    """What to call the conversation if it has no id: the file's name without its suffix."""


@contextmanager
def opened(
    source: Source,
    transcript: str | os.PathLike | Transcript | None,
    rate_hz: int | None,
    conversation: str | None,
    limits: Limits,
    progress: Callable[[float, float], None] | None,
) -> Iterator[Opened]:
    """Reads what was given; sound is let go of at the end.

    Raises:
        AudioError, TranscriptError: a file cannot be read as what it is.
        ConfigError: the parts do not go together, or are of a type that is no source.
    """
    origin: dict[str, str] = {}
    sound, said, dialogue, name = None, None, None, None
    if transcript is not None:
        said = transcript if isinstance(transcript, Transcript) else _read(_path(transcript), conversation, limits, origin)
    if isinstance(source, np.ndarray):
        if rate_hz is None:
            raise ConfigError("rate_hz with an array of samples", "none", "Pass the sampling rate: analyze(samples, rate_hz=16000).")
        sound = Audio.from_array(source, rate_hz, limits)
    elif isinstance(source, Dialogue):
        dialogue = _only(said, source)
    elif isinstance(source, Transcript):
        said = _only(said, source)
    else:
        name = Path(_path(source)).stem
        if is_transcript(source):
            said = _only(said, _read(source, conversation, limits, origin))
        else:
            sound = audio.load(source, limits, progress)
    try:
        if sound is not None:
            origin["audio_sha256"] = sound.recording.sha256
            said = said and _ended(said, sound.duration_s)
        yield Opened(sound, said, dialogue, origin, name)
    finally:
        if sound is not None:
            sound.close()


def is_transcript(path: str | os.PathLike) -> bool:
    """Whether a file holds text rather than sound, as its first bytes say; its suffix decides what they leave open.

    Raises:
        AudioError: it is text, but its name says that it is a recording, or a list of them.
    """
    suffix = Path(os.fspath(path)).suffix.lower()
    if suffix in _LIST_SUFFIXES:
        raise AudioError(path, "a recording", f"a list of others, as {suffix} says", "Pass the recordings themselves, one by one.")
    head = _head(path)
    if not head:  # missing, empty, a folder, a pipe: whoever reads it next says what is wrong
        return suffix in TEXT_SUFFIXES
    text = _looks_like_text(head) or (suffix in TEXT_SUFFIXES and b"\0" not in head)
    if text and suffix in AUDIO_SUFFIXES:
        raise AudioError(path, f"a recording, as {suffix} says", "text", "If it is a transcript, rename it, or pass it as transcript=.")
    return text


def _head(path: str | os.PathLike) -> bytes:
    try:
        if not Path(path).is_file():
            return b""
        with open(path, "rb") as file:
            return file.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def _looks_like_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    control = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head)
    return b"\0" not in head and control <= len(head) // 100


def _read(path: str | os.PathLike, conversation: str | None, limits: Limits, origin: dict[str, str]) -> Transcript:
    said = read_transcript(path, conversation=conversation, limits=limits)
    with open(path, "rb") as file:
        origin |= {"transcript_path": os.fspath(path), "transcript_sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return said


def _ended(said: Transcript, duration_s: float) -> Transcript:
    """The last segment ends with the recording, where the transcript gives beginnings only."""
    last = said.segments[-1] if said.segments else None
    if last is None or last.start is None or last.end is not None or last.start >= duration_s:
        return said
    return replace(said, segments=(*said.segments[:-1], replace(last, end=duration_s)))


def _path(given: object) -> str | os.PathLike:
    if not isinstance(given, str | os.PathLike):
        raise ConfigError("a path, a numpy array of samples, a Transcript or a Dialogue", f"a {type(given).__name__}")
    return given


def _only(given: Transcript | None, own: Said) -> Said:
    if given is not None:
        raise ConfigError("one transcript", "two", "Pass the recording first and its transcript as transcript=.")
    return own
