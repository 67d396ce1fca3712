"""Fusion from labelled dialogues: every number by negative log-likelihood, every promise checked on dialogues left out.

calibrate each channel, gate it by its evidence, weigh each pattern of channels  →  weigh the history  →  hold back what is not trusted
the same on all folds but one, for the one left out  →  keep the history if it helped there  →  prediction sets, abstention, honest figures
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from convemo.errors import ConfigError
from convemo.fusion.conformal import ConformalSets, abstention_threshold
from convemo.fusion.examples import Channels, Part, agreed, as_parts, joined, with_shares_of
from convemo.fusion.fit_pools import fit_pools, helpful_biases, helpful_terms, worth_it
from convemo.fusion.fuse import Fusion
from convemo.fusion.history import History, Transitions, estimate_transitions
from convemo.fusion.loglinear import fit_weights
from convemo.fusion.parameters import (
    AbstentionParameters,
    ChannelParameters,
    FusionParameters,
    HistoryParameters,
    PatternParameters,
    SetParameters,
)
from convemo.fusion.pool import PoolWeights, pattern_name, pool_terms
from convemo.fusion.settings import FitSettings
from convemo.metrics import accuracy, aurc, expected_calibration_error, negative_log_likelihood, weighted_f1
from convemo.types import Dialogue

__all__ = ["CrossFit", "FitSettings", "cross_fit", "fit"]

ROUNDS = 8
"""Alternations between the history's weights and the posteriors they lead to; it settles in four or five."""
LEAST_SHARPNESS = 0.05
HeldOut = tuple[int, str, np.ndarray, np.ndarray]
"""Fold, pattern, ``(M, K)`` probabilities and ``(M,)`` references of one dialogue by the fusion that was fitted without it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Corpus:
    """All dialogues one after the other, with one pattern of channels: what the history is fitted on."""

    pooled: np.ndarray  # (N, K)
    scored: np.ndarray  # (N,)
    labels: np.ndarray  # (N,), -1 where there is no reference
    speakers: list[str]
    lengths: list[int]
    weights: np.ndarray  # (N,)


@dataclass(frozen=True, slots=True, eq=False)
class CrossFit:
    """A fusion fitted on all dialogues, and those that left some out."""

    fusion: Fusion
    folds: Sequence[int]
    """The fold of each dialogue."""
    left_out: Mapping[int, Fusion]
    """Fold → the fusion fitted on all others, with what these promise: whatever it says of the fold's dialogues is held out."""


def fit(
    dialogues: Sequence[Dialogue],
    results: Sequence[Channels],
    *,
    settings: FitSettings | None = None,
    label_sequences: Sequence[Dialogue] = (),
    weights: Mapping[str, float] | None = None,
    fitted_on: str = "",
) -> Fusion:
    """A fusion for these channels.

    Args:
        dialogues: with reference labels, at least some, that no channel was trained on, and with the evidence of their utterances,
            if gates are to be learned. The same id may occur several times with different
            scores (compositions, bad conditions): then each counts for its share, and all fall into the same fold.
        results: for each dialogue, channel name → uncalibrated result.
        settings: what is chosen rather than learned; ``FitSettings()`` if not given.
        label_sequences: further dialogues from which only the labels are taken, such as those that the channels were trained on: in
            which order they come (for the transitions), and how often each occurs: a few hundred utterances do not tell that well, so
            each row of the fit counts as much as makes the shares those of all labels together.
        weights: dialogue → how much each of its utterances counts in the fit (not in the promises), where some are of a corpus that is
            small and yet what the fusion is for; 1 for those that are not named.
        fitted_on: which data these are, in words, for the record.

    Raises:
        ConfigError: fewer than two dialogues or `MIN_EXAMPLES` labelled utterances, channels with different labels or calibrated
            already, or a reference outside the labels.
    """
    return cross_fit(dialogues, results, settings=settings, label_sequences=label_sequences, weights=weights, fitted_on=fitted_on).fusion


