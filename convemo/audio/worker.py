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

import io
import json
import math
import os
import sys

from convemo.audio.resample import RATE_HZ, Resampler, to_float

# A playlist (HLS, DASH, concat, SDP) names other files and addresses, so none is among these. Names are FFmpeg's demuxers.
FORMATS = "wav,w64,flac,mp3,ogg,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,aiff,au,caf,amr,asf"

_PROGRESS_S = 30.0  # seconds of sound between two reports
_BLOCK = 65_536  # rows that go through the resampler at once
_GAP_S = 0.25  # a jump in the file's own clock that is more than jitter
_SHORT_SHARE, _SHORT_S = 0.02, 1.0  # both less than the header promises: the file is cut, not merely rounded
_STREAMED_BYTES = 2**31 - 65_536  # a recorder that could not go back to its header leaves a size above this
_ESTIMATED = ("aac", "amr")  # formats without a length of their own: FFmpeg guesses it from the bit rate


class Refused(Exception):
    """Why this file gives no sound; `kind` is ``"audio"`` or ``"limit"``."""

    def __init__(self, kind: str, expected: str, found: str, hint: str = ""):
        self.report = {"event": "error", "kind": kind, "expected": expected, "found": found, "hint": hint}


def main() -> None:
    arguments = json.loads(sys.argv[1])
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


def tell(report: dict) -> None:
    sys.stderr.write(json.dumps(report) + "\n")
    sys.stderr.flush()


