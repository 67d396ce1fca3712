"""An analyzer that keeps what its stages make: who said what, and each channel's raw scores.

What a stage was made from decides what it is kept by: the sound's and the transcript's hash with the settings that the stage reads; of
scores, the very utterances that the policy showed the channel, so that scores of somebody who is excluded are neither computed nor found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import Any

from convemo import __version__, audio
from convemo.analyzed import record
from convemo.audio import Audio
from convemo.audio.denoise import Denoiser
from convemo.batch import coding
from convemo.batch.cache import StageCache
from convemo.batch.redact import Redactor, name_of, redact
from convemo.config import AnalyzerConfig
from convemo.dialogue.channel import Channel
from convemo.errors import AudioError
from convemo.llm.questions import FOR_GOOD
from convemo.pipeline import Analyzer
from convemo.results import Analysis
from convemo.source import Opened
from convemo.types import ChannelResult, Dialogue, Diarization, Evidence, Recording, Transcript

_JUDGING = ("text", "acoustic", "fusion", "channels", "denoise", "weights", "policy", "smooth", "describe", "offline", "limits")
"""Settings that change nothing about who said what."""
_LISTENING = ("asr", "diarizer", "roles", "enroll", "translate", "compute_type", "num_speakers", "min_speakers", "max_speakers", "language")
"""Settings that reach a channel's raw scores only through the dialogue."""
_SPOKEN = ("diarizer", "device", "num_speakers", "min_speakers", "max_speakers")
_WORDS = ("asr", "language", "translate", "device", "compute_type")

_EVIDENCE = tuple(field.name for field in fields(Evidence))
_READERS = ("text", "llm")
"""Channels that never listen."""


