"""Fusion from labelled dialogues: every number by negative log-likelihood, every promise checked on dialogues left out.

calibrate each channel  →  weigh each pattern of channels  →  weigh the history  →  hold back what is not trusted
the same on all folds but one, for the one left out  →  prediction sets, abstention, honest figures
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convemo.errors import ConfigError
from convemo.fusion.calibration import Temperature
from convemo.fusion.conformal import ConformalSets, abstention_threshold
from convemo.fusion.fuse import Fusion
from convemo.fusion.history import History, Transitions, estimate_transitions
from convemo.fusion.loglinear import fit_weights, log_softmax
from convemo.fusion.parameters import (
    AbstentionParameters,
    ChannelParameters,
    FusionParameters,
    HistoryParameters,
    PatternParameters,
    SetParameters,
)
from convemo.fusion.pool import PRIOR_WEIGHT, PoolWeights, fit_pattern, pattern_name, patterns, pool_terms
from convemo.metrics import accuracy, aurc, expected_calibration_error, negative_log_likelihood
from convemo.types import ChannelResult, Dialogue

MIN_EXAMPLES = 30
"""Labelled utterances below which nothing is fitted, for a channel or for a pattern of channels."""
ROUNDS = 8
"""Alternations between the history's weights and the posteriors they lead to; it settles in four or five."""
LEAST_SHARPNESS = 0.05

