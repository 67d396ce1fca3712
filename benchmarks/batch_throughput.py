"""What a batch costs beside the text channel alone, and whether its memory grows: ``python benchmarks/batch_throughput.py [--dialogues 2000]``.

The corpus (`batch_corpus`) is written to a temporary folder. *Alone*: one text channel with as many threads as processors scores every
dialogue, already read, in one process. *Batch*: `convemo.batch.Batch` over the files, from the start of the process to the last row in the
tables, everything included: listing, hashing, starting workers, loading, reading, fusing, writing analyses, ledger and tables. Alone is
measured before and after, for the machine may be busier at one time than at another. ``--workers 1,2`` measures several; ``--no-cache``
leaves the stage cache out. ``--memory 100,1000,10000`` instead runs a batch over so many short files and prints the peak memory of the run's
own process and of its greatest worker.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from batch_corpus import write

from convemo.batch import Batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dialogues", type=int, default=2000)
    parser.add_argument("--workers", default="2")
    parser.add_argument("--threads", type=int, default=2, help="of the text channel alone")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--memory", metavar="COUNTS")
    parser.add_argument("--one", nargs=3, metavar=("INPUTS", "OUT", "WORKERS"), help=argparse.SUPPRESS)
    parser.add_argument("--alone", metavar="INPUTS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one, cache=not arguments.no_cache)
    elif arguments.alone:
        alone(Path(arguments.alone), arguments.threads)
    elif arguments.memory:
        memory([int(count) for count in arguments.memory.split(",")], int(arguments.workers))
    else:
        throughput(arguments)


def throughput(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as place:
        calls = Path(place) / "calls"
        total = write(calls, arguments.dialogues)
        print(f"{arguments.dialogues} dialogues, {total} utterances")
        before = measured("--alone", str(calls), "--threads", str(arguments.threads))["seconds"]
        print(f"alone: {total / before:.0f} utterances/s", flush=True)
        batches = {}
        for workers in arguments.workers.split(","):
            started = time.perf_counter()
            told = measured("--one", str(calls), f"{place}/out{workers}", workers, *(["--no-cache"] if arguments.no_cache else []))
            batches[workers] = time.perf_counter() - started
            print(f"batch, {workers} workers: {total / batches[workers]:.0f} utterances/s, {told}", flush=True)
        after = measured("--alone", str(calls), "--threads", str(arguments.threads))["seconds"]
        print(f"alone, again: {total / after:.0f} utterances/s")
        for workers, seconds in batches.items():
            print(f"{workers} workers: {(before + after) / 2 / seconds:.2f} x the text channel alone")


def memory(counts: list[int], workers: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        for count in counts:
            total = write(Path(place) / str(count), count, turns=(3, 5))
            told = measured("--one", f"{place}/{count}", f"{place}/out{count}", str(workers))
            print(f"{count} files, {total} utterances: {told}", flush=True)


def measured(*arguments: str) -> dict:
    """What this program, started anew, prints as JSON."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def alone(folder: Path, threads: int) -> None:
    from convemo.dialogue.align import align
    from convemo.readers import read_transcript
    from convemo.text.channel import TextChannel

    dialogues = [align(read_transcript(path), id=path.stem) for path in sorted(folder.glob("*.vtt"))]
    started = time.perf_counter()
    channel = TextChannel(threads=threads)
    for dialogue in dialogues:
        channel.predict(dialogue)
    print(json.dumps({"seconds": time.perf_counter() - started}))


def one(inputs: str, out: str, workers: str, cache: bool) -> None:
    started = time.perf_counter()
    summary = Batch(inputs, out, workers=int(workers), offline=True, **({} if cache else {"cache_bytes": None})).run()
    assert summary.ok, summary
    own, worker = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": round(time.perf_counter() - started, 1), "own_mib": round(own), "greatest_worker_mib": round(worker)}))


if __name__ == "__main__":
    main()
