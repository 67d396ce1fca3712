"""How good the sound of each utterance is: the numbers that say how far a judgement can be trusted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from convemo.audio.sound import Audio
from convemo.audio.vad import FRAME, FRAME_S, Intervals
from convemo.types import Dialogue, Diarization, Utterance

_NEARBY_S = 30.0  # how far from an utterance its noise floor is looked for
_FEWEST = 32  # frames (1 s) without speech that make a noise floor of their own
_QUIETEST = 1e-8  # power of -80 dB full scale: below lies digital silence, not a room
_CLIPPED = 0.99  # of full scale: resampling moves clipped samples a little


def measure(dialogue: Dialogue, audio: Audio, speech: Intervals, diarization: Diarization | None = None) -> Dialogue:
    """The dialogue with the evidence of each utterance that has times; `speaker_confidence` is left as it is.

    The *speech level* is the mean power of the utterance's speech frames (32 ms). The *noise floor* is the median
    power of the frames without speech within 30 s of it; where there is less than a second of them, the 5th
    percentile of all frames there. SNR is the ratio of the two. A speaker who has a channel is measured on it.

    Args:
        dialogue: who said what; utterances without times get their ASR confidence only.
        audio: the sound they were said in.
        speech: where somebody speaks, from `convemo.audio.vad.speech`.
        diarization: who speaks when, if it uses the dialogue's speaker ids: then overlap, and the speech of
            speakers with a channel, come from its turns, else from the utterances' own times.
    """
    voices = _voices(dialogue, diarization)
    channels = {s.id: s.channel if s.channel is not None and s.channel < audio.channels else None for s in dialogue.speakers}
    tracks = {channel: _Track(audio, channel) for channel in set(channels.values()) | {None}}
    own = {s for s in voices if diarization is not None and channels.get(s) is not None}
    heard = {s: _Cover(voices[s]) if s in own else None for s in voices}
    others = {s: _Cover(i for o, intervals in voices.items() if o != s for i in intervals) for s in voices}
    everyone = _Cover(speech)

    def measured(utterance: Utterance) -> Utterance:
        known = [w.confidence for w in utterance.words if w.confidence is not None]
        found = {"asr_confidence": round(float(np.mean(known)), 4)} if known else {}
        if utterance.start is not None and utterance.end is not None and utterance.end > utterance.start:
            voice = heard[utterance.speaker] or everyone
            track = tracks[channels.get(utterance.speaker)]
            begin, end = utterance.start, utterance.end
            found |= {
                "speech_s": round(voice.within(begin, end), 3),
                "overlap": round(others[utterance.speaker].within(begin, end) / (end - begin), 4),
                "clipping": track.clipping(begin, end),
                "snr_db": track.snr_db(begin, end, voice),
            }
        return dataclasses.replace(utterance, evidence=dataclasses.replace(utterance.evidence, **found))

    return dataclasses.replace(dialogue, utterances=tuple(map(measured, dialogue)))


def _voices(dialogue: Dialogue, diarization: Diarization | None) -> dict[str, list[tuple[float, float]]]:
    """Speaker id → where that speaker talks. Turns count only if they speak of the same ids."""
    voices: dict[str, list[tuple[float, float]]] = {u.speaker: [] for u in dialogue}
    if diarization is not None and voices.keys() <= {s.id for s in diarization.speakers}:
        for turn in diarization.turns:
            voices.setdefault(turn.speaker, []).append((turn.start, turn.end))
    else:
        for u in dialogue:
            if u.start is not None and u.end is not None:
                voices[u.speaker].append((u.start, u.end))
    return voices


class _Cover:
    """A union of intervals that answers "how much of it lies between a and b" in logarithmic time."""

    def __init__(self, intervals: Iterable[tuple[float, float]]):
        merged: list[list[float]] = []
        for begin, end in sorted(intervals):
            if merged and begin <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            elif end > begin:
                merged.append([begin, end])
        self._begin, self._end = np.array(merged, dtype=np.float64).reshape(-1, 2).T
        self._before = np.concatenate([[0.0], np.cumsum(self._end - self._begin)])

    def within(self, begin: float, end: float) -> float:
        """Seconds covered in ``[begin, end)``."""
        return float(self._until(end) - self._until(begin))

    def holds(self, times: np.ndarray) -> np.ndarray:
        """Which of these times are covered."""
        index = np.searchsorted(self._begin, times, side="right") - 1
        return (index >= 0) & (times < self._end[index]) if len(self._end) else np.zeros(len(times), bool)

    def _until(self, time: float) -> float:
        index = int(np.searchsorted(self._begin, time, side="right"))
        return self._before[index] - (max(0.0, self._end[index - 1] - time) if index else 0.0)


class _Track:
    """Power and clipped samples of one channel, frame by frame: 8 bytes for each 32 ms."""

    def __init__(self, audio: Audio, channel: int | None):
        powers, clipped = [], []
        for _, samples in (audio if channel is None else audio.channel(channel)).windows(1875 * FRAME_S):
            frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME)  # (T, 512)
            powers.append(np.einsum("tn,tn->t", frames, frames) / FRAME)
            clipped.append((np.abs(frames) >= _CLIPPED).mean(axis=1, dtype=np.float32))
        self._power, self._clipped = np.concatenate(powers), np.concatenate(clipped)

    def clipping(self, begin: float, end: float) -> float:
        part = self._clipped[self._frames(begin, end)]
        return round(float(part.mean()), 5) if len(part) else 0.0

    def snr_db(self, begin: float, end: float, voice: _Cover) -> float | None:
        """Speech level over noise floor; ``None`` if there is no speech in it."""
        said = self._frames(begin, end)
        level = self._power[said][voice.holds(self._times(said))]
        if len(level) == 0:
            return None
        near = self._frames(begin - _NEARBY_S, end + _NEARBY_S)
        power = self._power[near]
        quiet = power[~voice.holds(self._times(near))]
        floor = np.median(quiet) if len(quiet) >= _FEWEST else np.percentile(power, 5)
        return round(float(10 * np.log10(max(level.mean(), _QUIETEST) / max(floor, _QUIETEST))), 2)

    def _frames(self, begin: float, end: float) -> slice:
        """The frames whose middle lies in ``[begin, end)``."""
        count = len(self._power)
        first, last = (min(max(int(np.ceil(t / FRAME_S - 0.5)), 0), count) for t in (begin, end))
        return slice(first, last)

    def _times(self, frames: slice) -> np.ndarray:
        return (np.arange(frames.start, frames.stop) + 0.5) * FRAME_S
