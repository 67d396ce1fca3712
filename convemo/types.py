"""The nouns of convemo. All frozen; all times in seconds from the beginning of the recording.

Recording                      the file, never its samples
Transcript  ─┐                 what was said: segments of words, as an ASR or a file gives them
Diarization ─┴─► Dialogue      who said what, when: utterances and speakers
ChannelResult                  what one channel (text, acoustic, llm, …) says of every utterance
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

Role = Literal["agent", "customer", "other"]


@dataclass(frozen=True, slots=True)
class Recording:
    """An audio file (or an array in memory: then `path` is ``None``)."""

    path: str | None
    sha256: str
    duration_s: float
    channels: int
    rate_hz: int
    format: str = ""
    """Container and codec as the decoder names them, e.g. ``"wav/pcm_s16le"``."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it was written, with its times if they are known."""

    text: str
    start: float | None = None
    end: float | None = None
    confidence: float | None = None
    """Probability in ``[0, 1]`` that the word is right, as the ASR sees it."""
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """A stretch of transcript as it was given: a Whisper segment, a VTT cue, a chat message."""

    text: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    voice: int | None = None
    """Where several unnamed voices share a cue, which of them this is, counted from 1; it says nothing of other cues' voices."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Someone who speaks. `id` is unique within a dialogue, `name` is for people to read."""

    id: str
    name: str | None = None
    role: Role | None = None
    channel: int | None = None
    """The audio channel that carries this speaker alone, counted from 0; ``None`` if they share one."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, as an ASR engine or a transcript file gives it."""

    segments: tuple[TranscriptSegment, ...]
    speakers: tuple[Speaker, ...] = ()
    language: str | None = None
    """ISO 639-1 code of the words, e.g. ``"en"``; ``None`` if unknown."""
    source: str = ""
    """The engine or format it came from, e.g. ``"faster-whisper:small"`` or ``"vtt"``."""
    id: str | None = None
    """The conversation's id, where the file names one."""
    language_confidence: float | None = None
    """Probability in ``[0, 1]`` of what is spoken, where an engine detected it."""
    translated_from: str | None = None
    """ISO 639-1 code of what is spoken, where the words are a translation of it."""
    notes: tuple[str, ...] = ()
    """What a reader of the words must know, in sentences: what was left out, and why."""

    @property
    def timed(self) -> bool:
        """Whether every segment has a beginning and an end."""
        return all(s.start is not None and s.end is not None for s in self.segments)

    @property
    def has_speakers(self) -> bool:
        """Whether the transcript itself says who speaks."""
        return any(s.speaker is not None for s in self.segments)


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """A stretch of one speaker's voice: ``[start, end)``."""

    start: float
    end: float
    speaker: str
    confidence: float | None = field(default=None, compare=False)

    @property
    def duration_s(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Diarization:
    """Who speaks when. Turns are in order of time and may overlap."""

    turns: tuple[Turn, ...]
    speakers: tuple[Speaker, ...]
    source: str = ""
    exclusive: tuple[Turn, ...] = ()
    """The turns with one voice at a time, the foremost: by them words find their speaker. Empty where the engine does not say."""


TELEPHONE_HZ = 4000.0
"""Up to here a line counts as a telephone: the network passes 300 to 3400 Hz (ITU-T G.712), and sampling at 8 kHz ends at 4 kHz."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How good the material is that an utterance was judged by; ``None`` where nothing is known."""

    speech_s: float | None = None
    """Seconds in which a voice was detected."""
    snr_db: float | None = None
    """Speech level over the recording's noise floor, in dB."""
    overlap: float | None = None
    """Share of the utterance in which somebody else speaks too, in ``[0, 1]``."""
    clipping: float | None = None
    """Share of samples at full scale, in ``[0, 1]``."""
    asr_confidence: float | None = None
    """Mean probability of the words, in ``[0, 1]``."""
    speaker_confidence: float | None = None
    """Share of the utterance's words that lie in this speaker's turns, in ``[0, 1]``."""
    bandwidth_hz: float | None = None
    """Up to where the speaker's line carries their voice, to 500 Hz and at most 8000."""

    @property
    def bandwidth(self) -> Literal["telephone", "wide"] | None:
        """What sort of line that is.

        >>> Evidence(bandwidth_hz=3500.0).bandwidth
        'telephone'
        """
        if self.bandwidth_hz is None:
            return None
        return "telephone" if self.bandwidth_hz <= TELEPHONE_HZ else "wide"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one speaker says in one go. Times are ``None`` in a chat; text is ``None`` where no ASR ran."""

    id: str
    speaker: str
    text: str | None = None
    start: float | None = None
    end: float | None = None
    words: tuple[Word, ...] = ()
    evidence: Evidence = Evidence()
    label: str | None = None
    """The reference emotion, where a data set gives one. Never read by a channel."""
    audio: str | None = None
    """A sound file of this utterance alone, where a data set gives one."""
    features: Mapping[str, float] | None = None
    """Named numbers that stand in for sound, where a data set gives them."""
    dimensions: Mapping[str, float] | None = None
    """The reference valence, arousal and dominance in ``[-1, 1]``, where a data set gives them. Never read by a channel."""
    voice: Mapping[str, float | None] | None = None
    """How it sounds: the numbers of `convemo.features.voice`; ``None`` if nobody asked, the policy forbids it or there is no sound."""
    voice_deviation: Mapping[str, float | None] | None = None
    """The same as distances from the speaker's earlier utterances, in units of their spread: `convemo.features.voice.VoiceHistory`."""

    @property
    def duration_s(self) -> float | None:
        return None if self.start is None or self.end is None else self.end - self.start


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation: utterances in the order in which they begin, and who is in it.

    Raises:
        ValueError: two speakers have one id, or somebody speaks whom `speakers` does not list.

    >>> d = Dialogue("d1", (Utterance("u1", "ana", "Hello."),), (Speaker("ana", role="agent"),))
    >>> [d.speaker(u.speaker).role for u in d]
    ['agent']
    """

    id: str
    utterances: tuple[Utterance, ...]
    speakers: tuple[Speaker, ...]
    language: str | None = None
    """ISO 639-1 code of the words."""
    translated_from: str | None = None
    """ISO 639-1 code of what was spoken, where the words are a translation of it."""
    groups: Mapping[str, str] | None = None
    """Where a data set files it, e.g. ``{"session": "Ses01"}``: what folds and slices are made of."""
    genders: Mapping[str, str] | None = None
    """Speaker id → ``"female"`` or ``"male"`` as a data set states it, for slices. Never inferred, never read by a channel."""

    def __post_init__(self):
        listed = [speaker.id for speaker in self.speakers]
        if len(set(listed)) < len(listed):
            raise ValueError(f"dialogue {self.id!r}: speakers must have distinct ids; got {listed}")
        # A policy judges the listed: whoever could speak without being listed would escape it.
        if unlisted := {utterance.speaker for utterance in self.utterances}.difference(listed):
            raise ValueError(f"dialogue {self.id!r}: {', '.join(map(repr, sorted(unlisted)))} not in speakers {listed}")

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    def __len__(self) -> int:
        return len(self.utterances)

    def __getitem__(self, index: int) -> Utterance:
        return self.utterances[index]

    def speaker(self, id: str) -> Speaker:
        """The speaker with this id.

        Raises:
            KeyError: nobody in this dialogue has it.
        """
        for speaker in self.speakers:
            if speaker.id == id:
                return speaker
        raise KeyError(id)


class LabelSet(tuple):
    """The emotions that a channel chooses from, in the order of its scores.

    >>> LabelSet(["neutral", "joy"]).index("joy")
    1
    """

    __slots__ = ()

    def __new__(cls, names: Sequence[str]):
        if len(set(names)) != len(names) or not names:
            raise ValueError(f"labels must be distinct, and at least one; got {list(names)}")
        return super().__new__(cls, names)


LABELS = LabelSet(("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise"))
"""The default label set: Ekman's six and neutral."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model scored: enough to get the same numbers again."""

    id: str
    sha256: str = ""
    licence: str = ""

    @property
    def permissive(self) -> bool:
        """Whether the licence allows commercial use: ``-NC`` in the SPDX identifier says no, and of an unknown one nobody can say."""
        return "NC" not in self.licence.upper().split("-") and self.licence.lower() not in ("unknown", "other")


PRIOR_WEIGHT = 0.3
"""What a channel that nobody has fitted counts beside others: enough to decide a close call, too little to overrule a sure channel."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelResult:
    """What one channel says of every utterance of a dialogue.

    `log_probs` has shape ``(N, K)``: natural logarithms, rows in dialogue order, columns in label order.
    A row the channel could not score is all zeros there, ``False`` in `valid` and has its reason in `reasons`;
    it is never a made-up uniform. Numbers are kept to `DECIMALS` places, so a saved result loads back equal.
    """

    channel: str
    labels: LabelSet
    log_probs: np.ndarray
    reasons: tuple[str | None, ...]
    """Why an utterance has no score, e.g. ``"no text"``; ``None`` where it has one. Length ``N``."""
    dimensions: Mapping[str, np.ndarray] = field(default_factory=dict)
    """``"valence"``, ``"arousal"``, ``"dominance"`` → ``(N,)`` in ``[-1, 1]``; NaN where there is none (null when saved)."""
    model: ModelInfo = ModelInfo("")
    calibrated: bool = False
    _probabilities: dict[int, dict[str, float]] = field(default_factory=dict, init=False, repr=False)
    """Those that were asked for: saving an utterance asks for the same ones ten times."""

    DECIMALS = 5

    def __post_init__(self):
        log_probs = np.round(np.asarray(self.log_probs, dtype=np.float64), self.DECIMALS) + 0.0
        valid = np.array([reason is None for reason in self.reasons], dtype=bool)
        if log_probs.shape != (len(valid), len(self.labels)):
            raise ValueError(
                f"channel {self.channel!r}: log_probs has shape {log_probs.shape}, "
                f"expected {(len(valid), len(self.labels))} from its reasons and labels"
            )
        log_probs[~valid] = 0.0
        if not np.isfinite(log_probs).all():
            raise ValueError(f"channel {self.channel!r}: log_probs must be finite where the channel has scored")
        log_probs.flags.writeable = False
        object.__setattr__(self, "log_probs", log_probs)
        rounded = {k: np.round(np.asarray(v, dtype=np.float64), self.DECIMALS) + 0.0 for k, v in self.dimensions.items()}
        for name, values in rounded.items():
            if values.shape != valid.shape:
                raise ValueError(f"channel {self.channel!r}: {name} has shape {values.shape}, expected {valid.shape}")
            values.flags.writeable = False
        object.__setattr__(self, "dimensions", rounded)

    @property
    def valid(self) -> np.ndarray:
        """``(N,)`` booleans: which utterances this channel has scored."""
        return np.array([reason is None for reason in self.reasons], dtype=bool)

    def __len__(self) -> int:
        return len(self.reasons)

    def probabilities(self, index: int) -> dict[str, float] | None:
        """Label → probability of one utterance, summing to 1; ``None`` if the channel could not score it."""
        if self.reasons[index] is not None:
            return None
        if index not in self._probabilities:
            p = np.exp(self.log_probs[index])
            self._probabilities[index] = dict(zip(self.labels, (p / p.sum()).tolist()))
        return dict(self._probabilities[index])

    def among(self, labels: LabelSet) -> ChannelResult:
        """The same opinion in the order of these labels, and among them alone: renormalised where this channel knows others besides.

        Raises:
            ValueError: this channel does not know one of them.

        >>> r = ChannelResult("text", LabelSet(("joy", "anger", "fear")), np.log([[0.2, 0.6, 0.2]]), (None,))
        >>> np.exp(r.among(LabelSet(("anger", "joy"))).log_probs).round(2).tolist()
        [[0.75, 0.25]]
        """
        if tuple(labels) == tuple(self.labels):
            return self
        if missing := [label for label in labels if label not in self.labels]:
            raise ValueError(f"channel {self.channel!r} does not know {', '.join(missing)}; it knows {', '.join(self.labels)}")
        kept = self.log_probs[:, [self.labels.index(label) for label in labels]]
        return replace(self, labels=LabelSet(labels), log_probs=kept - np.logaddexp.reduce(kept, axis=1, keepdims=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChannelResult):
            return NotImplemented
        return (
            (self.channel, self.labels, self.reasons, self.model, self.calibrated)
            == (other.channel, other.labels, other.reasons, other.model, other.calibrated)
            and np.array_equal(self.log_probs, other.log_probs)
            and self.dimensions.keys() == other.dimensions.keys()
            and all(np.array_equal(v, other.dimensions[k], equal_nan=True) for k, v in self.dimensions.items())
        )
