"""The whole story, top to bottom: what was given → who said what → what was expressed → how sure, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from convemo import __version__, registry
from convemo.asr.base import Transcriber
from convemo.asr.channels import transcribe_channels
from convemo.asr.select import choose
from convemo.audio import Audio
from convemo.audio.denoise import Denoiser
from convemo.audio.vad import speech
from convemo.config import AnalyzerConfig
from convemo.dialogue.align import align
from convemo.dialogue.channel import Channel
from convemo.dialogue.channels import channel_of_speakers
from convemo.dialogue.evidence import measure
from convemo.dialogue.roles import assign_roles
from convemo.dialogue.voices import describe_voices, withhold_voices
from convemo.diarize.channels import ChannelDiarizer
from convemo.diarize.enroll import KnownSpeakers
from convemo.fusion import Fusion
from convemo.llm.channel import Unavailable
from convemo.llm.spec import KEYS, ChannelSpec, open_or_explain
from convemo.results import Analysis
from convemo.source import Opened, Source, opened
from convemo.types import PRIOR_WEIGHT, ChannelResult, Dialogue, Diarization, LabelSet, Transcript

Progress = Callable[[str, float, float | None], None]
"""Called as ``progress(stage, completed, total)``: ``decode``, ``transcribe``, ``diarize`` in seconds of sound, channels by utterance."""

_FEWEST_AT_ONCE, _MOST_TIMES = 200, 20
"""Utterances that a channel scores between two reports of progress, and reports: a channel looks at all utterances before those that
it scores, so that with reports as many as the utterances allow, the time would grow by the square of a conversation's length."""


