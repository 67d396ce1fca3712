"""How good the sound of each utterance is: the numbers that say how far a judgement can be trusted."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np

from convemo.audio.bandwidth import upper_limit_hz
from convemo.audio.sound import Audio
from convemo.audio.track import Track
from convemo.audio.vad import Intervals
from convemo.dialogue.presence import Presence, Timeline
from convemo.types import Dialogue, Diarization, Turn, Utterance

_NEARBY_S = 30.0  # how far from an utterance its noise floor, and the rest of its speaker's voice, are looked for
_FEWEST = 32  # frames (1 s) without speech that make a noise floor of their own
_QUIETEST = 1e-8  # power of -80 dB full scale: below lies digital silence, not a room


def measure(dialogue: Dialogue, audio: Audio, speech: Intervals, diarization: Diarization | None = None) -> Dialogue:
    """The dialogue with the evidence of each utterance that has times; `speaker_confidence` is left as it is.

    The *speech level* is the mean power of the utterance's speech frames (32 ms). The *noise floor* is the median
    power of the frames without speech within 30 s of it; where there is less than a second of them, the 5th
    percentile of all frames there. SNR is the ratio of the two. A speaker who has a channel is measured on it.
    The bandwidth is that of the speaker's line (`convemo.audio.bandwidth`), from their voice within about 30 s:
    one word seldom reaches the upper bands.

    Args:
        dialogue: who said what; utterances without times get their ASR confidence only.
        audio: the sound they were said in.
        speech: where somebody speaks, from `convemo.audio.vad.speech`.
        diarization: who speaks when, if it uses the dialogue's speaker ids: then overlap, and the speech of
            speakers with a channel, come from its turns, else from the utterances' own times.
    """
    turns_known = diarization is not None and {u.speaker for u in dialogue} <= {s.id for s in diarization.speakers}
    presence = Presence(diarization.turns if turns_known else _turns(dialogue))
    channels = {s.id: s.channel if s.channel is not None and s.channel < audio.channels else None for s in dialogue.speakers}
    scenes = {channel: _Scene(Track(audio, channel)) for channel in set(channels.values())}
    everyone = Timeline(speech)

    @cache
    def voice_of(speaker: str) -> Timeline:
        return presence.own(speaker) if diarization is not None and channels[speaker] is not None else everyone

    @cache
    def bandwidth_hz(speaker: str, begin: float) -> float | None:
        return scenes[channels[speaker]].bandwidth_hz(begin, begin + _NEARBY_S, voice_of(speaker), presence.own(speaker))

    def measured(utterance: Utterance) -> Utterance:
        known = [w.confidence for w in utterance.words if w.confidence is not None]
        found = {"asr_confidence": round(float(np.mean(known)), 4)} if known else {}
        if utterance.start is not None and utterance.end is not None and utterance.end > utterance.start:
            begin, end, speaker = utterance.start, utterance.end, utterance.speaker
            voice, scene, whole = voice_of(speaker), scenes[channels[speaker]], (np.array([begin]), np.array([end]))
            found |= {
                "speech_s": round(float(voice.held(*whole)[0]), 3),
                "overlap": round(float(presence.others(speaker).held(*whole)[0]) / (end - begin), 4),
                "clipping": scene.clipping(begin, end),
                "snr_db": scene.snr_db(begin, end, voice),
                # A line does not change from one word to the next: once for each speaker and half-minute is enough.
                "bandwidth_hz": bandwidth_hz(speaker, begin // _NEARBY_S * _NEARBY_S),
            }
        return dataclasses.replace(utterance, evidence=dataclasses.replace(utterance.evidence, **found))

    return dataclasses.replace(dialogue, utterances=tuple(map(measured, dialogue)))


def _turns(dialogue: Dialogue) -> list[Turn]:
    return [Turn(u.start, u.end, u.speaker) for u in dialogue if u.start is not None and u.end is not None]


class _Scene:
    """What can be asked of a track, given where a voice is."""

    def __init__(self, track: Track):
        self._track = track

    def clipping(self, begin: float, end: float) -> float | None:
        """Share of samples at full scale; ``None`` if there is no sound in it: a transcript may go on after its recording."""
        part = self._track.clipped[self._track.frames(begin, end)]
        return round(float(part.mean()), 5) if len(part) else None

    def snr_db(self, begin: float, end: float, voice: Timeline) -> float | None:
        """Speech level over noise floor; ``None`` if there is no speech in it."""
        track = self._track
        said = track.frames(begin, end)
        level = track.power[said][voice.holds(track.times(said))]
        if len(level) == 0:
            return None
        near = track.frames(begin - _NEARBY_S, end + _NEARBY_S)
        power = track.power[near]
        quiet = power[~voice.holds(track.times(near))]
        floor = np.median(quiet) if len(quiet) >= _FEWEST else np.percentile(power, 5)
        return round(float(10 * np.log10(max(level.mean(), _QUIETEST) / max(floor, _QUIETEST))), 2)

    def bandwidth_hz(self, begin: float, end: float, voice: Timeline, own: Timeline) -> float | None:
        """Of what this speaker says within `_NEARBY_S` of the stretch, against the pauses there."""
        near = self._track.frames(begin - _NEARBY_S, end + _NEARBY_S)
        times, levels = self._track.times(near), self._track.levels_db(near)
        speaking = voice.holds(times)
        return upper_limit_hz(levels[speaking & own.holds(times)], levels[~speaking])
