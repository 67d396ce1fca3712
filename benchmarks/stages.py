"""Where the time of an analysis goes, stage by stage: ``python benchmarks/stages.py FILE [--asr faster-whisper:FOLDER]``.

FILE is any recording of two people in one channel. It is brought to five minutes (repeated, then cut) and analysed in three
forms: *embedded*, as it is; *channels*, a stereo call with one speaker a channel, made of it by its own diarization; and
*transcript*, with words and speakers given. Without --asr the words come from a stand-in that says a sentence for
each passage and takes no time, so that what follows a transcription has words to work on.

Real-time factor: seconds of work for each second of sound; medians over the repeats, the first one (which loads the models)
left out. A stage's time is its own: voice activity that a diarizer asks for counts as voice activity.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
import wave
from collections import defaultdict
from functools import wraps
from pathlib import Path

import numpy as np

import convemo.audio
import convemo.pipeline
from convemo import Analysis, Analyzer, Transcript, TranscriptSegment
from convemo.asr.passages import passages
from convemo.audio import load
from convemo.audio.vad import VoiceDetector, speech
from convemo.diarize.embedded import EmbeddedDiarizer
from convemo.types import Diarization, Word

LENGTH_S = 300
RATE_HZ = 16_000
CORES = 2
SENTENCE = "I have called three times about this order and nobody could tell me when it will arrive."
GOALS = {"embedded": 0.05, "channels": 0.02, "transcript": 0.02}
STAGES = ("decode", "voice activity", "diarize", "transcribe", "align", "evidence", "text", "acoustic", "fusion", "save", "rest")


CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


class Stopwatch:
    """Seconds of each stage's own; what a stage calls is not counted twice."""

    def __init__(self, clock: str):
        self._clock = CLOCKS[clock]
        self.seconds, self._running, self._since = defaultdict(float), ["rest"], self._clock()

    @contextlib.contextmanager
    def stage(self, name: str):
        self._count()
        self._running.append(name)
        try:
            yield
        finally:
            self._count()
            self._running.pop()

    def _count(self) -> None:
        now = self._clock()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def watch(self, owner: object, attribute: str, name: str | None = None) -> None:
        """Counts the time of a function as a stage's: of the one named, or of the one that its first argument names."""
        function = getattr(owner, attribute)

        @wraps(function)
        def timed(*args, **settings):
            with self.stage(name or args[1]):
                return function(*args, **settings)

        setattr(owner, attribute, timed)

    def take(self) -> dict[str, float]:
        """What was counted since the last time."""
        self._count()
        taken, self.seconds = dict(self.seconds), defaultdict(float)
        return taken


class Recital:
    """Stands in for a transcription engine: a sentence for each passage, its words spread over it, at once."""

    id = "recital"

    def transcribe(self, audio, progress=None, language=None) -> Transcript:
        parts = passages(speech(audio), audio.duration_s, length_s=6.0, pause_s=0.6)
        return Transcript(tuple(recited(part.start, part.end) for part in parts), language="en", source=self.id)


def recited(start: float, end: float, speaker: str | None = None) -> TranscriptSegment:
    texts = SENTENCE.split()
    edges = np.linspace(start, end, len(texts) + 1).tolist()
    words = tuple(Word(text, a, b, 0.9) for text, a, b in zip(texts, edges, edges[1:]))
    return TranscriptSegment(SENTENCE, start, end, speaker, words)


def five_minutes(file: Path) -> np.ndarray:
    """``(n,)`` float32 at 16 kHz."""
    with load(file) as audio:
        samples = audio.read(0.0, LENGTH_S)
    return np.resize(samples, LENGTH_S * RATE_HZ)


def apart(samples: np.ndarray, diarization: Diarization) -> np.ndarray:
    """``(n, 2)``: the first speaker's turns on the left, everybody else's on the right, over a faint noise."""
    rng = np.random.default_rng(0)
    sides = rng.normal(0.0, 1e-4, (len(samples), 2)).astype(np.float32)
    for turn in diarization.turns:
        first, last = int(turn.start * RATE_HZ), int(turn.end * RATE_HZ)
        sides[first:last, int(turn.speaker != diarization.speakers[0].id)] += samples[first:last]
    return sides


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def forms(file: Path, folder: Path) -> dict[str, tuple[Path, Transcript | None, str]]:
    """Form → the recording, its transcript where one is given, and the diarizer."""
    mono = five_minutes(file)
    write_wav(folder / "mono.wav", mono)
    with load(folder / "mono.wav") as audio:
        diarization = EmbeddedDiarizer(num_speakers=2).diarize(audio)
    write_wav(folder / "stereo.wav", apart(mono, diarization))
    given = Transcript(tuple(recited(t.start, t.end, t.speaker) for t in diarization.turns), diarization.speakers, "en", "benchmark")
    return {
        "embedded": (folder / "mono.wav", None, "embedded"),
        "channels": (folder / "stereo.wav", None, "channels"),
        "transcript": (folder / "mono.wav", given, "auto"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--asr", help="an engine that really transcribes, e.g. faster-whisper:small")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="processor: this process alone, for a machine that others use too")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])

    columns: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        given = forms(arguments.file, Path(scratch))
        watch = Stopwatch(arguments.clock)
        watch.watch(convemo.audio, "load", "decode")
        watch.watch(VoiceDetector, "push", "voice activity")
        for attribute, name in (("_diarize", "diarize"), ("_transcribe", "transcribe"), ("_predict", None), ("_conclude", "fusion")):
            watch.watch(Analyzer, attribute, name)
        for attribute, name in (("align", "align"), ("measure", "evidence"), ("channel_of_speakers", "evidence")):
            watch.watch(convemo.pipeline, attribute, name)
        watch.watch(Analysis, "save", "save")
        for form, (path, transcript, diarizer) in given.items():
            analyzer = Analyzer(asr=arguments.asr or "none", diarizer=diarizer, offline=True)
            if arguments.asr is None:
                analyzer._transcriber = (Recital(), None)
            rows = []
            for _ in range(arguments.repeats + 1):
                watch.take()
                analyzer.analyze(path, transcript).save(Path(scratch) / "result.json")
                rows.append(watch.take())
            columns[form] = {stage: statistics.median(row.get(stage, 0.0) for row in rows[1:]) / LENGTH_S for stage in STAGES}

    print(f"{'by ' + arguments.clock + ' time':16}" + "".join(f"{form:>12}" for form in columns))
    for stage in STAGES:
        print(f"{stage:16}" + "".join(f"{column[stage]:12.4f}" for column in columns.values()))
    without = {form: sum(column.values()) - column["transcribe"] for form, column in columns.items()}
    print(f"{'without ASR':16}" + "".join(f"{value:12.4f}" for value in without.values()))
    print(f"{'goal':16}" + "".join(f"{GOALS[form]:12.4f}" for form in columns))
    print(f"load average {os.getloadavg()[0]:.1f} on {CORES} cores" if hasattr(os, "getloadavg") else "")


if __name__ == "__main__":
    main()
