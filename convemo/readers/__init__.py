"""Transcript files in: one family of formats a module, told apart by what the file says, not by its suffix.

    vtt              WebVTT: Teams, Zoom, YouTube, plain
    srt              SubRip
    whisper          Whisper and WhisperX, JSON and TSV
    convemo          our dialogues (JSON, JSONL), our saved analyses, bare lists of utterances
    chat             messages as JSON: OpenAI, Slack, Telegram and alike
    assemblyai       AssemblyAI's JSON
    amazon           Amazon Transcribe's results
    contact_lens     AWS Call Analytics, Amazon Connect Contact Lens
    genesys          Genesys Cloud
    google_insights  Google's CX Insights
    google_meet      Google Meet's transcript entries
    twilio           Twilio's sentences
    deepgram         Deepgram's JSON
    azure            Azure's batch and fast transcription
    gong             Gong's call transcripts
    zendesk          Zendesk's ticket comments
    intercom         Intercom's conversations
    funasr           FunASR's results
    whatsapp         WhatsApp's exported chats
    table            CSV, TSV and relatives with a header
    plain            ``Name: text`` lines, Zoom TXT, Otter TXT

A reader turns text into `Transcript`s. It loses no word; it makes up no speaker, no role and no word time.
"""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import PurePath

from convemo import registry
from convemo.errors import TranscriptError
from convemo.limits import Limits
from convemo.readers.base import Reader, reader
from convemo.readers.loading import load_text
from convemo.readers.unknown import describe
from convemo.types import Transcript

__all__ = ["Reader", "read_transcript", "read_transcripts", "reader", "sniff"]

_IDS_SHOWN = 5


def read_transcripts(path: str | PathLike, format: str | None = None, limits: Limits = Limits()) -> tuple[Transcript, ...]:  # noqa: B008
    """Every conversation in a transcript file, in the order of the file.

    Args:
        path: the file. UTF-8, UTF-16 with its byte-order mark, or Windows-1252.
        format: a reader's name, e.g. ``"srt"``; ``None`` finds it out from the content.
        limits: the largest file that is read, in bytes.

    Returns:
        At least one transcript, each with at least one segment. Times are seconds, finite and never negative.

    Raises:
        TranscriptError: the file cannot be read: it says where, what was expected and what was found.
        UnknownEngine: no reader has the name `format`.
    """
    path = fspath(path)
    text = load_text(path, limits)
    read = registry.find("reader", format or sniff(text, path))
    transcripts = tuple(t for t in read(text, path) if t.segments)
    if not transcripts:
        raise TranscriptError(path, expected="at least one utterance with words", found="none", hint="Nothing seems to have been said.")
    return transcripts


def read_transcript(
    path: str | PathLike,
    format: str | None = None,
    conversation: str | None = None,
    limits: Limits = Limits(),  # noqa: B008
) -> Transcript:
    """The one conversation in a transcript file, or the one that `conversation` names.

    Args:
        path, format, limits: as `read_transcripts`.
        conversation: its id in the file; needed only where there are several.

    Raises:
        TranscriptError: as `read_transcripts`; or there are several, or none has that id: up to five ids are listed.
        UnknownEngine: no reader has the name `format`.
    """
    transcripts = read_transcripts(path, format, limits)
    chosen = [t for t in transcripts if conversation is None or t.id == conversation]
    if len(chosen) == 1:
        return chosen[0]
    ids = [repr(t.id) for t in transcripts[:_IDS_SHOWN]]
    listed = ", ".join(ids) + (", …" if len(transcripts) > len(ids) else "")
    raise TranscriptError(
        path,
        expected="one conversation" if conversation is None else f"a conversation with the id {conversation!r}",
        found=f"{len(transcripts)} conversation{'s' * (len(transcripts) != 1)}: {listed}",
        hint="Pass conversation= with one of these ids, or read them all with read_transcripts." if len(transcripts) > 1 else "",
    )


def sniff(text: str, path: str | PathLike = "transcript") -> str:
    """Which reader a text is for: the registered name of the one that is surest of it.

    Of two that are equally sure, the one that expects the path's suffix is chosen, else the one registered first.

    Raises:
        TranscriptError: no reader knows it; the message says what it looks like, and what is missing.

    >>> sniff("WEBVTT\\n\\n00:01.000 --> 00:02.000\\nHello.\\n")
    'vtt'
    >>> sniff("Ana: Hello.\\nBen: Hi!\\n")
    'plain'
    """
    path = fspath(path)
    suffix = PurePath(path).suffix.lower()
    best, best_score = None, (0.0, False)
    for name in registry.names("reader"):
        read = registry.find("reader", name)
        looks_like = getattr(read, "looks_like", None)
        if looks_like is None:  # a third party's reader for explicit use only
            continue
        sureness = float(looks_like(text))
        score = (sureness, suffix in getattr(read, "suffixes", ()))
        if sureness > 0 and score > best_score:
            best, best_score = name, score
        if best_score == (1.0, True):  # nothing can beat it, and looking for third parties' readers takes milliseconds
            break
    if best is None:
        raise describe(text, path, tuple(registry.names("reader")))
    return best
