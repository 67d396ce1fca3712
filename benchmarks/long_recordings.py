"""Does memory stay flat, and time linear, from five minutes to ten hours? Each stage in a fresh process.

    python -m benchmarks.long_recordings ../recordings --hours 0.0833 1 10

FOLDER holds some recordings of speech. From them a long one is composed, in a stream: shuffled excerpts of 2 to 15 s at
random levels (-12 to +3 dB), with pauses of 0.2 to 2 s of faint noise between them, so that no two minutes are alike; and a
transcript of as many words as are said in that time, each file's excerpts said by one speaker. Then, for each length and
stage: seconds (wall clock, and processor time, which a busy machine does not inflate), the peak of this process's memory and
of the decoder's, and the seconds for an hour of sound, which stay the same where time is linear. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from convemo.audio.resample import RATE_HZ, to_int16

SUFFIXES = {".flac", ".wav", ".mp3", ".m4a", ".ogg", ".opus"}
WORDS = ("well", "I", "think", "that", "we", "should", "have", "a", "look", "at", "this", "again", "because", "they", "told", "us")
WORDS_PER_S = 2.7


def compose(folder: Path, hours: float, path: Path) -> None:
    """Writes the recording to `path` (``.flac`` or ``.opus``) and its transcript beside it, as Whisper's JSON."""
    import av

    from convemo.audio import load

    clips = [load(file) for file in sorted(folder.iterdir()) if file.suffix in SUFFIXES]
    if not clips:
        raise SystemExit(f"no recordings in {folder}")
    random = np.random.default_rng(0)
    segments, done = [], 0
    with av.open(str(path), "w", format={".opus": "ogg"}.get(path.suffix)) as container:
        rate_hz = 48_000 if path.suffix == ".opus" else RATE_HZ
        stream = container.add_stream("libopus" if path.suffix == ".opus" else "flac", rate=rate_hz, layout="mono")
        resampler = av.AudioResampler("s16", "mono", rate_hz)

        def write(samples: np.ndarray) -> None:
            nonlocal done
            frame = av.AudioFrame.from_ndarray(to_int16(samples)[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, done
            done += len(samples)
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))

        while done < hours * 3600 * RATE_HZ:
            number = int(random.integers(len(clips)))
            length = min(random.uniform(2, 15), clips[number].duration_s)
            begin = random.uniform(0, clips[number].duration_s - length)
            segments.append(_segment(done / RATE_HZ, length, f"speaker {number}", random))
            write(clips[number].read(begin, begin + length) * 10 ** (random.uniform(-12, 3) / 20))
            write(random.normal(0, 3e-4, round(random.uniform(0.2, 2.0) * RATE_HZ)))
        container.mux(stream.encode(None))
    path.with_suffix(".json").write_text(json.dumps({"text": "", "segments": segments, "language": "en"}))


def _segment(start: float, length: float, speaker: str, random: np.random.Generator) -> dict:
    count = max(1, round(length * WORDS_PER_S))
    edges = np.linspace(start, start + length, count + 1)
    words = [WORDS[random.integers(len(WORDS))] for _ in range(count)]
    for i in range(9, count, 10):
        words[i] += "."
    timed = [{"word": f" {w}", "start": round(a, 3), "end": round(b, 3)} for w, a, b in zip(words, edges[:-1], edges[1:])]
    return {"start": start, "end": start + length, "text": " ".join(words), "speaker": speaker, "words": timed}


# The stages: each is prepared, untimed, and gives what is timed -------------------------------------------------------


def decode(path: Path) -> Callable[[], object]:
    from convemo.audio import load

    return lambda: load(path)


def voice(path: Path) -> Callable[[], object]:
    from convemo.audio import load
    from convemo.audio.vad import speech

    audio = load(path)
    return lambda: speech(audio)


def diarize(path: Path) -> Callable[[], object]:
    from convemo.audio import load
    from convemo.registry import build

    audio, diarizer = load(path), build("diarizer", "embedded")
    return lambda: diarizer.diarize(audio)


def align(path: Path) -> Callable[[], object]:
    """Words without speakers, and turns: the longest way through."""
    from dataclasses import replace

    from convemo.dialogue.align import align
    from convemo.readers import read_transcript
    from convemo.types import Diarization, Speaker, Turn

    said = read_transcript(path.with_suffix(".json"))
    turns = tuple(Turn(s.start, s.end, s.speaker) for s in said.segments)
    who = Diarization(turns, tuple(Speaker(id) for id in dict.fromkeys(turn.speaker for turn in turns)))
    said = replace(said, segments=tuple(replace(s, speaker=None) for s in said.segments), speakers=())
    return lambda: align(said, who, speech=[(turn.start, turn.end) for turn in turns])


def text(path: Path) -> Callable[[], object]:
    from convemo import Analyzer

    analyzer = Analyzer(channels=("text",), offline=True)
    analyzer.analyze(_some(path))
    return lambda: analyzer.analyze(path.with_suffix(".json"))


def acoustic(path: Path) -> Callable[[], object]:
    from convemo.acoustic.channel import AcousticChannel
    from convemo.audio import load
    from convemo.dialogue.align import align
    from convemo.readers import read_transcript

    audio, channel, dialogue = load(path), AcousticChannel(), align(read_transcript(path.with_suffix(".json")))
    return lambda: channel.predict(dialogue, audio)


