"""Passages decoded together against one after another: ``python benchmarks/whisper_batch.py FILE [--width 768 --layers 12 --heads 12]``.

Random weights of the true architecture (``random_whisper.py``; by default as large as ``tiny``), whose text never ends, and so
many tokens for each passage as given. The sizes take turns; medians of wall and processor seconds, and each size's peak memory
in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from functools import partialmethod
from pathlib import Path

from random_whisper import make

from convemo.asr import faster_whisper as engine
from convemo.asr.faster_whisper import FasterWhisper
from convemo.audio import load


def hold_length(tokens: int) -> None:
    """Has faster-whisper decode so many tokens for each passage, once, in the same way however many go together."""
    import faster_whisper

    for kind in (faster_whisper.WhisperModel, faster_whisper.BatchedInferencePipeline):
        kind.transcribe = partialmethod(kind.transcribe, max_new_tokens=tokens, temperature=0.0)
    engine._doubtful = lambda samples, heard: False
    FasterWhisper._heard_alone = lambda self, model, samples, *asked: self._heard_together(model, [samples], *asked)[0]


def run(folder: Path, file: Path, at_once: int, tokens: int, answer) -> None:
    hold_length(tokens)
    made = FasterWhisper(str(folder), device="cpu", language="en", at_once=at_once)
    with load(file) as audio:
        made._loaded()
        begin, worked = time.perf_counter(), time.process_time()
        made.transcribe(audio)
        seconds = time.perf_counter() - begin, time.process_time() - worked
    answer.put((*seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    for name, value in (("width", 384), ("layers", 4), ("heads", 6), ("tokens", 100), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 8])
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        folder = make(Path(scratch), width=arguments.width, layers=arguments.layers, heads=arguments.heads, end=-10.0)
        found = {size: [] for size in arguments.sizes}
        for _ in range(arguments.repeats):
            for size, rows in found.items():
                answer = context.Queue()
                process = context.Process(target=run, args=(folder, arguments.file, size, arguments.tokens, answer))
                process.start()
                rows.append(answer.get())
                process.join()
    print(f"{'together':>8} {'wall s':>8} {'processor s':>12} {'peak MB':>8}")
    for size, rows in found.items():
        wall, worked, peak = (statistics.median(column) for column in zip(*rows))
        print(f"{size:8} {wall:8.1f} {worked:12.1f} {peak:8.0f}")


if __name__ == "__main__":
    main()
