"""One utterance of an analysis: who, what, when, which emotion, how sure, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convemo.disagreement import Disagreement, disagreement
from convemo.types import ChannelResult, Evidence, ModelInfo, Recording, Role, Speaker, Utterance, Word

if TYPE_CHECKING:
    from convemo.results import Analysis, Weighting

NEGATIVE = frozenset(("sadness", "anger", "fear", "disgust"))


@dataclass(frozen=True, slots=True, repr=False)
class AnalyzedUtterance:
    """One utterance with everything that is said of it: who, what, when, which emotion, how sure, and why."""

    _analysis: Analysis
    index: int

    def __repr__(self) -> str:
        verdict = self.reason if self.label is None else f"{self.label}{'?' * self.abstained} {self.confidence:.2f}"
        return f"<{self.id} {self.name} [{self.start}-{self.end}] {self.text!r}: {verdict}>"

    @property
    def utterance(self) -> Utterance:
        return self._analysis.dialogue[self.index]

    id = property(lambda self: self.utterance.id)
    speaker = property(lambda self: self.utterance.speaker)
    text = property(lambda self: self.utterance.text)
    start = property(lambda self: self.utterance.start)
    end = property(lambda self: self.utterance.end)
    words = property(lambda self: self.utterance.words)
    evidence = property(lambda self: self.utterance.evidence)
    voice = property(lambda self: self.utterance.voice, doc="How it sounds, number by number; None unless `describe` was asked for.")
    voice_deviation = property(lambda self: self.utterance.voice_deviation, doc="The same against the speaker's earlier utterances.")

    @property
    def speaker_info(self) -> Speaker:
        """Who speaks, with name, role and channel."""
        return self._analysis.dialogue.speaker(self.speaker)

    @property
    def name(self) -> str:
        """The speaker's name, or their id where they have none."""
        return self.speaker_info.name or self.speaker

    @property
    def role(self) -> Role | None:
        return self.speaker_info.role

    @property
    def probabilities(self) -> dict[str, float] | None:
        """Label → probability; ``None`` if it could not be scored: then `reason` says why."""
        return self._analysis.primary.probabilities(self.index)

    @property
    def label(self) -> str | None:
        """The emotion most likely expressed; ``None`` if it could not be scored."""
        p = self.probabilities
        return None if p is None else max(p, key=p.get)

    @property
    def confidence(self) -> float | None:
        """The probability of `label`, calibrated."""
        p = self.probabilities
        return None if p is None else max(p.values())

    @property
    def runner_up(self) -> str | None:
        """The second likeliest label, which the reasons are given against; ``None`` without a score, or with a single label."""
        return _second(self.probabilities or {})

    @property
    def negative(self) -> float | None:
        """Probability of sadness, anger, fear or disgust together."""
        p = self.probabilities
        return None if p is None else sum(v for label, v in p.items() if label in NEGATIVE)

    @property
    def reason(self) -> str | None:
        """Why there is no score; ``None`` if there is one. What each channel lacked is told apart."""
        opinions = self._analysis.channels
        if self._analysis.primary.reasons[self.index] is None:
            return None
        reasons = {name: result.reasons[self.index] for name, result in opinions.items()}
        if len(set(reasons.values())) == 1:
            return next(iter(reasons.values()))
        return "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)

    @property
    def prediction_set(self) -> tuple[str, ...] | None:
        """The labels that hold the truth with the promised coverage, likeliest first."""
        return self._analysis.prediction_sets[self.index] if self._analysis.prediction_sets else None

    @property
    def abstained(self) -> bool:
        """Whether the score is too unsure to act on."""
        return bool(self._analysis.abstained[self.index]) if self._analysis.abstained else False

    @property
    def channels(self) -> dict[str, dict[str, float] | None]:
        """Channel → its own probabilities, ``None`` where it could not score."""
        return {name: result.probabilities(self.index) for name, result in self._analysis.channels.items()}

    @property
    def contributions(self) -> dict[str, float] | None:
        """What each channel and the history brought to `label` over the runner-up, in natural-log odds; negative speaks against."""
        if self.probabilities is None or not self._analysis.contributions:
            return None
        return {name: round(float(values[self.index]), 4) for name, values in self._analysis.contributions.items()}

    @property
    def weighting(self) -> dict[str, Weighting]:
        """Channel → how far fusion heard it, for every channel that did not get its full weight because of the evidence."""
        return {name: w for name, all_of_them in self._analysis.weighting.items() if (w := all_of_them[self.index]) is not None}

    @property
    def disagreement(self) -> Disagreement | None:
        """That the words express one thing and the voice another; ``None`` if not, or if either is not known."""
        return disagreement(self._analysis.channels, self.index)

    @property
    def why(self) -> str:
        """The reasons in one line, e.g. ``"anger over neutral: text +1.40, acoustic +0.32, history -0.05; acoustic counted for less (×0.4):
        0.4 s of speech, 3 dB SNR"``; else why there is no score."""
        p = self.probabilities
        if p is None:
            return self.reason or ""
        parts = [f"{name} {value:+.2f}" for name, value in (self.contributions or {}).items() if value]
        brought = f"{max(p, key=p.get)} over {_second(p)}" + (f": {', '.join(parts)}" if parts else "")
        apart = self.disagreement
        heard = (f"{name} {w}" for name, w in self.weighting.items() if w.notable)
        return "; ".join([brought, *heard, *([str(apart)] if apart else [])])

    def _dimension(self, name: str) -> float | None:
        values = self._analysis.primary.dimensions.get(name)
        return None if values is None or not np.isfinite(values[self.index]) else float(values[self.index])

    valence = property(lambda self: self._dimension("valence"), doc="Unpleasant to pleasant, in [-1, 1].")
    arousal = property(lambda self: self._dimension("arousal"), doc="Calm to excited, in [-1, 1].")
    dominance = property(lambda self: self._dimension("dominance"), doc="Controlled to in control, in [-1, 1].")

    def to_dict(self) -> dict[str, Any]:
        """As it is saved. `label` to `why` are for reading; loading takes them from ``scores`` again."""
        u, p, apart = self.utterance, self.probabilities, self.disagreement
        row = {
            "id": u.id,
            "speaker": u.speaker,
            "role": self.role,
            "start": u.start,
            "end": u.end,
            "text": u.text,
            "label": None if p is None else max(p, key=p.get),
            "confidence": None if p is None else round(max(p.values()), 4),
            "probabilities": None if p is None else {label: round(v, 4) for label, v in p.items()},
            "prediction_set": None if self.prediction_set is None else list(self.prediction_set),
            "abstained": self.abstained,
            "valence": self.valence,
            "arousal": self.arousal,
            "dominance": self.dominance,
            "why": self.why,
            "disagreement": None if apart is None else record(apart),
            "contributions": self.contributions,
            "weighting": {name: {"factor": w.factor, "because": list(w.because)} for name, w in self.weighting.items()},
            "scores": {name: _row(result, self.index) for name, result in self._analysis._opinions()},
            "evidence": record(u.evidence),
            "words": [record(w) for w in u.words],
        }
        extra = {"reference": u.label, "audio": u.audio, "features": None if u.features is None else _numbers(u.features)}
        extra |= {name: dict(numbers) for name in ("voice", "voice_deviation") if (numbers := getattr(u, name)) is not None}
        extra["reference_dimensions"] = None if u.dimensions is None else dict(u.dimensions)
        return row | {name: value for name, value in extra.items() if value is not None}


def _second(p: Mapping[str, float]) -> str | None:
    """The second likeliest label."""
    ranked = sorted(p, key=lambda label: -p[label])
    return ranked[1] if len(ranked) > 1 else None


def _row(result: ChannelResult, i: int) -> dict[str, Any]:
    """One channel's say on one utterance."""
    scored = result.reasons[i] is None
    dimensions = {name: float(v[i]) for name, v in result.dimensions.items() if np.isfinite(v[i])}
    return {"log_probs": result.log_probs[i].tolist() if scored else None, "dimensions": dimensions, "reason": result.reasons[i]}


def record(value: Word | Evidence | Recording | Speaker | ModelInfo | Disagreement) -> dict[str, Any]:
    """Its fields; `dataclasses.asdict` would copy each of them deeply, which is most of the time that a ten-hour call takes to save."""
    return {name: getattr(value, name) for name in value.__slots__}


def _numbers(features: Mapping[str, float]) -> dict[str, float | None]:
    """As JSON has them: plain floats, null where a feature is not finite."""
    return {name: float(value) if np.isfinite(value) else None for name, value in features.items()}
