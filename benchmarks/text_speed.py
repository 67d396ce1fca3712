"""How fast the text channel is, and what int8 costs: ``python benchmarks/text_speed.py CONFIG CORPUS FOLDER [--run RUN] [--threads 2]``.

CONFIG is what the model was trained with, CORPUS a data set of dialogues that convemo reads (``emorynlp``, ``meld``, ``jsonl``), FOLDER
where it lies; its dev part is read. RUN is a folder that ``convemo train text`` made, whose float32 weights are then compared; without it
the shipped model, whose int8 weights are widened to float32 for the comparison.

Four ways to the same scores take turns, round after round, so that whatever else the machine does meets them alike: the channel as it is
shipped (`TextChannel.predict`, tokenising included); the same channel on a float32 network; torch in float32, one utterance at a time;
torch in float32, in batches of 64 of like length, tokenising and sorting not counted. Each round reads every utterance anew. Printed are
medians over the rounds, ratios within a round (of the time that passes and of the processors' time, which other programs disturb less),
and how many utterances keep their label. Needs ``convemo[train]``.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from convemo.data import TextExample
from convemo.registry import find
from convemo.text.channel import NETWORK, SHIPPED, TOKENIZER, TextChannel
from convemo.text.model import TextModel
from convemo.text.reading import TokenReader
from convemo.training.card import write_manifest
from convemo.training.run import read_config
from convemo.training.text_config import TextConfig
from convemo.training.text_data import Turn, to_arrays
from convemo.training.text_export import write_networks
from convemo.training.text_fit import forward_all
from convemo.training.text_init import starting_point
from convemo.types import Dialogue, Utterance
from convemo.weights import load_manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("corpus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--utterances", type=int, default=400, help="at most, whole dialogues from the beginning of the dev part")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    settings = read_config(arguments.config, TextConfig).model_copy(update={"precision": "float32"})
    start = starting_point(settings, str(arguments.run) if arguments.run else "default")
    model = start.model(settings, start.labels, start.dimensions).eval()
    dialogues = list(first(find("data", arguments.corpus)(arguments.folder, "dev"), arguments.utterances))
    reader = TokenReader(start.tokenizer(), settings.reading)
    turns = [
        [Turn(TextExample(u.text or "", {start.labels[0]: 1.0}), d.speakers.index(d.speaker(u.speaker))) for u in d] for d in dialogues
    ]
    arrays = to_arrays(turns, reader, start.labels, arguments.folder, None, settings.max_tokens)
    tokens = np.array([len(ids) + 2 for ids in arrays.ids])
    print(f"{len(arrays)} utterances of {tokens.mean():.1f} tokens on average, context {settings.context!r}, {arguments.threads} threads")

    with tempfile.TemporaryDirectory() as scratch:
        small = arguments.run / "model" if arguments.run else SHIPPED
        exact = float32_folder(small, model, settings, Path(scratch))
        inputs = encoder_inputs(small, dialogues)
        ways: dict[str, Callable[[], Callable[[], np.ndarray]]] = {
            "channel, int8": lambda: opened(small, dialogues, arguments.threads),
            "channel, float32": lambda: opened(exact, dialogues, arguments.threads),
            "torch, one at a time": lambda: lambda: torch_alone(model, inputs),
            "torch, batches of 64": lambda: lambda: forward_all(model, arrays, reader, settings, raw=False)[0],
        }
        scored, seconds, processor = {}, {name: [] for name in ways}, {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, prepare in ways.items():
                way = prepare()
                begun, worked = time.perf_counter(), time.process_time()
                scored[name] = way()
                seconds[name].append(time.perf_counter() - begun)
                processor[name].append(time.process_time() - worked)

    print(f"{'':24}{'utterances/s':>14}{'ms each':>10}{'processor ms':>14}{'int8 is faster by':>20}{'with less work by':>20}")
    ours = "channel, int8"
    for name in ways:
        each, work = (1000 * statistics.median(taken[name]) / len(arrays) for taken in (seconds, processor))
        faster, less = (statistics.median(b / a for a, b in zip(taken[ours], taken[name])) for taken in (seconds, processor))
        print(f"{name:24}{1000 / each:14.0f}{each:10.2f}{work:14.2f}{faster:20.1f}{less:20.1f}")
    small_scores = scored[ours]
    for other in ("channel, float32", "torch, batches of 64"):
        same = (small_scores.argmax(1) == scored[other].argmax(1)).mean()
        gap = np.abs(np.exp(small_scores) - np.exp(scored[other])).max(1)
        print(f"int8 keeps {same:.2%} of the labels of {other}; probabilities are {gap.mean():.4f} off on average, at most {gap.max():.3f}")
    print(f"model folder: {load_manifest(small).size_bytes / 1e6:.1f} MB")


def first(dialogues: tuple[Dialogue, ...], most: int) -> Iterator[Dialogue]:
    read = 0
    for dialogue in dialogues:
        read += len(dialogue)
        if read > most:
            return
        yield dialogue


def as_turn(dialogue: Dialogue, utterance: Utterance, label: str) -> Turn:
    """An utterance for `forward_all`, which passes over those without a label: so each is given one, and it is not looked at."""
    return Turn(TextExample(utterance.text or "", {label: 1.0}), dialogue.speakers.index(dialogue.speaker(utterance.speaker)))


def opened(folder: Path, dialogues: list[Dialogue], threads: int) -> Callable[[], np.ndarray]:
    """A channel that has read nothing before, about to score every dialogue."""
    channel = TextChannel(str(folder), threads=threads)
    return lambda: np.concatenate([channel.score_dialogue(dialogue)[0] for dialogue in dialogues])


def float32_folder(small: Path, model: TextModel, settings: TextConfig, scratch: Path) -> Path:
    """The same model folder with networks in float32."""
    signed = load_manifest(small)
    folder = scratch / "float32"
    (scratch / "int8").mkdir()
    folder.mkdir()
    files = write_networks(model, settings, scratch, scratch / "int8")
    for name in files:
        shutil.copyfile(scratch / ("model.onnx" if name == NETWORK else name), folder / name)
    shutil.copyfile(signed.path(TOKENIZER), folder / TOKENIZER)
    manifest = dict(signed.manifest) | {"files": (*files, TOKENIZER)}
    write_manifest(folder, **manifest)
    return folder


def encoder_inputs(folder: Path, dialogues: list[Dialogue]) -> list[dict[str, torch.Tensor]]:
    """What the channel gives its encoder, utterance by utterance."""
    channel = TextChannel(str(folder))
    windows = [window for d in dialogues for i in range(len(d)) for window in channel._windows(d, i)]
    inputs = [{name: torch.from_numpy(np.asarray(values))[None] for name, values in window.items()} for window in windows]
    return [found | {"attention_mask": torch.ones_like(found["input_ids"])} for found in inputs]


@torch.no_grad()
def torch_alone(model: TextModel, inputs: list[dict[str, torch.Tensor]]) -> np.ndarray:
    """The encoder alone, without what a dialogue transformer adds to its time."""
    return torch.cat([model.encode(**found) for found in inputs]).numpy()


if __name__ == "__main__":
    main()
