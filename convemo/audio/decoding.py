"""Decoded frames become 16 kHz samples on standard output, everything counted on the way. Part of `convemo.audio.worker`."""

from __future__ import annotations

import json
import os
import sys

import numpy as np

from convemo.audio.resample import LOUDEST, RATE_HZ, Resampler, to_float

_PROGRESS_S = 30.0  # seconds of sound between two reports
_BLOCK = 65_536  # rows that go through the resampler at once
_GAP_S = 0.25  # a jump in the file's own clock that is more than jitter
_SHORT_SHARE, _SHORT_S = 0.02, 1.0  # both less than the header promises: the file is cut, not merely rounded
_CLOCKED = ("mov", "matroska", "ogg", "asf")  # formats whose packets carry their times; elsewhere FFmpeg only counts
_MP3_RUN_IN, _MP2_RUN_IN = 1105, 481  # samples: LAME's encoder and every decoder; the delay of the filter bank alone
_SAMPLE_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8"}


class Refused(Exception):
    """Why this file gives no sound; `kind` is ``"audio"`` or ``"limit"``."""

    def __init__(self, kind: str, expected: str, found: str, hint: str = ""):
        self.report = {"event": "error", "kind": kind, "expected": expected, "found": found, "hint": hint}


def tell(report: dict) -> None:
    sys.stderr.write(json.dumps(report) + "\n")
    sys.stderr.flush()


def check(limits: dict, rate_hz: int, channels: int, duration_s: float | None) -> None:
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


def demuxer(container) -> str:
    """FFmpeg's first name for the file's format, e.g. ``"mov"``."""
    return container.format.name.split(",")[0]


class Decoding:
    """Frames in, 16 kHz samples out on standard output, everything counted on the way."""

    def __init__(self, limits: dict, container, stream, promised_s: float | None):
        self.limits, self.promised_s = limits, promised_s
        self.rate_hz = self.channels = 0  # of the first frame: AAC learns its true ones only there
        self.damaged = self.beyond = 0  # packets that do not decode; samples beyond full scale
        self.broken = False  # the container itself ends in something that cannot be read
        self.lead_s = 0.0  # silence before a sound that begins later than its video
        self.filled_s = 0.0  # silence that stands in for gaps
        self.heard = 0  # samples of all channels taken from frames
        self.written = 0  # rows on standard output
        self._container, self._stream = container, stream
        self._current_hz = 0
        self._resampler: Resampler | None = None
        self._pending: list = []
        self._rows = 0  # rows pending
        self._surplus = 0  # rows still to be dropped
        self._clock_s = 0.0  # where the next frame should begin
        self._zero_s: float | None = None  # where that clock begins on the file's own
        self._reported_s = 0.0

    @property
    def done_s(self) -> float:
        return self.written / RATE_HZ

    def add(self, frame) -> None:
        block = _samples(frame)  # (n, C)
        begun = self.channels > 0
        if frame.sample_rate != self._current_hz:
            self._open(frame.sample_rate, block.shape[1])
        if block.shape[1] != self.channels:  # parametric stereo may begin as mono
            block = np.repeat(block.mean(axis=1, keepdims=True), self.channels, axis=1)
        if not begun:
            self._begin(frame)
        elif demuxer(self._container) in _CLOCKED and frame.time is not None:
            self._fill_gap(frame.time)
        if self._surplus:
            block, self._surplus = block[self._surplus :], max(0, self._surplus - len(block))
        plain = self._stream.codec_context.name.startswith("pcm_f")
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            if plain:
                at_s = self._clock_s + float(np.argmin(finite)) / self._current_hz
                raise Refused("audio", "finite samples", f"NaN or infinity at {at_s:.3f} s", "Export the recording again, as 16-bit PCM.")
            self.damaged += 1  # what a decoder makes of a damaged packet
            block = np.zeros_like(block)
        levels = np.abs(block)
        if plain and block.size and levels.max() > LOUDEST:
            found = f"a peak of {levels.max():.3g} after {self._clock_s:.3f} s"
            raise Refused("audio", "float samples in [-1, 1]", found, "Export the recording again, as 16-bit PCM.")
        self.beyond += int((levels > 1.0).sum())
        self.heard += block.size
        self._push(block)

    def _open(self, rate_hz: int, channels: int) -> None:
        """A (new) resampler: joined files may change their rate."""
        check(self.limits, rate_hz, channels, None)
        self._flush(last=True)
        self.rate_hz, self.channels = self.rate_hz or rate_hz, self.channels or channels
        self._current_hz = rate_hz
        self._resampler = Resampler(rate_hz, self.channels)

    def _begin(self, frame) -> None:
        """Puts time 0 where the file's is: where its first picture or sound begins, and no encoder's run-in counts.

        A sound that begins later than its video would else be early by as much, and a transcript of that video would not fit.
        """
        late_s = -_run_in(self._container, self._stream, frame) / self._current_hz
        start = self._container.start_time
        if demuxer(self._container) in _CLOCKED and frame.time is not None and start is not None:
            offset_s = frame.time - start / 1e6
            if -_SHORT_S < offset_s < (self._container.duration or 0) / 1e6:  # else it makes no sense
                late_s += offset_s
        if frame.time is not None:
            self._zero_s = frame.time - late_s
        if late_s > 0:
            self.lead_s = late_s
            self._silence(late_s)
        else:
            self._surplus = round(-late_s * self._current_hz)

    def _fill_gap(self, time_s: float) -> None:
        """Puts silence where the file's clock jumps, or all times after a gap (a muted WebRTC call) would be early."""
        if self._zero_s is None:
            self._zero_s = time_s - self._clock_s
        gap_s = time_s - self._zero_s - self._clock_s
        latest_s = self.limits["max_duration_s"] if self.promised_s is None else self.lead_s + self.promised_s + _SHORT_S
        if gap_s > _GAP_S and self._clock_s + gap_s <= latest_s:
            self.filled_s += gap_s
            self._silence(gap_s)

    def _silence(self, seconds: float) -> None:
        left = round(seconds * self._current_hz)
        while left > 0:
            rows = min(left, _BLOCK)
            self._push(np.zeros((rows, self.channels), np.float32))
            left -= rows

    def _push(self, block) -> None:
        self._pending.append(block)
        self._rows += len(block)
        self._clock_s += len(block) / self._current_hz
        if self._rows >= _BLOCK:
            self._flush()

    def _flush(self, last: bool = False) -> None:
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
        _write(samples)
        if self.done_s - self._reported_s >= _PROGRESS_S:
            self._reported_s = self.done_s
            tell({"event": "progress", "done_s": self.done_s})

    def finish(self) -> None:
        self._flush(last=True)
        os.ftruncate(1, os.lseek(1, 0, os.SEEK_CUR))
        if self.written == 0:
            found = "damaged packets only" if self.damaged else "no sound at all"
            raise Refused("audio", "a recording with sound in it", found, "Is the file complete?")

    def notes(self) -> list[str]:
        """What a user should know about this file."""
        notes = []
        promised_s, done_s = self.promised_s, self.done_s - self.lead_s
        # With a video, the length is often that of the pictures.
        told = promised_s is not None and (self._stream.duration is not None or len(self._container.streams) == 1)
        cut = told and promised_s - done_s > max(_SHORT_S, _SHORT_SHARE * promised_s)
        if self.lead_s > _GAP_S:
            notes.append(f"the sound begins {self.lead_s:.1f} s into the file")
        if cut:
            notes.append(f"the file ends after {done_s:.1f} s of the {promised_s:.1f} s its header promises")
        elif self.broken:
            notes.append(f"what follows after {self.done_s:.1f} s cannot be read: it is damaged, or another kind of recording joined on")
        if self.damaged:
            notes.append(f"{self.damaged} damaged packet{'s' * (self.damaged > 1)} left out")
        if self.filled_s:
            notes.append(f"{self.filled_s:.1f} s of silence stand in for gaps in the file")
        if self.beyond > 0.001 * self.heard:
            notes.append(f"{100 * self.beyond / self.heard:.1f} % of the samples lay beyond full scale and were clipped")
        return notes


