"""A stereo call: whoever is heard in one channel is one speaker."""

from __future__ import annotations

import numpy as np

from convemo.audio import Audio
from convemo.audio.vad import FRAME_S, intervals, probabilities
from convemo.diarize.base import Progress, SpeakerBounds
from convemo.diarize.crosstalk import band_levels_db, leaks_db, own_voice
from convemo.diarize.turns import diarization
from convemo.errors import ConfigError
from convemo.registry import Availability
from convemo.types import Diarization

_VOICED = 0.5  # probability from which a frame counts as speech
_FEWEST_S = 1.0  # a channel with less speech has no speaker
_SILENCE_S = 0.3  # shorter pauses do not part a turn
_CALL_DB = 9.0  # channels whose levels change less from one speaker to the other are a stereo room


class ChannelDiarizer:
    """One speaker a channel: Silero VAD in each, what leaks from the others taken out.

    Args:
        num_speakers, min_speakers, max_speakers: how many there must be; a channel nobody speaks in has none.
        device, offline: nothing to choose: it runs on the processor and needs no download.

    Raises:
        ConfigError: the numbers contradict each other, or the channels (when it diarizes).
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
        self._speakers = SpeakerBounds(num_speakers, min_speakers, max_speakers)

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        return Availability(True)

    @classmethod
    def suits(cls, audio: Audio) -> bool:
        """Whether this is a call with one speaker a channel, and not one sound in two channels or a stereo room.

        In such a call at least two channels have a voice of their own, and as one speaker gives way to the other the difference
        of their levels swings; in a room, where every microphone hears everybody, it hardly moves.
        """
        if audio.channels < 2:
            return False
        voiced = np.array(_voices(audio)) >= _VOICED
        speaking = np.flatnonzero(voiced.sum(axis=1) * FRAME_S >= _FEWEST_S)
        if len(speaking) < 2:
            return False
        return all(_swing_db(audio, voiced, i, j) >= _CALL_DB for i in speaking for j in speaking if i < j)

    def diarize(self, audio: Audio, progress: Progress | None = None) -> Diarization:
        if self._speakers.fewest > audio.channels:
            found = f"{audio.channels} of them"
            raise ConfigError(f"{self._speakers.fewest} channels, one for each speaker", found, "Use the diarizer 'embedded'.")
        stretches = []
        for channel, voice in enumerate(_voices(audio)):
            found = intervals(voice, audio.duration_s, min_silence_s=_SILENCE_S)
            if sum(end - start for start, end in found) >= min(_FEWEST_S, audio.duration_s / 2):
                stretches += [(start, end, channel) for start, end in found]
            if progress is not None:
                progress(audio.duration_s * (channel + 1) / audio.channels, audio.duration_s)
        heard = {channel for _, _, channel in stretches}
        if self._speakers.most is not None and len(heard) > self._speakers.most:
            found = f"a voice in {len(heard)} channels"
            raise ConfigError(f"at most {self._speakers.most} speakers", found, "Use the diarizer 'embedded'.")
        return diarization(stretches, self.id, {channel: channel for channel in heard})


def _voices(audio: Audio) -> tuple[np.ndarray, ...]:
    """For each channel ``(T,)`` probabilities of its own voice: 0 where it is another channel's, leaking."""

    def compute() -> tuple[np.ndarray, ...]:
        voices = np.array([probabilities(audio.channel(i)) for i in range(audio.channels)])  # (C, T)
        if audio.channels > 1:
            levels_db = _levels_db(audio)
            voices[~own_voice(levels_db, leaks_db(levels_db, voices >= _VOICED))] = 0.0
        return tuple(voices)

    return audio.remember("voices", compute)


def _levels_db(audio: Audio) -> list[np.ndarray]:
    return audio.remember("levels", lambda: [band_levels_db(audio.channel(i)) for i in range(audio.channels)])


def _swing_db(audio: Audio, voiced: np.ndarray, i: int, j: int) -> float:
    """How much the level of channel i over that of channel j falls as speaker i gives way to speaker j."""
    difference = _levels_db(audio)[i].mean(axis=1, dtype=np.float32) - _levels_db(audio)[j].mean(axis=1, dtype=np.float32)
    only_i, only_j = difference[voiced[i] & ~voiced[j]], difference[voiced[j] & ~voiced[i]]
    return float(np.median(only_i) - np.median(only_j)) if len(only_i) and len(only_j) else 0.0