Channels = Mapping[str, ChannelResult]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """What is chosen rather than learned."""

    trust: float = 1.0
    """1 takes what was learned as it is. Below, the history, and the pool wherever the `anchor` takes part, are held back towards the
    anchor alone at its temperature: for data that flatter the others (as acted speech flatters the voice) or have their own shares of
    labels."""
    anchor: str = "text"
    """The channel that is trusted anyway; without effect where `trust` is 1."""
    coverage: float = 0.9
    """Promised coverage of the prediction sets."""
    risk: float = 0.3
    """Greatest share of wrong answers; what is less sure is marked as abstained."""
    strength: float = 10.0
    """How many utterances' worth of evidence holds each weight at its prior (L2)."""
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One dialogue as arrays."""

    log_probs: np.ndarray  # (C, N, K)
    available: np.ndarray  # (C, N)
    labels: np.ndarray  # (N,), -1 where there is no reference
    speakers: tuple[str, ...]
    weight: float  # 1 / how often this dialogue occurs: random compositions of one dialogue are not new evidence


@dataclass(frozen=True, slots=True, eq=False)
class _Corpus:
    """All dialogues one after the other, with one pattern of channels: what the history is fitted on."""

    pooled: np.ndarray  # (N, K)
    scored: np.ndarray  # (N,)
    labels: np.ndarray  # (N,), -1 where there is no reference
    speakers: list[str]
    lengths: list[int]
    weights: np.ndarray  # (N,)


def fit(
    dialogues: Sequence[Dialogue],
    results: Sequence[Channels],
    *,
    settings: FitSettings = FitSettings(),
    label_sequences: Sequence[Dialogue] = (),
    fitted_on: str = "",
) -> Fusion:
    """A fusion for these channels.

    Args:
        dialogues: with reference labels, at least some, that no channel was trained on. The same id may occur several times with different
            scores (compositions): then each counts for its share, and all fall into the same fold.
        results: for each dialogue, channel name → uncalibrated result.
        settings: what is chosen rather than learned.
        label_sequences: further dialogues from which only the order of labels is taken, for the transitions.
        fitted_on: which data these are, in words, for the record.

    Raises:
        ConfigError: fewer than two dialogues or `MIN_EXAMPLES` labelled utterances, channels with different labels or calibrated
            already, or a reference outside the labels.
    """
    names, labels = _agreed(results)
    parts = _as_arrays(dialogues, results, names, labels)
    models = {name: next((r[name].model.id for r in results if name in r), "") for name in names}
    folds = _folds([d.id for d in dialogues], settings)
    if len(set(folds)) < 2:
        raise ConfigError(
            "at least two dialogues, one to fit on and one to check", "one", "Label some more, or split it where a topic ends."
        )
    biased = {p for p in patterns(names) if _bias_helps([names.index(n) for n in p], parts, folds, settings)}

    def fit_without(fold: int | None) -> FusionParameters:
        inside = [i for i, f in enumerate(folds) if f != fold]
        transitions = _transitions([dialogues[i] for i in inside], label_sequences, labels)
        return _fit_once([parts[i] for i in inside], names, labels, models, biased, transitions, settings, fitted_on)

    parameters = fit_without(None)
    held_out: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for fold in sorted(set(folds)):
        fusion = Fusion(fit_without(fold))
        for dialogue, result, f in zip(dialogues, results, folds):
            if f == fold:
                for pattern in parameters.patterns:
                    held_out.setdefault(pattern, []).append(_posteriors(fusion, dialogue, result, pattern.split("+"), labels))
    repeats = max(1, len(dialogues) // len({d.id for d in dialogues}))
    return Fusion(_with_promises(parameters, held_out, repeats, settings))


def _agreed(results: Sequence[Channels]) -> tuple[list[str], tuple[str, ...]]:
    names = list(dict.fromkeys(name for channels in results for name in channels))
    sets = {tuple(result.labels) for channels in results for result in channels.values()}
    if len(sets) != 1:
        raise ConfigError(
            "channels that choose from the same labels", f"{len(sets)} different sets", "Map them first (convemo.data.mappings)."
        )
    return names, sets.pop()


def _as_arrays(dialogues, results, names, labels) -> list[_Part]:
    occurs = Counter(d.id for d in dialogues)
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
        parts.append(_Part(log_probs, available, indices, tuple(u.speaker for u in dialogue), 1 / occurs[dialogue.id]))
    found = round(sum(p.weight * (p.available.any(axis=0) & (p.labels >= 0)).sum() for p in parts))
    if found < MIN_EXAMPLES:
        raise ConfigError(f"at least {MIN_EXAMPLES} utterances with a label and a score", str(found), "A few hundred give a useful fit.")
    return parts


def _folds(ids: Sequence[str], settings: FitSettings) -> list[int]:
    """The fold of each dialogue; the same id always falls into the same."""
    unique = sorted(set(ids))
    order = np.random.default_rng(settings.seed).permutation(len(unique))
    fold_of = {unique[index]: place % settings.folds for place, index in enumerate(order)}
    return [fold_of[id] for id in ids]


def _transitions(dialogues: Sequence[Dialogue], more: Sequence[Dialogue], labels: tuple[str, ...]) -> Transitions:
    unique = {d.id: d for d in [*dialogues, *more]}.values()  # compositions of one dialogue share their labels
    sequences = [[(u.speaker, None if u.label is None else labels.index(u.label)) for u in d] for d in unique]
    return estimate_transitions(sequences, len(labels))


def _rows(parts: Sequence[_Part], chosen: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``(C, M, K)``, labels and weights of all labelled rows in which all chosen channels have scored."""
    chosen = list(chosen)
    masks = [p.available[chosen].all(axis=0) & (p.labels >= 0) for p in parts]
    log_probs = np.concatenate([p.log_probs[chosen][:, m] for p, m in zip(parts, masks)], axis=1)
    return (
        log_probs,
        np.concatenate([p.labels[m] for p, m in zip(parts, masks)]),
        np.concatenate([np.full(m.sum(), p.weight) for p, m in zip(parts, masks)]),
    )


def _bias_helps(chosen: list[int], parts: list[_Part], folds: list[int], settings: FitSettings) -> bool:
    """Whether a bias for each label lowers a pattern's held-out negative log-likelihood by more than one standard error over the folds:
    as many parameters as there are labels must be worth it."""
    gains = []
    for fold in range(settings.folds):
        inside, outside = ([p for p, f in zip(parts, folds) if (f == fold) == out] for out in (False, True))
        if not inside or not outside or not len(_rows(inside, chosen)[1]) or not len(_rows(outside, chosen)[1]):
            continue
        ready, ready_out = (_calibrated(some, _temperatures(inside, settings)) for some in (inside, outside))
        x, y, w = _rows(ready_out, chosen)
        occurring = np.unique(np.r_[_rows(ready, chosen)[1], y])  # labels that the data do not know are no mistakes here
        cost = {}
        for bias in (False, True):
            among = log_softmax(_fit_pool(ready, chosen, [str(c) for c in chosen], bias, settings).logits(x)[:, occurring])
            cost[bias] = -(w @ among[np.arange(len(y)), np.searchsorted(occurring, y)]) / w.sum()
        gains.append(cost[False] - cost[True])
    return len(gains) > 1 and bool(np.mean(gains) > np.std(gains, ddof=1) / np.sqrt(len(gains)))