def _write(samples: np.ndarray) -> None:
    """Onto standard output; silence as a hole, which reads as zeros and takes no room on the disk."""
    if not samples.any():
        os.lseek(1, 2 * samples.size, os.SEEK_CUR)
        return
    data = memoryview(samples.astype("<i2", copy=False)).cast("B")
    while data:
        data = data[os.write(1, data) :]


def _samples(frame):
    """``(n, C)`` float32. PyAV's own way to numpy reads beyond the planes of a frame with eight."""
    channels, name = frame.layout.nb_channels, frame.format.name
    dtype = _SAMPLE_TYPES.get(name.removesuffix("p"))
    if dtype is None:
        raise Refused("audio", "samples of a known format", name, "Convert the file to WAV or FLAC first.")
    planes = frame.planes
    if frame.format.is_planar:
        block = np.stack([np.frombuffer(planes[i], dtype, frame.samples) for i in range(channels)], axis=1)
    else:
        block = np.frombuffer(planes[0], dtype, frame.samples * channels).reshape(-1, channels)
    return to_float(block)


def _run_in(container, stream, frame) -> int:
    """Samples that an encoder has put before the sound, where neither the file nor FFmpeg says so.

    Counted with the encoders that FFmpeg brings; others may put some hundred samples more.
    """
    kind, codec = demuxer(container), stream.codec_context.name
    if kind in ("mp3", "wav") and codec.startswith("mp3") and not stream.start_time:
        return _MP3_RUN_IN
    if kind in ("mp3", "wav") and codec.startswith("mp2"):
        return _MP2_RUN_IN
    if (kind == "aac" and codec.startswith("aac")) or (kind == "asf" and codec.startswith("wma")):
        return frame.samples
    return 0
