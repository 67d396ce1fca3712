"""Trains, exports and measures the text model: ``convemo train text CONFIG.toml --data ROOT --out DIR``.

The checkpoint that is kept is the one with the best macro F1 on the dev parts; the test parts are read once, at the end, for the card.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convemo.data import TextExample, as_raw_asr
from convemo.metrics.bootstrap import interval
from convemo.metrics.calibration import expected_calibration_error, negative_log_likelihood
from convemo.metrics.classification import accuracy, macro_f1, unweighted_average_recall, weighted_f1
from convemo.metrics.dimensions import concordance_correlation, mean_absolute_error
from convemo.text.channel import NETWORK, TOKENIZER, TextChannel
from convemo.text.model import ExportedTextModel, TextModel, encoder_folder
from convemo.training.card import command, write_card, write_manifest
from convemo.training.export_onnx import Parity, compare, export_onnx, require_parity, run_batches, store_weights_int8
from convemo.training.run import Progress, RunLog, read_config, write_json
from convemo.training.text_card import card, licence
from convemo.training.text_data import DIMENSIONS, EXAMPLES, Examples, concatenate, pad, thin
from convemo.training.text_fit import TextConfig, fit, forward_all, read_corpus
from convemo.types import LABELS

SAME_LABEL = 0.98
"""Least share of dev texts on which the int8 file must choose as the float32 one does."""


def train(config: Path, data_root: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Trains, exports and evaluates a text model; an interrupted run continues where its last checkpoint was.

    Args:
        config: a TOML file with the fields of `TextConfig`.
        data_root: the folder that holds one folder a corpus.
        out: the run's folder: ``log.jsonl``, ``checkpoint.pt``, ``best.pt`` and, when done, ``model/``, a folder to give to
            `text.channel.TextChannel`.
        progress: told ``("train", step, steps)``, then ``("evaluate", done, parts)``.

    Returns:
        The figures that are also in ``model/figures.json``.

    Raises:
        ConfigError, DataError, EngineUnavailable: a setting, a corpus or the encoder is not as expected.
        EngineFailed: the int8 network answers differently from the float32 one.
    """
    settings = read_config(Path(config), TextConfig)
    data_root, out = Path(data_root), Path(out)
    log = RunLog(out, progress)
    fit(settings, data_root, out, log)
    made_by = command("text", config)
    lost = publish(settings, data_root, out, made_by)
    log.write("parity", **asdict(lost))
    log.progress("evaluate", 1, 2)
    figures = {"parity": asdict(lost), "test": evaluate(out / "model", data_root, settings.formats, settings.threads)}
    write_json(out / "model" / "figures.json", figures)
    write_card(out / "model", card(settings, made_by, figures))
    log.progress("evaluate", 2, 2)
    return figures


def publish(settings: TextConfig, data_root: Path, out: Path, made_by: str) -> Parity:
    """Exports ``out/best.pt`` to ``out/model``: network, tokenizer and manifest; says what int8 cost on the dev parts.

    Raises:
        EngineFailed: the int8 network answers differently from the float32 one.
    """
    torch.set_num_threads(settings.threads)
    folder = out / "model"
    folder.mkdir(exist_ok=True)
    dev = [read_corpus(settings, data_root, name, "dev", settings.max_tokens) for name in settings.corpora]
    dev = concatenate([thin(part, settings.dev_examples) for part in dev])
    model = load_best(settings, out)
    widen_dimensions(model, dev)
    lost = export(model, dev, out / "model.onnx", folder / NETWORK, settings.threads)
    require_parity(lost, SAME_LABEL)
    shutil.copyfile(encoder_folder(settings.encoder) / TOKENIZER, folder / TOKENIZER)
    write_manifest(
        folder,
        id=settings.id,
        channel="text",
        licence=licence(settings.corpora),
        files=(NETWORK, TOKENIZER),
        made_by=made_by,
        labels=list(LABELS),
        dimensions=[] if np.isnan(dev.dimensions).all() else list(DIMENSIONS),
        max_tokens=settings.max_tokens,
        trained_on=list(settings.corpora),
    )
    return lost


def load_best(settings: TextConfig, out: Path) -> TextModel:
    """The best checkpoint of a run, on the CPU."""
    model = TextModel.from_folder(encoder_folder(settings.encoder), len(LABELS), len(DIMENSIONS), settings.dropout)
    model.load_state_dict(torch.load(out / "best.pt", map_location="cpu", weights_only=True)["model"])
    return model.eval()


