"""Temperatures, gates and pools from labelled dialogues: each by negative log-likelihood, kept only where dialogues left out agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convemo.fusion.calibration import Temperature
from convemo.fusion.examples import MIN_EXAMPLES, Part, joined, rows, split
from convemo.fusion.gating import LEAST, MOST, QUALITY, Gate
from convemo.fusion.loglinear import fit_weights, log_softmax
from convemo.fusion.pool import Bias, PoolWeights, fit_pattern, patterns
from convemo.fusion.settings import FitSettings
from convemo.metrics import weighted_f1
from convemo.types import PRIOR_WEIGHT

GATE_ROUNDS = 8
"""Alternations between gates and pools; they settle in four or five."""
LEAST_GAIN = 0.001
"""Nats an utterance below which a gate is not worth a number and a sentence. So many quantities are asked that one or the other gains a
ten-thousandth by chance."""
_FIXED = 1e6  # strength of a prior that nothing moves

Pattern = tuple[str, ...]
GateTerm = tuple[str, str]
"""A channel, and the quantity of `gating.QUALITY` that gates it."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedPools:
    """What was learned before the history."""

    temperatures: list[Temperature]
    gates: list[Gate]
    pools: Mapping[Pattern, PoolWeights]

    def apply(self, part: Part) -> Part:
        """The part with calibrated log-probabilities, each row as strong as its gate lets it be."""
        scaled = [t.predict_log_proba(x) for t, x in zip(self.temperatures, part.log_probs)]
        factors = [gate.factors(part.qualities)[:, None] for gate in self.gates]
        return replace(part, log_probs=np.stack([factor * x for factor, x in zip(factors, scaled)]))


def fit_pools(
    part: Part,
    names: Sequence[str],
    biases: Mapping[Pattern, Bias],
    terms: Sequence[GateTerm],
    settings: FitSettings,
    concerned: Sequence[Pattern] | None = None,
) -> FittedPools:
    """All of it for these dialogues.

    Given the pools, the logits are an exponential of the gates' weights; each round fits the tangent to it, which is convex
    (`loglinear.fit_weights`), goes there, and fits temperatures and pools again.

    Args:
        part: the dialogues, joined.
        names: their ``C`` channels.
        biases: the kind of bias of each pattern; none for those that are not named.
        terms: what gates what.
        settings: priors.
        concerned: the patterns; every one of these channels if ``None``.
    """
    concerned, theta = patterns(names) if concerned is None else concerned, np.zeros(len(terms))
    for _ in range(GATE_ROUNDS if terms else 1):
        gates = [Gate({q: float(t) for (n, q), t in zip(terms, theta) if n == name}) for name in names]
        found = FittedPools(_temperatures(part, gates, settings), gates, {})
        ready = found.apply(part)
        pools = {p: _fit_pool(ready, names, p, biases.get(p, Bias.NONE), settings) for p in concerned if _enough(ready, names, p)}
        found = replace(found, pools=pools)
        before, theta = theta, _fit_gates(ready, names, found, terms, theta, settings)
        if np.allclose(before, theta, atol=1e-3):
            break
    return found


def worth_it(gains: np.ndarray, least: float = 0.0, errors: float = 1.0) -> bool:
    """Whether gains, one a fold, are on average more than so many standard errors over the folds, and more than `least`; NaN says nothing.

    >>> worth_it(np.array([0.02, 0.01, 0.03])), worth_it(np.array([0.05, -0.04, 0.01]))
    (True, False)
    """
    gains = gains[~np.isnan(gains)]
    return len(gains) > 1 and bool(np.mean(gains) > max(least, errors * np.std(gains, ddof=1) / np.sqrt(len(gains))))


def helpful_biases(parts: Sequence[Part], folds: Sequence[int], names: Sequence[str], settings: FitSettings) -> dict[Pattern, Bias]:
    """The bias of each pattern: a richer kind wherever it lowers held-out negative log-likelihood by more than one standard error over the
    folds (a number for each label: by more than two, for that many numbers fit noise more often), so that its parameters are worth it; and
    where held-out weighted F1 does not fall by as much: what is often said is likelier, but whoever looks for anger wants it found."""
    found = {}
    for pattern in patterns(names):
        held_out = {kind: _held_out(parts, folds, names, [pattern], {pattern: kind}, (), settings) for kind in Bias}
        best = Bias.NONE
        for kind in Bias:
            gains, losses = held_out[best] - held_out[kind]  # of NLL, of weighted F1
            if worth_it(gains, errors=2.0 if kind is Bias.FREE else 1.0) and not worth_it(losses):
                best = kind
        found[pattern] = best
    return found


