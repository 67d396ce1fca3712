"""Training batches for the acoustic model: which clips, what their speaker did before, and how the sound is disturbed.

Disturbances that need the sound (speed, telephone, room) are made once, see `acoustic_clips`; those here act on the features
and are drawn anew each time: gain, tempo, the colour of a microphone, and SpecAugment (Park et al. 2019, arXiv:1904.08779).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from convemo.features import BANDS, ENERGY, MEL
from convemo.features.energy import FLOOR_DB as ENERGY_FLOOR_DB
from convemo.features.functionals import NAMES
from convemo.features.mel import FLOOR_DB as MEL_FLOOR_DB
from convemo.training.acoustic_clips import CONDITIONS, Clips
from convemo.types import LABELS

ENERGY_MEAN = NAMES.index("energy_mean_db")


class Augmentation(BaseModel):
    """How far the features are disturbed; 0 switches a disturbance off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clean: float = Field(0.35, ge=0, le=1)
    """Share of clips in the condition in which they were recorded; the others share the rest."""
    gain_db: float = Field(20.0, ge=0)
    """The level of a conversation is moved by up to so much, history included: RAVDESS lies 13 dB below nEMO,
    and a loud call 10 dB above it."""
    tempo: float = Field(0.12, ge=0, lt=0.5)
    """Frames are drawn faster or slower by up to this share; pitch stays."""
    colour_db: float = Field(3.0, ge=0)
    """Standard deviation of a smooth curve over frequency that is added to a clip's mel levels: another microphone."""
    mask_bands: int = Field(10, ge=0)
    """Widest band mask; two are drawn."""
    mask_frames: float = Field(0.12, ge=0, lt=1)
    """Longest time mask as a share of the clip; two are drawn."""
    functional_noise: float = Field(0.25, ge=0)
    """Gaussian noise on the raw functionals, in their standard deviations."""


@dataclass(frozen=True)
class Normalisation:
    """Means and scales over the training clips, in all conditions."""

    frame_mean: np.ndarray
    frame_scale: np.ndarray
    functional_mean: np.ndarray
    functional_scale: np.ndarray
    deviation_scale: np.ndarray
    """Spread within a speaker."""


@dataclass(frozen=True)
class Batch:
    """``B`` clips, padded to the longest."""

    frames: np.ndarray
    functionals: np.ndarray
    deviations: np.ndarray
    heard: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    allowed: np.ndarray
    """``(B, 7)`` booleans: the labels that could have stood there."""


def measure(corpora: list[Clips], rng: np.random.Generator) -> Normalisation:
    """The normalisation, from all functionals and from the frames of 1,000 clips drawn at random."""
    functionals = np.concatenate([c.functionals.reshape(-1, len(NAMES)) for c in corpora])
    within = [
        (c.functionals[k, c.actors == actor] - c.functionals[k, c.actors == actor].mean(axis=0))
        for c in corpora
        for actor in np.unique(c.actors)
        for k in range(len(CONDITIONS))
    ]
    drawn = [corpora[i % len(corpora)] for i in range(1000)]
    frames = np.concatenate([c.clip_frames(rng.integers(len(CONDITIONS)), rng.integers(len(c))) for c in drawn])
    return Normalisation(
        frames.mean(axis=0),
        np.maximum(frames.std(axis=0), 1e-3),
        functionals.mean(axis=0),
        np.maximum(functionals.std(axis=0), 1e-3),
        np.maximum(np.concatenate(within).std(axis=0), 1e-3),
    )


def allowed_labels(corpora: list[Clips]) -> np.ndarray:
    """``(corpora, 7)``: the labels among which a corpus has chosen, and those that no corpus has.

    nEMO has no disgust. That a nEMO clip is not disgust must not teach that Polish rooms are free of it, so disgust stays out
    of its softmax. A label that nobody has stays in: its probability is then learnt to be small.
    """
    present = np.array([c.present for c in corpora])  # (corpora, 7)
    return present | ~present.any(axis=0)


