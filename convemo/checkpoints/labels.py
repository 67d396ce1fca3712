"""A checkpoint's labels as ours: one mapping of names for all checkpoints, and what becomes of the rest.

The names are those that the field's checkpoints use: full ones, IEMOCAP's three letters, GoEmotions' twenty-eight. Probabilities of
several labels that lead to one of ours add up. What is dropped, and what a checkpoint has no label for, says nothing: see
`Reading.log_probs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convemo.checkpoints.folder import Checkpoint, read_settings
from convemo.checkpoints.spec import CheckpointSpec
from convemo.data.mappings import GOEMOTIONS, LabelMapping
from convemo.errors import ConfigError, EngineUnavailable
from convemo.types import LABELS, LabelSet

OWN, SEVEN = "own", "seven"
"""Ask for the checkpoint's own label set, and for ours, where its ``convemo.json`` says otherwise."""
DROPPED = "-"
"""Stands for an output that is left out, where outputs are named one by one."""
SMALLEST = 1e-6
"""A probability of 0 has no logarithm; nothing that a network says is surer than this."""

_NAMES = {
    "neutral": "neutral, neu, neutrality, calm, calmness, no emotion, none",
    "joy": "joy, joyful, joyfulness, happy, happiness, hap, excited, excitement, exc, enthusiasm, fun, cheerful, delighted",
    "sadness": "sad, sadness, sorrow, sorrowful",
    "anger": "anger, angry, ang, mad, rage, furious, hate, annoyed",
    "fear": "fear, fearful, fea, afraid, scared, anxious, anxiety, worry, worried",
    "disgust": "disgust, disgusted, dis",
    "surprise": "surprise, surprised, sur, ps, pleasant surprise, pleasant surprised, unpleasant surprise",
    None: "contempt, contemptuous, boredom, bored, bor, frustration, frustrated, fru, anticipation, trust, pessimism, powerful, peaceful, "
    "confused, empty, other, others, oth, xxx, unknown, unk",
}
NAMES = LabelMapping(
    "checkpoints",
    {**GOEMOTIONS.labels, **{name: ours for ours, names in _NAMES.items() for name in names.split(", ")}},
    why="Adjectives, nouns and IEMOCAP's abbreviations are one. Calm counts as neutral and excited as joy, as in the data sets here, "
    "and GoEmotions' labels as in its own mapping. Contempt, boredom and frustration are dropped: none is one of the seven, and each "
    "lies between several of them.",
)
"""A label's name, in lower case and with spaces → ours. Letters alone are not among them: F is fear in one data set and joy in another."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How a checkpoint's ``M`` outputs become log-probabilities of ``K`` labels.

    >>> reading = Reading.of_names(["LOVE", "ang", "Frustrated"])
    >>> reading.merged, reading.dropped, reading.silent
    ({}, ('Frustrated',), ('neutral', 'sadness', 'fear', 'disgust', 'surprise'))
    >>> np.exp(reading.log_probs(np.log([[0.9, 0.1, 1e-9]]))).round(2).tolist()
    [[0.14, 0.26, 0.14, 0.03, 0.14, 0.14, 0.14]]
    """

    outputs: tuple[str, ...]
    """The checkpoint's labels, in the order of its outputs."""
    targets: tuple[str | None, ...]
    """What each leads to; ``None`` where it is dropped."""
    labels: LabelSet
    several: bool = False
    """Whether each output is a yes or no of its own (sigmoid), rather than one of many (softmax)."""

    @classmethod
    def of_names(
        cls, outputs: Sequence[str], given: Mapping[str, str | None] = {}, labels: LabelSet = LABELS, several: bool = False
    ) -> Reading:
        """By the usual names, and by those that are given.

        Raises:
            ConfigError: a label has no known name, or none of them leads anywhere.
        """
        unknown = [name for name in outputs if name not in given and (labels != LABELS or plain(name) not in NAMES)]
        if unknown:
            raise ConfigError(
                f"labels of the checkpoint that lead to {', '.join(labels)}",
                ", ".join(unknown[:8]) + (" …" if len(unknown) > 8 else ""),
                f"Name its {len(outputs)} outputs in order: transformers:PATH?labels=neutral,joy,{DROPPED} ({DROPPED} drops one); keep its "
                'own: ?labels=own; or map them in a convemo.json beside it: {"labels": {"LABEL_0": "neutral"}}.',
            )
        targets = tuple(given[name] if name in given else NAMES[plain(name)] for name in outputs)
        if strange := {target for target in targets if target is not None} - set(labels):
            raise ConfigError(
                f"labels mapped to {', '.join(labels)}", ", ".join(sorted(strange)), 'List others under "set" in convemo.json.'
            )
        if len({target for target in targets if target is not None}) < 2:
            raise ConfigError("at least two emotions among the checkpoint's labels", ", ".join(outputs), "It is a model of something else.")
        return cls(tuple(outputs), targets, labels, several)

    @property
    def dropped(self) -> tuple[str, ...]:
        """The checkpoint's labels that are left out."""
        return tuple(name for name, target in zip(self.outputs, self.targets) if target is None)

    @property
    def merged(self) -> dict[str, tuple[str, ...]]:
        """Our labels that stand for several of its own."""
        found = {label: tuple(n for n, t in zip(self.outputs, self.targets) if t == label) for label in self.labels}
        return {label: names for label, names in found.items() if len(names) > 1}

    @property
    def silent(self) -> tuple[str, ...]:
        """Our labels of which it says nothing."""
        return tuple(label for label in self.labels if label not in self.targets and not (label == "neutral" and self._none_is_neutral))

    @property
    def _none_is_neutral(self) -> bool:
        return self.several and "neutral" in self.labels and "neutral" not in self.targets

    def log_probs(self, logits: np.ndarray) -> np.ndarray:
        """``(N, K)`` from logits ``(N, M)``.

        Probabilities of outputs that lead to one label are added. With several labels at once, each output's probability counts as its
        share of their sum, and where none leads to neutral, neutral is the probability that none of them holds. The probability of what
        is dropped is shared out evenly, and a label that the checkpoint lacks gets ``1 / K``, what a channel without an opinion would
        give it: a model of four emotions speaks for and against these four, and not against the other three.
        """
        logits = np.asarray(logits, dtype=np.float64)
        leads = np.array([[target == label for label in self.labels] for target in self.targets], dtype=float)  # (M, K)
        if self.several:
            chances = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))  # (N, M)
            shares = chances @ leads  # (N, K)
            lost = chances @ (1 - leads.sum(axis=1))  # (N,)
            if self._none_is_neutral:
                shares[:, self.labels.index("neutral")] = (1 - chances).prod(axis=1)
            total = shares.sum(axis=1) + lost
            shares, lost = shares / total[:, None], lost / total
        else:
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares = odds / odds.sum(axis=1, keepdims=True) @ leads
            lost = 1 - shares.sum(axis=1)
        spoken = np.array([label not in self.silent for label in self.labels])
        shares[:, spoken] += lost[:, None] / spoken.sum()
        shares *= spoken.mean()
        shares[:, ~spoken] = 1 / len(self.labels)
        shares = np.maximum(shares, SMALLEST)
        return np.log(shares / shares.sum(axis=1, keepdims=True))

    def note(self, channel: str, model: str) -> str:
        """What a reader of the results must know, in one sentence; empty if its labels are ours."""
        told = [f"{' + '.join(names)} count as {label}" for label, names in self.merged.items()]
        told += [f"{', '.join(self.dropped)} {'is' if len(self.dropped) == 1 else 'are'} dropped"] if self.dropped else []
        told += [f"it has no label for {', '.join(self.silent)}, of which it says nothing"] if self.silent else []
        told += ["neutral is the chance that none of its labels holds"] if self._none_is_neutral else []
        return f"The {channel} channel is {model}: {'; '.join(told)}." if told else ""


