"""How long the same command takes when all is done: ``python benchmarks/batch_resume.py [--files 10000] [--workers N]``.

Writes so many transcripts to a temporary folder, has a batch finish them (with an analyzer without engines: what is measured is the
batch), and then times a fresh process that is given the same folder again, three times: start, imports, listing, looking up, end. The peak
memory of the run's own process, in which the analyzer works too, is printed: compare ``--files 100`` with ``--files 10000``. With
``--workers`` the analyzer works in so many processes: the first run then shows how many results a second one run can write to this disk.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from convemo import Analysis, ChannelResult, LabelSet
from convemo.batch import Batch
from convemo.batch.inline import InlineEngine
from convemo.batch.layout import TABLES
from convemo.batch.work import Setup
from convemo.dialogue.align import align
from convemo.types import Transcript


class Unmoved:
    """Finds everything neutral."""

    def __init__(self, setup: Setup):
        self.config = setup.config

    def load(self) -> None: ...

    def analyze_file(self, sound, said: Transcript, *, id, **_) -> Analysis:
        dialogue = align(said, id=id)
        log_probs = np.log(np.tile([0.9, 0.1], (len(dialogue), 1)))
        return Analysis(dialogue, {"text": ChannelResult("text", LabelSet(("neutral", "anger")), log_probs, (None,) * len(dialogue))})


def run(place: str, workers: int) -> None:
    summary = Batch(f"{place}/calls", f"{place}/out", workers=workers or InlineEngine(), analyzer="batch_resume:Unmoved").run()
    assert summary.ok, summary
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{summary.done} done now, {summary.before} before, {summary.seconds:.2f} s in the run, {peak_mib} MiB at most")


def size(place: Path) -> int:
    """Bytes in a file, or in all files of a folder."""
    return sum(file.stat().st_size for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file())


def processor_s() -> float:
    """Of all processes that have ended: what the machine does besides does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=0, help="0: in the run's own process")
    parser.add_argument("--place", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.place:
        run(arguments.place, arguments.workers)
        return
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "calls").mkdir()
        for number in range(arguments.files):
            (Path(place) / "calls" / f"call{number:06d}.txt").write_text(f"Ana: Hello, this is call {number}.\nBen: Good morning, Ana.\n")
        for turn in range(4):
            started, used = time.perf_counter(), processor_s()
            subprocess.run([sys.executable, __file__, "--place", place, "--workers", str(arguments.workers)], check=True)
            took, used = time.perf_counter() - started, processor_s() - used
            print(f"{'resumed' if turn else 'first run'}: {took:.2f} s, of them {used:.2f} s of a processor's time", flush=True)
        out = Path(place) / "out"
        parts = len(list((out / "utterances").glob("*.parquet")))
        kib = {name: size(out / name) / 1024 / arguments.files for name in (".convemo/ledger.sqlite", "analyses", *TABLES)}
        print(f"{arguments.files} files, {parts} Parquet files a table; on the disk, KiB a call:")
        print(", ".join(f"{name} {value:.2f}" for name, value in kib.items()))


if __name__ == "__main__":
    main()
