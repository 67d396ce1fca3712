"""What comes out: the conversation, what each channel says of it, what they say together, how sure that is, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import index as as_index
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from convemo import registry
from convemo.analyzed import AnalyzedUtterance, record
from convemo.errors import ResultError, UnknownEngine
from convemo.types import ChannelResult, Dialogue, Evidence, LabelSet, ModelInfo, Recording, Speaker, Utterance, Word

SCHEMA = 1
"""Version of the saved form; a file of another version is refused, never misread."""


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """The whole account of one conversation. Immutable; iterates over its utterances.

    >>> for u in analysis:                                                # doctest: +SKIP
    ...     print(u.name, u.text, u.label, u.confidence, u.why)
    >>> analysis.save("call.csv")                                         # doctest: +SKIP
    """

    dialogue: Dialogue
    channels: Mapping[str, ChannelResult]
    """Each channel by itself, calibrated."""
    fused: ChannelResult | None = None
    """The channels together, with the history of the conversation; ``None`` if fusion was not asked for."""
    contributions: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Channel, or ``"history"`` → ``(N,)``: natural-log odds it brought to the chosen label over the runner-up."""
    weighting: Mapping[str, tuple[Weighting | None, ...]] = field(default_factory=dict)
    """Channel → for each utterance how far fusion heard it, going by the evidence; ``None`` where it had its full weight."""
    prediction_sets: tuple[tuple[str, ...] | None, ...] = ()
    """For each utterance the labels that hold the truth with the promised coverage; ``None`` where nothing can be promised."""
    abstained: tuple[bool, ...] = ()
    recording: Recording | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Versions, settings and model fingerprints: enough to get the same numbers again."""
    notes: tuple[str, ...] = ()
    """What a reader of this result must know, in sentences: what was missing, and the command that mends it."""

    @property
    def primary(self) -> ChannelResult:
        """The opinion that each utterance's label comes from: the fused one, else the first channel."""
        return self.fused if self.fused is not None else next(iter(self.channels.values()))

    def __len__(self) -> int:
        return len(self.dialogue)

    def __getitem__(self, index: int | slice) -> AnalyzedUtterance | tuple[AnalyzedUtterance, ...]:
        if isinstance(index, slice):
            return tuple(AnalyzedUtterance(self, i) for i in range(len(self))[index])
        return AnalyzedUtterance(self, range(len(self))[as_index(index)])

    def __iter__(self) -> Iterator[AnalyzedUtterance]:
        return (AnalyzedUtterance(self, i) for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Analysis) else NotImplemented

    def __str__(self) -> str:
        return registry.find("view", "text")(self)

    def __repr__(self) -> str:
        return f"<Analysis of {self.dialogue.id!r}: {len(self)} utterances, {len(self.dialogue.speakers)} speakers>"

    def _repr_html_(self) -> str:
        return registry.find("view", "html")(self)

    def trajectory(self, speaker: str, half_life: float = 2.0) -> tuple[Moment, ...]:
        """How one speaker's expression moved: causal exponential means over their scored utterances.

        Args:
            speaker: the speaker's id.
            half_life: after how many of their utterances an old one weighs half; in utterances, above 0.

        Raises:
            ValueError: the half-life is not above 0.
        """
        return registry.find("view", "moments")(self, speaker, half_life)

    @property
    def trajectories(self) -> dict[str, tuple[Moment, ...]]:
        """Speaker id → `trajectory`, for every speaker who has one."""
        return {s.id: moments for s in self.dialogue.speakers if (moments := self.trajectory(s.id))}

    @property
    def voices(self) -> dict[str, dict[str, float | None]]:
        """Speaker id → how they sound on average, number by number, for every speaker whose voice was described."""
        heard: dict[str, list[Mapping[str, float | None]]] = {}
        for u in self.dialogue:
            if u.voice is not None:
                heard.setdefault(u.speaker, []).append(u.voice)
        return {speaker: mean_voice(voices) for speaker, voices in heard.items()}

    def courses(self, half_life: float = 2.0) -> dict[str, Any]:
        """Speaker id → `convemo.dialogue.trajectory.Course`: their curve relative to themselves, escalations, recoveries, shifts.

        Args:
            half_life: as in `trajectory`.

        Raises:
            ValueError: the half-life is not above 0.
        """
        return registry.find("view", "courses")(self, half_life)

    def alerts(self, rules: Any = None) -> tuple[Any, ...]:
        """Every `convemo.alerts.Alert` that the rules raise, in order, each with the utterances that it cites.

        Args:
            rules: a TOML file of rules or a `convemo.alerts.Rules`; else those that the analysis was made with, or the default ones.

        Raises:
            ConfigError: the rules make no sense.
        """
        return registry.find("view", "alerts")(self, rules)

    def plot(self, axes: Any = None) -> Any:
        """Draws who expressed what, when, and the smoothed curves; gives the matplotlib figure.

        Args:
            axes: two matplotlib axes to draw on, the upper and the lower; new ones if not given.

        Raises:
            EngineUnavailable: matplotlib is not installed.
        """
        return registry.find("view", "plot")(self, axes)

    def to_frame(self):
        """A pandas DataFrame, one row an utterance, with the columns of the CSV export.

        Raises:
            EngineUnavailable: pandas is not installed.
        """
        return registry.find("view", "frame")(self)

    def save(self, path: str | PathLike) -> Path:
        """Writes the analysis in the form that the path's suffix names, whole or not at all.

        Args:
            path: ``x.json`` (all of it: `load` gives it back), ``.jsonl``, ``.csv``, ``.vtt``, ``.srt``, ``.rttm``, ``.TextGrid``,
                ``.html`` (a page for people).

        Raises:
            ResultError: no such form, nothing in the analysis can be written in it, or the file cannot be written.
        """
        path = Path(path)
        try:
            write = registry.find("export", _suffix(path))
        except UnknownEngine as error:
            known = ", ".join(registry.names("export"))
            raise ResultError(path, f"a path that ends in one of {known}", repr(path.suffix)) from error
        try:
            write(self, path)
        except OSError as error:
            raise ResultError(path, "a file that can be written", f"{error.strerror or error}") from error
        return path

    @staticmethod
    def load(path: str | PathLike) -> Analysis:
        """An analysis that was saved as JSON, equal to what was saved.

        Raises:
            ResultError: the file is missing, is not a saved analysis, or is of another schema version.
        """
        return registry.find("load", ".json")(Path(path))

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON holds: no NaN, nulls where there is nothing."""
        return self._outline() | {"utterances": [u.to_dict() for u in self]}

    def _outline(self) -> dict[str, Any]:
        """`to_dict` without the utterances, which are most of it: they are written one by one."""
        filed = {name: dict(of) for name in ("groups", "genders") if (of := getattr(self.dialogue, name)) is not None}
        return {
            "schema": SCHEMA,
            "id": self.dialogue.id,
            "language": self.dialogue.language,
            "translated_from": self.dialogue.translated_from,
            "recording": None if self.recording is None else record(self.recording),
            "notes": list(self.notes),
            "speakers": [record(s) for s in self.dialogue.speakers],
            "labels": list(self.primary.labels),
            "utterances": [],
            "channels": {name: _channel_to_dict(result) for name, result in self._opinions()},
            "provenance": dict(self.provenance),
            **filed,
        }

    def _opinions(self) -> Iterator[tuple[str, ChannelResult]]:
        yield from self.channels.items()
        if self.fused is not None:
            yield "fused", self.fused

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Analysis:
        """The inverse of `to_dict`.

        Raises:
            ValueError, KeyError, TypeError: it is not what `to_dict` gives.
        """
        if saved["schema"] != SCHEMA:
            raise ValueError(f"schema {saved['schema']!r}, this version reads {SCHEMA}")
        rows = saved["utterances"]
        utterances = tuple(_utterance_from_dict(row) for row in rows)
        opinions = {name: _channel_from_dict(name, channel, rows) for name, channel in saved["channels"].items()}
        fused = opinions.pop("fused", None)
        sources = dict.fromkeys(name for row in rows for name in row["contributions"] or ())
        gated = dict.fromkeys(name for row in rows for name in row.get("weighting") or ())
        return cls(
            dialogue=Dialogue(
                saved["id"],
                utterances,
                tuple(Speaker(**s) for s in saved["speakers"]),
                saved["language"],
                translated_from=saved.get("translated_from"),
                groups=saved.get("groups"),
                genders=saved.get("genders"),
            ),
            channels=opinions,
            fused=fused,
            contributions={s: np.array([(row["contributions"] or {}).get(s, 0.0) for row in rows]) for s in sources},
            weighting={name: tuple(_weighting_from_dict(row, name) for row in rows) for name in gated},
            prediction_sets=tuple(None if row["prediction_set"] is None else tuple(row["prediction_set"]) for row in rows),
            abstained=tuple(bool(row["abstained"]) for row in rows),
            recording=None if saved["recording"] is None else Recording(**saved["recording"]),
            provenance=saved["provenance"],
            notes=tuple(saved["notes"]),
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """One point of a trajectory."""

    utterance: str
    start: float | None
    negative: float
    """Probability of sadness, anger, fear or disgust, smoothed; in ``[0, 1]``."""
    valence: float | None
    arousal: float | None


@dataclass(frozen=True, slots=True)
class Weighting:
    """How far fusion heard one channel on one utterance, going by the evidence."""

    factor: float
    """What multiplied the channel's weight: 1 is what good material gets."""
    because: tuple[str, ...] = ()
    """The evidence that moved it, strongest first, e.g. ``("0.4 s of speech", "3 dB SNR")``."""

    @property
    def notable(self) -> bool:
        """Whether people should hear of it: a weight that was moved by less than a fifth is no reason."""
        return not 0.83 < self.factor < 1.2 and bool(self.because)

    def __str__(self) -> str:
        """In words.

        >>> print(Weighting(0.41, ("0.4 s of speech", "3 dB SNR")))
        counted for less (×0.4): 0.4 s of speech, 3 dB SNR
        """
        return f"counted for {'less' if self.factor < 1 else 'more'} (×{self.factor:.1f}): {', '.join(self.because)}"