def _temperatures(parts: list[_Part], settings: FitSettings) -> list[Temperature]:
    """One for each channel; 1 where it has scored nothing that is labelled."""
    fitted = []
    for c in range(len(parts[0].log_probs)):
        x, y, w = _rows(parts, [c])
        calibrator = Temperature(strength=settings.strength)
        fitted.append(calibrator.fit(x[0], y, w) if len(y) else calibrator)
    return fitted


def _calibrated(parts: list[_Part], temperatures: list[Temperature]) -> list[_Part]:
    return [replace(p, log_probs=np.stack([t.predict_log_proba(x) for t, x in zip(temperatures, p.log_probs)])) for p in parts]


def _fit_pool(parts: list[_Part], chosen: list[int], names: Sequence[str], bias: bool, settings: FitSettings) -> PoolWeights:
    """The pool of one pattern. A channel alone keeps weight 1 unless a bias joins it: its temperature is its fit."""
    if len(names) == 1 and not bias:
        return PoolWeights({names[0]: 1.0})
    x, y, w = _rows(parts, chosen)
    prior = np.array([1.0 if len(names) == 1 or n == settings.anchor else PRIOR_WEIGHT for n in names])
    return fit_pattern(x, y, names=names, prior=prior, strength=settings.strength, bias=bias, sample_weights=w)


def _fit_once(parts, names, labels, models, biased, transitions, settings, fitted_on) -> FusionParameters:
    """All parameters but the promises (sets, abstention), which need dialogues that were left out."""
    temperatures = _temperatures(parts, settings)
    ready = _calibrated(parts, temperatures)
    pools: dict[tuple[str, ...], PoolWeights] = {}
    for pattern in patterns(names):
        chosen = [names.index(n) for n in pattern]
        if _rows(ready, chosen)[2].sum() >= MIN_EXAMPLES:
            pools[pattern] = _fit_pool(ready, chosen, pattern, pattern in biased, settings)
    history = _held_back(_fit_history(ready, names, pools, transitions, settings), settings)
    anchor = PoolWeights({settings.anchor: 1.0})
    held_back = {p: pool.towards(anchor, settings.trust) if settings.anchor in p else pool for p, pool in pools.items()}
    return FusionParameters(
        labels=labels,
        channels={n: ChannelParameters(temperature=round(t.temperature_, 5), model=models[n]) for n, t in zip(names, temperatures)},
        patterns={pattern_name(p): PatternParameters.of(pool, labels) for p, pool in held_back.items()},
        history=HistoryParameters.of(history),
        fitted_on=fitted_on,
        seed=settings.seed,
    )


def _held_back(history: History, settings: FitSettings) -> History:
    """A history that counts for less, and with it the scalars that made up for it."""
    t = settings.trust
    sharpness, smoothed = 1 + t * (history.sharpness - 1), 1 + t * (history.sharpness_smoothed - 1)
    return History(history.transitions, t * history.own, t * history.other, sharpness, smoothed)


def _fit_history(parts, names, pools, transitions: Transitions, settings: FitSettings) -> History:
    """The history's weights and sharpness, on every pattern alike, so that they suit a dialogue without sound as well as one with it.

    They act on posteriors that they have shaped themselves; so: run the filter, fit the weights of what it was told (convex), run again.
    """
    history = History(transitions, own=0.3, other=0.1)
    prior, lower = np.array([1.0, 0.0, 0.0]), np.array([LEAST_SHARPNESS, 0.0, 0.0])
    corpora = [_pooled(parts, names, pattern, pools) for pattern in pools]
    if not corpora:
        return History(transitions, own=0.0, other=0.0)
    for _ in range(ROUNDS):
        terms, targets, rows = _told(corpora, history, smooth=False)
        theta = fit_weights(terms, targets, prior=prior, strength=settings.strength, lower=lower, sample_weights=rows)
        before = history
        history = History(transitions, own=theta[1] / theta[0], other=theta[2] / theta[0], sharpness=theta[0])
        if np.allclose([*before.weights, before.sharpness], [*history.weights, history.sharpness], atol=1e-3):
            break
    terms, targets, rows = _told(corpora, history, smooth=True)
    whole = np.einsum("f,fnk->nk", np.r_[1.0, history.weights], terms)[None]
    (smoothed,) = fit_weights(whole, targets, prior=prior[:1], strength=settings.strength, lower=lower[:1], sample_weights=rows)
    return History(transitions, history.own, history.other, history.sharpness, smoothed)


