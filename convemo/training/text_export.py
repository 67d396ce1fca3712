"""From a trained text model to the folder that the channel reads, and the proof that int8 lost little on the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from convemo.text.channel import DIALOGUE_NETWORK, NETWORK, TOKENIZER, TextChannel
from convemo.text.model import ExportedDialogue, ExportedEncoder, ExportedTextModel, TextModel, encoder_shape
from convemo.text.reading import TokenReader
from convemo.training.card import write_manifest
from convemo.training.export_onnx import Parity, compare, export_onnx, require_parity, store_weights_int8
from convemo.training.int8_products import quantize_products
from convemo.training.text_batches import Collator
from convemo.training.text_config import TextConfig
from convemo.training.text_data import DIMENSIONS, Examples, Turn, read_turns, thin, to_arrays
from convemo.training.text_fit import forward_all
from convemo.training.text_init import Start
from convemo.types import Dialogue, LabelSet, Speaker, Utterance

SAME_LABEL = 0.98
"""Least share of dev texts on which the int8 file must choose as the float32 network does."""
SCORES = ("log_probs", "dimensions")
COMPARED = 1500
"""Dev texts on which they are compared, at most."""
WATCHED = 128
"""Dev texts on which the encoder's loud channels are found."""


def publish(
    model: TextModel, settings: TextConfig, data: Path, out: Path, start: Start, labels: LabelSet, licence: str, made_by: str
) -> Parity:
    """Writes ``out/model``: network, tokenizer and manifest; says what int8 cost on the dev parts.

    Raises:
        EngineFailed: the int8 network answers differently from the float32 one.
    """
    torch.set_num_threads(settings.threads)
    folder = out / "model"
    folder.mkdir(exist_ok=True)
    settings = settings.model_copy(update={"precision": "float32"})
    reader = TokenReader(start.tokenizer(), settings.reading)
    dialogues = [turns for name in settings.corpora for turns in thin(read_turns(settings, data, name, "dev"), settings.dev_examples)]
    dimensions = DIMENSIONS[: len(model.dimension_mean)]
    dev = to_arrays(dialogues, reader, labels, data, None, settings.max_tokens)
    if dimensions:
        widen_dimensions(model, dev, reader, settings)
    files = write_networks(model, settings, out, folder)
    quantize_products(out / "model.onnx", folder / NETWORK, encoder_inputs(dev, reader, settings))
    shutil.copyfile(start.tokenizer_file, folder / TOKENIZER)
    compared = thin(dialogues, COMPARED)
    compared_dev = to_arrays(compared, reader, labels, data, None, settings.max_tokens)

    def sign() -> None:
        write_manifest(
            folder,
            id=settings.id,
            channel="text",
            licence=licence,
            files=(*files, TOKENIZER),
            made_by=made_by,
            labels=list(labels),
            dimensions=list(dimensions),
            max_tokens=settings.max_tokens,
            reading=settings.reading.as_manifest(),
            encoder=encoder_shape(model.encoder),
            trained_on=[*start.trained_on, *(name for name in settings.corpora if name not in start.trained_on)],
        )

    sign()
    lost = parity(model, compared_dev, reader, settings, folder, compared)
    if lost.same_label < SAME_LABEL:  # an encoder that does not bear int8 arithmetic: slower, and as small
        store_weights_int8(out / "model.onnx", folder / NETWORK)
        sign()
        lost = parity(model, compared_dev, reader, settings, folder, compared)
    require_parity(lost, SAME_LABEL)
    return lost