def batches(
    corpora: list[Clips], config: Augmentation, normal: Normalisation, size: int, history: int, shrinkage: float, rng: np.random.Generator
) -> Iterator[Batch]:
    """One epoch: as many clips as there are, rare labels and small corpora drawn more often.

    A clip is drawn with a weight of ``1 / sqrt(n)``, ``n`` being how many of its corpus have its label: half way to balance.

    Args:
        corpora: the training clips.
        config: the disturbances.
        normal: for noise and for the value of masks.
        size: clips in a batch.
        history: most earlier clips of the same actor that a clip is compared with; the number is uniform from 0.
        shrinkage: ``k`` of `convemo.acoustic.speaker_state`.
    """
    where = np.array([(c, i) for c, clips in enumerate(corpora) for i in range(len(clips))])
    counts = [np.bincount(clips.labels, minlength=len(LABELS)) for clips in corpora]
    weights = np.array([counts[c][corpora[c].labels[i]] ** -0.5 for c, i in where])
    drawn = where[rng.choice(len(where), size=len(where), p=weights / weights.sum())]
    odds = np.full(len(CONDITIONS), (1 - config.clean) / (len(CONDITIONS) - 1))
    odds[0] = config.clean
    conditions = rng.choice(len(CONDITIONS), size=len(drawn), p=odds)
    lengths = np.array([corpora[c].ends[k, i] - corpora[c].starts[k, i] for (c, i), k in zip(drawn, conditions)])
    # Clips of like length go together, or most of a batch would be padding; the noise keeps the company changing.
    order = np.argsort(lengths * rng.uniform(0.85, 1.15, len(lengths)))
    starts = rng.permutation(np.arange(0, len(order), size))
    peers = [{actor: np.flatnonzero(c.actors == actor) for actor in np.unique(c.actors)} for c in corpora]
    allowed = allowed_labels(corpora)
    for start in starts:
        rows = order[start : start + size]
        clips = [
            _clip(corpora[c], i, k, peers[c], config, normal, history, shrinkage, rng) for (c, i), k in zip(drawn[rows], conditions[rows])
        ]
        sounds, functionals, deviations, heard = zip(*clips)
        frames, frame_counts = pad(list(sounds))
        yield Batch(
            frames=frames,
            lengths=frame_counts,
            labels=np.array([corpora[c].labels[i] for c, i in drawn[rows]]),
            allowed=allowed[drawn[rows, 0]],
            functionals=np.array(functionals, dtype=np.float32),
            deviations=np.array(deviations, dtype=np.float32),
            heard=np.array(heard, dtype=np.float32)[:, None],
        )


def pad(frames: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """``(B, T, 67)`` with zeros at the ends, and the ``(B,)`` lengths."""
    lengths = np.array([len(f) for f in frames])
    padded = np.zeros((len(frames), lengths.max(), frames[0].shape[1]), dtype=np.float32)
    for row, clip in zip(padded, frames):
        row[: len(clip)] = clip
    return padded, lengths


def _clip(
    clips: Clips,
    index: int,
    condition: int,
    peers: dict[str, np.ndarray],
    config: Augmentation,
    normal: Normalisation,
    history: int,
    shrinkage: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """One disturbed clip with a history drawn from its actor's other clips: frames, functionals, deviations, heard."""
    raw = clips.functionals[condition, index]
    others = peers[clips.actors[index]]
    others = others[others != index]
    n = min(int(rng.integers(history + 1)), len(others))
    heard = n / (n + shrinkage)
    deviations = np.zeros_like(raw)
    if n:
        deviations = (raw - clips.functionals[condition, rng.choice(others, size=n, replace=False)].mean(axis=0)) * heard
    gain = rng.uniform(-config.gain_db, config.gain_db)
    functionals = raw + rng.normal(0, config.functional_noise, raw.shape) * normal.functional_scale
    functionals[ENERGY_MEAN] += gain
    return disturb(clips.clip_frames(condition, index), gain, config, normal, rng), functionals, deviations, heard


def disturb(frames: np.ndarray, gain_db: float, config: Augmentation, normal: Normalisation, rng: np.random.Generator) -> np.ndarray:
    """A clip's frames ``(T, 67)`` at another level, tempo and colour, with stretches and bands masked by the mean."""
    length = len(frames)
    stretched = max(8, round(length * rng.uniform(1 - config.tempo, 1 + config.tempo)))
    frames = frames[np.linspace(0, length - 1, stretched).round().astype(int)]  # a copy
    knots = rng.normal(0, config.colour_db, 6)
    colour = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 6), knots - knots.mean())
    # The floor stays where it is: no gain makes sound of the bands that a telephone has cut off.
    audible = frames[:, MEL] > MEL_FLOOR_DB
    frames[:, MEL] = np.where(audible, np.maximum(frames[:, MEL] + gain_db + colour, MEL_FLOOR_DB), MEL_FLOOR_DB)
    frames[:, ENERGY] = np.maximum(frames[:, ENERGY] + gain_db, ENERGY_FLOOR_DB)
    for _ in range(2):
        width, start = rng.integers(config.mask_bands + 1), rng.integers(BANDS)
        frames[:, start : min(start + width, BANDS)] = normal.frame_mean[start : min(start + width, BANDS)]
        span, begin = int(rng.uniform(0, config.mask_frames) * stretched), rng.integers(stretched)
        frames[begin : begin + span] = normal.frame_mean
    return frames