def mean_voice(voices: Iterable[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The mean of each number of several descriptions, over those that have it, to five digits.

    >>> mean_voice([{"f0_mean_hz": 200.0, "hnr_db": None}, {"f0_mean_hz": 300.0, "hnr_db": None}])
    {'f0_mean_hz': 250.0, 'hnr_db': None}
    """
    known: dict[str, list[float]] = {}
    for voice in voices:
        for name, value in voice.items():
            known.setdefault(name, []).extend([] if value is None else [value])
    return {name: float(f"{sum(values) / len(values):.5g}") if values else None for name, values in known.items()}


def _suffix(path: Path) -> str:
    """The registered suffix this path ends in, upper and lower case alike: ``call.textgrid`` is a TextGrid."""
    by_case = {name.lower(): name for name in registry.names("export")}
    return by_case.get(path.suffix.lower(), path.suffix)


def _channel_to_dict(result: ChannelResult) -> dict[str, Any]:
    return {
        "labels": list(result.labels),
        "dimensions": list(result.dimensions),
        "model": record(result.model),
        "calibrated": result.calibrated,
    }


def _channel_from_dict(name: str, saved: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> ChannelResult:
    scores, labels = [row["scores"][name] for row in rows], LabelSet(saved["labels"])
    blank = [0.0] * len(labels)
    return ChannelResult(
        channel=name,
        labels=labels,
        log_probs=np.array([blank if s["log_probs"] is None else s["log_probs"] for s in scores]).reshape(len(rows), len(labels)),
        reasons=tuple(s["reason"] for s in scores),
        dimensions={d: np.array([s["dimensions"].get(d, np.nan) for s in scores], dtype=float) for d in saved["dimensions"]},
        model=ModelInfo(**saved["model"]),
        calibrated=saved["calibrated"],
    )


def _weighting_from_dict(row: Mapping[str, Any], channel: str) -> Weighting | None:
    saved = (row.get("weighting") or {}).get(channel)
    return None if saved is None else Weighting(saved["factor"], tuple(saved["because"]))


def _utterance_from_dict(row: Mapping[str, Any]) -> Utterance:
    features = row.get("features")
    return Utterance(
        id=row["id"],
        speaker=row["speaker"],
        text=row["text"],
        start=row["start"],
        end=row["end"],
        words=tuple(Word(**w) for w in row["words"]),
        evidence=Evidence(**row["evidence"]),
        label=row.get("reference"),
        audio=row.get("audio"),
        features=None if features is None else {name: np.nan if value is None else value for name, value in features.items()},
        dimensions=row.get("reference_dimensions"),
        voice=row.get("voice"),
        voice_deviation=row.get("voice_deviation"),
    )