def write_networks(model: TextModel, settings: TextConfig, out: Path, folder: Path) -> tuple[str, ...]:
    """Exports the network, or the two of a model with a dialogue transformer; the names that they have in the model folder.

    The encoder stays float32 here, as ``out/model.onnx``. The dialogue transformer gets int8 weights and computes in float32: it reads a
    dialogue in pieces, and in int8 arithmetic a row would depend on what else is in the piece.
    """
    needed = ("input_ids", "attention_mask", *(["target_mask"] if settings.context == "cross-encoder" else []))
    words = {name: torch.ones(2, 3, dtype=torch.int64) for name in needed}
    axes = {name: {0: "batch", 1: "length"} for name in needed} | {name: {0: "batch"} for name in ("vectors", *SCORES)}
    if model.dialogue is None:
        _export(ExportedTextModel(model), words, SCORES, axes, out / "model.onnx")
        return (NETWORK,)
    _export(ExportedEncoder(model), words, ("vectors",), axes, out / "model.onnx")
    turns = {"vectors": torch.randn(1, 3, model.encoder.config.hidden_size), "speakers": torch.tensor([[0, 1, 0]])}
    axes = {name: {1: "utterances"} for name in (*turns, *SCORES)}
    _export(ExportedDialogue(model), turns, SCORES, axes, out / DIALOGUE_NETWORK)
    store_weights_int8(out / DIALOGUE_NETWORK, folder / DIALOGUE_NETWORK)
    return (NETWORK, DIALOGUE_NETWORK)


def encoder_inputs(dev: Examples, reader: TokenReader, settings: TextConfig) -> Iterator[dict[str, np.ndarray]]:
    """Dev texts as the channel gives them to the encoder: one at a time, every other one raw."""
    collator = Collator(dev, reader, settings, 0)
    for number, row in enumerate(np.unique(np.linspace(0, len(dev) - 1, WATCHED).astype(int))):
        group = collator.evaluation([np.array([row])], raw=bool(number % 2)).groups[0]
        target = {} if group.target is None else {"target_mask": group.target}
        yield {"input_ids": group.ids, "attention_mask": group.mask, **target}


def _export(
    module: torch.nn.Module, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str], axes: Mapping[str, Mapping[int, str]], path: Path
) -> None:
    export_onnx(module, inputs, outputs, path, {name: axes[name] for name in (*inputs, *outputs)})


def widen_dimensions(model: TextModel, dev: Examples, reader: TokenReader, settings: TextConfig) -> None:
    """Gives predicted dimensions the spread that judgements have on the dev parts.

    Squared error shrinks what is uncertain towards the mean; of all rescalings, equal spread has the largest concordance
    (its denominator holds both variances).
    """
    if dev.judged.sum() < 2:
        return
    _, predicted = forward_all(model, dev, reader, settings, raw=False)
    predicted, wanted = predicted[dev.judged], dev.dimensions[dev.judged]
    scale = wanted.std(0) / np.maximum(predicted.std(0), 1e-6)
    mean = model.dimension_mean.numpy()
    shift = wanted.mean(0) - (mean + (predicted.mean(0) - mean) * scale)
    model.dimension_scale.mul_(torch.from_numpy(scale.astype(np.float32)))
    model.dimension_mean.add_(torch.from_numpy(shift.astype(np.float32)))


def parity(
    model: TextModel, dev: Examples, reader: TokenReader, settings: TextConfig, folder: Path, dialogues: Sequence[list[Turn]]
) -> Parity:
    """The channel on the exported files against the network that was trained, on labelled dev utterances."""
    before, _ = forward_all(model, dev, reader, settings, raw=False)
    channel = TextChannel(str(folder), threads=settings.threads)
    after = np.concatenate([channel.score_dialogue(_as_dialogue(turns))[0] for turns in dialogues])
    labelled = dev.targets.sum(axis=1) > 0
    return compare(before[labelled], after[labelled])


def _as_dialogue(turns: list[Turn]) -> Dialogue:
    utterances = tuple(Utterance(str(i), str(turn.speaker), turn.example.text) for i, turn in enumerate(turns))
    names = {str(turn.speaker): turn.name for turn in turns}
    return Dialogue("dev", utterances, tuple(Speaker(id, name or None) for id, name in names.items()))
