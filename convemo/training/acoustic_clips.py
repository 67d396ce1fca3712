"""Clips of acted speech as features, in several recording conditions, computed once and kept in a file.

Every clip is heard as it was recorded, slower, faster, by telephone and in a noisy room. An actor in one condition counts as a
speaker of their own, since a conversation does not change its telephone from one utterance to the next: the history that a
clip is compared with comes from the same condition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from convemo.errors import DataError
from convemo.features import RATE_HZ, extract
from convemo.features.energy import active_span, frame_energy_db
from convemo.types import LABELS, Dialogue

CONDITIONS = ("clean", "slow", "fast", "telephone", "room")
SPEED = {"slow": 0.92, "fast": 1.09}
"""Resampling factors: they move pitch and tempo by 1.4 semitones, so five actors sound like fifteen."""
TELEPHONE_HZ = (300.0, 3400.0)
"""Pass band of the telephone network (ITU-T G.712)."""
TELEPHONE_SNR_DB = (15.0, 40.0)
ROOM_SNR_DB = (5.0, 25.0)
RECIPE = 1
"""Raise it when the features or the conditions change: older caches are then computed again."""

Progress = Callable[[str, float, float], None]
"""Called as ``progress(stage, completed, total)``."""


@dataclass(frozen=True)
class Clips:
    """The clips of one corpus in all conditions. ``C`` conditions, ``N`` clips, ``V`` = `CONDITIONS`."""

    corpus: str
    ids: np.ndarray
    """``(N,)`` strings."""
    actors: np.ndarray
    """``(N,)`` strings."""
    labels: np.ndarray
    """``(N,)`` indices into `LABELS`."""
    functionals: np.ndarray
    """``(C, N, 22)`` float32."""
    frames: np.ndarray
    """``(rows, 67)`` float16: all clips, one after the other."""
    starts: np.ndarray
    ends: np.ndarray
    """``(C, N)`` each: the rows of clip ``i`` in condition ``c`` are ``starts[c, i] : ends[c, i]``."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def present(self) -> np.ndarray:
        """``(7,)`` booleans: the labels that occur."""
        return np.bincount(self.labels, minlength=len(LABELS)) > 0

    def clip_frames(self, condition: int, index: int) -> np.ndarray:
        """``(T, 67)`` float32."""
        return self.frames[self.starts[condition, index] : self.ends[condition, index]].astype(np.float32)

    def subset(self, rows: np.ndarray) -> Clips:
        """The clips for which `rows` ``(N,)`` is true; the frames stay where they are."""
        fields = {name: getattr(self, name)[rows] for name in ("ids", "actors", "labels")}
        by_condition = {name: getattr(self, name)[:, rows] for name in ("functionals", "starts", "ends")}
        return replace(self, **fields, **by_condition)


def load_clips(
    corpus: str, dialogues: tuple[Dialogue, ...], cache: Path, noise: Path | None = None, progress: Progress | None = None
) -> Clips:
    """The features of all labelled clips, from `cache` if it was made from the same clips by the same recipe.

    Args:
        corpus: its name.
        dialogues: one an actor, see `convemo.data.ravdess`.
        cache: an ``.npz`` file, made where it is missing.
        noise: folder with impulse responses (files in a folder ``ir``) and noises; without it rooms are noisy, not reverberant.

    Raises:
        DataError: a clip cannot be read, or holds nothing but silence.
    """
    clips = [(u.id, d.id, LABELS.index(u.label), u.audio) for d in dialogues for u in d if u.label is not None]
    key = hashlib.sha256(repr((RECIPE, CONDITIONS, [c[:3] for c in clips])).encode()).hexdigest()
    if cache.is_file():
        with np.load(cache) as stored:
            if str(stored["key"]) == key:
                return Clips(corpus, **{name: stored[name] for name in stored.files if name != "key"})
    irs, noises = read_noise(noise)
    frames, functionals = [[] for _ in CONDITIONS], [[] for _ in CONDITIONS]
    for done, (id, _, _, path) in enumerate(clips):
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "little"))
        for c, samples in enumerate(_conditions(_trimmed(read_clip(path)), irs, noises, rng)):
            features = extract(samples)
            if features is None:
                raise DataError(path, "a voice", "silence", "Leave this clip out.")
            frames[c].append(features.frames.astype(np.float16))
            functionals[c].append(features.functionals)
        if progress:
            progress(f"features of {corpus}", done + 1, len(clips))
    ids, actors, labels = (np.array([clip[i] for clip in clips]) for i in range(3))
    lengths = np.array([[len(f) for f in condition] for condition in frames])  # (C, N)
    ends = np.cumsum(lengths.reshape(-1)).reshape(lengths.shape)
    arrays = {
        "ids": ids,
        "actors": actors,
        "labels": labels,
        "functionals": np.array(functionals, dtype=np.float32),
        "frames": np.concatenate([f for condition in frames for f in condition]),
        "starts": ends - lengths,
        "ends": ends,
    }
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(".part.npz")
    np.savez(part, key=key, **arrays)
    part.replace(cache)
    return Clips(corpus, **arrays)


