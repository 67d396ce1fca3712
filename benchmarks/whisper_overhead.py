"""What an analysis costs beside its transcription: ``python benchmarks/whisper_overhead.py FILE``.

The whole pipeline with faster-whisper (decoding, voice activity, speakers, words, both channels, fusion, saving) against
faster-whisper alone on the same file, in two ways of its own: *batched*, as quick as the package is, and *sequential*, its
default. All three have the same network, as large as ``tiny`` with random weights (``random_whisper.py``), the same beams, and write
the same number of tokens for each window: the end of the text never comes, and doubtful text is not decoded again. Sequential runs
without word times, which at random weights would move its windows; that spares it work.

They take turns; the medians and their ratio are printed, and how many windows each had the network encode.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from random_whisper import make
from whisper_batch import hold_length

from convemo import Analyzer
from convemo.asr.faster_whisper import FasterWhisper

CORES = 2
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def windows_encoded(model, counted: list[int]) -> None:
    """Has a model count the windows that it encodes."""
    encode = model.encode

    def counting(features):
        counted[0] += features.shape[0] if features.ndim == 3 else 1
        return encode(features)

    model.encode = counting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    for name, value, what in (("tokens", 120, "for each window"), ("repeats", 5, ""), ("at_once", 4, "passages decoded together")):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value, help=what)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="processor: this process alone, for a machine that others use too")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    hold_length(arguments.tokens)
    from faster_whisper import BatchedInferencePipeline

    with tempfile.TemporaryDirectory() as scratch:
        engine = FasterWhisper(str(make(Path(scratch), end=-10.0)), device="cpu", language="en", at_once=arguments.at_once)
        model, counted = engine._loaded(), [0]
        windows_encoded(model, counted)
        analyzer = Analyzer(offline=True)
        analyzer._transcriber = (engine, None)
        batched, file = BatchedInferencePipeline(model), str(arguments.file)
        ways = {
            "pipeline": lambda: analyzer.analyze(file).save(Path(scratch) / "result.json"),
            "batched": lambda: list(batched.transcribe(file, language="en", batch_size=arguments.at_once, word_timestamps=True)[0]),
            "sequential": lambda: list(model.transcribe(file, language="en", without_timestamps=True)[0]),
        }
        clock, seconds, windows = CLOCKS[arguments.clock], {way: [] for way in ways}, {}
        for repeat in range(arguments.repeats + 1):
            for way, work in ways.items():
                counted[0], begin = 0, clock()
                work()
                if repeat:  # the first round loads what is loaded once
                    seconds[way].append(clock() - begin)
                windows[way] = counted[0]

    median = {way: statistics.median(times) for way, times in seconds.items()}
    print(f"{'':12} {arguments.clock + ' s':>12} {'windows':>8} {'pipeline is':>12}")
    for way, value in median.items():
        print(f"{way:12} {value:12.2f} {windows[way]:8} {median['pipeline'] / value:11.2f}×")


if __name__ == "__main__":
    main()
