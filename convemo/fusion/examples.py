"""Labelled dialogues as arrays, for the fit: what each channel said, how good its material was, and what was right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convemo.errors import ConfigError
from convemo.fusion.gating import qualities
from convemo.types import ChannelResult, Dialogue

MIN_EXAMPLES = 30
"""Labelled utterances below which nothing is fitted, for a channel or for a pattern of channels."""

Channels = Mapping[str, ChannelResult]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One dialogue as arrays, or several in a row: ``C`` channels, ``N`` utterances, ``K`` labels, ``Q`` quantities of evidence."""

    log_probs: np.ndarray  # (C, N, K)
    available: np.ndarray  # (C, N)
    qualities: np.ndarray  # (N, Q), see `gating.qualities`
    labels: np.ndarray  # (N,), -1 where there is no reference
    speakers: tuple[str, ...]
    weights: np.ndarray  # (N,), over how often this dialogue occurs: random compositions of one dialogue are not new evidence


def agreed(results: Sequence[Channels]) -> tuple[list[str], tuple[str, ...]]:
    """The channels that occur, and the labels that they all choose from.

    Raises:
        ConfigError: they choose from different ones.
    """
    names = list(dict.fromkeys(name for channels in results for name in channels))
    sets = {tuple(result.labels) for channels in results for result in channels.values()}
    if len(sets) != 1:
        raise ConfigError(
            "channels that choose from the same labels", f"{len(sets)} different sets", "Map them first (convemo.data.mappings)."
        )
    return names, sets.pop()


def as_parts(
    dialogues: Sequence[Dialogue],
    results: Sequence[Channels],
    names: Sequence[str],
    labels: Sequence[str],
    weights: Mapping[str, float] | None = None,
) -> list[Part]:
    """Every dialogue with its channels' scores; its rows count as much as `weights` says of its id, once over all its occurrences.

    Raises:
        ConfigError: a reference is not among the labels, a channel's scores are calibrated already, or there are too few of them.
    """
    occurs, share = Counter(d.id for d in dialogues), weights or {}
    parts = []
    for dialogue, channels in zip(dialogues, results, strict=True):
        unknown = {u.label for u in dialogue if u.label is not None} - set(labels)
        if unknown:
            raise ConfigError(f"references among {', '.join(labels)}", f"{sorted(unknown)} in dialogue {dialogue.id!r}", "Map them first.")
        log_probs = np.zeros((len(names), len(dialogue), len(labels)))
        available = np.zeros((len(names), len(dialogue)), dtype=bool)
        for c, name in enumerate(names):
            if name in channels and channels[name].calibrated:
                raise ConfigError(f"scores of {name!r} as the channel gives them", "calibrated ones", "Fit on what its predict() returns.")
            if name in channels:
                log_probs[c], available[c] = channels[name].log_probs, channels[name].valid
        indices = np.array([-1 if u.label is None else labels.index(u.label) for u in dialogue], dtype=int)
        speakers = tuple(u.speaker for u in dialogue)
        counts = np.full(len(dialogue), share.get(dialogue.id, 1.0) / occurs[dialogue.id])
        parts.append(Part(log_probs, available, qualities(dialogue), indices, speakers, counts))
    found = round(sum(p.weights[p.available.any(axis=0) & (p.labels >= 0)].sum() for p in parts))
    if found < MIN_EXAMPLES:
        raise ConfigError(f"at least {MIN_EXAMPLES} utterances with a label and a score", str(found), "A few hundred give a useful fit.")
    return parts


def with_shares_of(
    more: Sequence[Dialogue], parts: Sequence[Part], labels: Sequence[str], weights: Mapping[str, float] | None = None
) -> list[Part]:
    """The parts with rows weighed so that every label is as frequent as in these parts and the further dialogues together.

    A few hundred utterances say what a channel's score means, but not how often people are afraid: MELD's dev part is off by four points in
    neutral alone. The labels of the part that the channels were trained on are no use for the first, but all the better for the second.
    """
    if not more:
        return list(parts)
    here = np.zeros(len(labels))
    for part in parts:
        there = part.labels >= 0
        here += np.bincount(part.labels[there], weights=part.weights[there], minlength=len(labels))
    further: Counter[str | None] = Counter()
    for dialogue in {d.id: d for d in more}.values():
        for u in dialogue:
            further[u.label] += (weights or {}).get(dialogue.id, 1.0)
    both = here + [further[label] for label in labels]
    known = here > 0
    factors = np.ones(len(labels) + 1)  # the last one is that of rows without a label
    factors[:-1][known] = (both / both[known].sum())[known] / (here / here.sum())[known]
    return [replace(part, weights=part.weights * factors[part.labels]) for part in parts]


def joined(parts: Sequence[Part]) -> Part:
    """One after the other, for what does not ask where a dialogue ends."""
    return Part(
        np.concatenate([p.log_probs for p in parts], axis=1),
        np.concatenate([p.available for p in parts], axis=1),
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("qualities", "labels")),
        tuple(speaker for p in parts for speaker in p.speakers),
        np.concatenate([p.weights for p in parts]),
    )


def rows(part: Part, chosen: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """``(C, M, K)`` scores, labels, weights and ``(M, Q)`` qualities of all labelled rows in which all chosen channels have scored."""
    there = part.available[list(chosen)].all(axis=0) & (part.labels >= 0)
    return part.log_probs[list(chosen)][:, there], part.labels[there], part.weights[there], part.qualities[there]


def split(parts: Sequence[Part], folds: Sequence[int], fold: int) -> tuple[Part, Part]:
    """The parts of all other folds, joined, and those of this one."""
    return joined([p for p, f in zip(parts, folds) if f != fold]), joined([p for p, f in zip(parts, folds) if f == fold])