def helpful_terms(
    parts: Sequence[Part], folds: Sequence[int], names: Sequence[str], biases: Mapping[Pattern, Bias], settings: FitSettings
) -> list[GateTerm]:
    """The quantities that, gating one channel by themselves, lower held-out negative log-likelihood by more than one standard error over
    the folds, and by `LEAST_GAIN`. What these data do not know, or hold constant, is not asked."""
    helped = []
    for c, name in enumerate(names):
        concerned = [p for p in patterns(names) if name in p]
        plain, _ = _held_out(parts, folds, names, concerned, biases, (), settings)
        _, _, _, seen = rows(joined(parts), [c])
        for quantity, column in zip(QUALITY, seen.T):
            if len(column) and np.ptp(column) > 0:
                gated, _ = _held_out(parts, folds, names, concerned, biases, [(name, quantity)], settings)
                if worth_it(plain - gated, LEAST_GAIN):
                    helped.append((name, quantity))
    return helped


def _held_out(parts, folds, names, concerned: Sequence[Pattern], biases, terms, settings: FitSettings) -> np.ndarray:
    """``(2, F)`` mean negative log-likelihood and weighted F1 over these patterns, for each of ``F`` folds left out; NaN where a fold has
    nothing to say."""
    figures = []
    for fold in sorted(set(folds)):
        inside, outside = split(parts, folds, fold)
        found = fit_pools(inside, names, biases, terms, settings, concerned)
        judged = list(_judged(found, inside, outside, names, concerned))
        if not judged:
            figures.append((np.nan, np.nan))
            continue
        log_p, won, references, weights = (np.concatenate(columns) for columns in zip(*judged))
        figures.append((-(weights @ log_p) / weights.sum(), weighted_f1(won, references)))
    return np.array(figures).T


def _judged(found: FittedPools, inside: Part, outside: Part, names, concerned) -> Iterator[tuple[np.ndarray, ...]]:
    """``(M,)`` log-probabilities of the references left out, winners, references and the rows' weights, for each pattern."""
    ready = found.apply(outside)
    for pattern in (p for p in concerned if p in found.pools):
        chosen = [names.index(n) for n in pattern]
        x, y, weights, _ = rows(ready, chosen)
        if len(y):
            occurring = np.unique(np.r_[rows(inside, chosen)[1], y])  # labels that the data do not know are no mistakes here
            log_p = log_softmax(found.pools[pattern].logits(x)[:, occurring])
            yield log_p[np.arange(len(y)), np.searchsorted(occurring, y)], occurring[log_p.argmax(axis=1)], y, weights


def _temperatures(part: Part, gates: Sequence[Gate], settings: FitSettings) -> list[Temperature]:
    """One for each channel, beside its gate; 1 where it has scored nothing that is labelled."""
    fitted = []
    for c, gate in enumerate(gates):
        x, y, w, seen = rows(part, [c])
        calibrator = Temperature(strength=settings.strength)
        fitted.append(calibrator.fit(gate.factors(seen)[:, None] * x[0], y, w) if len(y) else calibrator)
    return fitted


def _enough(part: Part, names: Sequence[str], pattern: Pattern) -> bool:
    return rows(part, [names.index(n) for n in pattern])[2].sum() >= MIN_EXAMPLES


def _fit_pool(part: Part, names: Sequence[str], pattern: Pattern, bias: Bias, settings: FitSettings) -> PoolWeights:
    """The pool of one pattern. A channel alone keeps weight 1 unless a bias joins it: its temperature is its fit."""
    if len(pattern) == 1 and bias is Bias.NONE:
        return PoolWeights({pattern[0]: 1.0})
    x, y, w, _ = rows(part, [names.index(n) for n in pattern])
    prior = np.array([1.0 if len(pattern) == 1 or n == settings.anchor else PRIOR_WEIGHT for n in pattern])
    return fit_pattern(x, y, names=pattern, prior=prior, strength=settings.strength, bias=bias, sample_weights=w)


def _fit_gates(ready: Part, names, found: FittedPools, terms: Sequence[GateTerm], theta: np.ndarray, settings) -> np.ndarray:
    """``(F,)`` the gates' weights that are best along the tangent at `theta`, over all patterns together."""
    if not terms:
        return theta
    tangents, targets, weights = [], [], []
    for pattern, pool in found.pools.items():
        x, y, w, seen = rows(ready, [names.index(n) for n in pattern])  # (C, M, K), gated
        slopes = np.zeros((len(terms), *x.shape[1:]))  # (F, M, K)
        for f, (name, quantity) in enumerate(terms):
            if name in pattern:
                factor = found.gates[names.index(name)].factors(seen)
                moves = (factor > LEAST) & (factor < MOST)
                slopes[f] = (moves * seen[:, list(QUALITY).index(quantity)])[:, None] * pool.weights[name] * x[pattern.index(name)]
        offset = pool.logits(x) - np.einsum("f,fmk->mk", theta, slopes)
        tangents.append(np.concatenate([offset[None], slopes]))
        targets.append(y)
        weights.append(w)
    occurring, indices = np.unique(np.concatenate(targets), return_inverse=True)
    return fit_weights(
        np.concatenate(tangents, axis=1)[:, :, occurring],
        indices,
        prior=np.r_[1.0, np.zeros(len(terms))],
        strength=np.r_[_FIXED, np.full(len(terms), settings.strength)],
        lower=np.r_[1.0, np.zeros(len(terms))],
        sample_weights=np.concatenate(weights),
    )[1:]
