"""Where somebody speaks, found and missed: ``python benchmarks/voice_activity.py FOLDER [--choose]``.

FOLDER holds conversations/ (sound files and RTTM files), and ravdess/, nemo/, emodb/ and noise/, of which voice_scenes.py makes
minutes whose speech is known. For each recording and each kind of scene: missed speech in percent of the reference speech, and false
alarm in percent of the rest, with no collar and with 0.25 s on either side of every reference border left out; once with the
library's operating point, once with that of Silero's authors. Overlapped speech counts once. Meeting references (AMI) count
pauses of a second or two within a turn as speech, and some laughter: no detector of voices finds those.

``--choose`` prints instead what the operating point was chosen by: errors over all scenes, made from another seed, for each of a grid.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from voice_scenes import Material, scenes, voice

from convemo.audio import Audio, load
from convemo.audio.vad import intervals, probabilities
from convemo.data.rttm import read_turns
from convemo.metrics import DiarizationErrors, diarization_errors
from convemo.types import Turn

CHOICE_SEED, REPORT_SEED = 0, 1
COLLARS_S = (0.0, 0.25)
SILERO = partial(intervals, onset=0.5, offset=0.35, min_speech_s=0.25, min_silence_s=0.1, lead_s=0.03)
GRID = {
    "onset, offset": [(0.5, 0.35), (0.4, 0.25), (0.3, 0.2), (0.25, 0.15), (0.2, 0.15), (0.2, 0.1), (0.15, 0.12), (0.15, 0.08), (0.1, 0.05)],
    "min_silence_s": [0.1, 0.3, 0.5],
    "lead_s": [0.0, 0.06, 0.1, 0.15],
}

Heard = tuple[np.ndarray, tuple[Turn, ...], float]
"""Probabilities, the reference, and the length in seconds."""


class Score:
    """Missed speech and false alarm of one operating point, added up."""

    def __init__(self):
        self.errors = [DiarizationErrors()] * len(COLLARS_S)
        self.rest_s = [0.0] * len(COLLARS_S)

    def add(self, heard: Heard, find) -> None:
        voiced, reference, duration_s = heard
        found = [Turn(start, end, "voice") for start, end in find(voiced, duration_s)]
        for i, collar_s in enumerate(COLLARS_S):
            self.errors[i] += diarization_errors(found, reference, duration_s, collar_s)
            everywhere = diarization_errors([Turn(0.0, duration_s, "voice")], reference, duration_s, collar_s)
            self.rest_s[i] += everywhere.false_alarm_s

    def missed(self, i: int) -> float:
        return 100 * self.errors[i].missed_s / self.errors[i].reference_s if self.errors[i].reference_s else np.nan

    def false_alarm(self, i: int) -> float:
        return 100 * self.errors[i].false_alarm_s / self.rest_s[i] if self.rest_s[i] else np.nan

    def __str__(self) -> str:
        return "".join(f"{self.missed(i):9.1f}{self.false_alarm(i):7.1f}" for i in range(len(COLLARS_S))).replace("nan", "  –")


def recordings(folder: Path) -> Iterable[tuple[str, Heard]]:
    for path in sorted(folder.glob("*.rttm")):
        for name, turns in sorted(read_turns(path).items()):
            for sound in folder.glob(f"{name}.*"):
                if sound.suffix != ".rttm":
                    with load(sound) as audio:
                        yield name, (probabilities(audio), voice([(turn.start, turn.end) for turn in turns]), audio.duration_s)


def simulated(folder: Path, seed: int) -> Iterable[tuple[str, Heard]]:
    for scene in scenes(Material(folder, seed), seed):
        with Audio.from_array(scene.samples, 16_000) as audio:
            yield scene.condition, (probabilities(audio), scene.speech, audio.duration_s)


def report(folder: Path) -> None:
    head = f"{'missed':>9}{'false':>7}" * len(COLLARS_S)
    print(f"{'':28}{'convemo':^32}   {'Silero 0.5 / 0.35':^32}\n{'':28}{head}   {head}")
    for title, material in (("recordings", recordings(folder / "conversations")), ("scenes", simulated(folder, REPORT_SEED))):
        scores: dict[str, tuple[Score, Score]] = defaultdict(lambda: (Score(), Score()))
        for name, heard in material:
            total = f"all {title} without voice" if name.startswith("no voice") else f"all {title}"
            for key in (name, total):
                for score, find in zip(scores[key], (intervals, SILERO)):
                    score.add(heard, find)
        for name in sorted(scores, key=lambda name: name.startswith("all ")):
            print(f"{name:28}{scores[name][0]}   {scores[name][1]}")
        print()


def choose(folder: Path) -> None:
    """Every point of the grid: missed and false alarm in percent of the speech in the scenes that have any, their sum first."""
    heard = list(simulated(folder, CHOICE_SEED))
    rows = []
    for (onset, offset), min_silence_s, lead_s in product(*GRID.values()):
        find = partial(intervals, onset=onset, offset=offset, min_silence_s=min_silence_s, lead_s=lead_s)
        voiced, empty = Score(), Score()
        for name, one in heard:
            (empty if name.startswith("no voice") else voiced).add(one, find)
        errors, tight = voiced.errors[1], voiced.errors[0]
        rows.append((100 * tight.rate, 100 * errors.rate, empty.false_alarm(0), voiced, (onset, offset, min_silence_s, lead_s)))
    print(f"{'sum':>7}{'at 0.25 s':>11}{'no voice':>10}{'missed, false alarm (collars 0 and 0.25 s)':>46}   {', '.join(GRID)}")
    for total, with_collar, alarms, voiced, point in sorted(rows, key=lambda row: row[0]):
        print(f"{total:7.2f}{with_collar:11.2f}{alarms:10.2f}{voiced!s:>46}   {point}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--choose", action="store_true", help="the errors that the operating point was chosen by")
    arguments = parser.parse_args()
    (choose if arguments.choose else report)(arguments.folder)


if __name__ == "__main__":
    main()
