"""Does noise reduction help the acoustic channel? ``python benchmarks/noise_reduction.py --data DATA --noise DATA/noise [--part test]``.

RAVDESS and nEMO clips of actors whom the shipped model has not heard, in sessions of 20 with half a second between them, with a noise
that goes on through the pauses at 20, 10, 5 and 0 dB SNR (five short noises and two backgrounds in a loop, and pink noise, in turn).
Each session is scored as it is and after each denoiser, as an analysis does it. UA and NLL among the seven labels; differences are
paired, with 95 % limits by bootstrap over sessions.

The level was chosen on ``--part dev``; ``--part test`` is what docs/recordings.md reports. Needs convemo[denoise].
"""

from __future__ import annotations

import argparse
from itertools import cycle
from pathlib import Path

import numpy as np

from convemo.acoustic.channel import AcousticChannel
from convemo.audio import Audio
from convemo.data import nemo, ravdess
from convemo.metrics import negative_log_likelihood, paired_difference, unweighted_average_recall
from convemo.registry import build
from convemo.training.acoustic_clips import read_noise
from convemo.training.sessions import Condition, draw_sessions, perform
from convemo.types import LABELS

SNR_DB = (None, 20.0, 10.0, 5.0, 0.0)


def ua(probabilities: np.ndarray, labels: np.ndarray) -> float:
    return unweighted_average_recall(probabilities.argmax(axis=1), labels)


def score(channel: AcousticChannel, samples: np.ndarray, dialogue, denoiser) -> np.ndarray:
    """``(N, 7)`` probabilities, NaN where the channel could not score."""
    with Audio.from_array(samples, Audio.rate_hz) as audio:
        result = channel.predict(dialogue, audio if denoiser is None else denoiser.denoise(audio))
    p = np.exp(result.log_probs)
    return np.where(result.valid[:, None], p / p.sum(axis=1, keepdims=True), np.nan)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="holds ravdess/ and nemo/")
    parser.add_argument("--noise", type=Path, required=True, help="holds noises; see acoustic_clips.read_noise")
    parser.add_argument("--part", default="test", choices=("dev", "test"))
    parser.add_argument("--denoisers", default="webrtc:1,webrtc:2,webrtc:4", help="specs, with commas between")
    arguments = parser.parse_args()
    specs = arguments.denoisers.split(",")
    denoisers = {None: None, **{spec: build("denoiser", spec) for spec in specs}}
    channel, (_, noises) = AcousticChannel(), read_noise(arguments.noise)
    for name, corpus in (("ravdess", ravdess), ("nemo", nemo)):
        rng = np.random.default_rng(0)
        sessions = list(draw_sessions(corpus.load(arguments.data / name, arguments.part), rng))
        print(f"\n{name} {arguments.part}: {sum(map(len, sessions))} clips in {len(sessions)} sessions")
        print(f"{'SNR dB':>7}  {'denoiser':10}{'UA':>7}{'NLL':>7}   UA less none               NLL less none")
        for snr_db in SNR_DB:
            found: dict[str | None, list[np.ndarray]] = {spec: [] for spec in denoisers}
            labels, groups = [], []
            for number, (clips, noise) in enumerate(zip(sessions, cycle([*noises, None]))):
                samples, dialogue = perform(clips, Condition(snr_db=snr_db, noise=noise), rng)
                for spec, denoiser in denoisers.items():
                    found[spec].append(score(channel, samples, dialogue, denoiser))
                labels += [LABELS.index(u.label) for u in dialogue]
                groups += [number] * len(dialogue)
            scored = ~np.any([np.isnan(np.concatenate(p)).any(axis=1) for p in found.values()], axis=0)
            truth, sessions_of = np.array(labels)[scored], np.array(groups)[scored]
            plain = np.concatenate(found[None])[scored]
            for spec in denoisers:
                p = np.concatenate(found[spec])[scored]
                row = f"{'-' if snr_db is None else f'{snr_db:g}':>7}  {spec or 'none':10}{ua(p, truth):7.3f}"
                row += f"{negative_log_likelihood(p, truth):7.3f}"
                if spec is not None:
                    for metric in (ua, negative_log_likelihood):
                        row += f"   {paired_difference(metric, sessions_of, (p, truth), (plain, truth))!s:26}"
                print(row, flush=True)


if __name__ == "__main__":
    main()
