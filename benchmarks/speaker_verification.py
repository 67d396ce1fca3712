"""Are two clips one speaker's, by our encoder and its teachers: ``python benchmarks/speaker_verification.py DATA [--wq2012 FILE]``.

DATA holds ravdess/, nemo/, emodb/ and noise/. Equal error rates over all pairs of 20 clips a speaker; nobody in them was in any encoder's
training data, as far as their authors describe it. The first teacher is resemblyzer's encoder (pip install --no-deps resemblyzer==0.1.4);
``--wq2012`` adds the LibriSpeech encoder of https://github.com/wq2012/SpeakerRecognitionFromScratch, a checkpoint of which must be here.

Then how a known voice is matched (`convemo.diarize.enroll.MATCH`): the mean of three clips against that of six others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from convemo.diarize.encoder import SpeakerEncoder
from convemo.diarize.enroll import MATCH
from convemo.training.run import read_config
from convemo.training.speaker import SpeakerConfig, Teacher, embed_with
from convemo.training.speaker_trials import CLEAN, CONDITIONS, TELEPHONE, Trials, embedded_clips, hear, rates_of

CONFIG = Path(__file__).parents[1] / "convemo" / "training" / "configs" / "speaker.toml"


def read_wq2012(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Samples → embedding ``(128,)``: three bidirectional LSTM layers over 40 MFCC, windows of 100 frames, step 50."""
    import librosa

    state = torch.load(path, map_location="cpu", weights_only=True)["encoder_state_dict"]
    network = torch.nn.LSTM(40, 64, 3, batch_first=True, bidirectional=True)
    network.load_state_dict({name.removeprefix("lstm."): value for name, value in state.items()})

    def embed(samples: np.ndarray) -> np.ndarray:
        cepstra = librosa.feature.mfcc(y=samples, sr=16_000, n_mfcc=40).T.astype(np.float32)
        cepstra = cepstra if len(cepstra) >= 100 else np.resize(cepstra, (100, 40))
        windows = np.stack([cepstra[first : first + 100] for first in range(0, len(cepstra) - 99, 50)])
        with torch.no_grad():
            means = network(torch.from_numpy(windows))[0].mean(dim=1)
        return torch.nn.functional.normalize(means, dim=1).mean(dim=0).numpy()

    return embed


def matching(trials: Trials, clips: dict[str, np.ndarray], seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = {name: rng.permutation(np.flatnonzero(trials.speakers == name)) for name in dict.fromkeys(trials.speakers.tolist())}
    corpus = np.array([trials.corpora[rows[0]] for rows in chosen.values()])
    print(f"\nKnown voices, threshold {MATCH}")
    for known, heard in ((CLEAN, CLEAN), (TELEPHONE, TELEPHONE), (CLEAN, TELEPHONE)):
        one = _units(np.array([clips[known][rows[:3]].mean(axis=0) for rows in chosen.values()]))
        other = _units(np.array([clips[heard][rows[3:9]].mean(axis=0) for rows in chosen.values()]))
        alike, strangers = one @ other.T, (corpus[:, None] == corpus) & ~np.eye(len(corpus), dtype=bool)
        missed, false = np.mean(np.diag(alike) < MATCH), np.mean(alike[strangers] >= MATCH)
        print(
            f"{known} known, {heard} heard: {100 * missed:.1f} % of the known missed, {100 * false:.1f} % of the strangers taken for them"
        )


def _units(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--wq2012", type=Path, help="its checkpoint, a .pt file")
    parser.add_argument("--clips", type=int, default=20, help="of each speaker")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    trials = hear(arguments.data, arguments.clips, arguments.seed)
    teacher, encoder = Teacher.load(None, read_config(CONFIG, SpeakerConfig).teacher_sha256), SpeakerEncoder()
    ours = embedded_clips(trials, encoder.embed)
    rates = {"ours (int8)": rates_of(trials, ours)}
    rates["resemblyzer"] = rates_of(trials, embedded_clips(trials, lambda windows: embed_with(teacher, windows)))
    if arguments.wq2012:
        embed = read_wq2012(arguments.wq2012)
        rates["wq2012"] = rates_of(trials, {name: np.array([embed(clip) for clip in clips]) for name, clips in trials.sounds.items()})
    print(f"{'equal error rate, %':40}" + "".join(f"{name:>14}" for name in rates))
    for corpus in dict.fromkeys(trials.corpora.tolist()):
        for condition in CONDITIONS:
            values = (found[corpus][condition] for found in rates.values())
            print(f"{corpus + ', ' + condition:40}" + "".join(f"{100 * value:14.1f}" for value in values))
    windows = np.concatenate(trials.windows[CLEAN][:200])
    for name, embed in (("ours (int8)", encoder.embed), ("resemblyzer", lambda windows: embed_with(teacher, windows))):
        begin = time.process_time()
        embed(windows)
        print(f"{name}: {1000 * (time.process_time() - begin) / len(windows):.2f} ms of processor time a window of 1.6 s")
    matching(trials, ours, arguments.seed)


if __name__ == "__main__":
    main()