def widen_dimensions(model: TextModel, dev: Examples) -> None:
    """Gives predicted dimensions the spread that judgements have on the dev parts.

    Squared error shrinks what is uncertain towards the mean; of all rescalings, equal spread has the largest concordance
    (its denominator holds both variances).
    """
    judged = np.flatnonzero(~np.isnan(dev.dimensions).any(axis=1))
    if len(judged) < 2:
        return
    _, predicted = forward_all(model, tuple(dev.ids[i] for i in judged), torch.device("cpu"))
    scale = dev.dimensions[judged].std(0) / np.maximum(predicted.std(0), 1e-6)
    mean = model.dimension_mean.numpy()
    shift = dev.dimensions[judged].mean(0) - (mean + (predicted.mean(0) - mean) * scale)
    model.dimension_scale.mul_(torch.from_numpy(scale.astype(np.float32)))
    model.dimension_mean.add_(torch.from_numpy(shift.astype(np.float32)))


def export(model: TextModel, dev: Examples, float_file: Path, int8_file: Path, threads: int) -> Parity:
    """Writes both files and compares them on labelled dev texts, one at a time, as the channel reads."""
    example = dict(zip(("input_ids", "attention_mask"), map(torch.from_numpy, pad(dev.ids[:2]))))
    batch = {"input_ids": {0: "batch", 1: "length"}, "attention_mask": {0: "batch", 1: "length"}}
    outputs = {"log_probs": {0: "batch"}, "dimensions": {0: "batch"}}
    export_onnx(ExportedTextModel(model), example, list(outputs), float_file, {**batch, **outputs})
    store_weights_int8(float_file, int8_file)
    labelled = np.flatnonzero(dev.targets.sum(axis=1) > 0)
    inputs = [{"input_ids": dev.ids[i][None], "attention_mask": np.ones_like(dev.ids[i][None])} for i in labelled]
    before, after = (run_batches(file, inputs, "log_probs", threads) for file in (float_file, int8_file))
    return compare(before, after)


def evaluate(model: Path, data_root: Path, corpora: Mapping[str, str], threads: int = 1) -> dict[str, Any]:
    """What a model folder scores on the test parts, with the texts as written and as raw ASR text.

    Args:
        model: a folder for `TextChannel`.
        data_root: the folder that holds one folder a corpus.
        corpora: name → format, see `text_data.EXAMPLES`.
        threads: processor threads.

    Returns:
        Corpus → ``"written"`` and ``"raw"`` → figure → value. Emotions on texts with a single label: accuracy, UA, weighted and macro
        F1 (with a 95 % interval by bootstrap over texts), NLL, ECE; dimensions: CCC and MAE.
    """
    channel = TextChannel(str(model), threads=threads)
    figures: dict[str, Any] = {}
    for name, form in corpora.items():
        found = [e for e in EXAMPLES[form](data_root / name, "test") if e.label is not None or e.dimensions]
        if not found:
            continue
        written = [e.text for e in found]
        raw = [as_raw_asr(text) or text for text in written]
        figures[name] = {"texts": len(found)} | {how: _scores(channel, texts, found) for how, texts in (("written", written), ("raw", raw))}
    return figures


def _scores(channel: TextChannel, texts: Sequence[str], examples: Sequence[TextExample]) -> dict[str, Any]:
    log_probs, dimensions = channel.score(texts)
    scores: dict[str, Any] = {}
    rows = [i for i, example in enumerate(examples) if example.label is not None]
    if rows:
        labels = np.array([LABELS.index(examples[i].label) for i in rows])
        probabilities = np.exp(log_probs[rows])
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        chosen = probabilities.argmax(axis=1)
        sure = interval(macro_f1, np.arange(len(rows)), chosen, labels, resamples=300)
        scores |= {
            "accuracy": accuracy(chosen, labels),
            "ua": unweighted_average_recall(chosen, labels),
            "weighted_f1": weighted_f1(chosen, labels),
            "macro_f1": sure.value,
            "macro_f1_interval": [sure.low, sure.high],
            "nll": negative_log_likelihood(probabilities, labels),
            "ece": expected_calibration_error(probabilities, labels),
        }
    judged = [i for i, example in enumerate(examples) if example.dimensions]
    for column, name in enumerate(channel.dimensions if judged else ()):
        wanted = np.array([examples[i].dimensions[name] for i in judged])
        scores[f"{name}_ccc"] = concordance_correlation(dimensions[judged, column], wanted)
        scores[f"{name}_mae"] = mean_absolute_error(dimensions[judged, column], wanted)
    return scores
