"""The decoder, alone in a child process: ``python -P -m convemo.audio.worker ARGUMENTS``.

A media file is hostile until shown otherwise, and FFmpeg is a million lines of C. So the one process that runs
it over a file has little memory, little time and nothing to lose. It reads the file from standard input, writes
16-bit samples at 16 kHz to standard output, and tells what happens in lines of JSON on standard error:

    {"event": "header", "rate_hz": 8000, "channels": 2, "duration_s": 278.0, "format": "wav/pcm_mulaw"}
    {"event": "progress", "done_s": 60.0}
    {"event": "done", "duration_s": 278.0, "notes": []}         or
    {"event": "error", "kind": "limit", "expected": "…", "found": "…", "hint": "…"}

ARGUMENTS is a JSON object: ``task`` ("load" or "probe") and the fields of `convemo.limits.Limits`.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import sys

from convemo.audio.decoding import Decoding, Refused, check, demuxer, tell
from convemo.audio.resample import RATE_HZ

# A playlist (HLS, DASH, concat, SDP) names other files and addresses, so none is among these. Names are FFmpeg's demuxers.
FORMATS = "wav,w64,flac,mp3,ogg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,aiff,au,caf,amr,asf"

_STREAMED_BYTES = 2**31 - 65_536  # a recorder that could not go back to its header leaves a size above this
_UNTOLD = ("aac", "amr", "mp3")  # formats that may come without a length: FFmpeg then guesses one from the bit rate


def main() -> None:
    work(json.loads(sys.argv[1]))


def work(arguments: dict) -> None:
    """Decodes what is on standard input. Only for a process that does nothing else: its limits stay."""
    try:
        confine(arguments)
        run(arguments)
    except Refused as refusal:
        tell(refusal.report)
    except MemoryError:
        found = "a recording that needs more"
        tell(
            Refused("limit", f"decoding in {arguments['decode_memory_bytes'] >> 20} MiB", found, "Raise Limits.decode_memory_bytes.").report
        )
    except OSError as error:
        tell(Refused("audio", "room for the decoded sound", str(error), "Free disk space, or set TMPDIR to a larger disk.").report)


def confine(arguments: dict) -> None:
    """Bounds this process before it touches the file. Windows has no rlimits: there the parent's clock alone guards it."""
    try:
        import resource
    except ImportError:
        return
    longest_s = arguments["max_duration_s"]
    seconds = math.ceil(arguments["decode_base_s"] + arguments["decode_seconds_per_minute"] * longest_s / 60)
    spool_bytes = math.ceil(longest_s + 60) * RATE_HZ * 2 * arguments["max_channels"]
    for limit, value in (
        (resource.RLIMIT_AS, arguments["decode_memory_bytes"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, spool_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        most = value + 1 if limit == resource.RLIMIT_CPU else value  # a second for the signal that tells why
        if hard != resource.RLIM_INFINITY:
            value, most = min(value, hard), min(most, hard)
        try:
            resource.setrlimit(limit, (value, most))  # the hard limit too: code that a file smuggles in cannot raise it again
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS; the clock and the byte count still hold
            continue


def run(arguments: dict) -> None:
    import av

    av.logging.set_level(av.logging.PANIC)
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "none"}
    try:  # tags come in any encoding, whatever their standard says
        container = av.open(_Source(0, closefd=False), container_options=options, metadata_errors="replace")
        tracks = container.streams.audio
        stream = container.streams.best("audio") or next(iter(tracks), None)
    except av.error.FFmpegError:
        expected = "a recording (WAV, FLAC, MP3, Ogg, MP4/M4A, WebM/Matroska, AAC, AIFF, AU, CAF, WMA, AMR, W64)"
        hint = "Is it complete, and what its name says? Playlists and addresses are never followed."
        raise Refused("audio", expected, "a file that cannot be opened as one", hint) from None
    if stream is None:
        raise Refused("audio", "a file with sound", "no audio track", "A video without sound has nothing to analyse.")
    if stream.codec_context is None:
        raise Refused("audio", "sound in a known coding", "one that FFmpeg does not decode", "Convert it to WAV or FLAC first.")
    stream.codec_context.thread_count = 1
    for other in container.streams:
        if other is not stream and hasattr(av.stream, "Discard"):
            other.discard = av.stream.Discard.all  # a video's pictures are not even read
    promised = _riff_promised_s() or _promised_s(container, stream)
    context = stream.codec_context
    channels = _channels(context)
    check(arguments, context.sample_rate, channels, promised)
    name = f"{demuxer(container)}/{context.name}"
    tell({"event": "header", "rate_hz": context.sample_rate, "channels": channels, "duration_s": promised, "format": name})
    if arguments["task"] == "probe":
        duration_s = promised if promised is not None else _last_packet_s(container, stream)
        tell({"event": "done", "duration_s": duration_s, "notes": []})
        return
    decoding = Decoding(arguments, container, stream, promised)
    for frame in _frames(container, stream, decoding):
        decoding.add(frame)
    decoding.finish()
    notes = decoding.notes() + _riff_notes()
    if len(tracks) > 1:
        notes.append(f"of {len(tracks)} audio tracks, number {1 + tracks.index(stream)} was read")
    tell({"event": "done", "duration_s": decoding.done_s, "rate_hz": decoding.rate_hz, "channels": decoding.channels, "notes": notes})


class _Source(io.FileIO):
    """The file. A damaged header makes FFmpeg seek to places that no file has: it is told so, and goes on with what it has."""

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return super().seek(offset, whence)
        except (OSError, OverflowError):
            return -errno.EINVAL


def _channels(context) -> int:
    """Number of channels. PyAV 18 frees a layout of the file's own order each time it is looked at, and again with each frame:
    looked at once and replaced by a plain number, it is freed once."""
    layout = context.layout
    if "+" in layout.name:
        context.layout = f"{layout.nb_channels} channels"
    return layout.nb_channels


def _promised_s(container, stream) -> float | None:
    """The length that the header gives, in seconds; ``None`` if it gives none that makes sense."""
    if demuxer(container) in _UNTOLD and not stream.start_time:  # no header of LAME's or Xing's, which says how much to skip
        return None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / 1e6
        if demuxer(container) == "matroska":  # counts from 0, not from where the sound begins
            seconds -= (container.start_time or 0) / 1e6
    else:
        return None
    return seconds if seconds > 0 and math.isfinite(seconds) else None


def _riff_data() -> tuple[int, int, int] | None:
    """Where the samples of a WAV file begin, how many bytes of them its header names, and bytes a second; ``None`` for any other file."""
    head = os.pread(0, 4096, 0) if hasattr(os, "pread") else b""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    position, bytes_per_s = 12, 0
    while position + 8 <= len(head):
        name, size = head[position : position + 4], int.from_bytes(head[position + 4 : position + 8], "little")
        if name == b"fmt ":
            bytes_per_s = int.from_bytes(head[position + 16 : position + 20], "little")
        if name == b"data":
            return (position + 8, size, bytes_per_s) if bytes_per_s else None
        position += 8 + size + size % 2
    return None


def _riff_promised_s() -> float | None:
    """The length that the header of a cut WAV file promises; ``None`` for any other. FFmpeg gives what is left instead."""
    begin, size, bytes_per_s = _riff_data() or (0, 0, 1)
    cut = os.fstat(0).st_size < begin + size and size < _STREAMED_BYTES
    return size / bytes_per_s if cut else None


def _riff_notes() -> list[str]:
    """Whether a recorder that broke off has left most of its sound beyond what the header names."""
    begin, size, bytes_per_s = _riff_data() or (0, 0, 1)
    beyond = os.fstat(0).st_size - begin - size
    if size == 0 or beyond <= max(size, bytes_per_s):  # FFmpeg takes a size of 0 for unknown; tags are small
        return []
    return [f"its header gives {size / bytes_per_s:.2f} s of sound; {beyond} bytes that follow were not read"]


def _last_packet_s(container, stream) -> float:
    """The end of the last packet: the length of a file whose header gives none (WebM from a browser)."""
    end = 0.0
    for packet in container.demux(stream):
        if packet.pts is not None and packet.time_base is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if end == 0.0:
        raise Refused("audio", "a recording with sound in it", "no sound at all", "Is the file complete?")
    return end - (container.start_time or 0) / 1e6


def _frames(container, stream, decoding: Decoding):
    """Every frame that decodes. Damaged packets are counted and left out; a broken container ends the sound there."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            decoding.broken = True
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            decoding.damaged += 1


if __name__ == "__main__":
    main()
