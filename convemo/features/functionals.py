"""Twenty-two numbers that say how an utterance was spoken: its prosody and its voice quality.

They are what the acoustic channel knows of a speaker: it compares an utterance's functionals with the mean of the same
speaker's earlier ones. The choice follows eGeMAPS (Eyben et al. 2016, https://doi.org/10.1109/TAFFC.2015.2457417) as
far as frames of energy, F0 and mel spectrum carry it.

===================  ==============  ===========================================================================
name                 unit            what
===================  ==============  ===========================================================================
f0_mean_st           semitones       mean F0 over 100 Hz; 7.0 (150 Hz) where fewer than 3 frames are voiced
f0_std_st            semitones       spread of F0; 0 where unvoiced, as in the next four
f0_range_st          semitones       95th − 5th percentile of F0
f0_slope_st_per_s    semitones/s     straight line through F0
f0_end_st            semitones       last third of the voiced frames − mean
f0_step_st           semitones       mean absolute change from frame to frame (10 ms) within voiced stretches
voiced_share         0–1             voiced frames among the active ones
periodicity          0–1             mean periodicity of the voiced frames (breathy or hoarse: low)
energy_mean_db       dBFS            mean level of the active frames
energy_std_db        dB              spread of the level of the active frames
energy_range_db      dB              95th − 5th percentile of the same
energy_slope_db_per_s dB/s           straight line through the level of the active frames
energy_step_db       dB              mean absolute change of level from frame to frame
onsets_per_s         1/s             rises of the smoothed level by 3 dB or more: about the syllable rate
pause_share          0–1             frames that are not active, between the first and the last that are
pause_longest_s      s               longest stretch of such frames
duration_log2_s      log2(s)         length of the utterance
centroid_oct         octaves         centre of the mel spectrum over 1 kHz, voiced or not, active frames
centroid_std_oct     octaves         its spread
tilt_db_per_oct      dB/octave       straight line through the mean spectrum from 200 to 3400 Hz (telephone keeps it)
alpha_ratio_db       dB              level of 1–3.4 kHz − level of 0.2–1 kHz: vocal effort
flux_db              dB              mean absolute change of a band's level from frame to frame
===================  ==============  ===========================================================================

Only the level depends on the recording's gain (``energy_mean_db``).
"""

from __future__ import annotations

import numpy as np

from convemo.features.energy import active_frames
from convemo.features.frames import FRAMES_PER_S
from convemo.features.mel import band_centres_hz
from convemo.features.pitch import Pitch

NAMES = (
    "f0_mean_st",
    "f0_std_st",
    "f0_range_st",
    "f0_slope_st_per_s",
    "f0_end_st",
    "f0_step_st",
    "voiced_share",
    "periodicity",
    "energy_mean_db",
    "energy_std_db",
    "energy_range_db",
    "energy_slope_db_per_s",
    "energy_step_db",
    "onsets_per_s",
    "pause_share",
    "pause_longest_s",
    "duration_log2_s",
    "centroid_oct",
    "centroid_std_oct",
    "tilt_db_per_oct",
    "alpha_ratio_db",
    "flux_db",
)
REFERENCE_HZ = 100.0
UNVOICED_ST = 7.0
"""F0 of an utterance without voice: 150 Hz, between the usual male and female means."""


def semitones(f0_hz: np.ndarray) -> np.ndarray:
    """Semitones over 100 Hz.

    >>> float(semitones(np.array(200.0)))
    12.0
    """
    return 12 * np.log2(f0_hz / REFERENCE_HZ)


def compute_functionals(mel_db: np.ndarray, energy_db: np.ndarray, pitch: Pitch) -> np.ndarray:
    """The numbers of the table above, in its order; finite for any sound, silence included.

    Args:
        mel_db: ``(T, 64)`` log-mel levels.
        energy_db: ``(T,)`` levels of the frames.
        pitch: ``T`` frames.

    Returns:
        ``(22,)`` float32.
    """
    active = active_frames(energy_db)
    if not active.any():
        active = np.ones(len(energy_db), dtype=bool)
    values = _of_pitch(pitch, active) | _of_energy(energy_db, active) | _of_spectrum(mel_db, active)
    return np.array([values[name] for name in NAMES], dtype=np.float32)


