"""`Audio`: the samples of one recording, 16 kHz, on disk rather than in memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

import numpy as np

from convemo.audio.resample import FULL_SCALE, LOUDEST, RATE_HZ, Resampler, to_float
from convemo.errors import AudioError, LimitExceeded
from convemo.limits import Limits
from convemo.types import Recording

T = TypeVar("T")

_BLOCK = 60 * RATE_HZ  # rows of an array that are resampled at a time
_PCM = tuple(np.dtype(t) for t in (np.uint8, np.int8, np.int16, np.int32))


class Spool:
    """Interleaved int16 samples in a temporary file without a name, gone when it is closed or the process ends.

    Reads go by position and not through a memory map: the pages of a map count as ours until the system
    takes them back, and ten hours of them look like a leak.
    """

    def __init__(self, file: BinaryIO, channels: int):
        self.file, self.channels = file, channels
        self.frames = os.fstat(file.fileno()).st_size // (2 * channels)
        self.remembered: dict[tuple[str, int | None], object] = {}
        self._lock = threading.Lock()

    def __del__(self):
        self.file.close()

    @staticmethod
    def create(place: str | os.PathLike) -> BinaryIO:
        """An empty spool file, to be filled with little-endian int16 samples from `place`.

        Raises:
            AudioError: there is no folder for it that can be written.
        """
        try:
            return tempfile.TemporaryFile(prefix="convemo-")
        except OSError as error:
            raise _no_room(place, error) from None

    def read(self, first: int, count: int) -> np.ndarray:
        """``(count, channels)`` int16 from frame `first` on."""
        size, offset = count * self.channels * 2, first * self.channels * 2
        if hasattr(os, "pread"):  # no shared position: safe between threads and forked processes
            data = _pread(self.file.fileno(), size, offset)
        else:
            with self._lock:
                self.file.seek(offset)
                data = self.file.read(size)
        return np.frombuffer(data, dtype="<i2").reshape(-1, self.channels)


def _no_room(place: str | os.PathLike, error: OSError) -> AudioError:
    return AudioError(place, "room for the decoded sound", str(error), "Free disk space, or set TMPDIR to a larger disk.")


def _pread(descriptor: int, size: int, offset: int) -> bytes:
    parts = []
    while size > 0:
        part = os.pread(descriptor, min(size, 2**30), offset)  # Linux gives at most 2 GiB a call
        if not part:
            break
        parts.append(part)
        size, offset = size - len(part), offset + len(part)
    return b"".join(parts)


class Audio:
    """Sound at 16 kHz, read a stretch at a time. Made by `load`, or by `Audio.from_array`.

    Args:
        recording: what was decoded.
        spool: its samples.
        notes: what a user should know about the decoding, e.g. that the file is cut short.
        only: the one channel that this is a view of; ``None`` for all.

    >>> tone = np.sin(np.arange(8000) / 5).astype(np.float32)
    >>> with Audio.from_array(tone, rate_hz=8000) as audio:
    ...     print(audio.duration_s, audio.channels, audio.read(0.25, 0.75).shape)
    1.0 1 (8000,)
    """

    rate_hz = RATE_HZ

    def __init__(self, recording: Recording, spool: Spool, notes: tuple[str, ...] = (), only: int | None = None):
        self.recording, self.notes = recording, notes
        self._spool: Spool | None = spool
        self._only = only
        self.channels = spool.channels if only is None else 1
        self.duration_s = spool.frames / RATE_HZ

    @classmethod
    def from_array(cls, samples: np.ndarray, rate_hz: int, limits: Limits | None = None) -> Audio:
        """Sound from memory.

        Args:
            samples: ``(n,)`` or ``(n, channels)``, as soundfile gives them: floats in ``[-1, 1]`` or PCM integers (8, 16 or 32 bits).
            rate_hz: their sampling rate.

        Raises:
            AudioError: there are none, a sample is NaN or infinite, shape, type or unit is another one, or the disk is full.
            LimitExceeded: longer, of more channels or of another rate than `limits` allow.
        """
        samples = np.asarray(samples)
        limits = limits or Limits()
        _check_array(samples, rate_hz, limits)
        rows = samples.reshape(len(samples), -1)  # (n, C)
        channels, resampler = rows.shape[1], Resampler(rate_hz, rows.shape[1])
        digest = hashlib.sha256(f"{rows.dtype.str} {rows.shape} {rate_hz}\n".encode())
        file = Spool.create("<array>")
        try:
            for first in range(0, len(rows), _BLOCK):
                block = np.ascontiguousarray(rows[first : first + _BLOCK])
                digest.update(block.data)
                values = _checked(to_float(block), first / rate_hz, rate_hz)
                file.write(resampler.push(values, last=first + _BLOCK >= len(rows)).astype("<i2", copy=False).data)
            file.flush()
            spool = Spool(file, channels)
            if spool.frames == 0:
                raise AudioError("<array>", "at least one sample at 16 kHz", f"{len(rows)} at {rate_hz} Hz", "Pass a longer array.")
        except OSError as error:
            file.close()
            raise _no_room("<array>", error) from None
        except BaseException:
            file.close()
            raise
        recording = Recording(None, digest.hexdigest(), len(rows) / rate_hz, channels, int(rate_hz), f"array/{samples.dtype}")
        return cls(recording, spool)

    def read(self, start: float = 0.0, end: float | None = None, channel: int | None = None) -> np.ndarray:
        """Samples from `start` to `end`, ``(n,)`` float32 in ``[-1, 1]``.

        Args:
            start, end: seconds, cut to the recording; ``None`` is its end.
            channel: counted from 0; ``None`` is the mean of all.

        Raises:
            IndexError: there is no such channel.
            ValueError: a time is NaN, or the sound is closed.
        """
        if self._spool is None:
            raise ValueError("the sound is closed")
        if channel is not None and not 0 <= channel < self.channels:
            raise IndexError(f"channel {channel} of a sound with {self.channels}")
        first = self._frame(start)
        last = self._spool.frames if end is None else self._frame(end)
        rows = self._spool.read(first, max(0, last - first))  # (n, C) int16
        column = self._only if self._only is not None else channel
        if rows.shape[1] == 1:
            column = 0
        if column is not None:
            return rows[:, column].astype(np.float32) / FULL_SCALE
        return rows.mean(axis=1, dtype=np.float32) / FULL_SCALE

    def _frame(self, time_s: float) -> int:
        if time_s != time_s:
            raise ValueError("a time is NaN")
        return round(min(max(time_s, 0.0), self.duration_s) * RATE_HZ)

    def channel(self, index: int) -> Audio:
        """One channel alone, sharing the samples; closing the view leaves the recording open.

        Raises:
            IndexError: there is no such channel.
        """
        if not 0 <= index < self.channels:
            raise IndexError(f"channel {index} of a sound with {self.channels}")
        if self._spool is None:
            raise ValueError("the sound is closed")
        return Audio(self.recording, self._spool, self.notes, only=index if self._only is None else self._only)

    def windows(self, length_s: float, overlap_s: float = 0.0) -> Iterator[tuple[float, np.ndarray]]:
        """The whole sound as ``(start_s, samples)``, each `overlap_s` into the one before; the last may be shorter.

        Raises:
            ValueError: a window would not move on.

        >>> audio = Audio.from_array(np.zeros(40000, np.float32), 16000)
        >>> [(start, len(samples)) for start, samples in audio.windows(1.0)]
        [(0.0, 16000), (1.0, 16000), (2.0, 8000)]
        """
        length, step = round(length_s * RATE_HZ), round((length_s - overlap_s) * RATE_HZ)
        if step < 1 or overlap_s < 0:
            raise ValueError(f"windows of {length_s} s that overlap by {overlap_s} s do not move on")
        frames = round(self.duration_s * RATE_HZ)
        for first in range(0, max(1, frames - (length - step)), step):
            yield first / RATE_HZ, self.read(first / RATE_HZ, (first + length) / RATE_HZ)

    def remember(self, name: str, compute: Callable[[], T]) -> T:
        """What `compute` gives, computed once for these samples: every view of the same channel gets the same."""
        if self._spool is None:
            raise ValueError("the sound is closed")
        key = (name, self._only)
        if key not in self._spool.remembered:
            self._spool.remembered[key] = compute()
        return self._spool.remembered[key]

    def close(self) -> None:
        """Lets go of the samples; the temporary file is deleted with the last view of it."""
        if self._only is None and self._spool is not None:
            self._spool.file.close()
        self._spool = None

    def __enter__(self) -> Audio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Audio({self.recording.path or 'array'!r}, {self.duration_s:.2f} s, {self.channels} channel{'s' * (self.channels > 1)})"


def _check_array(samples: np.ndarray, rate_hz: int, limits: Limits) -> None:
    """Shape, type, rate and length, before a byte is spent."""
    place, shape, seconds = "<array>", samples.shape, limits.max_duration_s
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise AudioError(place, "samples of shape (n,) or (n, channels)", f"shape {shape}", "An empty recording has nothing to analyse.")
    if samples.ndim == 2 and shape[1] > limits.max_channels:
        expected, found = f"at most {limits.max_channels} channels", f"shape {shape}"
        if shape[0] <= limits.max_channels:
            raise AudioError(place, expected, found, "It looks like (channels, n): pass samples.T.")
        raise LimitExceeded(place, expected, found, "Raise Limits.max_channels.")
    if samples.dtype.kind != "f" and samples.dtype not in _PCM:
        expected = "float samples in [-1, 1], or PCM of type uint8, int8, int16 or int32"
        raise AudioError(place, expected, f"{samples.dtype}", "Convert it, e.g. with .astype(numpy.int16).")
    if not limits.min_rate_hz <= rate_hz <= limits.max_rate_hz or rate_hz != int(rate_hz):
        expected = f"a whole sampling rate of {limits.min_rate_hz} to {limits.max_rate_hz} Hz"
        raise LimitExceeded(place, expected, f"{rate_hz}", "Pass the rate that belongs to the samples.")
    if shape[0] / rate_hz > seconds:
        raise LimitExceeded(place, f"at most {seconds:g} s", f"{shape[0] / rate_hz:.1f} s", "Raise Limits.max_duration_s.")


def _checked(values: np.ndarray, start_s: float, rate_hz: int) -> np.ndarray:
    """The block itself, if every sample is a number in the unit that floats have."""
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        at = start_s + float(np.argmin(finite)) / rate_hz
        raise AudioError("<array>", "finite samples", f"NaN or infinity at {at:.3f} s", "Clean it first, e.g. with numpy.nan_to_num.")
    peak = float(np.abs(values).max())
    if peak > LOUDEST:
        raise AudioError(
            "<array>", "float samples in [-1, 1]", f"a peak of {peak:.1f} after {start_s:.3f} s", "Divide by full scale first."
        )
    return values
