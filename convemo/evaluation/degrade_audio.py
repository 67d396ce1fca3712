"""Sound as rooms, noise and lines leave it, utterance by utterance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from convemo.audio.degrade import CODECS, HIGHEST_KBPS, LOWEST_KBPS, pink, reverberate, telephone_call, through_codec, with_noise
from convemo.audio.resample import RATE_HZ
from convemo.errors import ConfigError
from convemo.evaluation.spec import NONE, chance, number, parts
from convemo.features.energy import active_span, frame_energy_db
from convemo.training.acoustic_clips import read_clip

SNR, NOISE, REVERB, TELEPHONE, CODEC = "snr", "noise", "reverb", "telephone", "codec"
FORMS = {
    NONE: NONE,
    SNR: "snr=DB",
    NOISE: "noise=FOLDER",
    REVERB: "reverb=FILE",
    TELEPHONE: TELEPHONE,
    CODEC: f"codec={'|'.join(CODECS)} with kbit/s (codec=opus16)",
}
SNR_DB = (-20.0, 60.0)
_SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3")
_LONGEST_RESPONSE_S = 2.0


@dataclass(frozen=True, slots=True)
class AudioCondition:
    """What is done to the sound; nothing by default. The room comes first, then the noise in it, then the line.

    >>> str(AudioCondition.parse("telephone,snr=10"))
    'snr=10,telephone'
    """

    snr_db: float | None = None
    """Level of the voice over the noise."""
    noise: str | None = None
    """Folder of sound files of noise, one of which is drawn for each utterance; ``None`` is pink noise."""
    reverb: str | None = None
    """Sound file with the impulse response of a room."""
    telephone: bool = False
    codec: tuple[str, int] | None = None
    """Name and kbit/s."""

    @classmethod
    def parse(cls, spec: str) -> AudioCondition:
        """From ``none``, or several of ``snr=DB`` (with ``noise=FOLDER``), ``reverb=FILE``, ``telephone``, ``codec=opus16`` with commas.

        Raises:
            ConfigError: it is none of these, or a file is not there.
        """
        found = parts(spec, "--audio", FORMS)
        if NOISE in found and SNR not in found:
            raise ConfigError("snr=DB with noise=FOLDER for --audio", repr(spec), "Say how loud the noise is, e.g. snr=10,noise=FOLDER.")
        condition = cls(
            number(found[SNR], FORMS[SNR], "--audio", *SNR_DB) if SNR in found else None,
            found.get(NOISE),
            found.get(REVERB),
            TELEPHONE in found,
            _codec(found[CODEC]) if CODEC in found else None,
        )
        if condition.noise is not None:
            _noise_files(condition.noise)
        if condition.reverb is not None and not Path(condition.reverb).is_file():
            raise ConfigError("a sound file with reverb=FILE for --audio", f"none at {condition.reverb!r}")
        return condition

    def __str__(self) -> str:
        named = [f"{REVERB}={self.reverb}"] * (self.reverb is not None)
        named += [f"{SNR}={self.snr_db or 0:g}"] * (self.snr_db is not None) + [f"{NOISE}={self.noise}"] * (self.noise is not None)
        named += [TELEPHONE] * self.telephone + ([f"{CODEC}={self.codec[0]}{self.codec[1]}"] if self.codec is not None else [])
        return ",".join(named) or NONE

    @property
    def clean(self) -> bool:
        """Whether the sound stays as it is."""
        return self == AudioCondition()


def degrade(samples: np.ndarray, condition: AudioCondition, dialogue: str, utterance: str, seed: int = 0) -> np.ndarray:
    """The sound of one utterance in this condition.

    The level of the noise counts against the voice where it speaks, not against the pauses around it.

    Args:
        samples: ``(n,)`` floats in ``[-1, 1]`` at 16 kHz.
        condition: what is done to it.
        dialogue, utterance: their ids: the noise is drawn from them.

    Returns:
        ``(n,)`` float32 in ``[-1, 1]``.

    Raises:
        DataError: the noise or the impulse response cannot be decoded.
        ConfigError: the codec cannot be used here.
    """
    if condition.clean or not len(samples):
        return np.asarray(samples, dtype=np.float32)
    heard = np.asarray(samples, dtype=np.float64)
    if condition.reverb is not None:
        heard = reverberate(heard, _response(condition.reverb))
    if condition.snr_db is not None:
        rng = chance("audio", dialogue, utterance, seed)
        heard = with_noise(heard, _noise(condition.noise, len(heard), rng), condition.snr_db - _louder_db(heard))
    heard = np.clip(heard, -1, 1)
    if condition.telephone:
        heard = telephone_call(heard)
    if condition.codec is not None:
        heard = through_codec(heard, *condition.codec)
    return np.clip(heard, -1, 1).astype(np.float32)


def _louder_db(samples: np.ndarray) -> float:
    """By how much the voice, where it speaks, lies above the mean of all samples."""
    first, last = active_span(frame_energy_db(samples.astype(np.float32)))
    said = samples[first : min(last, len(samples))]
    return 10 * np.log10(np.mean(said**2) / max(np.mean(samples**2), 1e-12)) if len(said) and np.any(said) else 0.0


def _noise(folder: str | None, length: int, rng: np.random.Generator) -> np.ndarray:
    if folder is None:
        return pink(length, rng)
    files = _noise_files(folder)
    noise = _sound(files[rng.integers(len(files))])
    return np.resize(np.roll(noise, rng.integers(len(noise))), length)


def _noise_files(folder: str) -> Sequence[str]:
    files = sorted(str(path) for path in Path(folder).rglob("*") if path.suffix.lower() in _SOUNDS and path.parent.name != "ir")
    if not files:
        raise ConfigError("a folder with sound files of noise with noise=FOLDER for --audio", f"none in {folder!r}")
    return files


@lru_cache(maxsize=64)
def _sound(path: str) -> np.ndarray:
    return read_clip(path)


def _response(path: str) -> np.ndarray:
    """Cut to `_LONGEST_RESPONSE_S` and scaled to keep the level of what is heard through it."""
    response = _sound(path)[: round(_LONGEST_RESPONSE_S * RATE_HZ)]
    return response / max(float(np.sqrt(np.sum(response**2))), 1e-6)


def _codec(value: str) -> tuple[str, int]:
    match = re.fullmatch(r"([a-z]+(?:722)?)(\d*)", value)
    name, kbps = (match[1], int(match[2] or 0)) if match else ("", 0)
    if name not in CODECS or (name != "g722" and not LOWEST_KBPS <= kbps <= HIGHEST_KBPS):
        raise ConfigError(f"{FORMS[CODEC]}, from {LOWEST_KBPS} to {HIGHEST_KBPS}, for --audio", repr(value))
    return name, kbps or 64
