"""The shape of the spectrum: where its weight lies, how it falls, how it changes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from convemo.features.frames import RATE_HZ, WINDOW, frame
from convemo.features.mel import BANDS, FFT

BINS_HZ = np.arange(FFT // 2 + 1) * RATE_HZ / FFT
ROLL_OFF = 0.85
TELEPHONE_HZ = (200.0, 3400.0)
"""What a telephone leaves: the slope is measured within it, so that calls of both kinds compare."""
COEFFICIENTS = 13
"""MFCC that are given."""


def power_spectra(samples: np.ndarray) -> np.ndarray:
    """``(T, 257)`` power of every frame (25 ms under a Hann window, every 10 ms), in the bins `BINS_HZ`.

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]`` at 16 kHz.
    """
    spectrum = np.fft.rfft(frame(samples) * np.hanning(WINDOW + 1)[:-1].astype(np.float32), FFT)
    return spectrum.real**2 + spectrum.imag**2


def moments(power: np.ndarray) -> dict[str, float]:
    r"""Centre of gravity, standard deviation, skewness and kurtosis of a spectrum that is taken for a distribution.

    .. math:: c = \frac{\sum f P(f)}{\sum P(f)}, \quad m_k = \frac{\sum (f - c)^k P(f)}{\sum P(f)},
              \quad s = \sqrt{m_2}, \quad \frac{m_3}{m_2^{3/2}}, \quad \frac{m_4}{m_2^2} - 3

    As Praat does with power 2 (https://www.fon.hum.uva.nl/praat/manual/Spectrum__Get_central_moment___.html); of real clips it says the
    same within 2 Hz, 4 Hz, 0.05 and 0.5 (median absolute differences).

    Args:
        power: ``(257,)`` with a positive sum.

    Returns:
        ``centroid_hz``, ``spread_hz``, ``skewness`` and ``kurtosis`` (both without unit; 0 for a Gaussian).

    >>> {name: round(value, 1) for name, value in moments(np.exp(-BINS_HZ / 500)).items()}  # a falling exponential
    {'centroid_hz': 484.5, 'spread_hz': 499.9, 'skewness': 2.0, 'kurtosis': 6.0}
    """
    share = power / power.sum()
    centroid = float(share @ BINS_HZ)
    away = BINS_HZ - centroid
    second, third, fourth = (float(share @ away**k) for k in (2, 3, 4))
    if second <= 0:
        return {"centroid_hz": centroid, "spread_hz": 0.0, "skewness": 0.0, "kurtosis": 0.0}
    return {"centroid_hz": centroid, "spread_hz": second**0.5, "skewness": third / second**1.5, "kurtosis": fourth / second**2 - 3}


def slope_db_per_khz(power: np.ndarray) -> float:
    """Slope of the least-squares line through the levels of the bins within `TELEPHONE_HZ`, in dB per kHz; Praat's *Report spectral trend*.

    Agrees with it on real clips within 0.6 dB/kHz (median absolute difference).

    >>> round(slope_db_per_khz(10 ** (-BINS_HZ / 1000)), 3)
    -10.0
    """
    lowest, highest = TELEPHONE_HZ
    within = (lowest <= BINS_HZ) & (highest >= BINS_HZ)
    return float(np.polyfit(BINS_HZ[within] / 1000, 10 * np.log10(np.maximum(power[within], 1e-20)), 1)[0])


def roll_off_hz(power: np.ndarray) -> float:
    """The frequency below which 85 % of the power lies (E. Scheirer and M. Slaney 1997, https://doi.org/10.1109/ICASSP.1997.596192).

    >>> roll_off_hz((BINS_HZ == 1000).astype(float))
    1000.0
    """
    total = np.cumsum(power)
    return float(BINS_HZ[np.searchsorted(total, ROLL_OFF * total[-1])])


def alpha_ratio_db(power: np.ndarray) -> float:
    """Level of 1–5 kHz less that of 50 Hz–1 kHz, in dB: it rises with vocal effort.

    B. Frøkjær-Jensen and S. Prytz 1976; the sign and bands of eGeMAPS (Eyben et al. 2016, https://doi.org/10.1109/TAFFC.2015.2457417).

    >>> round(alpha_ratio_db(np.where(BINS_HZ < 1000, 100.0, 1.0)), 1)
    -13.7
    """
    low, high = power[(BINS_HZ >= 50) & (BINS_HZ < 1000)].sum(), power[(BINS_HZ >= 1000) & (BINS_HZ <= 5000)].sum()
    return float(10 * np.log10(max(high, 1e-20) / max(low, 1e-20)))


def hammarberg_index_db(power: np.ndarray) -> float:
    """The highest level below 2 kHz less the highest of 2–5 kHz, in dB: it falls with vocal effort.

    B. Hammarberg et al. 1980, https://doi.org/10.3109/00016488009131746; bands of eGeMAPS, as above.

    >>> hammarberg_index_db(np.where(BINS_HZ < 2000, 100.0, 1.0))
    20.0
    """
    low, high = power[BINS_HZ < 2000].max(), power[(BINS_HZ >= 2000) & (BINS_HZ <= 5000)].max()
    return float(10 * np.log10(max(low, 1e-20) / max(high, 1e-20)))


def flux(power: np.ndarray) -> np.ndarray:
    r"""How much the shape of the spectrum changes from frame to frame: the distance of amplitude spectra of unit length.

    .. math:: \left\lVert \frac{a_t}{\lVert a_t \rVert} - \frac{a_{t-1}}{\lVert a_{t-1} \rVert} \right\rVert, \quad a = \sqrt{P}

    (Scheirer and Slaney 1997, as above). Loudness does not count.

    Args:
        power: ``(T, 257)``.

    Returns:
        ``(T - 1,)`` in ``[0, √2]``.

    >>> flux(np.eye(3)).round(3)
    array([1.414, 1.414])
    """
    amplitude = np.sqrt(power / np.maximum(power.sum(axis=1, keepdims=True), 1e-20))
    return np.sqrt(np.square(np.diff(amplitude, axis=0)).sum(axis=1))


def mfcc(mel_db: np.ndarray) -> np.ndarray:
    r"""Mel-frequency cepstral coefficients 1 to 13: the log-mel spectrum in a few numbers that hardly depend on each other.

    The 0th, which is loudness, is left out.

    .. math:: c_k = \sqrt{\tfrac{2}{64}} \sum_{b=0}^{63} L_b \cos\frac{\pi k (b + \tfrac12)}{64}

    S. B. Davis and P. Mermelstein 1980, https://doi.org/10.1109/TASSP.1980.1163420, in librosa's convention: decibels, orthonormal cosines.
    The same to 0.005 dB (median 0.0001) as
    ``librosa.feature.mfcc(S=librosa.power_to_db(mel / 200**2, amin=1e-10, top_db=None), n_mfcc=14)[1:]`` where
    ``mel = librosa.feature.melspectrogram(y=samples, sr=16000, n_fft=512, win_length=400, hop_length=160, n_mels=64, fmin=20,
    htk=True, norm=1)``.

    Args:
        mel_db: ``(T, 64)`` levels, from `convemo.features.mel.log_mel_db`.

    Returns:
        ``(T, 13)`` in dB.

    >>> level = 10 * np.cos(np.pi * 2 * (np.arange(64) + 0.5) / 64)
    >>> mfcc(level[None]).round(1)[0, :3]
    array([ 0. , 56.6,  0. ])
    """
    return mel_db @ _cosines()


@lru_cache(maxsize=1)
def _cosines() -> np.ndarray:
    band, k = np.arange(BANDS) + 0.5, np.arange(1, COEFFICIENTS + 1)
    return np.sqrt(2 / BANDS) * np.cos(np.pi * band[:, None] * k / BANDS)  # (64, 13)
