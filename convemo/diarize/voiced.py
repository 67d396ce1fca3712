"""Where voices are, cut into windows, and what each window sounds like: all that the `embedded` diarizer hears."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from convemo.audio import Audio
from convemo.audio.vad import FRAME_S, Intervals, probabilities, speech
from convemo.diarize.base import Progress
from convemo.diarize.encoder import FRAMES, SIZE, SpeakerEncoder, mel_power
from convemo.features.frames import FRAMES_PER_S, HOP, RATE_HZ

VOICED = 0.5  # probability from which a frame is a voice clear enough to compare
_MARGIN = 2  # frames of the detector (64 ms) kept on both sides of a clear voice: soft first and last sounds are part of it
PAUSE_S = 0.5  # shorter silences do not part a turn
STEP = 40  # voiced frames from one window to the next: 0.4 s
_APART = 50  # frames (0.5 s) without voice that no window reaches across: beyond, it is likely to mix two voices
_FEWEST = 40  # voiced frames: less is no voice to compare
_AT_ONCE = 64  # windows that are cut out of the sound in one go


@dataclass(frozen=True)
class Voiced:
    """The voice of a recording: T frames of 10 ms without the pauses, N windows of them."""

    spans: Intervals
    """Where somebody speaks, pauses within a turn included."""
    frames: np.ndarray
    """``(T,)`` increasing numbers of frames, counted from the beginning at 100 a second."""
    first: np.ndarray
    last: np.ndarray
    """``(N,)`` each: a window is ``frames[first : last]``."""
    embeddings: np.ndarray
    """``(N, 256)`` of length 1."""

    @property
    def middles(self) -> np.ndarray:
        """``(N,)`` the middle of each window, as an index into `frames`."""
        return (self.first + self.last) / 2

    @property
    def seconds(self) -> np.ndarray:
        """``(N,)`` when each window is, in seconds."""
        return (self.frames[self.first] + self.frames[self.last - 1]) / (2 * FRAMES_PER_S)


def hear(audio: Audio, encoder: SpeakerEncoder, progress: Progress | None = None, spans: Intervals | None = None) -> Voiced:
    """Embeds the voices of a recording, some windows at a time: ten hours take no more memory than their embeddings, 80 MB.

    Args:
        audio: the recording.
        encoder: what embeds.
        progress: told how far it is, in seconds of sound.
        spans: where to listen; by default wherever somebody speaks.
    """
    spans = speech(audio, min_silence_s=PAUSE_S) if spans is None else spans
    frames = voiced_frames(audio, spans)
    windows = _windows(frames)
    embeddings = []
    for begin in range(0, len(windows), _AT_ONCE):
        group = windows[begin : begin + _AT_ONCE]
        embeddings.append(encoder.embed(np.concatenate([_cut(audio, frames, stretch) for stretch in _near(frames, group)])))
        if progress is not None:
            progress(frames[group[-1, 1] - 1] / FRAMES_PER_S, audio.duration_s)
    if progress is not None:
        progress(audio.duration_s, audio.duration_s)
    vectors = np.concatenate(embeddings) if embeddings else np.zeros((0, SIZE), np.float32)
    return Voiced(spans, frames, windows[:, 0], windows[:, 1], vectors)


def voiced_frames(audio: Audio, spans: Intervals) -> np.ndarray:
    """``(T,)`` numbers of the frames of 10 ms in these spans where the voice is clear."""
    clear = np.convolve(probabilities(audio) >= VOICED, np.ones(2 * _MARGIN + 1), mode="same") > 0
    inside = np.zeros(int(audio.duration_s * FRAMES_PER_S), bool)
    for start, end in spans:
        inside[round(start * FRAMES_PER_S) : round(end * FRAMES_PER_S)] = True
    detector_frame = (np.arange(len(inside)) / FRAMES_PER_S / FRAME_S).astype(int)
    return np.flatnonzero(inside & clear[np.minimum(detector_frame, len(clear) - 1)])


def voiced_seconds(audio: Audio) -> float:
    """Seconds of clear voice in a recording."""
    return len(voiced_frames(audio, speech(audio, min_silence_s=PAUSE_S))) / FRAMES_PER_S


def _windows(frames: np.ndarray) -> np.ndarray:
    """``(N, 2)`` first and last (exclusive) index of each window, evenly spread over every stretch without a long pause."""
    borders = np.concatenate([[0], np.flatnonzero(np.diff(frames) > _APART) + 1, [len(frames)]])
    found = [np.zeros((0, 2), np.int64)]
    for begin, end in pairwise(borders.tolist()):
        if end - begin >= _FEWEST:
            count = 1 + max(0, -(-(end - begin - FRAMES) // STEP))
            starts = np.unique(np.linspace(begin, max(begin, end - FRAMES), count).round().astype(np.int64))
            found.append(np.stack([starts, np.minimum(starts + FRAMES, end)], axis=1))
    return np.concatenate(found)


def _near(frames: np.ndarray, windows: np.ndarray) -> list[np.ndarray]:
    """The windows, parted where a long pause is: what lies between is not read."""
    return np.split(windows, np.flatnonzero(np.diff(frames[windows[:, 0]]) > 4 * FRAMES) + 1)


def _cut(audio: Audio, frames: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """``(W, 160, 40)`` mel power of windows that lie near each other; a short one is heard over again until it is full."""
    begin, end = int(frames[windows[0, 0]]) - 2, int(frames[windows[-1, 1] - 1]) + 3
    skipped = max(0, begin)
    mels = mel_power(audio.read(skipped * HOP / RATE_HZ, end * HOP / RATE_HZ))
    return np.stack([mels[np.resize(frames[first:last], FRAMES) - skipped] for first, last in windows])