class Analyzer:
    """Listens to conversations. Engines are loaded at their first use and kept, so one analyzer serves many files.

    Args:
        config: the settings, or the path of a TOML file with them; by default those of `AnalyzerConfig`.
        progress: told how far each stage is.
        announce: told, in one sentence, before anything is fetched; by default it goes to standard error.
        settings: single settings of `AnalyzerConfig`, which win over `config`.

    Raises:
        ConfigError: a setting is unknown or makes no sense.

    >>> from convemo import TranscriptSegment
    >>> chat = Transcript((TranscriptSegment("That is wonderful, thank you so much!", speaker="Ana"),))
    >>> [utterance.label for utterance in Analyzer().analyze(chat)]
    ['joy']
    """

    threads: int | None = None
    """Processor threads of each channel; ``None`` leaves that to the channel. The scores are the same."""

    def __init__(
        self,
        config: AnalyzerConfig | str | os.PathLike | None = None,
        *,
        progress: Progress | None = None,
        announce: Callable[[str], None] | None = None,
        **settings: Any,
    ):
        self.config = AnalyzerConfig.make(config, **settings)
        self._progress, self._announce = progress or (lambda stage, completed, total: None), announce

    def analyze(
        self,
        source: Source,
        transcript: str | os.PathLike | Transcript | None = None,
        *,
        rate_hz: int | None = None,
        id: str | None = None,
        conversation: str | None = None,
    ) -> Analysis:
        """An account of one conversation.

        Args:
            source: a recording or a transcript file; samples ``(n,)`` or ``(n, channels)`` with `rate_hz`; a `Transcript` or a `Dialogue`.
            transcript: the recording's transcript, if there is one; then nothing is transcribed.
            rate_hz: sampling rate of an array.
            id: what to call the conversation; else its own id, as the dialogue or transcript has it, else the file's name.
            conversation: which one, where a transcript file holds several.

        Raises:
            AudioError, TranscriptError: a file cannot be read; nothing else is wrong.
            ConfigError: what was given does not go together.
            EngineUnavailable: an engine was asked for that is not installed, or whose weights are not here.
        """
        denoiser, _, _ = self._denoiser, self._asking, self._fusion  # what is wrong here is told before anything is read
        with opened(source, transcript, rate_hz, conversation, self.config.limits, self._stage("decode")) as given:
            self._open_channels()  # and what is missing before an hour of transcription
            return self._account(given, id, denoiser)

    def _account(self, given: Opened, id: str | None, denoiser: Denoiser | None) -> Analysis:
        """The story, once what was given is open."""
        dialogue, heard, notes = self._listen(given, id)
        dialogue, undescribed = self._describe(dialogue, given.audio)
        channels, silent = self._judge(dialogue, given.audio, denoiser)
        return self._conclude(dialogue, channels, given, heard, (*notes, *undescribed, *silent))

    # Who said what ------------------------------------------------------------------------------------------------

    def _listen(self, given: Opened, id: str | None) -> tuple[Dialogue, dict[str, Any], list[str]]:
        """The dialogue, what made it (for the provenance), and what a reader must know about it."""
        audio, said = given.audio, given.transcript
        notes = [*(given.audio.notes if given.audio else ()), *(said.notes if said else ())]
        if said is not None and said.language is None:
            said = replace(said, language=self.config.language)
        own = said if given.dialogue is None else given.dialogue
        if own is not None and self.config.translate and own.language != "en":
            notes.append("Only what is transcribed can be translated: the words that were given were taken as they are.")
        id = id or (own.id if own is not None else None) or given.name or "conversation"
        if given.dialogue is not None:
            spoken = given.dialogue.language or self.config.language
            return assign_roles(replace(given.dialogue, id=id, language=spoken), self.config.roles), {"transcript": "given"}, notes
        if audio is None:
            return assign_roles(align(said, id=id), self.config.roles), {"transcript": said.source}, notes
        if said is not None and not said.timed:
            notes.append("Words of the transcript that have no times cannot be found in the recording: they are judged by text alone.")
            return assign_roles(align(said, id=id), self.config.roles), {"transcript": said.source}, notes

        if said is not None and said.has_speakers and self.config.diarizer not in ("auto", "none"):
            notes.append(f"The transcript names its speakers, so the diarizer {self.config.diarizer!r} was not asked.")
        diarizer, diarization = self._diarize(audio, said)
        made = {"transcript": said.source if said else None, "diarizer": diarizer}
        if self.config.enroll and diarization is not None:
            diarization = self._known_speakers.name(diarization, audio)
            found = sorted(s.name for s in diarization.speakers if s.name in self.config.enroll)
            made["enrolled"] = {"looked_for": sorted(self.config.enroll), "found": found}
        elif self.config.enroll:
            notes.append("Nobody was looked for by voice: that needs a diarizer, and a transcript that does not name its speakers.")
        if said is None:
            said, made["transcript"], note = self._transcribe(audio, diarization)
            notes += [note] if note else []
            if said is not None:
                made |= {"spoken_language": said.translated_from or said.language, "spoken_language_confidence": said.language_confidence}
                notes += said.notes
        if diarizer == "embedded" and len(diarization.speakers) > 1:
            notes.append("Speakers were told apart by the sound of their voices, which is rough: one channel each, or names, are surer.")
        elif diarizer == "embedded" and diarization.speakers and self.config.num_speakers != 1:
            notes.append("All voices sound like one person's. If more people speak, say how many: num_speakers=2, --speakers 2.")
        voice = speech(audio)
        dialogue = align(said, diarization, id=id, speech=voice)
        if not dialogue.utterances:
            notes.append("No voice was found in the recording.")
        if beyond := sum(u.start >= audio.duration_s for u in dialogue):
            notes.append(f"{beyond} of {len(dialogue)} utterances begin after the end of the recording: is this its transcript?")
        dialogue = assign_roles(channel_of_speakers(dialogue, audio), self.config.roles)
        return measure(dialogue, audio, voice, diarization), made, notes

    def _diarize(self, audio: Audio, said: Transcript | None) -> tuple[str | None, Diarization | None]:
        """Who speaks when, and the engine that says so; nothing if the transcript names the speakers."""
        spec, progress = self.config.diarizer, self._stage("diarize")
        if said is not None and said.has_speakers:
            return "transcript", None
        if spec == "none":
            return None, None
        if spec == "auto":
            spec = "channels" if ChannelDiarizer.suits(audio) else "embedded"
        bounds = {name: getattr(self.config, name) for name in ("num_speakers", "min_speakers", "max_speakers")}
        diarizer = registry.build("diarizer", spec, **bounds, device=self.config.device, offline=self.config.offline)
        return diarizer.id, diarizer.diarize(audio, progress)

    def _transcribe(self, audio: Audio, diarization: Diarization | None) -> tuple[Transcript | None, str | None, str | None]:
        """What was said (channel by channel in a call with one speaker a channel), the engine, and why there is none."""
        engine, why_not = self._transcriber
        if engine is None:
            voice = self._channels.get("acoustic", (None, ""))[0] is not None
            judged = "The analysis is by voice alone" if voice else "Nothing can be judged: there are no words, and voices are left out"
            return None, None, f"{judged}. {why_not}"
        progress = self._stage("transcribe")
        if diarization is None or all(speaker.channel is None for speaker in diarization.speakers):
            return engine.transcribe(audio, progress), engine.id, None
        return transcribe_channels(engine, audio, diarization, progress), engine.id, None

    def _describe(self, dialogue: Dialogue, audio: Audio | None) -> tuple[Dialogue, list[str]]:
        """The dialogue with the voices that were asked for and that the policy shows, and why there are none."""
        policy = self.config.policy
        visible = () if policy.mode == "text-only" else tuple(policy.visible(dialogue))
        why_not = "the policy is text-only" if policy.mode == "text-only" else "there is no sound" if audio is None else None
        if not self.config.describe or why_not:
            return withhold_voices(dialogue, visible), [f"Voices are not described: {why_not}."] if self.config.describe else []
        return describe_voices(dialogue, audio, visible, self._stage("describe")), []

    # What was expressed -------------------------------------------------------------------------------------------

    def _judge(self, dialogue: Dialogue, audio: Audio | None, denoiser: Denoiser | None) -> tuple[dict[str, ChannelResult], list[str]]:
        """Each channel's opinion, and why a channel has none. Only the acoustic channel hears what the denoiser leaves."""
        policy, results, notes = self.config.policy, {}, []
        visible, excluded = list(policy.visible(dialogue)), policy.exclusions(dialogue)
        shown = replace(dialogue, utterances=tuple(dialogue[i] for i in visible))
        for name in (n for n in self.config.channels if n != "fused"):
            channel, why_not = self._channels[name]
            if channel is None:
                notes.append(f"The {name} channel is off: {why_not}.")
                continue
            cleaned = name == "acoustic" and denoiser is not None and audio is not None
            heard = denoiser.denoise(audio) if cleaned else None if policy.mode == "text-only" else audio
            result = self._predict(name, channel, shown, heard)
            results[name] = _all_rows(replace(result, channel=name), dialogue, visible, excluded)
            notes += getattr(channel, "notes", ())
        if not results:
            results = {name: _unscored(name, self._fusion.labels, dialogue, excluded) for name in self._channels}
        notes += [f"{_name(dialogue, who)} is {why}: not judged." for who, why in excluded.items()]
        if strangers := policy.unmatched(dialogue):
            here = ", ".join(_name(dialogue, s.id) for s in dialogue.speakers)
            notes.append(f"The policy excludes {', '.join(strangers)}, but nobody is called so here. Here are: {here}.")
        if "fused" not in self.config.channels and results:
            notes.append(f"Fusion is off: labels are the {next(iter(results))} channel's own, without history, sets and abstention.")
        return results, notes

    def _predict(self, name: str, channel: Channel, dialogue: Dialogue, audio: Audio | None) -> ChannelResult:
        """The channel's scores, some utterances at a time, so that a long conversation shows how far it is."""
        parts = []
        at_once = max(_FEWEST_AT_ONCE, -(-len(dialogue) // _MOST_TIMES))
        if getattr(channel, "whole", False):  # it may take minutes: that it has begun is all there is to tell
            at_once = max(at_once, len(dialogue))
            self._progress(name, 0, len(dialogue))
        for since in range(0, max(len(dialogue), 1), at_once):
            until = min(since + at_once, len(dialogue))
            parts.append(channel.predict(replace(dialogue, utterances=dialogue.utterances[:until]), audio, since=since))
            self._progress(name, until, len(dialogue))
        if len(parts) == 1:
            return parts[0]
        return replace(
            parts[0],
            log_probs=np.concatenate([part.log_probs for part in parts]),
            reasons=tuple(reason for part in parts for reason in part.reasons),
            dimensions={d: np.concatenate([part.dimensions[d] for part in parts]) for d in parts[0].dimensions},
        )

    def _conclude(
        self, dialogue: Dialogue, channels: dict[str, ChannelResult], given: Opened, heard: dict[str, Any], notes: tuple[str, ...]
    ) -> Analysis:
        """The channels together, and the account of how it was made."""
        config, fusion = self.config, self._fusion
        fused = fusion.fuse(dialogue, channels, smooth=config.smooth) if "fused" in config.channels else None
        provenance = {
            "convemo": __version__,
            "config": config.model_dump(mode="json", exclude_unset=True),
            "config_sha256": config.sha256(),
            "context": "smooth: later utterances inform earlier ones" if config.smooth else "causal",
            **(given.origin or {}),
            **heard,
            **{name: channel.account for name, (channel, _) in self._channels.items() if name in channels and hasattr(channel, "account")},
        }
        opinions = {name: fusion.calibrate(name, result) for name, result in channels.items()}
        unfitted = [name for name, opinion in opinions.items() if fused and opinion.valid.any() and not opinion.calibrated]
        notes += tuple(
            f"The fusion was not fitted on {opinions[name].model.id}, which is heard {_as_what(name, fusion)}, uncalibrated: "
            "`convemo train fusion --data` fits it."
            for name in unfitted
        )
        return Analysis(
            dialogue=dialogue,
            channels=opinions,
            fused=fused.result if fused else None,
            contributions=fused.contributions if fused else {},
            weighting=fused.weighting if fused else {},
            prediction_sets=fused.prediction_sets if fused else (None,) * len(dialogue),
            abstained=tuple(map(bool, fused.abstained)) if fused else (False,) * len(dialogue),
            recording=given.audio.recording if given.audio else None,
            provenance=provenance,
            notes=notes,
        )

    # The parts, made when they are first needed -----------------------------------------------------------------------

    @cached_property
    def _transcriber(self) -> tuple[Transcriber | None, str | None]:
        config = self.config
        settings = {name: getattr(config, name) for name in ("language", "device", "offline", "translate", "compute_type")}
        return choose(config.asr, **settings, announce=self._announce)

    @cached_property
    def _known_speakers(self) -> KnownSpeakers:
        return KnownSpeakers(self.config.enroll, self.config.limits)

    def _open_channels(self) -> None:
        """Loads the channels, or tries again a language model that was not there at an analysis before."""
        analysed_before = "_channels" in vars(self)
        llm, _ = self._channels.get("llm", (None, ""))
        if analysed_before and isinstance(llm, Unavailable) and llm.rested:
            self._channels["llm"] = self._channel("llm")

    @cached_property
    def _channels(self) -> dict[str, tuple[Channel | None, str]]:
        return {name: self._channel(name) for name in self.config.channels if name != "fused"}

    def _channel(self, name: str) -> tuple[Channel | None, str]:
        if name == "acoustic" and self.config.policy.mode == "text-only":
            return None, "the policy is text-only, so no voice is judged"
        spec, config = getattr(self.config, name), self.config
        if name == "llm":
            channel = open_or_explain(self._asking, device=config.device, offline=config.offline, announce=self._announce)
        else:
            machine = registry.understood(
                name, spec, device=config.device, offline=config.offline, announce=self._announce, threads=self.threads
            )
            channel = registry.build(name, spec, **machine)
        if self.config.weights == "permissive" and not channel.model.permissive:
            return None, f"its weights are {channel.model.licence}, which weights='permissive' leaves out"
        return channel, ""

    @cached_property
    def _asking(self) -> ChannelSpec | None:
        """Which language model is asked how, if one is."""
        if "llm" not in self.config.channels:
            return None
        return ChannelSpec.parse(self.config.llm, **{of: getattr(self.config, f"llm_{of}") for of in KEYS}).check(self.config.offline)

    @cached_property
    def _denoiser(self) -> Denoiser | None:
        return None if self.config.denoise == "none" else registry.build("denoiser", self.config.denoise)

    @cached_property
    def _fusion(self) -> Fusion:
        """What was asked for; of what we ship, permissive weights have a fusion of their own, which has met no restricted data."""
        permissive = self.config.weights == "permissive" and self.config.fusion == "shipped"
        return Fusion.load("shipped-text" if permissive else self.config.fusion)

    def _stage(self, name: str) -> Callable[[float, float], None]:
        return lambda completed, total: self._progress(name, completed, total)


def _all_rows(result: ChannelResult, dialogue: Dialogue, visible: list[int], excluded: Mapping[str, str]) -> ChannelResult:
    """A channel's result over the whole dialogue: what it was not shown is without a score, and says why."""
    if len(visible) == len(dialogue):
        return result
    log_probs = np.zeros((len(dialogue), len(result.labels)))
    log_probs[visible] = result.log_probs
    reasons: list[str | None] = [excluded.get(u.speaker) for u in dialogue]
    for row, i in enumerate(visible):
        reasons[i] = result.reasons[row]
    dimensions = {}
    for name, values in result.dimensions.items():
        dimensions[name] = np.full(len(dialogue), np.nan)
        dimensions[name][visible] = values
    return replace(result, log_probs=log_probs, reasons=tuple(reasons), dimensions=dimensions)


def _unscored(name: str, labels: LabelSet, dialogue: Dialogue, excluded: Mapping[str, str]) -> ChannelResult:
    """A channel that is off: every row says so."""
    reasons = tuple(excluded.get(u.speaker, "no channel is on") for u in dialogue)
    return ChannelResult(name, labels, np.zeros((len(dialogue), len(labels))), reasons)


def _as_what(name: str, fusion: Fusion) -> str:
    """How the fusion takes a channel that it was not fitted on."""
    known = name in fusion.parameters.channels
    return f"as the {name} channel that it knows" if known else f"with the weight that unknown channels get ({PRIOR_WEIGHT})"


def _name(dialogue: Dialogue, speaker: str) -> str:
    return dialogue.speaker(speaker).name or speaker
