"""What a batch costs beside the text channel alone, and whether its memory grows: ``python benchmarks/batch_throughput.py``.

The corpus (`batch_corpus`, ``--dialogues 2000``) is written to a temporary folder. *Alone*: one text channel with as many threads as
processors scores every dialogue, already read, in one process. *Batch*: `convemo.batch.Batch` over the files, from the first listing to the
last row in the tables, everything included: hashing, starting workers, loading, reading, fusing, writing analyses, ledger and tables. Alone
is measured before and after, for the machine may be busier at one time than at another. Processors' time is given too: it hardly moves when
the machine is busy with something else. ``--workers 1,2`` measures several; ``--no-cache`` leaves the stage cache out.

``--memory 100,1000,10000`` instead runs a batch over so many short files and prints the peak memory of the run's own process and of its
greatest worker.
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
        turns = write(calls, arguments.dialogues)
        first = measured("--alone", str(calls), "--threads", str(arguments.threads))
        total = first["utterances"]  # more than turns: several sentences of one turn are several utterances
        print(f"{arguments.dialogues} dialogues, {turns} turns, {total} utterances")
        print(f"alone: {in_words(total, first)}", flush=True)
        batches = {}
        for workers in arguments.workers.split(","):
            more = ["--no-cache"] if arguments.no_cache else []
            batches[workers] = measured("--one", str(calls), f"{place}/out{workers}", workers, *more)
            print(f"batch, {workers} workers: {in_words(total, batches[workers])}", flush=True)
        last = measured("--alone", str(calls), "--threads", str(arguments.threads))
        print(f"alone, again: {in_words(total, last)}")
        for workers, told in batches.items():
            by_clock, by_processor = ((first[unit] + last[unit]) / 2 / told[unit] for unit in ("seconds", "processor_s"))
            print(f"{workers} workers: {by_clock:.2f} x the text channel alone by the clock, {by_processor:.2f} x by processors' time")


def in_words(total: int, told: dict) -> str:
    more = ", ".join(f"{name} {value}" for name, value in told.items() if name.endswith("mib"))
    return f"{total / told['seconds']:.0f} utterances/s, {1e3 * told['processor_s'] / total:.2f} ms of a processor each" + (
        more and f"; {more}"
    )


def memory(counts: list[int], workers: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        for count in counts:
            write(Path(place) / str(count), count, turns=(3, 5))
            told = measured("--one", f"{place}/{count}", f"{place}/out{count}", str(workers))
            print(f"{count} files: {told}", flush=True)


def measured(*arguments: str) -> dict:
    """What this program, started anew, prints as JSON."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def alone(folder: Path, threads: int) -> None:
    from convemo.dialogue.align import align
    from convemo.readers import read_transcript
    from convemo.text.channel import TextChannel

    dialogues = [align(read_transcript(path), id=path.stem) for path in sorted(folder.glob("*.vtt"))]
    started, before = time.perf_counter(), time.process_time()
    channel = TextChannel(threads=threads)
    for dialogue in dialogues:
        channel.predict(dialogue)
    used = time.process_time() - before
    print(json.dumps({"seconds": time.perf_counter() - started, "processor_s": used, "utterances": sum(map(len, dialogues))}))


def one(inputs: str, out: str, workers: str, cache: bool) -> None:
    started = time.perf_counter()
    summary = Batch(inputs, out, workers=int(workers), offline=True, **({} if cache else {"cache_bytes": None})).run()
    assert summary.ok, summary
    own, workers_ = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {"seconds": time.perf_counter() - started, "processor_s": sum(u.ru_utime + u.ru_stime for u in (own, workers_))}
    told["utterances"] = summary.utterances
    print(json.dumps(told | {"own_mib": own.ru_maxrss // 1024, "greatest_worker_mib": workers_.ru_maxrss // 1024}))


if __name__ == "__main__":
    main()