def _analysis(path: Path):
    """Made-up scores for every utterance, so that what follows the channels is measured alone."""
    from convemo.dialogue.align import align
    from convemo.fusion import Fusion
    from convemo.readers import read_transcript
    from convemo.types import ChannelResult

    dialogue, fusion = align(read_transcript(path.with_suffix(".json"))), Fusion.load()
    random = np.random.default_rng(0)
    scores = [np.log(random.dirichlet(np.ones(len(fusion.labels)), len(dialogue))) for _ in range(2)]
    reasons = (None,) * len(dialogue)
    return dialogue, fusion, {n: ChannelResult(n, fusion.labels, s, reasons) for n, s in zip(("text", "acoustic"), scores)}


def fuse(path: Path) -> Callable[[], object]:
    dialogue, fusion, channels = _analysis(path)
    return lambda: fusion.fuse(dialogue, channels)


def save(path: Path) -> Callable[[], object]:
    """JSON and CSV, and the table that is printed."""
    from convemo.results import Analysis

    dialogue, fusion, channels = _analysis(path)
    fused = fusion.fuse(dialogue, channels)
    analysis = Analysis(dialogue, channels, fused.result, contributions=fused.contributions, prediction_sets=fused.prediction_sets)
    return lambda: (analysis.save(path.with_suffix(".out.json")), analysis.save(path.with_suffix(".out.csv")), str(analysis))


def whole_with_transcript(path: Path) -> Callable[[], object]:
    from convemo import Analyzer

    analyzer = Analyzer(offline=True)
    return lambda: analyzer.analyze(path, transcript=path.with_suffix(".json")).save(path.with_suffix(".out.json"))


def whole_by_voice_alone(path: Path) -> Callable[[], object]:
    from convemo import Analyzer

    analyzer = Analyzer(asr="none", diarizer="embedded", offline=True)
    return lambda: analyzer.analyze(path).save(path.with_suffix(".out.json"))


def _some(path: Path):
    """The transcript's first words, to have the network loaded before the time counts."""
    from convemo.readers import read_transcript
    from convemo.types import Transcript

    return Transcript(read_transcript(path.with_suffix(".json")).segments[:1])


STAGES = (decode, voice, diarize, align, text, acoustic, fuse, save, whole_with_transcript, whole_by_voice_alone)


def measure(stage: str, path: Path) -> None:
    """In a process of its own: prints what one stage takes."""
    decoder = _Decoder()
    prepared = next(function for function in STAGES if function.__name__ == stage)(path)
    begin, processor = time.perf_counter(), time.process_time() + decoder.processor_s()
    result = prepared()
    figures = {"wall_s": time.perf_counter() - begin, "cpu_s": time.process_time() + decoder.processor_s() - processor}
    print(json.dumps(figures | {"peak_mib": _peak_mib(os.getpid()), "decoder_mib": decoder.stop()}))
    del result


def _peak_mib(pid: int) -> float:
    """Peak memory of a process that lives. What `resource` tells on Linux may be the peak of whoever started it."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


class _Decoder:
    """Watches the memory and the time of the processes below this one."""

    def __init__(self):
        self._peak, self._stopped = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(0.05):
            for pid in self._below(os.getpid()):
                with suppress(OSError, StopIteration):
                    self._peak = max(self._peak, _peak_mib(pid))

    def _below(self, pid: int) -> list[int]:
        with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(child) for child in file.read().split()]
            return children + [below for child in children for below in self._below(child)]
        return []

    def processor_s(self) -> float:
        """Of those that live and of theirs that have ended."""
        ticks = 0
        for pid in self._below(os.getpid()):
            with suppress(OSError), open(f"/proc/{pid}/stat") as stat:
                ticks += sum(map(int, stat.read().rpartition(")")[2].split()[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> float:
        """The peak of any one of them, in MiB."""
        self._stopped.set()
        self._thread.join()
        return self._peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, nargs="+", default=[5 / 60, 1.0, 10.0])
    parser.add_argument("--stages", nargs="+", default=[stage.__name__ for stage in STAGES], metavar="STAGE")
    parser.add_argument("--format", choices=("flac", "opus"), default="flac")
    parser.add_argument("--scratch", type=Path, help="folder for the recordings; a temporary one if not given")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure[0], Path(arguments.measure[1]))
        return

    print(f"{'stage':24}{'hours':>8}{'wall s':>10}{'cpu s':>10}{'cpu s/h':>10}{'peak MiB':>10}{'decoder MiB':>13}")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        paths = {}
        for hours in arguments.hours:
            paths[hours] = Path(scratch) / f"{hours:g}h.{arguments.format}"
            compose(arguments.folder, hours, paths[hours])
        for stage in arguments.stages:
            for hours, path in paths.items():
                command = [sys.executable, "-m", "benchmarks.long_recordings", str(arguments.folder), "--measure", stage, str(path)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    print(f"{stage:24}{hours:8.3f}  failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                print(
                    f"{stage:24}{hours:8.3f}{found['wall_s']:10.1f}{found['cpu_s']:10.1f}{found['cpu_s'] / hours:10.1f}"
                    f"{found['peak_mib']:10.0f}{found['decoder_mib']:13.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