class StagedAnalyzer(Analyzer):
    """The pipeline's `Analyzer`, with a cache between its stages and redaction behind the first.

    Args:
        config: its settings.
        cache: where stages are kept.
        redactors: applied to every dialogue before anything is judged or kept.
        models: which models the settings lead to, as `identity.models_of` tells; part of what stages are kept by.
        threads: processor threads of each channel.
    """

    def __init__(
        self, config: AnalyzerConfig, cache: StageCache, redactors: Sequence[Redactor] = (), models: Any = None, threads: int | None = None
    ):
        super().__init__(config, announce=lambda told: None)
        self.threads = threads
        self._cache, self._redactors, self._models = cache, redactors, models or {}
        self._sound: str | None = None
        self._words: str | None = None
        self._known: tuple[AnalyzerConfig, dict[str, dict[str, Any]]] = (config, {})

    def load(self) -> None:
        """Loads every engine that any input needs, so that what is missing is told before ten thousand files are tried."""
        _ = self._channels, self._fusion, self._denoiser

    def analyze_file(
        self,
        sound: str | None,
        said: str | Transcript | None,
        *,
        id: str,
        conversation: str | None = None,
        sound_sha256: str | None = None,
        said_sha256: str | None = None,
    ) -> Analysis:
        """An analysis of a recording, a transcript, or both, by files whose hashes are known.

        Args:
            sound, said: the paths; a transcript may have been read.
            id: what to call the conversation.
            conversation: which one, where the transcript file holds several.
            sound_sha256, said_sha256: of the files.

        Raises:
            AudioError: the recording is not the one whose hash was given; or as `Analyzer.analyze`.
        """
        self._sound, self._words = sound_sha256, None if said_sha256 is None else f"{said_sha256} {conversation}"
        denoiser = self._denoiser
        kept = self._cache.get("listen", self._listening()) if sound else None
        if kept is None:
            given, beside = (said, None) if sound is None else (sound, said)
            return self.analyze(given, beside, id=id, conversation=None if isinstance(said, Transcript) else conversation)
        lazy = _Unopened(coding.to_recording(kept["recording"]), tuple(kept["notes_of_sound"]), lambda: self._open(sound))
        try:
            return self._account(Opened(lazy, None, None, dict(kept["origin"]), id), id, denoiser)
        finally:
            lazy.close()

    def _open(self, path: str) -> Audio:
        return self._checked(audio.load(path, self.config.limits))

    def _checked(self, sound: Audio) -> Audio:
        if self._sound is not None and sound.recording.sha256 != self._sound:
            sound.close()
            raise AudioError(sound.recording.path or "", "the recording that was listed", "other content", "Run the same command again.")
        return sound

    # Who said what ----------------------------------------------------------------------------------------------------

    def _listening(self) -> Any:
        """What the dialogue is made from."""
        settings = self.config.model_dump(mode="json", exclude=set(_JUDGING))
        settings = {name: value for name, value in settings.items() if not name.startswith("llm")}
        models = {name: self._models.get(name) for name in ("asr", "enroll")}
        return [__version__, self._sound, self._words, settings, models, [name_of(one) for one in self._redactors]]

    def _listen(self, given: Opened, id: str | None) -> tuple[Dialogue, dict[str, Any], list[str]]:
        if isinstance(given.audio, Audio):
            self._checked(given.audio)
        kept = self._cache.get("listen", self._listening()) if given.audio is not None else None
        if kept is not None:
            return replace(coding.to_dialogue(kept["dialogue"]), id=id or kept["dialogue"]["id"]), kept["heard"], kept["notes"]
        dialogue, heard, notes = super()._listen(given, id)
        dialogue = redact(dialogue, self._redactors)
        if given.audio is not None:
            made = {
                "dialogue": coding.from_dialogue(dialogue),
                "heard": heard,
                "notes": list(notes),
                "recording": coding.from_recording(given.audio.recording),
                "notes_of_sound": list(given.audio.notes),
                "origin": given.origin or {},
            }
            self._cache.put("listen", self._listening(), made)
        return dialogue, heard, notes

    def _diarize(self, audio: Audio, said: Transcript | None) -> tuple[str | None, Diarization | None]:
        if said is not None and said.has_speakers:
            return super()._diarize(audio, said)
        made_from = [__version__, audio.recording.sha256, self._settings(_SPOKEN)]
        kept = self._cache.get("diarize", made_from)
        if kept is not None:
            return kept["engine"], None if kept["turns"] is None else coding.to_diarization(kept["turns"])
        engine, turns = super()._diarize(audio, said)
        self._cache.put("diarize", made_from, {"engine": engine, "turns": None if turns is None else coding.from_diarization(turns)})
        return engine, turns

    def _transcribe(self, audio: Audio, diarization: Diarization | None) -> tuple[Transcript | None, str | None, str | None]:
        if self._redactors:  # what is heard here has not been redacted
            return super()._transcribe(audio, diarization)
        # Only the lines of a call are transcribed one by one; whoever shares a line does not change what is heard on it.
        lines = [] if diarization is None else sorted(s.channel for s in diarization.speakers if s.channel is not None)
        turns = coding.from_diarization(diarization) if lines else None
        made_from = [__version__, audio.recording.sha256, self._settings(_WORDS), self._models.get("asr"), turns]
        kept = self._cache.get("transcribe", made_from)
        if kept is not None:
            return coding.to_transcript(kept["said"]), kept["engine"], kept["note"]
        said, engine, note = super()._transcribe(audio, diarization)
        if said is not None:
            self._cache.put("transcribe", made_from, {"said": coding.from_transcript(said), "engine": engine, "note": note})
        return said, engine, note

    def _settings(self, names: Sequence[str]) -> dict[str, Any]:
        return self.config.model_dump(mode="json", include=set(names))

    # What was expressed -----------------------------------------------------------------------------------------------

    def _predict(self, name: str, channel: Channel, dialogue: Dialogue, audio: Audio | None) -> ChannelResult:
        if audio is None and name == "acoustic":  # quicker said than looked up
            return super()._predict(name, channel, dialogue, audio)
        sound = audio.recording.sha256 if audio is not None and name not in _READERS else None
        model = [channel.model.id, channel.model.sha256]
        made_from = [__version__, name, model, self._models.get(name), self._settings_of(name), sound, _shown(dialogue)]
        kept = self._cache.get("scores", made_from)
        if kept is not None:
            return coding.to_result(kept)
        result = super()._predict(name, channel, dialogue, audio)
        if name != "llm" or all(reason is None or reason.startswith(FOR_GOOD) for reason in result.reasons):
            self._cache.put("scores", made_from, coding.from_result(result))  # a server that was away may be back the next time
        return result

    def _settings_of(self, channel: str) -> dict[str, Any]:
        """Those that a channel's raw scores depend on."""
        if self._known[0] is not self.config:
            self._known = (self.config, {})
        found = self._known[1]
        if channel not in found:
            others = {other for other in ("text", "acoustic", "llm") if other != channel}
            settings = self.config.model_dump(mode="json", exclude={*_JUDGING, *_LISTENING} - {channel})
            found[channel] = {name: value for name, value in settings.items() if name.partition("_")[0] not in others}
            if channel == "acoustic":
                found[channel]["denoise"] = self.config.denoise
        return found[channel]

    @cached_property
    def _denoiser(self) -> Denoiser | None:
        denoiser = Analyzer._denoiser.func(self)
        return None if denoiser is None else _LazyDenoiser(denoiser)


def _shown(dialogue: Dialogue) -> Any:
    """All that a channel can see of a dialogue; not its id, nor what is only described."""
    speakers = [[s.id, s.name, s.role, s.channel] for s in dialogue.speakers]
    utterances = [
        (u.id, u.speaker, u.text, u.start, u.end, u.audio, None if u.features is None else dict(u.features),
         [getattr(u.evidence, name) for name in _EVIDENCE], [record(word) for word in u.words])
        for u in dialogue
    ]  # fmt: skip
    further = [None if of is None else dict(of) for of in (dialogue.groups, dialogue.genders)]
    return [speakers, dialogue.language, dialogue.translated_from, *further, utterances]


class _Unopened:
    """Sound that is decoded when somebody asks for a sample: where all stages are kept, nobody does."""

    def __init__(self, recording: Recording, notes: tuple[str, ...], load: Callable[[], Audio]):
        self.recording, self.notes = recording, notes
        self._load, self._audio = load, None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._audio is None:
            self._audio = self._load()
        return getattr(self._audio, name)

    def close(self) -> None:
        if self._audio is not None:
            self._audio.close()


class _LazyDenoiser:
    """Cleans sound when somebody asks for a sample of it."""

    def __init__(self, denoiser: Denoiser):
        self._denoiser = denoiser
        self.id = getattr(denoiser, "id", "")

    def denoise(self, audio: Audio) -> Audio:
        return _Unopened(audio.recording, audio.notes, lambda: self._denoiser.denoise(audio))
