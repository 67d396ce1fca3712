"""Thousands of broken media files through `convemo.audio.load`: what becomes of them, and how long the worst takes.

    python -m benchmarks.fuzz_media --count 10000

The files are those of ``tests/audio/fuzz.py``: 23 seeds in all formats, each number its own damage. Every file must give
sound or a typed error before its deadline (10 s); one that does not is kept in ``--keep``, and the exit status is 1.
"""

import argparse
import re
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.audio import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for the files that break a promise")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        seeds = fuzz.seeds(Path(folder))

        def tried(number: int) -> tuple[int, str, float]:
            path = Path(folder) / f"{number}"
            path.write_bytes(fuzz.broken(seeds, number))
            begin = time.monotonic()
            try:
                found = fuzz.outcome(path, only_probe=number % 10 == 9)
            except Exception:
                found = "BROKEN PROMISE: " + traceback.format_exc()
            seconds = time.monotonic() - begin
            if found.startswith("BROKEN") or found == fuzz.LATE:
                arguments.keep.mkdir(exist_ok=True)
                path.rename(arguments.keep / f"{number}")
                print(f"{number}: {found}", flush=True)
            path.unlink(missing_ok=True)
            return number, found, seconds

        tried(arguments.first)  # the decoder's process is started once
        before = _peak_mib()
        begin = time.monotonic()
        with ThreadPoolExecutor(arguments.threads) as pool:
            results = list(pool.map(tried, range(arguments.first, arguments.first + arguments.count)))
        elapsed = time.monotonic() - begin

    outcomes = Counter(re.sub(r"-?\d[\d.e+]*", "N", found.splitlines()[0]) for _, found, _ in results)
    for found, count in outcomes.most_common():
        print(f"{count:7d}  {found}")
    broken = sum(found.startswith("BROKEN") for _, found, _ in results)
    late = sum(found == fuzz.LATE for _, found, _ in results)
    worst = max(results, key=lambda result: result[2])
    print(f"{len(results)} files in {elapsed:.0f} s ({1000 * elapsed / len(results):.1f} ms each, {arguments.threads} threads)")
    print(f"parent crashes 0, broken promises {broken}, past the deadline {late}; slowest {worst[2]:.2f} s (number {worst[0]})")
    print(f"parent memory grew by {_peak_mib() - before:.1f} MiB")
    return 1 if broken or late else 0


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
