"""Clips of speech as features, in several recording conditions, computed once and kept in files.

A speaker in one condition counts as a speaker of their own, since a conversation does not change its telephone from one utterance to the
next: the history that a clip is compared with comes from the same condition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from convemo.acoustic.description import describe
from convemo.errors import DataError
from convemo.features import extract
from convemo.features.energy import active_span, frame_energy_db
from convemo.training.acoustic_conditions import CONDITIONS, Rooms, chance, read_clip, read_noise, telephone
from convemo.types import Dialogue, LabelSet

RECIPE = 3
"""Raise it when the features or the conditions change: older caches are then computed again."""
UNLABELLED = -1

Progress = Callable[[str, float, float], None]
"""Called as ``progress(stage, completed, total)``."""


@dataclass(frozen=True)
class Clips:
    """The clips of one data set in some conditions: ``C`` conditions, ``N`` clips."""

    corpus: str
    label_set: LabelSet
    conditions: tuple[str, ...]
    """The first is the one in which clips are scored."""
    conversations: bool
    """Whether utterances follow each other as they were said; else a dialogue is one actor's clips, in no order."""
    ids: np.ndarray
    """``(N,)`` strings."""
    dialogues: np.ndarray
    """``(N,)`` strings; a dialogue's clips stand together, in its order."""
    speakers: np.ndarray
    """``(N,)`` strings, each a speaker of one dialogue."""
    labels: np.ndarray
    """``(N,)`` indices into `label_set`, or `UNLABELLED`."""
    parts: np.ndarray
    """``(N,)``: ``"train"``, ``"dev"`` or ``"test"``."""
    descriptions: np.ndarray
    """``(C, N, 86)`` float32, see `convemo.acoustic.description`."""
    frames: tuple[np.ndarray, ...]
    """For each condition ``(rows, 67)`` float16: all clips, one after the other."""
    starts: np.ndarray
    ends: np.ndarray
    """``(C, N)`` each: the rows of clip ``i`` in condition ``c`` are ``starts[c, i] : ends[c, i]``."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def present(self) -> np.ndarray:
        """``(K,)`` booleans: the labels that occur."""
        return np.bincount(self.labels[self.labels != UNLABELLED], minlength=len(self.label_set)) > 0

    def lengths(self, condition: int) -> np.ndarray:
        """``(N,)`` frames."""
        return self.ends[condition] - self.starts[condition]

    def clip_frames(self, condition: int, index: int) -> np.ndarray:
        """``(T, 67)`` float32."""
        return self.frames[condition][self.starts[condition, index] : self.ends[condition, index]].astype(np.float32)

    def subset(self, rows: np.ndarray) -> Clips:
        """The clips for which `rows` ``(N,)`` is true; the frames stay where they are."""
        fields = {name: getattr(self, name)[rows] for name in ("ids", "dialogues", "speakers", "labels", "parts")}
        by_condition = {name: getattr(self, name)[:, rows] for name in ("descriptions", "starts", "ends")}
        return replace(self, **fields, **by_condition)

    def part(self, *parts: str) -> Clips:
        """The clips of these parts."""
        return self.subset(np.isin(self.parts, parts))


def load_clips(
    corpus: str,
    parts: Mapping[str, Sequence[Dialogue]],
    label_set: LabelSet,
    conditions: Sequence[str],
    cache: Path,
    noise: Path | None = None,
    progress: Progress | None = None,
) -> Clips:
    """The features of all utterances that have sound; what was computed before comes from `cache`.

    Args:
        corpus: a name, of the cache files too.
        parts: the dialogues of each part.
        label_set: what the labels are counted in; an utterance with another one counts as unlabelled.
        conditions: names in `acoustic_conditions.CONDITIONS`.
        cache: a folder, made if it is not there. It holds one file a condition, named after the corpus.
        noise: see `acoustic_conditions.read_noise`.

    Raises:
        DataError: no utterance has sound, a clip cannot be read, or holds nothing but silence.
    """
    found = [(part, d, u) for part, dialogues in parts.items() for d in dialogues for u in d if u.audio is not None]
    if not found:
        raise DataError(corpus, "utterances with 'audio'", "none that has any", "Name a sound file for each utterance.")
    utterances = [u for _, _, u in found]
    rooms = read_noise(noise) if "room" in conditions else ([], [])
    named = [(f"{d.id}/{u.id}", Path(u.audio)) for _, d, u in found]
    stored = [_features(f"{corpus}.{c}", c, named, cache, rooms, progress) for c in conditions]
    labels = [label_set.index(u.label) if u.label in label_set else UNLABELLED for u in utterances]
    return Clips(
        corpus=corpus,
        label_set=label_set,
        conditions=tuple(conditions),
        conversations=any(len(d.speakers) > 1 for dialogues in parts.values() for d in dialogues),
        ids=np.array([u.id for u in utterances]),
        dialogues=np.array([d.id for _, d, _ in found]),
        speakers=np.array([f"{d.id}/{u.speaker}" for _, d, u in found]),
        labels=np.array(labels),
        parts=np.array([part for part, _, _ in found]),
        descriptions=np.stack([s["descriptions"] for s in stored]),
        frames=tuple(s["frames"] for s in stored),
        starts=np.stack([s["ends"] - s["lengths"] for s in stored]),
        ends=np.stack([s["ends"] for s in stored]),
    )


def _features(
    name: str, condition: str, clips: Sequence[tuple[str, Path]], cache: Path, rooms: Rooms, progress: Progress | None
) -> dict[str, np.ndarray]:
    """``lengths``, ``ends`` ``(N,)``, ``frames`` ``(rows, 67)`` and ``descriptions`` ``(N, 86)`` of all clips in one condition."""
    sizes = sorted((id, file.stat().st_size if file.is_file() else None) for id, file in clips)
    key = hashlib.sha256(repr((RECIPE, condition, [bool(r) for r in rooms] if condition == "room" else [], sizes)).encode()).hexdigest()
    path = cache / f"{name}.npz"
    order = np.argsort([id for id, _ in clips], kind="stable")
    if path.is_file():
        with np.load(path) as stored:
            if str(stored["key"]) == key:
                return _in_order({field: stored[field] for field in stored.files if field != "key"}, order)
    frames, descriptions = [], []
    for done, at in enumerate(order):  # in the order of the names: other parts or folds of the same clips find the same cache
        id, file = clips[at]
        samples = read_clip(file)
        start, end = active_span(frame_energy_db(samples))
        features = extract(CONDITIONS[condition](samples[start:end], chance(id, condition), rooms)) if end > start else None
        if features is None:
            raise DataError(file, "a voice", "silence", "Leave this clip out.")
        frames.append(features.frames.astype(np.float16))
        descriptions.append(describe(features))
        if progress:
            progress(f"features of {name}", done + 1, len(clips))
    lengths = np.array([len(f) for f in frames])
    arrays = {"lengths": lengths, "ends": np.cumsum(lengths), "frames": np.concatenate(frames), "descriptions": np.array(descriptions)}
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, key=key, **arrays)
    part.replace(path)
    return _in_order(arrays, order)


def _in_order(arrays: dict[str, np.ndarray], order: np.ndarray) -> dict[str, np.ndarray]:
    """From the order of the names back to that of the dialogues; the frames stay where they are."""
    place = np.argsort(order)
    return {name: value if name == "frames" else value[place] for name, value in arrays.items()}


def pad(frames: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """``(B, T, …)`` with zeros at the ends, and the ``(B,)`` lengths."""
    lengths = np.array([len(f) for f in frames])
    padded = np.zeros((len(frames), lengths.max(), *frames[0].shape[1:]), dtype=np.float32)
    for row, clip in zip(padded, frames):
        row[: len(clip)] = clip
    return padded, lengths


__all__ = ["UNLABELLED", "Clips", "load_clips", "pad", "read_clip", "read_noise", "telephone"]
