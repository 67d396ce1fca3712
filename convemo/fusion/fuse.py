"""From channels to one opinion of every utterance, with the reasons for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from convemo.errors import ConfigError
from convemo.fusion.conformal import label_sets
from convemo.fusion.gating import Gate, qualities
from convemo.fusion.loglinear import log_softmax
from convemo.fusion.parameters import FusionParameters
from convemo.fusion.pool import pattern_name, pool_terms, rows_by_pattern
from convemo.results import Weighting
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo
from convemo.weights import MANIFEST, ROOT, file_sha256, load_manifest

FILE = "fusion.json"
TRAINED = "model"
"""Where in its ``--out`` a training leaves the model folder."""
SHIPPED = {"shipped": "fusion", "shipped-text": "fusion_text"}
"""Name → folder in the package: for text and voice, and for text alone, which is free of the acted clips' licence."""
NO_CHANNEL = "no channel could score it"
HISTORY = "history"
"""Under this name what was said before contributes."""
PRIOR = "prior"
"""Under this name contributes how often each label occurs anyway, in a fusion that corrects for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """One opinion of every utterance of a dialogue, and why."""

    result: ChannelResult
    """The channel ``"fused"``. `calibrated` is ``False`` if anything entered that nobody has fitted."""
    contributions: Mapping[str, np.ndarray]
    """Channel, ``"history"`` or ``"prior"`` → ``(N,)``: how many natural-log odds of the winning label over the runner-up it brought. Their
    sum is the log odds themselves; below 0 it spoke for the runner-up. 0 where it had nothing to say."""
    prediction_sets: tuple[tuple[str, ...] | None, ...]
    """For each utterance the labels, likeliest first, that hold the truth with the promised coverage; ``None`` where there is no score, or
    where nobody has fitted these channels, so that nothing can be promised."""
    abstained: np.ndarray
    """``(N,)`` booleans: scored, but not surely enough for the chosen risk."""
    weighting: Mapping[str, tuple[Weighting | None, ...]]
    """Channel → for each utterance how far it was heard, and which evidence decided that; ``None`` where it had its full weight, or
    nothing to say. Channels without a gate are not listed."""


class Fusion:
    """Calibrates, pools, and takes the conversation so far into account.

    >>> from convemo.types import Speaker, Utterance
    >>> fusion = Fusion.load()
    >>> dialogue = Dialogue("d1", (Utterance("u1", "ana", "Wonderful!"),), (Speaker("ana"),))
    >>> scores = np.log([[0.1, 0.8, 0.02, 0.02, 0.02, 0.02, 0.02]])
    >>> fused = fusion.fuse(dialogue, {"text": ChannelResult("text", fusion.labels, scores, (None,))})
    >>> fused.prediction_sets[0][0], bool(fused.contributions["text"][0] > 0)
    ('joy', True)
    """

    def __init__(self, parameters: FusionParameters, model: ModelInfo | None = None):
        self.parameters = parameters
        self.model = model or ModelInfo("fusion")
        self.labels = LabelSet(parameters.labels)
        self._patterns = {frozenset(p.weights): p.build(self.labels) for p in parameters.patterns.values()}
        self._gates = {name: Gate(channel.gate) for name, channel in parameters.channels.items() if channel.gate}
        self._history = parameters.history.build()

    @classmethod
    def load(cls, path: str | PathLike = "shipped") -> Fusion:
        """What somebody has fitted.

        Args:
            path: a name in `SHIPPED`; a folder with a manifest, or with one in its ``model`` as ``convemo train fusion`` leaves it; or a
                ``fusion.json``.

        Raises:
            ConfigError: the parameters are missing or make no sense.
            EngineUnavailable: the folder's files are not those of its manifest.
        """
        folder = ROOT / SHIPPED[path] if path in SHIPPED else Path(path)
        if (folder / TRAINED / MANIFEST).is_file():
            folder = folder / TRAINED
        if (folder / MANIFEST).is_file():
            shipped = load_manifest(folder)
            return cls(FusionParameters.load(shipped.path(FILE)), shipped.info(FILE))
        file = folder / FILE if folder.is_dir() else folder
        return cls(FusionParameters.load(file), ModelInfo(f"fusion:{file.stem}", file_sha256(file)))

    def fuse(self, dialogue: Dialogue, channels: Mapping[str, ChannelResult], *, smooth: bool = False) -> Fused:
        """One opinion of every utterance.

        Causal: a row depends on no later row, so fusing a prefix gives the same rows. An utterance that no channel has scored stays
        without a score and leaves no trace in the history.

        Args:
            dialogue: who said what; the evidence of its utterances gates the channels that have a gate.
            channels: name → its result, one row an utterance, as the channel gives it or as `calibrate` does. A name that nobody has fitted
                joins with `pool.PRIOR_WEIGHT`. Of a channel that knows further labels, what it says among the fusion's counts.
            smooth: whether what follows may inform what went before.

        Raises:
            ConfigError: a channel lacks a label of this fusion, or has another number of rows than the dialogue.
        """
        names = [*(n for n in self.parameters.channels if n in channels), *(n for n in channels if n not in self.parameters.channels)]
        results = [self._checked(dialogue, name, channels[name]) for name in names]
        shape = (len(names), len(dialogue))
        log_probs = np.array([self._scaled(n, r) for n, r in zip(names, results)]).reshape(*shape, len(self.labels))  # (C, N, K)
        available = np.array([r.valid for r in results], dtype=bool).reshape(shape)  # (C, N)
        seen = qualities(dialogue)  # (N, Q)
        gates = {name: self._gates[name] for name in names if name in self._gates and self._knows(name, channels[name])}
        factors = np.array([gates[n].factors(seen) if n in gates else np.ones(len(dialogue)) for n in names]).reshape(shape)  # (C, N)
        terms, fitted = pool_terms(names, factors[..., None] * log_probs, available, self._patterns)  # (C + 1, N, K), (N,)
        for name, result, row in zip(names, results, available):
            fitted &= ~row | self._knows(name, result)
        scored = available.any(axis=0)
        run = self._history.smooth if smooth else self._history.filter
        told, posteriors = run(terms.sum(axis=0), [u.speaker for u in dialogue], scored)
        sharpness = self._history.sharpness_smoothed if smooth else self._history.sharpness
        past = np.einsum("s,nsk->nk", self._history.weights, told)
        odds = _odds(sharpness * np.concatenate([terms, past[None]]), posteriors)  # (C + 2, N)
        contributions = dict(zip([*names, PRIOR, HISTORY], odds))
        if all(pool.bias is None for pool in self._patterns.values()):
            del contributions[PRIOR]
        sets, abstained = self._sets(posteriors, names, available, fitted)
        result = ChannelResult(
            channel="fused",
            labels=self.labels,
            log_probs=posteriors,
            reasons=tuple(None if there else NO_CHANNEL for there in scored),
            dimensions=_mean_dimensions(channels, len(dialogue)),
            model=self.model,
            calibrated=bool(scored.any() and fitted[scored].all()),
        )
        return Fused(result, contributions, sets, abstained, _weighting(dialogue, channels, gates, seen))

    def calibrate(self, name: str, result: ChannelResult) -> ChannelResult:
        """One channel's own opinion at its fitted temperature: the same winners, as sure as they deserve.

        Neither history nor how often labels occur enters. A channel that nobody has fitted, or that has scored nothing, comes back as it
        is, `calibrated` ``False``; one that chooses from more labels than this fusion comes back among the fusion's.
        """
        if result.calibrated and result.labels == self.labels:
            return result
        speaks_them = set(self.labels) <= set(result.labels) and not result.calibrated
        if not speaks_them or not self._knows(name, result) or not result.valid.any():
            return replace(result, calibrated=False)
        result = result.among(self.labels)
        return replace(result, log_probs=self._scaled(name, result), calibrated=True)

    def _scaled(self, name: str, result: ChannelResult) -> np.ndarray:
        """``(N, K)`` log-probabilities at the channel's temperature, once (a stored result has had it), 0 where there is no score."""
        known = None if result.calibrated else self.parameters.channels.get(name)
        return np.where(result.valid[:, None], log_softmax(result.log_probs / (known.temperature if known else 1.0)), 0.0)

    def _checked(self, dialogue: Dialogue, name: str, result: ChannelResult) -> ChannelResult:
        if name in (HISTORY, PRIOR):
            raise ConfigError("a channel's name", f"{name!r}, which stands for something else in the contributions", "Call it otherwise.")
        if not set(self.labels) <= set(result.labels):
            raise ConfigError(
                f"channel {name!r} to choose from {', '.join(self.labels)}",
                ", ".join(result.labels),
                "Map its labels first (convemo.data.mappings), or fit a fusion for these labels.",
            )
        if len(result) != len(dialogue):
            raise ConfigError(f"{len(dialogue)} rows in channel {name!r}, one an utterance", f"{len(result)}", "Score the whole dialogue.")
        return result.among(self.labels)

    def _knows(self, name: str, result: ChannelResult) -> bool:
        """Whether the calibration was fitted on scores of this very model."""
        known = self.parameters.channels.get(name)
        return known is not None and (not known.model or not result.model.id or known.model == result.model.id)

    def _sets(self, posteriors, names, available, fitted) -> tuple[tuple[tuple[str, ...] | None, ...], np.ndarray]:
        sets: list[tuple[str, ...] | None] = [None] * len(posteriors)
        abstained = np.zeros(len(posteriors), dtype=bool)
        probabilities = np.exp(posteriors)
        for chosen, rows in rows_by_pattern(names, available):
            pattern, rows = pattern_name(chosen), np.flatnonzero(rows & fitted)
            if self.parameters.sets and pattern in self.parameters.sets.thresholds:
                thresholds = self.parameters.sets.thresholds[pattern]
                members = label_sets(probabilities[rows], np.array([thresholds[label] for label in self.labels]))
                ranked = np.argsort(-posteriors[rows], axis=1, kind="stable")
                for i, order, inside in zip(rows.tolist(), ranked.tolist(), members.tolist()):
                    sets[i] = tuple(self.labels[k] for k in order if inside[k])
            if self.parameters.abstention and pattern in self.parameters.abstention.thresholds:
                abstained[rows] = probabilities[rows].max(axis=1) < self.parameters.abstention.thresholds[pattern]
        return tuple(sets), abstained


