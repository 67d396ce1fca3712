"""Known speakers: whose voice a diarized speaker's is, by recordings of people who are known.

A voice is biometric data. It is compared in memory, in this process, only if the user names recordings, and nothing of it is
kept: results say which names were looked for and found, never a voice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from convemo.audio import Audio, load
from convemo.diarize.encoder import SpeakerEncoder
from convemo.diarize.voiced import hear, voiced_seconds
from convemo.errors import ConfigError
from convemo.limits import Limits
from convemo.types import Diarization

MATCH = 0.86
"""Cosine from which a voice is taken for a known one. benchmarks/speaker_verification.py: of acted speech, eight seconds of which are
known, 1 in 100 strangers passes it in clean sound and 1 in 6 by telephone; 1 in 10 of the known does not."""
SAME = 0.95
"""Cosine from which two recordings of known people are one person's: two people's reach 0.92 in 1 of 100 cases."""
LEAST_S = 2.0
"""Seconds of clear voice that make a voice known."""
_LONGEST_S = 60.0  # of a speaker's turns that are listened to: more changes nothing


class KnownSpeakers:
    """People whose voices are known from a recording each.

    Args:
        recordings: name → sound file with that person's voice alone; from the same kind of microphone or line as what it is
            compared with, since a voice by telephone is not recognised from a studio's.
        limits: bounds for the recordings.

    Raises:
        AudioError: a file cannot be read.
        ConfigError: it holds less than `LEAST_S` of clear voice, or two hold the same voice.
    """

    def __init__(self, recordings: Mapping[str, str], limits: Limits | None = None):
        self._encoder = SpeakerEncoder()
        self._voices: dict[str, np.ndarray] = {}
        for name, path in recordings.items():
            with load(path, limits) as audio:
                if (found_s := voiced_seconds(audio)) < LEAST_S:
                    raise ConfigError(
                        f"at least {LEAST_S:g} s of {name}'s voice in {path}", f"{found_s:.1f} s", "Enroll a longer recording."
                    )
                self._voices[name] = self._voice(audio)
        for one, other in combinations(self._voices, 2):
            if self._voices[one] @ self._voices[other] >= SAME:
                raise ConfigError(f"two voices for {one} and {other}", "the same voice in both recordings", "Enroll each person once.")

    def name(self, diarization: Diarization, audio: Audio) -> Diarization:
        """The diarization with the names of those speakers who are known; ids stay, and whoever is not known stays unnamed.

        The best match is named first, then the best of the rest: one name is one speaker's.
        """
        alike: list[tuple[float, str, str]] = []
        for speaker in diarization.speakers:
            sound = audio if speaker.channel is None else audio.channel(speaker.channel)
            voice = self._voice(sound, _longest(diarization, speaker.id))
            alike += [(float(voice @ known), speaker.id, name) for name, known in self._voices.items()]
        names: dict[str, str] = {}
        for likeness, speaker_id, name in sorted(alike, reverse=True):
            if likeness >= MATCH and speaker_id not in names and name not in names.values():
                names[speaker_id] = name
        return replace(diarization, speakers=tuple(replace(s, name=names.get(s.id, s.name)) for s in diarization.speakers))

    def _voice(self, audio: Audio, spans: tuple[tuple[float, float], ...] | None = None) -> np.ndarray:
        """``(256,)`` of length 1, or zeros if there is too little voice to know it by."""
        mean = hear(audio, self._encoder, spans=spans).embeddings.sum(axis=0)
        return mean / max(float(np.linalg.norm(mean)), 1e-9)


def _longest(diarization: Diarization, speaker: str) -> tuple[tuple[float, float], ...]:
    """A speaker's longest turns, `_LONGEST_S` of them, in order of time: the longest are the surest."""
    chosen: list[tuple[float, float]] = []
    left_s = _LONGEST_S
    for turn in sorted((t for t in diarization.turns if t.speaker == speaker), key=lambda t: -t.duration_s):
        if left_s <= 0:
            break
        chosen.append((turn.start, min(turn.end, turn.start + left_s)))
        left_s -= turn.duration_s
    return tuple(sorted(chosen))
