"""A stereo call: whoever is heard in one channel is one speaker."""

from __future__ import annotations

import numpy as np

from convemo.audio import Audio
from convemo.audio.vad import FRAME, FRAME_S, intervals, probabilities
from convemo.diarize.base import Progress
from convemo.diarize.turns import diarization
from convemo.errors import ConfigError
from convemo.registry import Availability
from convemo.types import Diarization

_VOICED = 0.5  # probability from which a frame counts as speech
_BLEED_DB = 12.0  # a voice so much quieter than one in another channel may be that one, leaking through
_OWN_DB = 6.0  # … if it is also so much quieter than what its own channel holds while the other is silent
_SMOOTH = 9  # frames (0.3 s) over which levels are compared
_FEWEST_S = 1.0  # a channel with less speech has no speaker
_SILENCE_S = 0.3  # shorter pauses do not part a turn
_SAME_DB = 6.0  # channels that differ by less are one sound, or one room


class ChannelDiarizer:
    """One speaker a channel: Silero VAD in each, what leaks from the others taken out.

    Args:
        num_speakers, min_speakers, max_speakers: how many there must be; a channel nobody speaks in has none.
        device, offline: nothing to choose: it runs on the processor and needs no download.

    Raises:
        ConfigError: `num_speakers` or `max_speakers` contradict the channels (when it diarizes).
    """

    id = "channels"

    def __init__(
        self,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        device: str | None = None,
        offline: bool = False,
    ):
        self._fewest, self._most = num_speakers or min_speakers, num_speakers or max_speakers

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        return Availability(True)

    @classmethod
    def suits(cls, audio: Audio) -> bool:
        """Whether this is a call with one speaker a channel, and not one sound in two channels or a stereo room.

        In such a call, at most moments one channel is far louder than the others, and not always the same one.
        """
        if audio.channels < 2:
            return False
        levels_db, voiced = _levels_db(audio), np.array(_voices(audio)) >= _VOICED
        sorted_db = np.sort(levels_db, axis=0)
        apart = (sorted_db[-1] - sorted_db[-2] >= _SAME_DB)[voiced.any(axis=0)]
        return bool(len(apart)) and apart.mean() > 0.5 and int((voiced.sum(axis=1) * FRAME_S >= _FEWEST_S).sum()) >= 2

    def diarize(self, audio: Audio, progress: Progress | None = None) -> Diarization:
        if self._fewest is not None and self._fewest > audio.channels:
            raise ConfigError(f"{self._fewest} channels, one for each speaker", f"{audio.channels}", "Use the diarizer 'embedded'.")
        stretches = []
        for channel, voice in enumerate(_voices(audio)):
            found = intervals(voice, audio.duration_s, min_silence_s=_SILENCE_S)
            if sum(end - start for start, end in found) >= min(_FEWEST_S, audio.duration_s / 2):
                stretches += [(start, end, channel) for start, end in found]
            if progress is not None:
                progress(audio.duration_s * (channel + 1) / audio.channels, audio.duration_s)
        heard = {channel for _, _, channel in stretches}
        if self._most is not None and len(heard) > self._most:
            raise ConfigError(f"at most {self._most} speakers", f"a voice in {len(heard)} channels", "Use the diarizer 'embedded'.")
        return diarization(stretches, self.id, {channel: channel for channel in heard})


def _voices(audio: Audio) -> tuple[np.ndarray, ...]:
    """For each channel ``(T,)`` probabilities of its own voice: 0 where it is another channel's, leaking."""

    def compute() -> tuple[np.ndarray, ...]:
        voices = np.array([probabilities(audio.channel(i)) for i in range(audio.channels)])  # (C, T)
        levels_db, voiced = _levels_db(audio), voices >= _VOICED
        for own in range(audio.channels):
            alone = voiced[own] & ~np.delete(voiced, own, axis=0).any(axis=0)
            usual_db = np.median(levels_db[own][alone]) if alone.sum() * FRAME_S >= _FEWEST_S else np.inf
            for other in range(audio.channels):
                if other != own:
                    quieter = levels_db[own] < levels_db[other] - _BLEED_DB
                    voices[own][voiced[other] & quieter & (levels_db[own] < usual_db - _OWN_DB)] = 0.0
        return tuple(voices)

    return audio.remember("voices", compute)


def _levels_db(audio: Audio) -> np.ndarray:
    """``(C, T)`` smoothed level of each channel's frames, dB full scale."""

    def compute() -> np.ndarray:
        rows = []
        for i in range(audio.channels):
            powers = []
            for _, samples in audio.channel(i).windows(1875 * FRAME_S):
                frames = np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME)
                powers.append(np.einsum("tn,tn->t", frames, frames) / FRAME)
            smoothed = np.convolve(np.concatenate(powers), np.full(_SMOOTH, 1 / _SMOOTH), mode="full")
            middle = _SMOOTH // 2
            rows.append(10 * np.log10(np.maximum(smoothed[middle : len(smoothed) - middle], 1e-10)))
        return np.array(rows)

    return audio.remember("levels", compute)
