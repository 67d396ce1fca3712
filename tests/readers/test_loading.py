"""What is refused before it is read, and how bytes become text."""

import os
import socket

import pytest

from convemo.errors import TranscriptError
from convemo.limits import Limits
from convemo.readers import read_transcript

WORDS = "Ana: C'est déjà payé.\nBen: Ça m'étonne.\n"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TranscriptError, match=r"gone\.vtt: .*found no such file"):
        read_transcript(tmp_path / "gone.vtt")


def test_a_directory_is_no_transcript(tmp_path):
    with pytest.raises(TranscriptError, match="found a directory"):
        read_transcript(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TranscriptError, match="found a pipe or device"):
        read_transcript(tmp_path / "pipe")


def test_a_path_that_no_file_system_takes_is_a_transcript_error():
    with pytest.raises(TranscriptError, match="expected a readable transcript file"):
        read_transcript("a\0b")


def test_a_file_over_the_limit_is_not_read(saved):
    with pytest.raises(TranscriptError, match="at most 10 bytes, found 45 bytes"):
        read_transcript(saved(WORDS), limits=Limits(max_transcript_bytes=10))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_says_so(saved, content):
    with pytest.raises(TranscriptError, match="found an empty file"):
        read_transcript(saved(content))


@pytest.mark.parametrize(
    "head",
    [
        b"RIFF\x24\x00\x00\x00WAVE",
        b"fLaC\x00\x00\x00\x22",
        b"OggS\x00\x02",
        b"ID3\x04\x00",
        b"\xff\xfb\x90\x64",
        b"\x00\x00\x00\x20ftypM4A ",
        b"\x1aE\xdf\xa3\x9f",
    ],
)
def test_a_recording_under_a_transcripts_name_says_where_it_belongs(saved, head):
    with pytest.raises(TranscriptError, match="This is a recording: pass it as the first argument"):
        read_transcript(saved(head + bytes(64), "call.vtt"))


@pytest.mark.parametrize(
    ("head", "what"), [(b"PK\x03\x04", "zip archive"), (b"%PDF-1.7", "a PDF"), (b"\x1f\x8b\x08", "gzip"), (b"Ana: a\0b", "binary data")]
)
def test_what_is_not_text_is_named(saved, head, what):
    with pytest.raises(TranscriptError, match=what):
        read_transcript(saved(head))


def test_text_that_begins_like_a_recording_is_still_text(saved):
    assert read_transcript(saved("ID3: Where am I?\nFORM: Hé.\n")).segments[0].text == "Where am I?"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_usual_encodings_give_the_same_words(saved, encoding):
    assert [s.text for s in read_transcript(saved(WORDS.encode(encoding))).segments] == ["C'est déjà payé.", "Ça m'étonne."]


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_ends_make_no_difference(saved, newline):
    assert len(read_transcript(saved(WORDS.replace("\n", newline))).segments) == 2


def test_utf8_that_was_cut_within_a_letter_keeps_its_other_accents(saved):
    cut = (WORDS + "Ana: Voilà").encode()[:-1]
    assert read_transcript(saved(cut)).segments[0].text == "C'est déjà payé."


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path may hold only about a hundred characters
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(TranscriptError, match="found a pipe or device"):
            read_transcript("s")