def _of_pitch(pitch: Pitch, active: np.ndarray) -> dict[str, float]:
    at = np.flatnonzero(pitch.voiced & active)
    if len(at) < 3:
        unvoiced = dict.fromkeys(("f0_std_st", "f0_range_st", "f0_slope_st_per_s", "f0_end_st", "f0_step_st", "periodicity"), 0.0)
        return {"f0_mean_st": UNVOICED_ST, "voiced_share": len(at) / active.sum()} | unvoiced
    f0 = semitones(pitch.f0_hz[at])
    low, high = np.percentile(f0, [5, 95])
    steps = np.abs(np.diff(f0))[np.diff(at) == 1]
    return {
        "f0_mean_st": f0.mean(),
        "f0_std_st": f0.std(),
        "f0_range_st": high - low,
        "f0_slope_st_per_s": _slope(at / FRAMES_PER_S, f0),
        "f0_end_st": f0[-(len(f0) // 3) or -1 :].mean() - f0.mean(),
        "f0_step_st": steps.mean() if len(steps) else 0.0,
        "voiced_share": len(at) / active.sum(),
        "periodicity": pitch.periodicity[at].mean(),
    }


def _of_energy(energy_db: np.ndarray, active: np.ndarray) -> dict[str, float]:
    at = np.flatnonzero(active)
    loud = energy_db[at]
    low, high = np.percentile(loud, [5, 95])
    smooth = np.convolve(np.pad(energy_db, 3, mode="edge"), np.ones(7) / 7, mode="valid")  # 70 ms: shorter than a syllable
    inside = ~active[at[0] : at[-1] + 1]
    length_s = len(energy_db) / FRAMES_PER_S
    return {
        "energy_mean_db": loud.mean(),
        "energy_std_db": loud.std(),
        "energy_range_db": high - low,
        "energy_slope_db_per_s": _slope(at / FRAMES_PER_S, loud),
        "energy_step_db": np.abs(np.diff(energy_db))[active[1:]].mean() if active[1:].any() else 0.0,
        "onsets_per_s": _rises(smooth, 3.0) / length_s,
        "pause_share": inside.mean(),
        "pause_longest_s": _longest_run(inside) / FRAMES_PER_S,
        "duration_log2_s": np.log2(length_s),
    }


def _of_spectrum(mel_db: np.ndarray, active: np.ndarray) -> dict[str, float]:
    octave = np.log2(band_centres_hz() / 1000.0)
    levels = mel_db[active]  # (active frames, 64)
    power = 10 ** (levels / 10)
    centroid = (power @ octave) / power.sum(axis=1)
    mean_power = power.mean(axis=0)
    speech = (octave > np.log2(0.2)) & (octave < np.log2(3.4))
    upper = speech & (octave >= 0)
    changes = np.abs(np.diff(mel_db[:, speech], axis=0))[active[1:]]
    return {
        "centroid_oct": centroid.mean(),
        "centroid_std_oct": centroid.std(),
        "tilt_db_per_oct": _slope(octave[speech], 10 * np.log10(mean_power[speech])),
        "alpha_ratio_db": 10 * np.log10(mean_power[upper].sum() / mean_power[speech & ~upper].sum()),
        "flux_db": changes.mean() if changes.size else 0.0,
    }


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of the least-squares line; 0 if all `x` are equal."""
    x = x - x.mean()
    spread = float(x @ x)
    return float(x @ (y - y.mean())) / spread if spread > 1e-9 else 0.0


def _rises(level_db: np.ndarray, by_db: float) -> int:
    """How often the level climbs by at least so much from a trough before it falls by as much."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(level_db)), prepend=0) != 0) if len(level_db) > 1 else np.zeros(0, int)
    count, trough, peak, rising = 0, float(level_db[0]), float(level_db[0]), False
    for level in (*level_db[turns], level_db[-1]):
        trough, peak = min(trough, level), max(peak, level)
        if not rising and level - trough >= by_db:
            count, rising, peak = count + 1, True, level
        elif rising and peak - level >= by_db:
            rising, trough = False, level
    return count


def _longest_run(flags: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
