"""Kills batches at random moments and counts what is lost, doubled or torn: ``python benchmarks/batch_kill.py [--kills 200] [--seed 0]``.

Two rounds, each on calls of its own: runs that work in their own process, which are killed again and again while they write results,
ledger and tables; and runs with two worker processes. Tables are written in tiny parts, so that kills meet them as often as results. After
the last kill a run may finish, and everything is looked at: `tests/batch/killing.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.batch.killing import kill_and_resume
from tests.batch.trivial import write_calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="in one process; a fifth as many more with two workers")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for workers, kills, longest_s in ((0, arguments.kills, 0.3), (2, arguments.kills // 5, 1.0)):
        with tempfile.TemporaryDirectory() as place:
            calls, started = write_calls(Path(place) / "calls", arguments.calls), time.perf_counter()
            outcome = kill_and_resume(calls, Path(place) / "out", kills, arguments.seed, workers, longest_s)
            print(f"{workers or 'no'} workers: {outcome} in {time.perf_counter() - started:.0f} s", flush=True)
            assert (outcome.lost, outcome.doubled, outcome.torn) == (0, 0, 0)


if __name__ == "__main__":
    main()
