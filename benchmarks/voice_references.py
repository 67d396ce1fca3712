"""What independent tools say of a voice, under convemo's names: Praat (by praat-parselmouth), and librosa where Praat has no such number.

Both hear the same sound, quiet edges and constant offset taken off. Settings are Praat's defaults, but for a frame every 10 ms.
"""

from __future__ import annotations

import re

import numpy as np

RATE_HZ = 16_000
FULL_SCALE_DB = 20 * np.log10(1 / 2e-5)
"""Praat takes samples for Pascal: a full-scale square lies at 93.98 dB SPL."""


def praat(samples: np.ndarray) -> dict[str, float]:
    """F0, energy, syllables, jitter, shimmer, HNR, formants and the moments of the spectrum; NaN where Praat has none."""
    import parselmouth
    from parselmouth.praat import call

    sound = parselmouth.Sound(np.asarray(samples, dtype=np.float64), RATE_HZ)
    pitch = sound.to_pitch(time_step=0.01)
    times, f0 = pitch.xs()[pitch.selected_array["frequency"] > 0], pitch.selected_array["frequency"]
    found = _f0(pitch.xs()[f0 > 0], f0[f0 > 0]) | _energy(sound) | _rate(sound)
    marks = call([sound, pitch], "To PointProcess (cc)")
    found["jitter_local"] = call(marks, "Get jitter (local)", 0, 0, 0.0001, 0.02, 1.3)
    found["shimmer_local"] = call([sound, marks], "Get shimmer (local)", 0, 0, 0.0001, 0.02, 1.3, 1.6)
    harmonicity = sound.to_harmonicity_cc(0.01, 75.0, 0.1, 1.0)
    hnr_db = harmonicity.values[0][_nearest(harmonicity.xs(), times)]
    found["hnr_db"] = hnr_db[hnr_db > -100].mean() if (hnr_db > -100).any() else np.nan
    formants = sound.to_formant_burg(0.01, 5, 5500, 0.025, 50)
    for n in (1, 2, 3):
        found[f"f{n}_hz"] = _median([formants.get_value_at_time(n, t) for t in times])
        found[f"f{n}_bandwidth_hz"] = _median([formants.get_bandwidth_at_time(n, t) for t in times])
    return found | _spectrum(sound)


def _f0(times_s: np.ndarray, hz: np.ndarray) -> dict[str, float]:
    if len(hz) < 2:
        return {}
    st, (low, high) = 12 * np.log2(hz / 100), np.percentile(hz, [5, 95])
    found = {"f0_mean_hz": hz.mean(), "f0_median_hz": np.median(hz), "f0_low_hz": low, "f0_high_hz": high, "f0_mean_st": st.mean()}
    found |= {"f0_std_st": st.std(), "f0_range_st": 12 * np.log2(high / low)}
    return found | {"f0_slope_hz_per_s": np.polyfit(times_s, hz, 1)[0], "f0_slope_st_per_s": np.polyfit(times_s, st, 1)[0]}


def _energy(sound) -> dict[str, float]:
    """Of the frames within 35 dB of the loud ones, by Praat's own contour."""
    contour = sound.to_intensity(75.0, 0.01)
    level = contour.values[0] - FULL_SCALE_DB
    active = level > np.percentile(level, 95) - 35
    low, high = np.percentile(level[active], [5, 95])
    slope = np.polyfit(contour.xs()[active], level[active], 1)[0]
    found = {"energy_mean_db": level[active].mean(), "energy_std_db": level[active].std(), "energy_range_db": high - low}
    return found | {"energy_slope_db_per_s": slope}


def _rate(sound) -> dict[str, float]:
    """The steps of de Jong and Wempe (2009), with Praat's contours: a nucleus is a voiced peak before a dip of more than 2 dB."""
    from parselmouth.praat import call

    contour = call(sound, "To Intensity", 50, 0, "yes")
    pitch = call(sound, "To Pitch (ac)", 0.02, 30, 4, "no", 0.03, 0.25, 0.01, 0.35, 0.25, 450)
    times, level = contour.xs(), contour.values[0]
    threshold = max(np.percentile(level, 99) - 25, level.min())
    peaks = [i for i in range(1, len(level) - 1) if level[i - 1] < level[i] >= level[i + 1] and level[i] > threshold]
    dips = [level[a:b].min() for a, b in zip(peaks, [*peaks[1:], len(level)])]
    nuclei = sum(level[i] - dip > 2 and pitch.get_value_at_time(times[i]) > 0 for i, dip in zip(peaks, dips))
    sounding = times[level >= threshold]
    return {"speaking_rate_syllables_per_s": nuclei / (sounding[-1] - sounding[0])}


def _spectrum(sound) -> dict[str, float]:
    from parselmouth.praat import call

    spectrum, ltas = sound.to_spectrum(), call(sound, "To Ltas", 31.25)
    trend = call(ltas, "Report spectral trend", 200, 3400, "Linear", "Least squares")
    peak = [call(ltas, "Get maximum", low, high, "None") for low, high in ((0, 2000), (2000, 5000))]
    return {
        "spectral_centroid_hz": spectrum.get_center_of_gravity(2),
        "spectral_spread_hz": spectrum.get_standard_deviation(2),
        "spectral_skewness": spectrum.get_skewness(2),
        "spectral_kurtosis": spectrum.get_kurtosis(2),
        "spectral_slope_db_per_khz": 1000 * float(re.search(r"Slope: (\S+)", trend).group(1)),
        "alpha_ratio_db": 10 * np.log10(spectrum.get_band_energy(1000, 5000) / spectrum.get_band_energy(50, 1000)),
        "hammarberg_index_db": peak[0] - peak[1],
    }


def librosa_mfcc(samples: np.ndarray) -> np.ndarray:
    """``(T, 13)``, coefficients 1 to 13, with the settings that `convemo.features.voice.spectrum.mfcc` names."""
    import librosa

    settings = {"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 64, "fmin": 20, "htk": True, "norm": 1}
    mel = librosa.feature.melspectrogram(y=np.asarray(samples, dtype=np.float32), sr=RATE_HZ, **settings)
    return librosa.feature.mfcc(S=librosa.power_to_db(mel / 200**2, amin=1e-10, top_db=None), n_mfcc=14)[1:].T


def librosa_roll_off_hz(mean_power: np.ndarray) -> float:
    """Of a mean power spectrum, ``(257,)``."""
    import librosa

    return float(librosa.feature.spectral_rolloff(S=mean_power[:, None], sr=RATE_HZ, roll_percent=0.85)[0, 0])


def _nearest(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.abs(times[None] - wanted[:, None]).argmin(axis=1)


def _median(values: list[float]) -> float:
    known = np.array(values)[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan
