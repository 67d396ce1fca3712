"""The three tables as plain rows: what each column is called and holds, before any file format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from convemo.alerts import Rules, alerts_of
from convemo.analyzed import NEGATIVE
from convemo.batch.calls import describe_call
from convemo.export.table import EVIDENCE
from convemo.results import Analysis
from convemo.types import ChannelResult

SCHEMA = 2
"""Version of the tables' columns, kept in each file; tables of another version are made again from the analyses."""

UTTERANCES = {
    "call": "text", "number": "int", "utterance": "text", "speaker": "text", "name": "text", "role": "text",
    "start_s": "float", "end_s": "float", "text": "text", "label": "text", "confidence": "float", "negative": "float",
    "prediction_set": "texts", "abstained": "bool", "valence": "float", "arousal": "float", "dominance": "float",
    "why": "text", "reason": "text", **dict.fromkeys(EVIDENCE, "float"),
}  # fmt: skip
"""Columns that are always there. ``p_LABEL``, ``CHANNEL_p_LABEL``, ``voice_NAME`` and ``meta_NAME`` follow."""

CALLS = {
    "call": "text", "audio": "text", "transcript": "text", "language": "text", "duration_s": "float", "speakers": "int",
    "utterances": "int", "scored": "int", "abstained": "int", "focus": "text",
    "negative_share": "float", "negative_share_agent": "float", "negative_share_customer": "float", "negative_mean": "float",
    "worst_utterance": "text", "worst_speaker": "text", "worst_start_s": "float", "worst_label": "text", "worst_text": "text",
    "worst_negative": "float", "trend": "float", "escalation": "float", "escalated": "bool", "recovery": "float", "recovered": "bool",
    "talk_share_agent": "float", "talk_share_customer": "float", "overlap_s": "float", "overlap_share": "float", "interruptions": "int",
    "silence_s": "float", "silence_share": "float", "longest_silence_s": "float",
    "alerts": "int", "first_alert": "text", "first_alert_s": "float", "first_alert_utterance": "text",
    "lacking": "text", "notes": "texts",
}  # fmt: skip
"""Columns of the table of calls, explained at `calls.describe_call`. ``meta_NAME`` follow."""