def _pooled(parts: list[_Part], names, pattern, pools) -> _Corpus:
    """All dialogues as they are when only this pattern's channels are there."""
    log_probs = np.concatenate([p.log_probs for p in parts], axis=1)
    available = np.concatenate([p.available for p in parts], axis=1) & np.array([[n in pattern] for n in names])
    terms, _ = pool_terms(names, log_probs, available, {frozenset(p): pool for p, pool in pools.items()})
    return _Corpus(
        pooled=terms.sum(axis=0),
        scored=available.any(axis=0),
        labels=np.concatenate([p.labels for p in parts]),
        speakers=[speaker for p in parts for speaker in p.speakers],
        lengths=[len(p.labels) for p in parts],
        weights=np.concatenate([np.full(len(p.labels), p.weight / len(pools)) for p in parts]),
    )


def _told(corpora: list[_Corpus], history: History, *, smooth: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``(3, M, S)`` pool, own and other's past of all labelled rows, over the classes that occur; class indices; row weights."""
    terms, targets, rows = [], [], []
    for c in corpora:
        told, _ = (history.smooth if smooth else history.filter)(c.pooled, c.speakers, c.scored, c.lengths)
        there = c.scored & (c.labels >= 0)
        terms.append(np.stack([c.pooled[there], told[there, 0], told[there, 1]]))
        targets.append(c.labels[there])
        rows.append(c.weights[there])
    occurring, indices = np.unique(np.concatenate(targets), return_inverse=True)
    return np.concatenate(terms, axis=1)[:, :, occurring], indices, np.concatenate(rows)


def _posteriors(fusion: Fusion, dialogue: Dialogue, channels: Channels, pattern: list[str], labels) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and references of the labelled rows in which all of the pattern's channels, and no others, have a say."""
    chosen = {n: channels[n] for n in pattern if n in channels}
    there = np.array([u.label is not None for u in dialogue]) & np.array(len(chosen) == len(pattern))
    for result in chosen.values():
        there = there & result.valid
    probabilities = np.exp(fusion.fuse(dialogue, chosen).result.log_probs[there])
    references = np.array([labels.index(u.label) for u, t in zip(dialogue, there) if t], dtype=int)
    return probabilities / probabilities.sum(axis=1, keepdims=True), references


def _with_promises(parameters: FusionParameters, held_out, repeats: int, settings: FitSettings) -> FusionParameters:
    """Set thresholds, abstention and figures for each pattern, all from dialogues that took no part in the fit that scored them."""
    sets, silence, figures = {}, {}, {}
    for pattern, pairs in held_out.items():
        p, y = (np.concatenate(arrays) for arrays in zip(*pairs))
        won, surest = p.argmax(axis=1), p.max(axis=1)
        thresholds = ConformalSets(coverage=settings.coverage).fit(p, y, repeats).thresholds_
        sets[pattern] = {label: round(float(t), 5) for label, t in zip(parameters.labels, thresholds)}
        silence[pattern] = round(abstention_threshold(surest, won == y, settings.risk, repeats), 5)
        figures[pattern] = {
            "utterances": len(y) // repeats,
            "accuracy": round(accuracy(won, y), 4),
            "nll": round(negative_log_likelihood(p, y), 4),
            "ece": round(expected_calibration_error(p, y), 4),
            "aurc": round(aurc(surest, won == y), 4),
        }
    return parameters.model_copy(
        update={
            "sets": SetParameters(coverage=settings.coverage, thresholds=sets),
            "abstention": AbstentionParameters(risk=settings.risk, thresholds=silence),
            "held_out": figures,
        }
    )