def plain(name: str) -> str:
    """A label's name as `NAMES` has it.

    >>> plain("Pleasant_Surprise")
    'pleasant surprise'
    """
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()


def reading(checkpoint: Checkpoint, spec: CheckpointSpec) -> Reading:
    """How this checkpoint is to be read.

    Raises:
        ConfigError: its labels have no known names, or those given do not fit.
        EngineUnavailable: its config names no labels, or it tells numbers rather than labels.
    """
    kind = checkpoint.config.get("problem_type")
    if kind == "regression" or checkpoint.config.get("num_labels") == 1:
        hint = "Choose one that tells emotions apart; valence and arousal alone are no label."
        raise EngineUnavailable(f"a classifier in {checkpoint.folder}", "a model of numbers (regression)", hint)
    several = spec.head == "multi" or (spec.head is None and kind == "multi_label_classification")
    outputs = output_names(checkpoint)
    given, labels = dict(checkpoint.settings.labels), LabelSet(checkpoint.settings.set or LABELS)
    if spec.labels == OWN:
        return Reading(outputs, outputs, LabelSet(outputs), several)
    if spec.labels and spec.labels.endswith(".json"):
        mapping = read_settings(Path(spec.labels).expanduser())
        given, labels = dict(mapping.labels), LabelSet(mapping.set or LABELS)
    elif spec.labels == SEVEN:
        given, labels = {}, LABELS
    elif spec.labels:
        named = tuple(name.strip() for name in spec.labels.split(","))
        if len(named) != len(outputs):
            raise ConfigError(f"{len(outputs)} names after labels=, one an output", f"{len(named)}", f"Its outputs: {', '.join(outputs)}.")
        known = Reading.of_names([name for name in named if name != DROPPED])
        return Reading(
            outputs, tuple(None if name == DROPPED else known.targets[known.outputs.index(name)] for name in named), LABELS, several
        )
    return Reading.of_names(outputs, given, labels, several)


def output_names(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Its labels in the order of its outputs.

    Raises:
        EngineUnavailable: its config does not list them.
    """
    names = checkpoint.config.get("id2label")
    if not isinstance(names, dict):  # transformers then calls its two outputs so
        names = {str(i): f"LABEL_{i}" for i in range(int(checkpoint.config.get("num_labels") or 2))}
    try:
        ordered = [str(names[key]) for key in sorted(names, key=int)]
    except ValueError:
        ordered = []
    if len(ordered) < 2 or len(set(ordered)) < len(ordered):
        raise EngineUnavailable(f"an id2label of at least two labels in {checkpoint.folder / 'config.json'}", repr(names)[:80], "Mend it.")
    return tuple(ordered)