def read_clip(path: str | Path) -> np.ndarray:
    """A sound file mixed to mono at 16 kHz, ``(n,)`` float32.

    Raises:
        DataError: it cannot be decoded.
    """
    import av
    import soxr

    try:
        with av.open(str(path)) as container:
            to_mono = av.AudioResampler(format="fltp", layout="mono")
            blocks = [block for frame in container.decode(audio=0) for block in to_mono.resample(frame)]
            rate = blocks[0].sample_rate
            samples = np.concatenate([block.to_ndarray()[0] for block in blocks])
    except (av.FFmpegError, IndexError) as error:
        raise DataError(path, "a sound file", f"{type(error).__name__}: {error}") from error
    return soxr.resample(samples, rate, RATE_HZ).astype(np.float32)


def _trimmed(samples: np.ndarray) -> np.ndarray:
    start, end = active_span(frame_energy_db(samples))
    return samples[start:end]


def _conditions(samples: np.ndarray, irs: list[np.ndarray], noises: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """One clip in each of `CONDITIONS`."""
    import soxr

    slow, fast = (soxr.resample(samples, RATE_HZ * SPEED[name], RATE_HZ) for name in ("slow", "fast"))
    room = reverberate(samples, irs[rng.integers(len(irs))]) if irs else samples
    noise = pink(len(samples), rng)
    if noises and rng.random() < 0.6:
        noise = np.resize(np.roll(source := noises[rng.integers(len(noises))], rng.integers(len(source))), len(samples))
    return samples, slow, fast, telephone(samples, rng), with_noise(room, noise, rng.uniform(*ROOM_SNR_DB))


def telephone(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sound as a telephone carries it: 300–3400 Hz, line noise, 8-bit μ-law (ITU-T G.711)."""
    noisy = with_noise(samples, rng.standard_normal(len(samples)), rng.uniform(*TELEPHONE_SNR_DB))
    return mu_law(telephone_band(noisy)).astype(np.float32)


def telephone_band(samples: np.ndarray) -> np.ndarray:
    """What of a sound lies between 300 and 3400 Hz, within full scale."""
    length = fft_length(len(samples))
    spectrum = np.fft.rfft(samples, length)
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    spectrum[(hz < TELEPHONE_HZ[0]) | (hz > TELEPHONE_HZ[1])] = 0
    return np.clip(np.fft.irfft(spectrum, length)[: len(samples)], -1, 1)


def mu_law(samples: np.ndarray) -> np.ndarray:
    """Sound within full scale after 8 bits a sample (ITU-T G.711), at whatever rate it has."""
    coded = np.round(127 * np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)) / 127
    return np.sign(coded) * (256 ** np.abs(coded) - 1) / 255


def reverberate(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Sound as a room with this impulse response gives it back, cut to its length."""
    length = fft_length(len(samples) + len(response))
    return np.fft.irfft(np.fft.rfft(samples, length) * np.fft.rfft(response, length), length)[: len(samples)]


def with_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Both together, the noise at so much less mean power."""
    gain = np.sqrt(np.mean(samples**2) / max(np.mean(noise**2), 1e-12)) * 10 ** (-snr_db / 20)
    return (samples + gain * noise).astype(np.float32)


def pink(length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls by 3 dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(fft_length(length)))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)))[:length]


def fft_length(length: int) -> int:
    """The next power of two: a length with a large prime in it takes ten times as long."""
    return 1 << (length - 1).bit_length()


def read_noise(folder: Path | None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Impulse responses (files in a folder ``ir``), scaled to keep the level, and noises; nothing where there is no folder."""
    if folder is None or not folder.is_dir():
        return [], []
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".wav", ".ogg", ".flac") and "noise" in p.parent.name)
    responses = [read_clip(p)[:RATE_HZ] for p in sorted(folder.rglob("ir/*.wav"))]
    return [r / np.sqrt(np.sum(r**2)) for r in responses], [read_clip(p) for p in files]
