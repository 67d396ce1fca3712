"""The description agrees with Praat and librosa, within the tolerances that docs/voice.md states."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.voice_references import librosa_mfcc, praat
from convemo.audio import load
from convemo.data import nemo, ravdess
from convemo.features import log_mel_db
from convemo.features.energy import active_span, frame_energy_db
from convemo.features.voice import MEASURES, describe
from convemo.features.voice.spectrum import mfcc
from convemo.features.voice.voice_quality import jitter, shimmer

TOLERANCES = {
    "f0_mean_hz": 2.0,
    "f0_median_hz": 1.0,
    "f0_low_hz": 1.0,
    "f0_high_hz": 2.0,
    "f0_slope_hz_per_s": 2.0,
    "f0_mean_st": 0.15,
    "f0_std_st": 0.2,
    "f0_range_st": 0.3,
    "f0_slope_st_per_s": 0.3,
    "energy_mean_db": 0.5,
    "energy_std_db": 0.5,
    "energy_range_db": 1.5,
    "energy_slope_db_per_s": 0.8,
    "speaking_rate_syllables_per_s": 1.0,
    "jitter_local": 0.003,
    "shimmer_local": 0.008,
    "hnr_db": 0.5,
    "f1_hz": 20.0,
    "f2_hz": 30.0,
    "f3_hz": 40.0,
    "f1_bandwidth_hz": 20.0,
    "f2_bandwidth_hz": 35.0,
    "f3_bandwidth_hz": 40.0,
    "spectral_centroid_hz": 2.0,
    "spectral_spread_hz": 4.0,
    "spectral_skewness": 0.05,
    "spectral_kurtosis": 0.5,
    "spectral_slope_db_per_khz": 0.6,
    "alpha_ratio_db": 0.3,
    "hammarberg_index_db": 1.5,
}
"""Median absolute difference from Praat over real clips, at most."""


@pytest.mark.parametrize("f0_hz", [90, 140, 250])
def test_of_a_vowel_praat_says_the_same(vowel, f0_hz):
    pytest.importorskip("parselmouth")
    rng = np.random.default_rng(f0_hz)
    pulses = 0.02 + np.cumsum((1 + 0.01 * rng.normal(size=int(0.94 * f0_hz))) / f0_hz)
    sound = vowel(pulses, 1 + 0.05 * rng.normal(size=len(pulses))) + rng.normal(0, 0.002, 16_000).astype(np.float32)
    ours, theirs = describe(sound), praat(sound)
    assert ours["f0_median_hz"] == pytest.approx(theirs["f0_median_hz"], rel=0.002)
    assert [ours[f"f{n}_hz"] for n in (1, 2, 3)] == pytest.approx([theirs[f"f{n}_hz"] for n in (1, 2, 3)], rel=0.03)
    assert ours["jitter_local"] == pytest.approx(theirs["jitter_local"], rel=0.35)
    assert ours["shimmer_local"] == pytest.approx(theirs["shimmer_local"], rel=0.2)
    assert ours["hnr_db"] == pytest.approx(theirs["hnr_db"], abs=1.0)
    assert ours["energy_mean_db"] == pytest.approx(theirs["energy_mean_db"], abs=1.2)  # Praat leaves the edges out
    assert ours["spectral_centroid_hz"] == pytest.approx(theirs["spectral_centroid_hz"], rel=0.02)


def test_of_praats_own_marks_jitter_is_the_same_and_shimmer_nearly(vowel):
    parselmouth = pytest.importorskip("parselmouth")
    rng = np.random.default_rng(0)
    pulses = 0.02 + np.cumsum((1 + 0.01 * rng.normal(size=110)) * 0.008)
    samples = vowel(pulses, 1 + 0.05 * rng.normal(size=len(pulses)))
    sound = parselmouth.Sound(samples.astype(float), 16_000)
    process, limits = parselmouth.praat.call([sound, sound.to_pitch()], "To PointProcess (cc)"), (0, 0, 0.0001, 0.02, 1.3)
    count = parselmouth.praat.call(process, "Get number of points")
    marks = np.array([parselmouth.praat.call(process, "Get time from index", i + 1) for i in range(count)])
    marks -= sound.x1  # Praat's first sample lies half a sample after 0
    assert jitter(marks) == pytest.approx(parselmouth.praat.call(process, "Get jitter (local)", *limits), rel=1e-6)
    expected = parselmouth.praat.call([sound, process], "Get shimmer (local)", *limits, 1.6)
    assert shimmer(samples, marks) == pytest.approx(expected, abs=0.001)


@pytest.mark.data
def test_of_real_clips_praat_says_the_same_within_the_stated_tolerances(data_root):
    pytest.importorskip("parselmouth")
    pairs = [(describe(sound), praat(sound)) for sound in _clips(data_root, 7)]
    for name, tolerance in TOLERANCES.items():
        ours, theirs = np.array([(a[name], b[name]) for a, b in pairs if a[name] is not None and np.isfinite(b[name])]).T
        assert len(ours) >= 13, name
        assert np.median(np.abs(ours - theirs)) <= tolerance, name


def test_the_documentation_has_every_number_with_its_unit_and_tolerance():
    lines = (Path(__file__).parents[2] / "docs" / "voice.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:6]] for line in lines if line.startswith("| `")]
    described = [measure for measure in MEASURES if not measure.name.startswith("mfcc")]
    tolerances = [f"{TOLERANCES[m.name]:g}" if m.name in TOLERANCES else "–" for m in described]
    assert rows[: len(described)] == [[*measure, tolerance] for measure, tolerance in zip(described, tolerances)]


@pytest.mark.data
@pytest.mark.slow
def test_librosa_has_the_same_mfcc(data_root):
    pytest.importorskip("librosa")
    for sound in _clips(data_root, 3):
        np.testing.assert_allclose(mfcc(log_mel_db(sound)), librosa_mfcc(sound), atol=0.02)


def _clips(data_root, count):
    """Sound without its quiet edges, so many of each corpus."""
    for corpus, load_corpus in (("ravdess", ravdess.load), ("nemo", nemo.load)):
        utterances = [u for dialogue in load_corpus(data_root / corpus) for u in dialogue]
        for i in np.random.default_rng(7).permutation(len(utterances))[:count]:
            with load(utterances[i].audio) as audio:
                samples = audio.read()
            start, end = active_span(frame_energy_db(samples))
            yield samples[start:end]
