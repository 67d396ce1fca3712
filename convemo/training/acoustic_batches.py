"""Training batches for the acoustic model: which clips, what their speaker did before, and how the sound is disturbed.

Disturbances that need the sound (speed, telephone, room, codec) are made once, see `acoustic_conditions`; those here act on the features
and are drawn anew each time: gain, tempo, pitch, shift, the colour of a microphone, SpecAugment (Park et al. 2019, arXiv:1904.08779) and
mixtures of two clips (Zhang et al. 2018, arXiv:1710.09412).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from convemo.acoustic.description import BAND_LEVELS, DESCRIPTION
from convemo.features import BANDS, ENERGY, F0, MEL
from convemo.features.energy import FLOOR_DB as ENERGY_FLOOR_DB
from convemo.features.functionals import NAMES
from convemo.features.mel import FLOOR_DB as MEL_FLOOR_DB
from convemo.features.mel import band_centres_hz
from convemo.training.acoustic_clips import UNLABELLED, Clips, pad

ENERGY_MEAN, F0_MEAN = NAMES.index("energy_mean_db"), NAMES.index("f0_mean_st")
FEWEST_FRAMES = 32
WARPS = 9
"""Steps from the lowest to the highest scaling of the frequency axis."""


class Augmentation(BaseModel):
    """How far the features are disturbed; 0 switches a disturbance off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clean: float = Field(0.4, ge=0, le=1)
    """Share of clips in the first of the config's conditions; the others share the rest."""
    gain_db: float = Field(6.0, ge=0)
    """The level of a conversation is moved by up to so much, history included: RAVDESS lies 13 dB below nEMO,
    and a loud call 10 dB above it."""
    tempo: float = Field(0.15, ge=0, lt=0.5)
    """Time is stretched by up to this share; pitch stays."""
    pitch: float = Field(0.1, ge=0, lt=0.5)
    """The frequency axis is scaled by up to this share, F0 and formants: another vocal tract (Jaitly and Hinton 2013). Tempo stays."""
    shift: float = Field(0.4, ge=0, lt=0.9)
    """Up to this share of a clip is cut off at its ends."""
    colour_db: float = Field(2.0, ge=0)
    """Standard deviation of a smooth curve over frequency that is added to a clip's mel levels: another microphone."""
    mask_bands: int = Field(12, ge=0)
    """Widest band mask; two are drawn."""
    mask_frames: float = Field(0.15, ge=0, lt=1)
    """Longest time mask as a share of the clip; two are drawn."""
    description_noise: float = Field(0.25, ge=0)
    """Gaussian noise on the raw description, in its standard deviations."""
    deviation_noise: float = Field(0.1, ge=0)
    """The same on the deviations."""
    mixtures: float = Field(0.5, ge=0, le=1)
    """Share of batches whose clips are mixed in pairs, with their labels."""


