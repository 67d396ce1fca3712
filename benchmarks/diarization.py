"""Who speaks when, engines side by side: ``python benchmarks/diarization.py FOLDER --engine embedded --engine pyannote:MODEL``.

FOLDER holds sound files and their reference turns in RTTM files. For each clip, and for all together (seconds of error and of
reference added up): diarization error rate, missed speech, false alarm and confusion in percent of the reference speech, overlapped
speech scored, once with a collar of 0.25 s on either side of every reference border and once without; speakers found of those in
the reference. ``one speaker`` is what an engine must beat: all that the voice detector hears, as one speaker.

Each engine works in a process of its own, its clips one after the other, so that its peak of memory is its own. RTF is its time
for the sound (the wall clock, and all its threads' processor time, which a busy machine does not inflate), over the sound's
length; decoding the file and loading the model are not in it.
"""

from __future__ import annotations

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from convemo.audio import load
from convemo.audio.vad import speech
from convemo.data.rttm import read_turns
from convemo.metrics import DiarizationErrors, diarization_errors
from convemo.registry import build
from convemo.types import Diarization, Turn

COLLARS_S = (0.25, 0.0)
ONE_SPEAKER = "one speaker"
SUFFIXES = {".flac", ".wav", ".mp3", ".m4a", ".ogg", ".opus"}

Reference = dict[str, tuple[Turn, ...]]


@dataclass(frozen=True)
class Found:
    """What an engine made of one clip."""

    clip: str
    speakers: int
    duration_s: float
    wall_s: float
    processor_s: float
    errors: tuple[DiarizationErrors, ...] | None
    """For each collar; ``None`` without a reference."""


class OneSpeaker:
    """The baseline: everybody is one."""

    def diarize(self, audio) -> Diarization:
        return Diarization(tuple(Turn(start, end, "speaker 1") for start, end in speech(audio)), ())


def run(engine: str, clips: list[Path], reference: Reference, tell_number: bool) -> tuple[list[Found], float]:
    """The engine on each clip, and the peak of its process in MB."""
    found, diarizer = [], OneSpeaker() if engine == ONE_SPEAKER else build("diarizer", engine)
    for clip in clips:
        turns = reference.get(clip.stem)
        if tell_number and turns and engine != ONE_SPEAKER:
            diarizer = build("diarizer", engine, num_speakers=len({turn.speaker for turn in turns}))
        with load(clip) as audio:
            wall, processor = time.perf_counter(), time.process_time()
            result = diarizer.diarize(audio)
            wall_s, processor_s = time.perf_counter() - wall, time.process_time() - processor
            errors = tuple(diarization_errors(result.turns, turns, audio.duration_s, collar) for collar in COLLARS_S) if turns else None
            number = len({turn.speaker for turn in result.turns})
            found.append(Found(clip.stem, number, audio.duration_s, wall_s, processor_s, errors))
    return found, peak_mb()


def peak_mb() -> float:
    """The most memory that this process has held. Linux's own count: getrusage's begins with the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def row(clip: str, engine: str, errors: tuple[DiarizationErrors, ...] | None, speakers: str) -> str:
    cells = ""
    for each in errors or ():
        shares = (each.missed_s, each.false_alarm_s, each.confusion_s)
        cells += f"{100 * each.rate:9.1f}" + "".join(f"{100 * share / (each.reference_s or 1.0):7.1f}" for share in shares)
    return f"{clip:22}{engine:26}{cells or 'no reference'.center(30 * len(COLLARS_S))}   {speakers}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", action="append", help="a diarizer: embedded, pyannote:NAME, pyannote:FOLDER; again for another")
    parser.add_argument("--tell-number", action="store_true", help="tell the engines how many speakers the reference has")
    arguments = parser.parse_args()
    clips = sorted(path for path in arguments.folder.iterdir() if path.suffix.lower() in SUFFIXES)
    reference = {name: turns for path in sorted(arguments.folder.glob("*.rttm")) for name, turns in read_turns(path).items()}

    found, peaks = {}, {}
    for engine in (ONE_SPEAKER, *(arguments.engine or ["embedded"])):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            results, peaks[engine] = process.submit(run, engine, clips, reference, arguments.tell_number).result()
        found[engine] = {result.clip: result for result in results}
    labels = {engine: engine if len(engine) <= 25 else "…" + engine[-24:] for engine in found}

    groups = "".join(f"{f'collar {collar:g} s':>16}{'':14}" for collar in COLLARS_S)
    print(f"{'':48}{groups}\n{'clip':22}{'engine':26}" + f"{'DER':>9}{'miss':>7}{'false':>7}{'conf':>7}" * len(COLLARS_S) + "   speakers")
    for clip in clips:
        known = len({turn.speaker for turn in reference.get(clip.stem, ())})
        for engine, results in found.items():
            result = results[clip.stem]
            print(row(clip.stem, labels[engine], result.errors, f"{result.speakers}" + (f" of {known}" if known else "")))
    for engine, results in found.items():
        scored = [result.errors for result in results.values() if result.errors]
        if scored:
            pooled = tuple(sum(errors, start=DiarizationErrors()) for errors in zip(*scored))
            right = sum(r.speakers == len({t.speaker for t in reference[c]}) for c, r in results.items() if r.errors)
            print(row(f"all {len(scored)}, {pooled[-1].reference_s:.0f} s", labels[engine], pooled, f"right in {right} of {len(scored)}"))
    print()
    for engine, results in found.items():
        sound_s, wall_s, processor_s = (sum(getattr(r, f) for r in results.values()) for f in ("duration_s", "wall_s", "processor_s"))
        rtf = f"RTF {wall_s / sound_s:.4f} (processor {processor_s / sound_s:.4f}) over {sound_s:.0f} s"
        print(f"{labels[engine]:26}{rtf}, peak {peaks[engine]:.0f} MB")


if __name__ == "__main__":
    main()