def _odds(parts: np.ndarray, posteriors: np.ndarray) -> np.ndarray:
    """``(C, N)``: what each of the ``(C, N, K)`` parts of the logits adds to the winner over the runner-up."""
    order = np.argsort(-posteriors, axis=1, kind="stable")  # (N, K)
    rows = np.arange(len(posteriors))
    return parts[:, rows, order[:, 0]] - parts[:, rows, order[:, 1]]


def _weighting(
    dialogue: Dialogue, channels: Mapping[str, ChannelResult], gates: Mapping[str, Gate], seen: np.ndarray
) -> dict[str, tuple[Weighting | None, ...]]:
    told = seen.any(axis=1)  # where nothing is known of the material, every gate is open
    return {
        name: tuple(gate.weighting(u.evidence, q) if there else None for u, q, there in zip(dialogue, seen, channels[name].valid & told))
        for name, gate in gates.items()
    }


def _mean_dimensions(channels: Mapping[str, ChannelResult], length: int) -> dict[str, np.ndarray]:
    """The plain mean of the channels that give a value: no free data says how else to weigh them."""
    names = dict.fromkeys(name for result in channels.values() for name in result.dimensions)
    fused = {}
    for name in names:
        given = np.array([result.dimensions[name] for result in channels.values() if name in result.dimensions])  # (C, N)
        there = np.isfinite(given)
        total, count = np.where(there, given, 0.0).sum(axis=0), there.sum(axis=0)
        fused[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return fused
