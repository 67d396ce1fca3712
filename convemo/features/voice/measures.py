"""Every number of a voice's description: its name, its unit, what it says and where it comes from.

The names carry the unit where there is one. `convemo.features.voice.describe` computes them; ``docs/voice.md`` has this table, with how
well each agrees with an independent tool.
"""

from __future__ import annotations

from typing import NamedTuple

from convemo.features.voice.spectrum import COEFFICIENTS


class Measure(NamedTuple):
    """One number of a description."""

    name: str
    unit: str
    meaning: str
    source: str


_F0 = "Boersma 1993"
_SYLLABLES = "de Jong & Wempe 2009"
_LPC = "Burg LPC, Anderson 1974"
_EGEMAPS = "Eyben et al. 2016"
_MOMENT = "Praat, Spectrum: Get central moment"

MEASURES: tuple[Measure, ...] = (
    Measure("f0_mean_hz", "Hz", "mean F0 of the voiced frames", _F0),
    Measure("f0_median_hz", "Hz", "median F0", _F0),
    Measure("f0_low_hz", "Hz", "5th percentile of F0", _F0),
    Measure("f0_high_hz", "Hz", "95th percentile of F0", _F0),
    Measure("f0_slope_hz_per_s", "Hz/s", "straight line through F0: rising or falling", _F0),
    Measure("f0_mean_st", "semitones", "mean F0 over 100 Hz", _F0),
    Measure("f0_std_st", "semitones", "standard deviation of F0: lively or monotonous", _F0),
    Measure("f0_range_st", "semitones", "95th less 5th percentile of F0", _F0),
    Measure("f0_slope_st_per_s", "semitones/s", "straight line through F0", _F0),
    Measure("voiced_share", "0–1", "voiced frames among the active ones", _F0),
    Measure("energy_mean_db", "dBFS", "mean level of the active frames", "RMS of 25 ms"),
    Measure("energy_std_db", "dB", "standard deviation of the same", "RMS of 25 ms"),
    Measure("energy_range_db", "dB", "95th less 5th percentile of the same", "RMS of 25 ms"),
    Measure("energy_slope_db_per_s", "dB/s", "straight line through the same", "RMS of 25 ms"),
    Measure("speaking_rate_syllables_per_s", "1/s", "syllable nuclei over the time from the first sound to the last", _SYLLABLES),
    Measure("articulation_rate_syllables_per_s", "1/s", "syllable nuclei over the same time without pauses", _SYLLABLES),
    Measure("speaking_rate_words_per_s", "1/s", "words of the transcript over the time from the first sound to the last", "count"),
    Measure("pause_share", "0–1", "pauses (silences of 0.25 s and more) in that time", "de Jong & Bosker 2013"),
    Measure("pauses_per_min", "1/min", "how many of them a minute", "de Jong & Bosker 2013"),
    Measure("pause_mean_s", "s", "their mean length; none where there is no pause", "de Jong & Bosker 2013"),
    Measure("jitter_local", "0–1", "mean difference of neighbouring periods over the mean period",
            "Praat, PointProcess: Get jitter (local)"),
    Measure("shimmer_local", "0–1", "mean difference of neighbouring periods' amplitudes over the mean amplitude",
            "Praat, PointProcess: Get shimmer (local)"),
    Measure("hnr_db", "dB", "mean harmonics-to-noise ratio of the voiced frames: low is breathy or hoarse", _F0),
    *(Measure(f"f{n}_hz", "Hz", f"median frequency of the formant F{n} in voiced frames", _LPC) for n in (1, 2, 3)),
    *(Measure(f"f{n}_bandwidth_hz", "Hz", f"median bandwidth of F{n}", _LPC) for n in (1, 2, 3)),
    Measure("spectral_centroid_hz", "Hz", "centre of gravity of the mean power spectrum of the active frames", _MOMENT),
    Measure("spectral_spread_hz", "Hz", "its standard deviation", _MOMENT),
    Measure("spectral_skewness", "–", "its skewness; positive: a tail towards high frequencies", _MOMENT),
    Measure("spectral_kurtosis", "–", "its kurtosis less 3", _MOMENT),
    Measure("spectral_slope_db_per_khz", "dB/kHz", "straight line through its levels from 200 to 3400 Hz", "least squares"),
    Measure("spectral_roll_off_hz", "Hz", "frequency below which 85 % of its power lies", "Scheirer & Slaney 1997"),
    Measure("spectral_flux", "0–1.41", "mean change of the spectrum's shape from frame to frame (10 ms)", "Scheirer & Slaney 1997"),
    Measure("alpha_ratio_db", "dB", "level of 1–5 kHz less level of 50–1000 Hz: vocal effort", f"Frøkjær-Jensen & Prytz 1976; {_EGEMAPS}"),
    Measure("hammarberg_index_db", "dB", "highest level below 2 kHz less the highest of 2–5 kHz", f"Hammarberg et al. 1980; {_EGEMAPS}"),
    *(Measure(f"mfcc_{k}_mean", "dB", f"mean of MFCC {k} over the active frames", "Davis & Mermelstein 1980")
      for k in range(1, COEFFICIENTS + 1)),
    *(Measure(f"mfcc_{k}_std", "dB", f"standard deviation of MFCC {k}", "Davis & Mermelstein 1980") for k in range(1, COEFFICIENTS + 1)),
)  # fmt: skip

NAMES = tuple(measure.name for measure in MEASURES)