def cross_fit(
    dialogues: Sequence[Dialogue],
    results: Sequence[Channels],
    *,
    settings: FitSettings | None = None,
    label_sequences: Sequence[Dialogue] = (),
    weights: Mapping[str, float] | None = None,
    fitted_on: str = "",
) -> CrossFit:
    """As `fit`, with the fusions that each left one fold out: for figures on the very dialogues of the fit.

    Which biases and gates there are at all, and whether the past counts, is decided once, by all folds together.
    """
    settings = settings or FitSettings()
    names, labels = agreed(results)
    parts = with_shares_of(label_sequences, as_parts(dialogues, results, names, labels, weights), labels, weights)
    models = {name: next((r[name].model.id for r in results if name in r), "") for name in names}
    folds = _folds([d.id for d in dialogues], settings)
    if len(set(folds)) < 2:
        raise ConfigError(
            "at least two dialogues, one to fit on and one to check", "one", "Label some more, or split it where a topic ends."
        )
    biases = helpful_biases(parts, folds, names, settings)
    terms = helpful_terms(parts, folds, names, biases, settings) if settings.gating else []

    def fit_without(fold: int | None) -> FusionParameters:
        inside = [i for i, f in enumerate(folds) if f != fold]
        transitions = _transitions([dialogues[i] for i in inside], label_sequences, labels)
        return _fit_once([parts[i] for i in inside], names, labels, models, biases, terms, transitions, settings, fitted_on)

    whole, without = fit_without(None), {fold: fit_without(fold) for fold in sorted(set(folds))}

    def left_out(parameters: Mapping[int, FusionParameters]) -> list[HeldOut]:
        fusions = {fold: Fusion(found) for fold, found in parameters.items()}
        return [
            (fold, pattern, *_posteriors(fusions[fold], dialogue, result, pattern.split("+"), labels))
            for dialogue, result, fold in zip(dialogues, results, folds)
            for pattern in whole.patterns
        ]

    held_out, forgetful = left_out(without), {fold: _without_history(found) for fold, found in without.items()}
    if not _history_helps(held_out, at_once := left_out(forgetful)):
        held_out, whole, without = at_once, _without_history(whole), forgetful
    repeats = max(1, len(dialogues) // len({d.id for d in dialogues}))

    def promising(parameters: FusionParameters, but: int | None = None) -> Fusion:
        return Fusion(_with_promises(parameters, [row[1:] for row in held_out if row[0] != but], repeats, settings))

    return CrossFit(promising(whole), folds, {fold: promising(parameters, fold) for fold, parameters in without.items()})


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


def _fit_once(parts, names, labels, models, biases, terms, transitions, settings, fitted_on) -> FusionParameters:
    """All parameters but the promises (sets, abstention), which need dialogues that were left out."""
    found = fit_pools(joined(parts), names, biases, terms, settings)
    history = _held_back(_fit_history([found.apply(p) for p in parts], names, found.pools, transitions, settings), settings)
    anchor = PoolWeights({settings.anchor: 1.0})
    held_back = {p: pool.towards(anchor, settings.trust) if settings.anchor in p else pool for p, pool in found.pools.items()}
    return FusionParameters(
        labels=labels,
        channels={n: ChannelParameters.of(t, models[n], gate) for n, t, gate in zip(names, found.temperatures, found.gates)},
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


def _without_history(parameters: FusionParameters) -> FusionParameters:
    """The same pools, of which each utterance is judged by itself."""
    nothing = {"own": 0.0, "other": 0.0, "sharpness": 1.0, "sharpness_smoothed": 1.0}
    return parameters.model_copy(update={"history": parameters.history.model_copy(update=nothing)})


def _history_helps(remembering: Sequence[HeldOut], at_once: Sequence[HeldOut]) -> bool:
    """Whether the past is worth its weights: on dialogues left out negative log-likelihood falls by more than one standard error over the
    folds, and weighted F1 does not fall by as much."""
    gains, losses = [], []
    for fold in sorted({row[0] for row in at_once}):
        (p, y), (q, _) = ([np.concatenate(a) for a in zip(*(row[2:] for row in rows if row[0] == fold))] for rows in (remembering, at_once))
        if len(y):
            gains.append(negative_log_likelihood(q, y) - negative_log_likelihood(p, y))
            losses.append(weighted_f1(q.argmax(axis=1), y) - weighted_f1(p.argmax(axis=1), y))
    return worth_it(np.array(gains)) and not worth_it(np.array(losses))


def _pooled(parts: Sequence[Part], names, pattern, pools) -> _Corpus:
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
        weights=np.concatenate([p.weights for p in parts]) / len(pools),
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
    """Set thresholds, abstention and figures for each pattern, all from dialogues that took no part in the fit that scored them.

    Args:
        parameters: without them.
        held_out: pattern, ``(M, K)`` probabilities and ``(M,)`` references of each dialogue.
        repeats: how often each dialogue occurs.
        settings: what is promised.
    """
    sets, silence, figures = {}, {}, {}
    for pattern in parameters.patterns:
        pairs = [(p, y) for name, p, y in held_out if name == pattern]
        p, y = (np.concatenate(arrays) for arrays in zip(*pairs))
        if not len(y):
            continue
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
