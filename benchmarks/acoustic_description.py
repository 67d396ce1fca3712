"""How well the description of a voice agrees with Praat and librosa, what it costs, and how much one speaker varies.

    python benchmarks/acoustic_description.py agreement DATA [--clips 200]                # DATA holds ravdess/ and nemo/
    python benchmarks/acoustic_description.py telephone DATA [--clips 200] [--unaware]    # what 300-3400 Hz do to each number
    python benchmarks/acoustic_description.py spread DATA                                 # `TYPICAL_SPREAD` of deviation.py
    python benchmarks/acoustic_description.py speed [FILE]                                # a call; else twenty synthetic utterances

Agreement needs ``pip install praat-parselmouth librosa``. The clips are drawn from all parts of both corpora by a fixed seed. Settings are
Praat's or those of the papers; only the two for a telephone were chosen on clips, 80 of the same corpora drawn by another seed: `telephone`
is therefore no test on unseen speakers. MFCC and roll-off are compared with librosa, all else with Praat, speaking rate also with the
syllables that were said.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from voice_references import librosa_mfcc, librosa_roll_off_hz, praat

from convemo.audio import load
from convemo.data import nemo, ravdess
from convemo.features.energy import active_frames, active_span, frame_energy_db
from convemo.features.pitch import track_pitch
from convemo.features.voice import NAMES, describe
from convemo.features.voice.rate import speech_span
from convemo.features.voice.spectrum import power_spectra

CORPORA = {"ravdess": ravdess.load, "nemo": nemo.load}
RAVDESS_SYLLABLES, RAVDESS_WORDS = 7, 6
"""Of "Kids are talking by the door" and "Dogs are sitting by the door"."""


def clips(data: Path, count: int, seed: int = 0) -> Iterator[tuple[str, object, np.ndarray]]:
    """Corpus, utterance and sound without its quiet edges and constant offset; `count` of each corpus."""
    for corpus, load_corpus in CORPORA.items():
        utterances = [u for dialogue in load_corpus(data / corpus) for u in dialogue]
        for i in np.random.default_rng(seed).permutation(len(utterances))[:count]:
            yield corpus, utterances[i], sound_of(utterances[i].audio)


def sound_of(path: str) -> np.ndarray:
    with load(path) as audio:
        samples = audio.read()
    samples -= samples.mean()
    start, end = active_span(frame_energy_db(samples))
    return samples[start:end]


def references(samples: np.ndarray) -> dict[str, float]:
    """Every number that an independent tool gives."""
    active = active_frames(frame_energy_db(samples))
    coefficients = librosa_mfcc(samples)[: len(active)][active]
    found = praat(samples) | {"spectral_roll_off_hz": librosa_roll_off_hz(power_spectra(samples)[active].mean(axis=0))}
    found |= {f"mfcc_{k + 1}_mean": value for k, value in enumerate(coefficients.mean(axis=0))}
    return found | {f"mfcc_{k + 1}_std": value for k, value in enumerate(coefficients.std(axis=0))}


def compare(pairs: list[tuple[dict, dict]]) -> None:
    """A line a number: how often both have it, its median, the differences, the correlation."""
    print(f"{'':34}{'n':>5}{'median':>10}{'bias':>10}{'median |d|':>11}{'95 % |d|':>10}{'relative':>9}{'r':>7}")
    for name in NAMES:
        both = [(ours[name], other[name]) for ours, other in pairs if ours.get(name) is not None and other.get(name) is not None]
        both = np.array([pair for pair in both if np.isfinite(pair).all()])
        if len(both) < 3:
            continue
        ours, other = both.T
        away, middle = np.abs(ours - other), np.median(other)
        r = np.corrcoef(ours, other)[0, 1] if ours.std() > 0 and other.std() > 0 else np.nan
        row = (middle, np.median(ours - other), np.median(away), np.percentile(away, 95))
        print(f"{name:34}{len(both):5}" + "".join(f"{v:{w}.4g}" for v, w in zip(row, (10, 10, 11, 10))), end="")
        print(f"{np.median(away / np.maximum(np.abs(other), 1e-9)):9.1%}{r:7.3f}")


def agreement(data: Path, count: int) -> None:
    pairs, of_yin, said = [], [], {corpus: [] for corpus in CORPORA}
    for corpus, utterance, samples in clips(data, count):
        ours = describe(samples)
        pairs.append((ours, references(samples)))
        yin = track_pitch(samples)
        of_yin.append(abs(yin.f0_hz[yin.voiced].mean() - pairs[-1][1]["f0_mean_hz"]) if yin.voiced.any() else np.nan)
        first, last = speech_span(frame_energy_db(samples))
        syllables = RAVDESS_SYLLABLES if corpus == "ravdess" else polish_syllables(utterance.text)
        if rate := ours["speaking_rate_syllables_per_s"]:
            said[corpus].append((rate, syllables * 100 / (last - first)))
    compare(pairs)
    print(f"f0_mean_hz of the acoustic channel's own pitch (YIN): median |d| {np.nanmedian(of_yin):.2g}")
    for corpus, rates in said.items():
        ours, true = np.array(rates).T
        bias, r = ours.mean() / true.mean() - 1, np.corrcoef(ours, true)[0, 1]
        print(f"{corpus}: syllables a second against those said: {bias:+.0%}, median |d| {np.median(abs(ours - true)):.2f}, r {r:.2f}")


def polish_syllables(text: str) -> int:
    """Vowels; an i before another vowel only softens."""
    return len(re.findall("[aąeęioóuy]", re.sub("i(?=[aąeęoóu])", "", text.lower())))


def telephone(data: Path, count: int, aware: bool) -> None:
    def through(samples: np.ndarray) -> np.ndarray:
        spectrum, hz = np.fft.rfft(samples), np.fft.rfftfreq(len(samples), 1 / 16_000)
        spectrum[(hz < 300) | (hz > 3400)] = 0
        return np.fft.irfft(spectrum, len(samples)).astype(np.float32)

    compare([(describe(through(samples), telephone=aware) or {}, describe(samples)) for _, _, samples in clips(data, count)])


def spread(data: Path) -> None:
    """Standard deviation within a speaker, over their neutral utterances of the training parts; the mean variance of both corpora."""
    variances = []
    for corpus, load_corpus in CORPORA.items():
        for dialogue in load_corpus(data / corpus, "train"):
            rows = []
            for u in [u for u in dialogue if u.label == "neutral"][:60]:
                words = RAVDESS_WORDS if corpus == "ravdess" else len(u.text.split())
                voice = describe(sound_of(u.audio), words)
                rows.append([np.nan if voice[name] is None else voice[name] for name in NAMES])
            columns = [column[~np.isnan(column)] for column in np.array(rows).T]
            variances.append([column.var(ddof=1) if len(column) > 3 else np.nan for column in columns])
    for name, value in zip(NAMES, np.sqrt(np.nanmean(variances, axis=0))):
        print(f'    "{name}": {float(f"{value:.2g}"):g},')


def speed(file: Path | None) -> None:
    if file is not None:
        with load(file) as audio:
            parts = [audio.read(start, start + 5.0) for start in np.arange(0.0, audio.duration_s - 1.0, 5.0)]
    else:
        t = np.arange(80_000) / 16_000
        parts = [0.1 * np.sin(2 * np.pi * (100 + 5 * i) * t) * np.sin(2 * np.pi * 2 * t) ** 2 for i in range(20)]
    describe(parts[0])
    begin = time.process_time()
    for part in parts:
        describe(part)
    seconds, length_s = time.process_time() - begin, sum(map(len, parts)) / 16_000
    print(f"{seconds:.2f} s of one core for {length_s:.0f} s of sound: {seconds / length_s:.4f} x real time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("agreement", "telephone", "spread"):
        command = commands.add_parser(name)
        command.add_argument("data", type=Path)
        if name != "spread":
            command.add_argument("--clips", type=int, default=200, help="of each corpus")
        if name == "telephone":
            command.add_argument("--unaware", action="store_true", help="do not tell the description that it is a telephone")
    commands.add_parser("speed").add_argument("file", type=Path, nargs="?")
    arguments = parser.parse_args()
    if arguments.command == "speed":
        speed(arguments.file)
    elif arguments.command == "spread":
        spread(arguments.data)
    elif arguments.command == "telephone":
        telephone(arguments.data, arguments.clips, aware=not arguments.unaware)
    else:
        agreement(arguments.data, arguments.clips)


if __name__ == "__main__":
    main()