ALERTS = {
    "call": "text", "number": "int", "rule": "text", "speaker": "text", "name": "text", "role": "text", "start_s": "float",
    "end_s": "float", "peak": "float", "utterance": "text", "text": "text", "utterances": "texts", "because": "text",
}  # fmt: skip
"""Columns of the table of alerts: of each the utterance that raised it, and all that it cites. ``meta_NAME`` follow."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that depend on the settings and on the manifest; the same for every part of a table."""

    labels: tuple[str, ...] = ()
    """Of the opinion that counts."""
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Channel → its labels."""
    voice: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()

    def of(self, table: str) -> dict[str, str]:
        """Column → type, in order."""
        meta = {f"meta_{name}": "text" for name in self.metadata}
        if table != "utterances":
            return (CALLS if table == "calls" else ALERTS) | meta
        scores = [f"p_{label}" for label in self.labels] + [f"{n}_p_{label}" for n, labels in self.channels.items() for label in labels]
        voice = [f"{what}_{name}" for what in ("voice", "voice_deviation") for name in self.voice]
        return UTTERANCES | dict.fromkeys((*scores, *voice), "float") | meta

    def union(self, other: Columns) -> Columns:
        """Both, this one's first."""
        names = [*self.channels, *(n for n in other.channels if n not in self.channels)]
        return Columns(
            _both(self.labels, other.labels),
            {n: _both(self.channels.get(n, ()), other.channels.get(n, ())) for n in names},
            _both(self.voice, other.voice),
            tuple(sorted({*self.metadata, *other.metadata})),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "labels": list(self.labels),
            "channels": {n: list(labels) for n, labels in self.channels.items()},
            "voice": list(self.voice),
            "metadata": list(self.metadata),
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Columns:
        channels = {n: tuple(labels) for n, labels in saved["channels"].items()}
        return cls(tuple(saved["labels"]), channels, tuple(saved["voice"]), tuple(saved["metadata"]))


@dataclass(frozen=True, slots=True)
class CallRows:
    """One call as rows: its utterances, itself, its alerts, and which columns it needs."""

    call: str
    utterances: list[dict[str, Any]]
    summary: dict[str, Any]
    columns: Columns
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def of(self, table: str) -> list[dict[str, Any]]:
        """Its rows of one table."""
        return {"utterances": self.utterances, "calls": [self.summary], "alerts": self.alerts}[table]

    def with_metadata(self, metadata: Mapping[str, Any], audio: str | None, transcript: str | None) -> CallRows:
        """The same with what the manifest says of it, and where it came from."""
        told = {f"meta_{name}": None if value is None else str(value) for name, value in metadata.items()}
        return CallRows(
            self.call,
            [row | told for row in self.utterances] if told else self.utterances,
            {**self.summary, "audio": audio or None, "transcript": transcript or None, **told},
            self.columns.union(Columns(metadata=tuple(sorted(metadata)))),
            [row | told for row in self.alerts],
        )


def rows_of(analysis: Analysis) -> CallRows:
    """The rows of one call; its id is its name."""
    call = analysis.dialogue.id
    voices = dict.fromkeys(name for u in analysis.dialogue if u.voice for name in u.voice)
    channels = {name: tuple(result.labels) for name, result in analysis.channels.items()}
    columns = Columns(tuple(analysis.primary.labels), channels, tuple(voices))
    # Column by column over all utterances: asking each utterance for each of its numbers would take longer than judging it did.
    primary, scores = _probabilities(analysis.primary), {name: _probabilities(r) for name, r in analysis.channels.items()}
    names = {prefix: [f"{prefix}p_{label}" for label in r.labels] for prefix, r in _by_prefix(analysis)}
    negative = [i for i, label in enumerate(analysis.primary.labels) if label in NEGATIVE]
    dimensions = {name: _dimension(analysis.primary, name) for name in ("valence", "arousal", "dominance")}
    utterances = []
    for i, (u, p) in enumerate(zip(analysis, primary)):
        said, speaker = u.utterance, u.speaker_info
        top = None if p is None else max(range(len(p)), key=p.__getitem__)
        row = {
            "call": call, "number": i, "utterance": said.id, "speaker": said.speaker, "name": speaker.name or said.speaker,
            "role": speaker.role, "start_s": said.start, "end_s": said.end, "text": said.text,
            "label": None if p is None else columns.labels[top], "confidence": None if p is None else p[top],
            "negative": None if p is None else sum(p[k] for k in negative),
            "prediction_set": None if u.prediction_set is None else list(u.prediction_set), "abstained": u.abstained,
            **{name: values[i] for name, values in dimensions.items()},
            "why": u.why, "reason": u.reason, **{name: getattr(said.evidence, name) for name in EVIDENCE},
        }  # fmt: skip
        row |= {} if p is None else zip(names[""], p)
        for name, own in scores.items():
            row |= {} if own[i] is None else zip(names[f"{name}_"], own[i])
        for what in ("voice", "voice_deviation"):
            row |= {f"{what}_{name}": value for name, value in (getattr(said, what) or {}).items()}
        utterances.append(row)
    alerts = alert_rows(analysis)
    first = alerts[0] if alerts else {}
    summary = {
        "call": call, **describe_call(analysis), "alerts": len(alerts), "first_alert": first.get("rule"),
        "first_alert_s": first.get("start_s"), "first_alert_utterance": first.get("utterance"),
        "lacking": analysis.provenance.get("batch", {}).get("lacking"), "notes": list(analysis.notes),
    }  # fmt: skip
    return CallRows(call, utterances, summary, columns, alerts)


def alert_rows(analysis: Analysis, rules: Rules | None = None) -> list[dict[str, Any]]:
    """Its alerts, by the rules that the analysis was made with, else the default ones, unless others are given."""
    said = {u.id: u.text for u in analysis.dialogue}
    return [
        {
            "call": analysis.dialogue.id, "number": number, "rule": alert.rule, "speaker": alert.speaker, "name": alert.name,
            "role": alert.role, "start_s": alert.start, "end_s": alert.end, "peak": alert.peak, "utterance": alert.utterances[-1],
            "text": said[alert.utterances[-1]], "utterances": list(alert.utterances), "because": alert.because,
        }
        for number, alert in enumerate(alerts_of(analysis, rules))
    ]  # fmt: skip


def _by_prefix(analysis: Analysis) -> Iterator[tuple[str, ChannelResult]]:
    yield "", analysis.primary
    yield from ((f"{name}_", result) for name, result in analysis.channels.items())


def _probabilities(result: ChannelResult) -> list[list[float] | None]:
    """What `ChannelResult.probabilities` gives, for all utterances at once."""
    p = np.exp(result.log_probs)
    p /= p.sum(axis=1, keepdims=True)
    return [row if reason is None else None for row, reason in zip(p.tolist(), result.reasons)]


def _dimension(result: ChannelResult, name: str) -> Sequence[float | None]:
    """One dimension of all utterances, ``None`` where there is no value."""
    values = result.dimensions.get(name)
    return [None] * len(result) if values is None else [value if isfinite(value) else None for value in values.tolist()]


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
