"""From a path to text, refusing whatever is no text file before memory is spent on it."""

from __future__ import annotations

import codecs
import os
import stat

from convemo.errors import TranscriptError
from convemo.limits import Limits

# (offset, first bytes, what it is). Containers of sound and pictures: each format's own specification.
_RECORDINGS = (
    (0, b"RIFF", "a RIFF file (WAV or AVI)"),
    (0, b"RF64", "an RF64 file (WAV)"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"ID3", "an MP3 file"),
    (0, b"FORM", "an AIFF file"),
    (0, b"caff", "a CAF file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
    (4, b"ftyp", "an MP4 or M4A file"),
)
_DOCUMENTS = (
    (b"PK\x03\x04", "a zip archive (perhaps DOCX or XLSX)"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def load_text(path: str, limits: Limits) -> str:
    """A file's text, with ``"\\n"`` at line ends and no byte-order mark.

    Raises:
        TranscriptError: missing, not a regular file, larger than ``limits.max_transcript_bytes``, empty, or not text.
    """
    raw = _read_bytes(path, limits)
    _refuse_recordings(raw, path)
    text = _decode(raw)
    if "\0" in text:
        raise TranscriptError(path, expected="a text file", found="binary data", hint="Export the transcript as text, VTT or JSON.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise TranscriptError(path, expected="a transcript", found="an empty file", hint="Export it again.")
    return text


def _read_bytes(path: str, limits: Limits) -> bytes:
    try:
        info = os.stat(path)  # before opening: opening a pipe would wait for a writer
        if stat.S_ISDIR(info.st_mode):
            raise TranscriptError(path, expected="a transcript file", found="a directory", hint="Pass the files in it one by one.")
        if not stat.S_ISREG(info.st_mode):
            raise TranscriptError(path, expected="a regular file", found="a pipe or device", hint="Save it to a file first.")
        if info.st_size > limits.max_transcript_bytes:
            raise _too_large(path, f"{info.st_size:,}", limits)
        with open(path, "rb") as file:
            raw = file.read(limits.max_transcript_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        found = "no such file" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or str(error)
        raise TranscriptError(path, expected="a readable transcript file", found=found, hint="Check the path.") from error
    if len(raw) > limits.max_transcript_bytes:  # it grew in between
        raise _too_large(path, f"more than {limits.max_transcript_bytes:,}", limits)
    return raw


def _too_large(path: str, found: str, limits: Limits) -> TranscriptError:
    hint = "If it is one, raise Limits.max_transcript_bytes; if it is a recording, pass it as the first argument."
    return TranscriptError(
        path, expected=f"a transcript of at most {limits.max_transcript_bytes:,} bytes", found=f"{found} bytes", hint=hint
    )


def _refuse_recordings(raw: bytes, path: str) -> None:
    for offset, magic, name in _RECORDINGS:
        if raw.startswith(magic, offset) and not _is_text(raw):
            raise _recording(path, name)
    # An MPEG audio frame begins with eleven set bits (ISO 11172-3); "ÿû" begins no Windows-1252 text that we would read.
    if len(raw) > 1 and raw[0] == 0xFF and raw[1] & 0xE0 == 0xE0 and not raw.startswith(_UTF16):
        raise _recording(path, "MPEG audio")
    for magic, name in _DOCUMENTS:
        if raw.startswith(magic):
            raise TranscriptError(path, expected="a text file", found=name, hint="Export the transcript as text, VTT, CSV or JSON.")


def _is_text(raw: bytes) -> bool:
    """A transcript may begin with "FORM" or "ID3" as well."""
    try:
        return "\0" not in raw.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _recording(path: str, found: str) -> TranscriptError:
    return TranscriptError(path, expected="a transcript", found=found, hint="This is a recording: pass it as the first argument.")


def _decode(raw: bytes) -> str:
    if raw.startswith(_UTF16):
        return raw.decode("utf-16", errors="replace")
    if raw.startswith(codecs.BOM_UTF8):
        return raw.decode("utf-8-sig", errors="replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        damaged = raw.decode("utf-8", errors="replace")
    # Windows-1252 prose hardly ever holds a valid UTF-8 sequence by chance. Where most are valid, the file is UTF-8 with a few
    # broken bytes (cut off, say), and reading it as Windows-1252 would garble every other accent.
    accents = sum(character > "\x7f" for character in damaged)
    broken = damaged.count("\ufffd")
    return damaged if accents - broken > broken else raw.decode("cp1252", errors="replace")