class Sampling(BaseModel):
    """Which clips an epoch draws."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    oversampling: float = Field(0.5, ge=0, le=1)
    """A clip is drawn with a weight of ``n ** -oversampling``, ``n`` being how many of its data set have its label: 1 is balance."""
    history: int = Field(59, ge=0)
    """Most earlier clips of an actor that a clip is compared with; the number is uniform from 0. Conversations have their own history."""
    alone: float = Field(0.5, ge=0, le=1)
    """Share of an actor's clips that are heard without any history, as a speaker's first utterance is; of no account in conversations."""


@dataclass(frozen=True)
class Normalisation:
    """Means and scales over the training clips, in all conditions. The buffers of the model, by name."""

    frame_mean: np.ndarray
    frame_scale: np.ndarray
    description_mean: np.ndarray
    description_scale: np.ndarray
    deviation_scale: np.ndarray
    """Spread within a speaker."""


@dataclass(frozen=True)
class Batch:
    """``B`` clips, padded to the longest, with `K` labels."""

    frames: np.ndarray
    descriptions: np.ndarray
    deviations: np.ndarray
    heard: np.ndarray
    lengths: np.ndarray
    targets: np.ndarray
    """``(B, K)``, rows sum to 1."""
    allowed: np.ndarray
    """``(B, K)`` booleans: the labels that could have stood there."""


def measure(corpora: Sequence[Clips], rng: np.random.Generator) -> Normalisation:
    """The normalisation, from all descriptions and from the frames of 1,000 clips drawn at random."""
    described = np.concatenate([c.descriptions.reshape(-1, len(DESCRIPTION)) for c in corpora])
    within = [
        c.descriptions[k, c.speakers == speaker] - c.descriptions[k, c.speakers == speaker].mean(axis=0)
        for c in corpora
        for speaker in np.unique(c.speakers)
        for k in range(len(c.conditions))
    ]
    drawn = [
        corpora[c].clip_frames(int(rng.integers(len(corpora[c].conditions))), int(rng.integers(len(corpora[c]))))
        for c in rng.integers(len(corpora), size=1000)
    ]
    frames = np.concatenate(drawn)
    return Normalisation(
        frame_mean=frames.mean(axis=0),
        frame_scale=frames.std(axis=0) + 1e-3,
        description_mean=described.mean(axis=0),
        description_scale=described.std(axis=0) + 1e-3,
        deviation_scale=np.concatenate(within).std(axis=0) + 1e-3,
    )


def allowed_labels(corpora: Sequence[Clips]) -> np.ndarray:
    """``(C, K)`` booleans. A label that a corpus does not have says nothing about its clips, unless no corpus has it."""
    present = np.stack([c.present for c in corpora])
    return present | ~present.any(axis=0)


def batches(
    corpora: Sequence[Clips],
    config: Augmentation,
    sampling: Sampling,
    normal: Normalisation,
    size: int,
    shrinkage: float,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """One epoch: as many clips as have a label, rare labels drawn more often.

    Args:
        corpora: the training clips.
        config: the disturbances.
        sampling: the odds, and how much history.
        normal: for noise and for the value of masks.
        size: clips in a batch.
        shrinkage: ``k`` of `convemo.acoustic.speaker_state`.
    """
    where = np.array([(c, i) for c, clips in enumerate(corpora) for i in np.flatnonzero(clips.labels != UNLABELLED)])
    weights = _weights(corpora, sampling.oversampling)[tuple(where.T)]
    drawn = where[rng.choice(len(where), size=len(where), p=weights / weights.sum())]
    conditions = np.array([_condition(len(corpora[c].conditions), config.clean, rng) for c, _ in drawn])
    lengths = np.array([corpora[c].ends[k, i] - corpora[c].starts[k, i] for (c, i), k in zip(drawn, conditions)])
    # Clips of like length go together, or most of a batch would be padding; the noise keeps the company changing.
    order = np.argsort(lengths * rng.uniform(0.85, 1.15, len(lengths)))
    starts = np.arange(0, len(order), size)
    peers = [_peers(clips) for clips in corpora]
    allowed = allowed_labels(corpora)
    for start in rng.permutation(starts):
        rows = order[start : start + size]
        clips = [
            _clip(corpora[c], i, k, peers[c], sampling, config, normal, shrinkage, rng) for (c, i), k in zip(drawn[rows], conditions[rows])
        ]
        sounds, described, deviations, heard = zip(*clips)
        frames, frame_counts = pad(sounds)
        batch = Batch(
            frames=frames,
            lengths=frame_counts,
            targets=np.eye(len(corpora[0].label_set), dtype=np.float32)[[corpora[c].labels[i] for c, i in drawn[rows]]],
            allowed=allowed[drawn[rows, 0]],
            descriptions=np.array(described, dtype=np.float32),
            deviations=np.array(deviations, dtype=np.float32),
            heard=np.array(heard, dtype=np.float32)[:, None],
        )
        yield mixed(batch, normal, rng) if rng.random() < config.mixtures else batch


def _weights(corpora: Sequence[Clips], oversampling: float) -> np.ndarray:
    """``(C, N)`` odds of each clip, padded."""
    odds = np.zeros((len(corpora), max(map(len, corpora))))
    for row, clips in zip(odds, corpora):
        counts = np.bincount(clips.labels[clips.labels != UNLABELLED], minlength=len(clips.label_set))
        row[: len(clips)] = np.maximum(counts, 1)[clips.labels] ** -oversampling
    return odds


def _condition(conditions: int, clean: float, rng: np.random.Generator) -> int:
    return 0 if conditions == 1 or rng.random() < clean else int(rng.integers(1, conditions))


def _peers(clips: Clips) -> list[np.ndarray]:
    """For each clip those that it may be compared with: what the speaker said before, or, of acted clips, all others of the actor."""
    by_speaker = {speaker: np.flatnonzero(clips.speakers == speaker) for speaker in np.unique(clips.speakers)}
    mine = (by_speaker[speaker] for speaker in clips.speakers)
    return [others[others < i] if clips.conversations else others[others != i] for i, others in enumerate(mine)]


def _clip(
    clips: Clips,
    index: int,
    condition: int,
    peers: list[np.ndarray],
    sampling: Sampling,
    config: Augmentation,
    normal: Normalisation,
    shrinkage: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """One disturbed clip with a history: frames, description, deviations, heard."""
    raw, others = clips.descriptions[condition, index], peers[index]
    if not clips.conversations:
        count = 0 if rng.random() < sampling.alone else int(rng.integers(sampling.history + 1))
        others = rng.choice(others, size=min(count, len(others)), replace=False)
    heard = len(others) / (len(others) + shrinkage)
    deviations = np.zeros_like(raw)
    if len(others):
        deviations = (raw - clips.descriptions[condition, others].mean(axis=0)) * heard
    change = Disturbance.draw(config, rng)
    raw, deviations = change.description(raw, deviations, heard)
    frames = masked(change.frames(clips.clip_frames(condition, index)), config, normal, rng)
    raw = raw + rng.normal(0, config.description_noise, raw.shape) * normal.description_scale
    return frames, raw, deviations + rng.normal(0, config.deviation_noise, raw.shape) * normal.deviation_scale * heard, heard


@dataclass(frozen=True)
class Disturbance:
    """Another speaker, microphone and tempo, for a clip and for the history that it is compared with."""

    gain_db: float
    colour_db: np.ndarray
    """``(64,)``."""
    pitch: float
    """By which frequencies are multiplied."""
    tempo: float
    """By which the length is multiplied."""
    cut: tuple[float, float]
    """Shares of the clip that are cut off before and behind."""

    @classmethod
    def draw(cls, config: Augmentation, rng: np.random.Generator) -> Disturbance:
        knots = rng.normal(0, config.colour_db, 6)
        cut, before = rng.uniform(0, config.shift), rng.random()
        return cls(
            rng.uniform(-config.gain_db, config.gain_db),
            np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 6), knots - knots.mean()),
            float(rng.choice(np.linspace(1 - config.pitch, 1 + config.pitch, WARPS))),
            rng.uniform(1 - config.tempo, 1 + config.tempo),
            (cut * before, cut * (1 - before)),
        )

    def frames(self, frames: np.ndarray) -> np.ndarray:
        """A clip's frames ``(T, 67)``, disturbed: a copy."""
        if len(frames) > FEWEST_FRAMES:
            length = max(FEWEST_FRAMES, round(len(frames) * (1 - sum(self.cut))))
            start = min(round(len(frames) * self.cut[0]), len(frames) - length)
            frames = frames[start : start + length]
        frames = frames[np.linspace(0, len(frames) - 1, max(8, round(len(frames) * self.tempo))).round().astype(int)]
        audible = frames[:, MEL] > MEL_FLOOR_DB
        level = _warped(frames[:, MEL], self.pitch) + self.gain_db + self.colour_db
        # The floor stays where it is: no gain makes sound of the bands that a telephone has cut off.
        frames[:, MEL] = np.where(audible, np.maximum(level, MEL_FLOOR_DB), MEL_FLOOR_DB)
        frames[:, F0] += np.where(frames[:, F0] > 0, 12 * np.log2(self.pitch), 0.0)
        frames[:, ENERGY] = np.maximum(frames[:, ENERGY] + self.gain_db, ENERGY_FLOOR_DB)
        return frames

    def description(self, raw: np.ndarray, deviations: np.ndarray, heard: float) -> tuple[np.ndarray, np.ndarray]:
        """What it makes of a description and of its deviations: gain, colour and pitch of the history move along."""
        raw, deviations = raw.copy(), deviations.copy()
        raw[BAND_LEVELS] = _warped(raw[BAND_LEVELS], self.pitch) + self.gain_db + self.colour_db
        deviations[BAND_LEVELS] = _warped(deviations[BAND_LEVELS], self.pitch)
        raw[ENERGY_MEAN] += self.gain_db
        raw[F0_MEAN] += 12 * np.log2(self.pitch)
        return raw, deviations


