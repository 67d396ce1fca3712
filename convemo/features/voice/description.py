"""How somebody sounds, in numbers with names and units: for people to read, compare and export."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convemo.features.energy import active_frames, active_span, frame_energy_db
from convemo.features.frames import FRAMES_PER_S
from convemo.features.functionals import semitones
from convemo.features.mel import log_mel_db
from convemo.features.voice import spectrum
from convemo.features.voice.f0 import track_f0
from convemo.features.voice.formants import track_formants
from convemo.features.voice.measures import NAMES
from convemo.features.voice.periods import mark_periods
from convemo.features.voice.rate import pauses, smooth_level_db, speech_span, syllable_nuclei
from convemo.features.voice.voice_quality import harmonicity_db, jitter, shimmer

FEWEST_FRAMES = 5
"""Frames (10 ms) that a mean over frames needs."""
SHORTEST_SLOPE_S = 0.1
"""A line through less would be a matter of chance."""
SILENT_DB = -75.0
"""Mean level in dB of full scale below which there is nothing but the noise of 16-bit sound."""
FUNDAMENTAL_HZ, LOST_BELOW_DB = 260.0, -25.0
"""A telephone that leaves less than this share of the power below 260 Hz has cut the fundamental off."""
DIGITS = 5
"""Significant digits that are kept: more than any of the numbers deserves."""


def describe(samples: np.ndarray, words: float | None = None, telephone: bool = False) -> dict[str, float | None] | None:
    """The description of one utterance: every number of `convemo.features.voice.measures`, in its order.

    Quiet edges are cut off first. Half a minute is a good upper limit: means over longer sound say little, and memory grows with it.

    Args:
        samples: ``(n,)`` floats in ``[-1, 1]``, mono, 16 kHz.
        words: how many words were said, if that is known.
        telephone: whether the line ends below 4 kHz (`convemo.types.Evidence.bandwidth`): F0 and formants are then looked for accordingly.

    Returns:
        Name → number, ``None`` where it cannot be known (no voice, too short, no words given), never NaN; ``None`` instead of all of it
        if there is nothing but silence.

    Raises:
        ValueError: the samples are not one row of finite numbers.

    >>> t = np.arange(16_000) / 16_000
    >>> voice = 0.1 * sum(np.sin(2 * np.pi * 200 * k * t) / k for k in range(1, 20))
    >>> found = describe(voice)
    >>> found["f0_mean_hz"], found["f0_mean_st"], found["speaking_rate_words_per_s"]
    (200.0, 12.0, None)
    """
    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise ValueError(f"describe needs finite samples of shape (n,), one channel; got shape {samples.shape}")
    samples = samples - samples.mean() if len(samples) else samples  # a constant offset of the converter is no sound
    start, end = active_span(frame_energy_db(samples))
    samples = samples[start:end]
    energy = frame_energy_db(samples)
    active = active_frames(energy)
    if not active.any() or energy[active].mean() < SILENT_DB:
        return None
    power = spectrum.power_spectra(samples)
    f0 = track_f0(samples, fundamental_lost=telephone and _lacks_fundamental(power[active].mean(axis=0)))
    found = _of_f0(f0, active) | _of_energy(energy, active) | _of_rate(samples, energy, f0 > 0, words)
    found |= _of_periods(samples, f0) | _of_formants(samples, f0 > 0, telephone) | _of_spectrum(samples, power, active)
    return {name: _rounded(found.get(name)) for name in NAMES}


def _lacks_fundamental(power: np.ndarray) -> bool:
    low = power[spectrum.BINS_HZ < FUNDAMENTAL_HZ].sum()
    return bool(10 * np.log10(max(low, 1e-30) / power.sum()) < LOST_BELOW_DB)


def _of_f0(f0_hz: np.ndarray, active: np.ndarray) -> dict[str, float]:
    at = np.flatnonzero(f0_hz > 0)
    found = {"voiced_share": len(at) / max(int(active.sum()), len(at))}
    if len(at) < FEWEST_FRAMES:
        return found
    hz, st = f0_hz[at], semitones(f0_hz[at])
    low, high = np.percentile(hz, [5, 95])
    found |= {"f0_mean_hz": hz.mean(), "f0_median_hz": np.median(hz), "f0_low_hz": low, "f0_high_hz": high}
    found |= {"f0_mean_st": st.mean(), "f0_std_st": st.std(), "f0_range_st": semitones(high) - semitones(low)}
    return found | {"f0_slope_hz_per_s": _slope_per_s(at, hz), "f0_slope_st_per_s": _slope_per_s(at, st)}


def _of_energy(energy_db: np.ndarray, active: np.ndarray) -> dict[str, float]:
    at = np.flatnonzero(active)
    level = energy_db[at].astype(np.float64)
    low, high = np.percentile(level, [5, 95])
    slope = _slope_per_s(at, level)
    return {"energy_mean_db": level.mean(), "energy_std_db": level.std(), "energy_range_db": high - low, "energy_slope_db_per_s": slope}


def _of_rate(samples: np.ndarray, energy_db: np.ndarray, voiced: np.ndarray, words: float | None) -> dict[str, float | None]:
    first, last = speech_span(energy_db)
    spoken_s = (last - first) / FRAMES_PER_S
    lengths_s = np.diff(pauses(energy_db), axis=1)[:, 0] / FRAMES_PER_S
    syllables = len(syllable_nuclei(smooth_level_db(samples), voiced)) or None
    return {
        "speaking_rate_syllables_per_s": syllables and syllables / spoken_s,
        "articulation_rate_syllables_per_s": syllables and syllables / (spoken_s - lengths_s.sum()),
        "speaking_rate_words_per_s": words and words / spoken_s,
        "pause_share": lengths_s.sum() / spoken_s,
        "pauses_per_min": 60 * len(lengths_s) / spoken_s,
        "pause_mean_s": lengths_s.mean() if len(lengths_s) else None,
    }


def _of_periods(samples: np.ndarray, f0_hz: np.ndarray) -> dict[str, float | None]:
    marks_s = mark_periods(samples, f0_hz)
    hnr_db = harmonicity_db(samples, f0_hz > 0)
    return {"jitter_local": jitter(marks_s), "shimmer_local": shimmer(samples, marks_s), "hnr_db": _over_frames(np.mean, hnr_db)}


def _of_formants(samples: np.ndarray, voiced: np.ndarray, telephone: bool) -> dict[str, float | None]:
    tracks, found = track_formants(samples, voiced, telephone), {}
    for n in range(tracks.shape[1]):
        found[f"f{n + 1}_hz"] = _over_frames(np.median, tracks[:, n, 0])
        found[f"f{n + 1}_bandwidth_hz"] = _over_frames(np.median, tracks[:, n, 1])
    return found


def _of_spectrum(samples: np.ndarray, power: np.ndarray, active: np.ndarray) -> dict[str, float | None]:
    mean = power[active].mean(axis=0, dtype=np.float64)
    changes = spectrum.flux(power)[active[1:] & active[:-1]]
    coefficients = spectrum.mfcc(log_mel_db(samples)[active])
    found = {f"spectral_{name}": value for name, value in spectrum.moments(mean).items()}
    found |= {f"mfcc_{k + 1}_mean": value for k, value in enumerate(coefficients.mean(axis=0))}
    found |= {f"mfcc_{k + 1}_std": value for k, value in enumerate(coefficients.std(axis=0))}
    return found | {
        "spectral_slope_db_per_khz": spectrum.slope_db_per_khz(mean),
        "spectral_roll_off_hz": spectrum.roll_off_hz(mean),
        "spectral_flux": changes.mean() if len(changes) else None,
        "alpha_ratio_db": spectrum.alpha_ratio_db(mean),
        "hammarberg_index_db": spectrum.hammarberg_index_db(mean),
    }


def _over_frames(average: Callable[[np.ndarray], float], values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(average(known)) if len(known) >= FEWEST_FRAMES else None


def _slope_per_s(at: np.ndarray, values: np.ndarray) -> float | None:
    """Slope of the least-squares line over frames, a second."""
    time_s = at / FRAMES_PER_S
    if time_s[-1] - time_s[0] < SHORTEST_SLOPE_S:
        return None
    away = time_s - time_s.mean()
    return float(away @ (values - values.mean()) / (away @ away))


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}") + 0.0
