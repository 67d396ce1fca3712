"""Speaker verification trials: clips of speakers that no encoder here has been trained on, in several recording conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convemo.audio.degrade import pink, reverberate, with_noise
from convemo.data import emodb, nemo, ravdess
from convemo.diarize.encoder import FRAMES, mel_power
from convemo.errors import DataError
from convemo.features.energy import active_span, frame_energy_db
from convemo.metrics import equal_error_rate
from convemo.training.acoustic_clips import read_clip, read_noise, telephone
from convemo.training.run import Progress

CORPORA = {"ravdess": ravdess.load, "nemo": nemo.load, "emodb": emodb.load}
CLEAN, TELEPHONE, NOISE = "clean", "telephone", "noise at 10 dB in a room"
CROSSED = "clean against telephone"
CONDITIONS = (CLEAN, TELEPHONE, NOISE, CROSSED)
NOISE_DB = 10.0
_STEP = 40  # frames from one window of a clip to the next


@dataclass(frozen=True)
class Trials:
    """``C`` clips: who speaks, and what an encoder hears of each in each condition."""

    corpora: np.ndarray
    speakers: np.ndarray
    """``(C,)`` strings each."""
    windows: dict[str, list[np.ndarray]]
    """Condition → for each clip ``(W, 160, 40)`` mel power."""
    sounds: dict[str, list[np.ndarray]]
    """Condition → for each clip its samples, for encoders with features of their own."""


def hear(data: Path, per_speaker: int, seed: int, progress: Progress | None = None) -> Trials:
    """The same number of clips of each speaker of every corpus that is there.

    Raises:
        DataError: none is, or a clip cannot be read.
    """
    here = {name: load(data / name) for name, load in CORPORA.items() if (data / name).is_dir()}
    if not here:
        raise DataError(data, f"one of {', '.join(CORPORA)}", "none", "See the page on data sets.")
    rng = np.random.default_rng(seed)
    responses, noises = read_noise(data / "noise" if (data / "noise").is_dir() else None)
    chosen = [(name, dialogue, i) for name, ds in here.items() for dialogue in ds for i in rng.permutation(len(dialogue))[:per_speaker]]
    sounds: dict[str, list[np.ndarray]] = {CLEAN: [], TELEPHONE: [], NOISE: []}
    for done, (_, dialogue, i) in enumerate(chosen):
        samples = read_clip(dialogue[int(i)].audio)
        first, last = active_span(frame_energy_db(samples))
        samples = samples[first:last]
        room = reverberate(samples, responses[rng.integers(len(responses))]) if responses else samples
        noise = np.resize(noises[rng.integers(len(noises))], len(samples)) if noises and rng.random() < 0.6 else pink(len(samples), rng)
        for condition, heard in ((CLEAN, samples), (TELEPHONE, telephone(samples, rng)), (NOISE, with_noise(room, noise, NOISE_DB))):
            sounds[condition].append(heard.astype(np.float32))
        if progress is not None:
            progress("clips", done + 1, len(chosen))
    windows = {condition: [windows_of(samples) for samples in heard] for condition, heard in sounds.items()}
    return Trials(np.array([name for name, _, _ in chosen]), np.array([dialogue.id for _, dialogue, _ in chosen]), windows, sounds)


def windows_of(samples: np.ndarray) -> np.ndarray:
    """``(W, 160, 40)``: a clip as the encoder hears it; one that is too short is said over again."""
    mels = mel_power(samples)
    if len(mels) < FRAMES:
        mels = np.resize(mels, (FRAMES, mels.shape[1]))
    return np.stack([mels[first : first + FRAMES] for first in range(0, len(mels) - FRAMES + 1, _STEP)])


def embedded_clips(trials: Trials, embed: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    """Condition → ``(C, D)``: each clip the mean over its windows, of an encoder of windows ``(W, 160, 40)``."""
    return {condition: np.array([embed(windows).mean(axis=0) for windows in heard]) for condition, heard in trials.windows.items()}


def rates_of(trials: Trials, embeddings: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Corpus → condition → equal error rate, of embeddings ``(C, D)`` by condition."""
    found: dict[str, dict[str, float]] = {}
    for corpus in dict.fromkeys(trials.corpora.tolist()):
        rows = trials.corpora == corpus
        speakers, pairs = trials.speakers[rows], np.triu(np.ones((rows.sum(), rows.sum()), bool), 1)
        units = {name: values[rows] / np.linalg.norm(values[rows], axis=1, keepdims=True) for name, values in embeddings.items()}
        both = {name: (name, name) for name in embeddings} | {CROSSED: (CLEAN, TELEPHONE)}
        same = speakers[:, None] == speakers
        found[corpus] = {name: equal_error_rate((units[a] @ units[b].T)[pairs], same[pairs]) for name, (a, b) in both.items()}
    return found