def _warped(levels: np.ndarray, pitch: float) -> np.ndarray:
    """Mel levels ``(…, 64)`` with all frequencies multiplied."""
    return levels if pitch == 1 else levels @ _warp(round(pitch, 6))


@lru_cache(maxsize=64)
def _warp(pitch: float) -> np.ndarray:
    """``(64, 64)``: takes each band's level from where its sound was before, between two bands if need be."""
    centres = band_centres_hz()
    source = np.interp(centres / pitch, centres, np.arange(BANDS))
    low = np.floor(source).astype(int)
    matrix = np.zeros((BANDS, BANDS), dtype=np.float32)
    matrix[low, np.arange(BANDS)] += 1 - (source - low)
    matrix[np.minimum(low + 1, BANDS - 1), np.arange(BANDS)] += source - low
    return matrix


def masked(frames: np.ndarray, config: Augmentation, normal: Normalisation, rng: np.random.Generator) -> np.ndarray:
    """Frames with two stretches and two bands replaced by the mean, in place."""
    for _ in range(2):
        width, start = rng.integers(config.mask_bands + 1), rng.integers(BANDS)
        frames[:, start : min(start + width, BANDS)] = normal.frame_mean[start : min(start + width, BANDS)]
        span, begin = int(rng.uniform(0, config.mask_frames) * len(frames)), rng.integers(len(frames))
        frames[begin : begin + span] = normal.frame_mean
    return frames


def mixed(batch: Batch, normal: Normalisation, rng: np.random.Generator) -> Batch:
    """Each clip with a little of another, and of its label; levels are mixed as they are, in dB. A shorter clip goes on as the mean."""
    share, others = np.float32(rng.uniform(0.6, 1.0)), rng.permutation(len(batch.targets))
    padding = np.arange(batch.frames.shape[1]) >= batch.lengths[:, None]  # (B, T)
    filled = {**vars(batch), "frames": np.where(padding[:, :, None], normal.frame_mean.astype(np.float32), batch.frames)}
    names = ("frames", "descriptions", "deviations", "heard", "targets")
    blend = {name: share * filled[name] + (1 - share) * filled[name][others] for name in names}
    return Batch(**blend, lengths=np.maximum(batch.lengths, batch.lengths[others]), allowed=batch.allowed | batch.allowed[others])
