"""Diarization error rate on recordings with reference turns: ``python benchmarks/diarization.py FOLDER [--engine NAME]``.

FOLDER holds sound files and RTTM files (NIST's format: ``SPEAKER file 1 start duration <NA> <NA> name <NA> <NA>``).
The rate is NIST's: missed speech + false alarm + confusion, over reference speech, with a collar of 0.25 s around
every reference border left out, overlap scored, and the best one-to-one mapping of speakers.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from itertools import permutations
from pathlib import Path

import numpy as np

from convemo.audio import load
from convemo.registry import build
from convemo.types import Turn

FRAMES_PER_S = 100
COLLAR_S = 0.25


def read_rttm(path: Path) -> dict[str, list[Turn]]:
    """File name (without suffix) → its reference turns."""
    turns = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("SPEAKER"):
            _, name, _, start, length, _, _, speaker, *_ = line.split()
            turns[name].append(Turn(float(start), float(start) + float(length), speaker))
    return dict(turns)


def error_rate(reference: list[Turn], found: list[Turn], duration_s: float, collar_s: float = COLLAR_S) -> dict[str, float]:
    """``missed``, ``false_alarm``, ``confusion`` and their sum ``der``, as shares of the reference speech scored.

    >>> a, b = Turn(0, 5, "a"), Turn(5, 10, "b")
    >>> error_rate([a, b], [Turn(0, 10, "x")], 10.0)["der"]
    0.5
    """
    said, heard = _activity(reference, duration_s), _activity(found, duration_s)  # (S, T), (H, T) booleans
    scored = np.ones(said.shape[1], bool)
    for border in (t for turn in reference for t in (turn.start, turn.end)):
        scored[max(0, round((border - collar_s) * FRAMES_PER_S)) : round((border + collar_s) * FRAMES_PER_S)] = False
    said, heard = said[:, scored], heard[:, scored]
    total, n_said, n_heard = int(said.sum()), said.sum(axis=0), heard.sum(axis=0)
    correct = _best_mapping(said.astype(int) @ heard.T.astype(int))
    missed, false_alarm = np.maximum(n_said - n_heard, 0).sum(), np.maximum(n_heard - n_said, 0).sum()
    confusion = np.minimum(n_said, n_heard).sum() - correct
    parts = {"missed": missed, "false_alarm": false_alarm, "confusion": confusion}
    return {"der": float(sum(parts.values()) / total), **{k: float(v / total) for k, v in parts.items()}}


def _activity(turns: list[Turn], duration_s: float) -> np.ndarray:
    speakers = sorted({turn.speaker for turn in turns})
    activity = np.zeros((len(speakers), round(duration_s * FRAMES_PER_S)), bool)
    for turn in turns:
        activity[speakers.index(turn.speaker), round(turn.start * FRAMES_PER_S) : round(turn.end * FRAMES_PER_S)] = True
    return activity


def _best_mapping(together: np.ndarray) -> int:
    """Most frames that a one-to-one mapping of rows to columns can hold; all mappings are tried (a handful of speakers)."""
    small = together if together.shape[0] <= together.shape[1] else together.T
    rows = range(len(small))
    return max(
        (int(sum(small[i, j] for i, j in zip(rows, chosen))) for chosen in permutations(range(small.shape[1]), len(small))), default=0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="embedded", help="a diarizer's spec, such as embedded or pyannote:NAME")
    arguments = parser.parse_args()
    diarizer = build("diarizer", arguments.engine)
    print(f"{'recording':24}{'DER':>7}{'missed':>8}{'false':>7}{'confus.':>8}  speakers  seconds")
    rates = []
    references = {name: turns for path in sorted(arguments.folder.glob("*.rttm")) for name, turns in read_rttm(path).items()}
    for path in sorted(arguments.folder.glob("*.flac")) + sorted(arguments.folder.glob("*.wav")):
        begin = time.perf_counter()
        with load(path) as audio:
            result = diarizer.diarize(audio)
            seconds, duration_s = time.perf_counter() - begin, audio.duration_s
        reference = references.get(path.stem)
        count = f"{len(result.speakers)}" + (f" of {len({t.speaker for t in reference})}" if reference else "")
        if reference:
            rates.append(error_rate(reference, list(result.turns), duration_s))
            row = "".join(f"{100 * v:{w}.1f}" for v, w in zip(rates[-1].values(), (7, 8, 7, 8)))
        else:
            row = f"{'no reference':>30}"
        print(f"{path.stem:24}{row}  {count:>8}  {seconds:.1f} for {duration_s:.0f} s")
    if rates:
        print(f"{'mean':24}" + "".join(f"{100 * np.mean([r[k] for r in rates]):{w}.1f}" for k, w in zip(rates[0], (7, 8, 7, 8))))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