def confine(arguments: dict) -> None:
    """Bounds this process before it touches the file. Windows has no rlimits: there the parent's clock alone guards it."""
    try:
        import resource
    except ImportError:
        return
    hours = arguments["max_duration_s"]
    seconds = math.ceil(arguments["decode_base_s"] + arguments["decode_seconds_per_minute"] * hours / 60)
    spool_bytes = math.ceil(hours + 60) * RATE_HZ * 2 * arguments["max_channels"]
    for limit, value in (
        (resource.RLIMIT_AS, arguments["decode_memory_bytes"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, spool_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(limit, (value, hard))
        except (ValueError, OSError):  # macOS refuses RLIMIT_AS; the clock and the byte count still hold
            continue


def run(arguments: dict) -> None:
    import av

    av.logging.set_level(av.logging.PANIC)
    source = io.FileIO(0, closefd=False)
    try:
        container = av.open(source, container_options={"format_whitelist": FORMATS, "protocol_whitelist": "none"})
        tracks = container.streams.audio
        stream = container.streams.best("audio") or next(iter(tracks), None)
    except av.error.FFmpegError:
        expected = "a recording (WAV, FLAC, MP3, Ogg, MP4/M4A, WebM/Matroska, AAC, AIFF, AU, CAF, WMA, AMR, W64)"
        hint = "Is it complete, and what its name says? Playlists and addresses are never followed."
        raise Refused("audio", expected, "a file that cannot be opened as one", hint) from None
    if stream is None:
        raise Refused("audio", "a file with sound", "no audio track", "A video without sound has nothing to analyse.")
    stream.codec_context.thread_count = 1
    for other in container.streams:
        if other is not stream and hasattr(av.stream, "Discard"):
            other.discard = av.stream.Discard.all  # a video's pictures are not even read
    promised = _riff_promised_s() or _promised_s(container, stream)
    context = stream.codec_context
    _check(arguments, context.sample_rate, context.channels, promised)
    name = f"{container.format.name.split(',')[0]}/{context.name}"
    tell({"event": "header", "rate_hz": context.sample_rate, "channels": context.channels, "duration_s": promised, "format": name})
    if arguments["task"] == "probe":
        duration_s = promised if promised is not None else _last_packet_s(container, stream)
        tell({"event": "done", "duration_s": duration_s, "notes": []})
        return
    decoding = Decoding(arguments, promised)
    for frame in _frames(container, stream, decoding):
        decoding.add(frame)
    decoding.finish()
    notes = decoding.notes(container.format.name.split(",")[0], len(tracks))
    tell({"event": "done", "duration_s": decoding.done_s, "rate_hz": decoding.rate_hz, "channels": decoding.channels, "notes": notes})


def _promised_s(container, stream) -> float | None:
    """The length that the header gives, in seconds; ``None`` if it gives none that makes sense."""
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / 1e6
    else:
        return None
    return seconds if seconds > 0 and math.isfinite(seconds) else None


def _riff_promised_s() -> float | None:
    """The length that the header of a cut WAV file promises; ``None`` for any other. FFmpeg gives what is left instead."""
    head = os.pread(0, 4096, 0) if hasattr(os, "pread") else b""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    position, bytes_per_s = 12, 0
    while position + 8 <= len(head):
        name, size = head[position : position + 4], int.from_bytes(head[position + 4 : position + 8], "little")
        if name == b"fmt ":
            bytes_per_s = int.from_bytes(head[position + 16 : position + 20], "little")
        if name == b"data":
            cut = os.fstat(0).st_size < position + 8 + size < _STREAMED_BYTES
            return size / bytes_per_s if cut and bytes_per_s else None
        position += 8 + size + size % 2
    return None


def _last_packet_s(container, stream) -> float:
    """The end of the last packet: the length of a file whose header gives none (WebM from a browser)."""
    end = 0.0
    for packet in container.demux(stream):
        if packet.pts is not None and packet.time_base is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if end == 0.0:
        raise Refused("audio", "a recording with sound in it", "no sound")
    return end


def _check(limits: dict, rate_hz: int, channels: int, duration_s: float | None) -> None:
    if not limits["min_rate_hz"] <= rate_hz <= limits["max_rate_hz"]:
        expected = f"a sampling rate of {limits['min_rate_hz']} to {limits['max_rate_hz']} Hz"
        raise Refused(
            "limit", expected, f"{rate_hz} Hz in its header", "Is the header right? Else change Limits.min_rate_hz or max_rate_hz."
        )
    if not 1 <= channels <= limits["max_channels"]:
        expected = f"1 to {limits['max_channels']} channels"
        raise Refused("limit", expected, f"{channels} in its header", "Is the header right? Else raise Limits.max_channels.")
    if duration_s is not None and duration_s > limits["max_duration_s"]:
        expected = f"at most {limits['max_duration_s']:g} s of sound"
        raise Refused("limit", expected, f"{duration_s:.1f} s in its header", "Cut it, or raise Limits.max_duration_s.")


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
            decoding.damaged += 1
            return
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            decoding.damaged += 1


class Decoding:
    """Frames in, 16 kHz samples out on standard output, everything counted on the way."""

    def __init__(self, limits: dict, promised_s: float | None):
        self.limits, self.promised_s = limits, promised_s
        self.rate_hz = self.channels = 0
        self.damaged = self.beyond = 0  # packets that do not decode; samples beyond full scale
        self.filled_s = 0.0  # silence that stands in for gaps
        self.heard = 0  # samples of all channels taken from frames
        self.written = 0  # rows on standard output
        self._resampler: Resampler | None = None
        self._pending: list = []
        self._rows = 0  # rows pending
        self._clock_s = 0.0  # where the next frame should begin, from the first one on
        self._first_s: float | None = None
        self._reported_s = 0.0

    @property
    def done_s(self) -> float:
        return self.written / RATE_HZ

    def add(self, frame) -> None:
        import numpy as np

        try:
            block = to_float(frame.to_ndarray())
        except (TypeError, ValueError) as error:
            raise Refused("audio", "samples of a known format", str(error), "Convert the file to WAV or FLAC first.") from None
        channels = frame.layout.nb_channels
        block = block.T if frame.format.is_planar else block.reshape(-1, channels)  # (n, C)
        if frame.sample_rate != self.rate_hz:
            self._open(frame.sample_rate, channels)
        if channels != self.channels:  # parametric stereo may begin as mono
            block = np.repeat(block.mean(axis=1, keepdims=True), self.channels, axis=1)
        self._fill_gap(frame.time)
        if not np.isfinite(block).all():
            at = self._clock_s + float(np.argmax(~np.isfinite(block).all(axis=1))) / self.rate_hz
            raise Refused("audio", "finite samples", f"NaN or infinity at {at:.3f} s", "Export the recording again, as 16-bit PCM.")
        self.beyond += int((np.abs(block) > 1.0).sum())
        self.heard += block.size
        self._push(block)

    def _open(self, rate_hz: int, channels: int) -> None:
        """A (new) resampler: AAC learns its true rate from the first frame only, and chained Ogg may change it."""
        _check(self.limits, rate_hz, channels, None)
        self._flush(last=True)
        self.rate_hz, self.channels = rate_hz, self.channels or channels
        self._resampler = Resampler(rate_hz, self.channels)

    def _fill_gap(self, time_s: float | None) -> None:
        """Puts silence where the file's clock jumps, or all times after a gap (a muted WebRTC call) would be early."""
        import numpy as np

        if time_s is None:
            return
        if self._first_s is None:
            self._first_s = time_s
        gap_s = time_s - self._first_s - self._clock_s
        latest_s = self.limits["max_duration_s"] if self.promised_s is None else self.promised_s + _SHORT_S
        if gap_s <= _GAP_S or self._clock_s + gap_s > latest_s:
            return
        self.filled_s += gap_s
        left = round(gap_s * self.rate_hz)
        while left > 0:
            rows = min(left, _BLOCK)
            self._push(np.zeros((rows, self.channels), np.float32))
            left -= rows

    def _push(self, block) -> None:
        self._pending.append(block)
        self._rows += len(block)
        self._clock_s += len(block) / self.rate_hz
        if self._rows >= _BLOCK:
            self._flush()

    def _flush(self, last: bool = False) -> None:
        import numpy as np

        if self._resampler is None:
            return
        block = np.concatenate(self._pending) if self._pending else np.zeros((0, self.channels), np.float32)
        self._pending, self._rows = [], 0
        samples = self._resampler.push(block, last)
        self.written += len(samples)
        if self.done_s > self.limits["max_duration_s"]:
            raise Refused(
                "limit", f"at most {self.limits['max_duration_s']:g} s of sound", "more", "Cut it, or raise Limits.max_duration_s."
            )
        data = memoryview(samples.astype("<i2", copy=False)).cast("B")
        while data:
            data = data[sys.stdout.buffer.write(data) :]
        if self.done_s - self._reported_s >= _PROGRESS_S:
            self._reported_s = self.done_s
            tell({"event": "progress", "done_s": self.done_s})

    def finish(self) -> None:
        self._flush(last=True)
        sys.stdout.buffer.flush()
        if self.written == 0:
            found = "damaged packets only" if self.damaged else "no sound at all"
            raise Refused("audio", "a recording with sound in it", found, "Is the file complete?")

    def notes(self, container: str, tracks: int) -> list[str]:
        """What a user should know about this file."""
        notes = []
        promised_s, done_s = self.promised_s, self.done_s
        cut = promised_s is not None and promised_s - done_s > max(_SHORT_S, _SHORT_SHARE * promised_s)
        if cut and container not in _ESTIMATED:
            notes.append(f"the file ends after {done_s:.1f} s of the {promised_s:.1f} s its header promises")
        if self.damaged:
            notes.append(f"{self.damaged} damaged packet{'s' * (self.damaged > 1)} left out")
        if self.filled_s:
            notes.append(f"{self.filled_s:.1f} s of silence stand in for gaps in the file")
        if self.beyond > 0.001 * self.heard:
            notes.append(f"{100 * self.beyond / self.heard:.1f} % of the samples lay beyond full scale and were clipped")
        if tracks > 1:
            notes.append(f"of {tracks} audio tracks, one was read")
        return notes


if __name__ == "__main__":
    main()
