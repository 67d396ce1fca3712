"""PocketSphinx: hidden Markov models that need no download (Huggins-Daines et al. 2006, doi:10.1109/ICASSP.2006.1659988). English only.

By explicit choice only: on real calls most of its words are wrong. It runs the true path, words with times and
confidences, where no weights can be had.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from convemo.asr.base import Progress
from convemo.asr.passages import Passage, Timeline, least_voiced, listen, passages
from convemo.audio import Audio
from convemo.audio.vad import speech
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable
from convemo.registry import Availability
from convemo.types import Transcript, Word

PASSAGE_S = 15.0
PAUSE_S = 0.5
"""Its search has no notion of a pause but fillers, and its noise estimate is per passage: short ones suit it."""

_INSTALL = "pip install 'convemo[pocketsphinx]'"


class PocketSphinx:
    """CMU PocketSphinx with the English model that its package carries.

    Args:
        language: ``"en"`` or ``None``.
        device: ``"auto"`` or ``"cpu"``.
        offline: it never touches the network.
        translate: it cannot.

    Raises:
        EngineUnavailable: pocketsphinx is not installed.
        ConfigError: another language or device, or a translation.
    """

    id = "pocketsphinx"

    def __init__(self, *, language: str | None = None, device: str = "auto", offline: bool = False, translate: bool = False):
        if translate:
            raise ConfigError("an engine that translates, for translate=True", "pocketsphinx", "Choose faster-whisper:small.")
        if language not in (None, "en"):
            raise ConfigError("English for pocketsphinx, whose package carries no other model", repr(language), "Choose faster-whisper.")
        if device not in ("auto", "cpu"):
            raise ConfigError("the device auto or cpu for pocketsphinx", repr(device))
        if find_spec("pocketsphinx") is None:
            raise EngineUnavailable("pocketsphinx to be installed", "no such package", f"Install it: `{_INSTALL}`.")
        self._decoder = None

    @classmethod
    def availability(cls, model: str | None = None, offline: bool = False) -> Availability:
        """Whether the package is installed; its model comes with it."""
        here = find_spec("pocketsphinx") is not None
        return Availability(here, "" if here else "pocketsphinx is not installed", "" if here else _INSTALL)

    def transcribe(self, audio: Audio, progress: Progress | None = None, language: str | None = None) -> Transcript:
        """The words of one voice, one passage between pauses at a time; each passage is a segment.

        Raises:
            EngineFailed: it broke; the cause is attached.
        """
        timeline, segments, words = Timeline(audio.duration_s), [], []
        parts = list(passages(speech(audio), audio.duration_s, PASSAGE_S, PAUSE_S, least_voiced(audio)))
        try:
            for ((part, samples),) in listen(audio, parts, progress):
                words = part.own(self._words(part, samples), before=words)
                segments.append(timeline.segment(" ".join(word.text for word in words), words))
        except Exception as error:  # its C code raises RuntimeError and ValueError
            raise EngineFailed("pocketsphinx to transcribe", f"{type(error).__name__}: {error}") from error
        return Transcript(tuple(s for s in segments if s is not None), language="en", source=self.id)

    def _words(self, part: Passage, samples: np.ndarray) -> list[Word]:
        if self._decoder is None:
            from pocketsphinx import Decoder

            self._decoder = Decoder(loglevel="FATAL")
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(np.round(samples * 32767).astype("<i2").tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        frame_s = 1 / decoder.config["frate"]
        found = [
            Word(spoken(s.word), *part.place(s.start_frame * frame_s, (s.end_frame + 1) * frame_s), confidence=min(s.prob, 1.0))
            for s in decoder.seg() or ()
        ]
        return [word for word in found if word.text]


def spoken(entry: str) -> str:
    """The word of a dictionary entry; nothing for silence and noise.

    >>> [spoken(entry) for entry in ("the(2)", "country", "<sil>", "[NOISE]", "++breath++")]
    ['the', 'country', '', '', '']
    """
    return "" if entry[0] in "<[+" else entry.partition("(")[0]
