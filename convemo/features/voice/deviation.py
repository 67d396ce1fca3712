"""How an utterance differs from the way its speaker usually sounds, and that in words.

The same loudness is a shout from one person and a whisper from another. Each number of a description is therefore also given as its
distance from the mean of the same speaker's earlier utterances, in units of that speaker's own spread.

.. math:: d = \\frac{n}{n + 3} \\cdot \\frac{x - \\bar{x}}{s},
          \\qquad s^2 = \\frac{4\\,s_0^2 + \\sum_{i=1}^{n} (x_i - \\bar{x})^2}{4 + n - 1}

*n* earlier utterances have the number. While few have been heard, the deviation is shrunk towards 0 (as the acoustic channel does, see
`convemo.acoustic.speaker_state`), and the spread towards that of a typical speaker, *s*₀ (`TYPICAL_SPREAD`), as if it had been
seen four times. Causal: later utterances change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from convemo.features.voice.measures import NAMES

SHRINKAGE = 3.0
"""After so many utterances a deviation counts half."""
PRIOR_WEIGHT = 4.0
"""Utterances that the typical spread counts for."""
DECIMALS = 3

USUAL, MUCH = 0.5, 1.5
"""Borders of the five levels, in spreads: of Gaussian utterances 38 % are as usual, 24 % on either side of that, 7 % at either end."""
LEVELS: dict[str, tuple[str, tuple[str, str, str, str, str]]] = {
    "loudness": ("energy_mean_db", ("much quieter", "quieter", "usual loudness", "louder", "much louder")),
    "pitch": ("f0_median_hz", ("much lower pitch", "lower pitch", "usual pitch", "higher pitch", "much higher pitch")),
    "rate": ("articulation_rate_syllables_per_s", ("much slower", "slower", "usual speed", "faster", "much faster")),
}
"""What is told in words: the number that it rests on, and its five levels from low to high. Leaps of octaves hardly move the median F0."""


TYPICAL_SPREAD: dict[str, float] = {
    "f0_mean_hz": 9.7, "f0_median_hz": 11, "f0_low_hz": 14, "f0_high_hz": 35, "f0_slope_hz_per_s": 22, "f0_mean_st": 0.95,
    "f0_std_st": 1, "f0_range_st": 3.1, "f0_slope_st_per_s": 2, "voiced_share": 0.071, "energy_mean_db": 2.9, "energy_std_db": 0.99,
    "energy_range_db": 3.1, "energy_slope_db_per_s": 3.2, "speaking_rate_syllables_per_s": 0.6,
    "articulation_rate_syllables_per_s": 0.56, "speaking_rate_words_per_s": 0.52, "pause_share": 0.048, "pauses_per_min": 6.2,
    "pause_mean_s": 0.12, "jitter_local": 0.0041, "shimmer_local": 0.015, "hnr_db": 1.2, "f1_hz": 38, "f2_hz": 91, "f3_hz": 90,
    "f1_bandwidth_hz": 39, "f2_bandwidth_hz": 59, "f3_bandwidth_hz": 70, "spectral_centroid_hz": 130, "spectral_spread_hz": 250,
    "spectral_skewness": 1, "spectral_kurtosis": 14, "spectral_slope_db_per_khz": 1.2, "spectral_roll_off_hz": 310,
    "spectral_flux": 0.032, "alpha_ratio_db": 2.2, "hammarberg_index_db": 3.7, "mfcc_1_mean": 7.8, "mfcc_2_mean": 5.7,
    "mfcc_3_mean": 3.6, "mfcc_4_mean": 2.9, "mfcc_5_mean": 2.8, "mfcc_6_mean": 2.6, "mfcc_7_mean": 2.4, "mfcc_8_mean": 2,
    "mfcc_9_mean": 1.9, "mfcc_10_mean": 1.6, "mfcc_11_mean": 1.6, "mfcc_12_mean": 1.6, "mfcc_13_mean": 1.7, "mfcc_1_std": 4.7,
    "mfcc_2_std": 3.3, "mfcc_3_std": 2.2, "mfcc_4_std": 1.6, "mfcc_5_std": 1.4, "mfcc_6_std": 1.1, "mfcc_7_std": 1.1,
    "mfcc_8_std": 0.91, "mfcc_9_std": 0.94, "mfcc_10_std": 0.8, "mfcc_11_std": 0.75, "mfcc_12_std": 0.86, "mfcc_13_std": 0.88,
}  # fmt: skip
"""Standard deviation within a speaker, in the number's own unit, two digits. Measured on neutral utterances of the training parts of
RAVDESS and nEMO, as the mean variance of their speakers: ``python benchmarks/acoustic_description.py spread DATA``. It stands in while
little has been heard of somebody."""


class VoiceHistory:
    """What has been heard of each speaker's voice in one conversation.

    >>> history = VoiceHistory()
    >>> history.deviation("ana", {"hnr_db": 12.0})["hnr_db"] is None  # nothing to compare with yet
    True
    >>> for hnr_db in (12.0, 12.5, 11.5):
    ...     history.update("ana", {"hnr_db": hnr_db})
    >>> history.deviation("ana", {"hnr_db": 6.0})["hnr_db"] < -1
    True
    """

    def __init__(self):
        self._heard: dict[str, _Spread] = {}

    def deviation(self, speaker: str, voice: Mapping[str, float | None]) -> dict[str, float | None]:
        """How far each number lies from the speaker's earlier ones, in spreads; ``None`` where either is not known.

        Args:
            speaker: their id.
            voice: a description, from `convemo.features.voice.description.describe`.
        """
        if speaker not in self._heard:
            return dict.fromkeys(NAMES)
        distance = self._heard[speaker].distance(_vector(voice))
        return {name: None if np.isnan(d) else round(float(d), DECIMALS) + 0.0 for name, d in zip(NAMES, distance)}

    def update(self, speaker: str, voice: Mapping[str, float | None]) -> None:
        """Adds an utterance to what is known of its speaker: after its own deviation was taken, never before."""
        self._heard.setdefault(speaker, _Spread()).add(_vector(voice))


class _Spread:
    """Running count, mean and sum of squared distances of every number (Welford 1962, https://doi.org/10.1080/00401706.1962.10490022)."""

    def __init__(self):
        self._count, self._mean, self._squares = np.zeros((3, len(NAMES)))

    def add(self, values: np.ndarray) -> None:
        known = ~np.isnan(values)
        self._count[known] += 1
        away = values[known] - self._mean[known]
        self._mean[known] += away / self._count[known]
        self._squares[known] += away * (values[known] - self._mean[known])

    def distance(self, values: np.ndarray) -> np.ndarray:
        """``(F,)``; NaN where nothing was heard yet."""
        spread = np.sqrt((PRIOR_WEIGHT * _vector(TYPICAL_SPREAD) ** 2 + self._squares) / np.maximum(PRIOR_WEIGHT + self._count - 1, 1))
        shrunk = self._count / (self._count + SHRINKAGE) * (values - self._mean) / spread
        return np.where(self._count > 0, shrunk, np.nan)


def _vector(voice: Mapping[str, float | None]) -> np.ndarray:
    return np.array([np.nan if (value := voice.get(name)) is None else value for name in NAMES])


def levels(deviation: Mapping[str, float | None]) -> dict[str, str]:
    """Loudness, pitch and rate, each on one of five levels relative to the speaker; what is not known is left out.

    Args:
        deviation: of one utterance, from `VoiceHistory.deviation`.

    >>> levels({"energy_mean_db": 1.7, "f0_median_hz": -0.2, "articulation_rate_syllables_per_s": None})
    {'loudness': 'much louder', 'pitch': 'usual pitch'}
    """
    found = {}
    for what, (name, words) in LEVELS.items():
        value = deviation.get(name)
        if value is not None:
            found[what] = words[int(np.searchsorted([-MUCH, -USUAL, USUAL, MUCH], value))]
    return found


def in_words(deviation: Mapping[str, float | None]) -> str | None:
    """One sentence on loudness, pitch and rate, in five levels relative to the speaker; ``None`` if nothing is known.

    Args:
        deviation: of one utterance, from `VoiceHistory.deviation`.

    >>> in_words({"energy_mean_db": 1.7, "f0_median_hz": 0.9, "articulation_rate_syllables_per_s": 0.1})
    "Compared with this speaker's usual voice: much louder, higher pitch, usual speed."
    """
    found = levels(deviation)
    return f"Compared with this speaker's usual voice: {', '.join(found.values())}." if found else None
