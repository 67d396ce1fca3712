"""The trained networks as one folder that the channel loads: ONNX, manifest, card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from convemo.acoustic.numbers import NumberReader
from convemo.acoustic.numbers_channel import FILE
from convemo.acoustic.numbers_model import NumbersEnsemble, NumbersModel
from convemo.errors import EngineFailed
from convemo.training.acoustic_features_data import Part
from convemo.training.card import Card, Figures, Source, write_card, write_manifest
from convemo.training.decision import Rule
from convemo.training.export_onnx import compare, export_onnx, run_batches
from convemo.types import LabelSet

if TYPE_CHECKING:
    from convemo.training.acoustic_features import FeaturesConfig

LICENCE = "LicenseRef-own-data"
"""Only who trained it knows what may be done with the data."""
CLOSE = 1e-3
"""Largest difference of a log-probability that float32 on two engines explains."""
LIMITS = (
    "It reads numbers that somebody else measured. From another program, or with other settings of it, the same name is another number: "
    "measure as the training data were measured.",
    "It has met the speakers, the rooms and the share of each label of its data, and no others.",
    "It knows nothing of the words.",
)


def export(
    networks: Sequence[NumbersModel],
    rule: Rule,
    reader: NumberReader,
    labels: LabelSet,
    dev: Part,
    out: Path,
    figures: dict[str, Any],
    settings: FeaturesConfig,
    made_by: str,
) -> None:
    """Writes ``model.onnx``, ``model.json`` and ``CARD.md`` into ``out/model``.

    Raises:
        EngineFailed: the file does not answer as the networks do.
    """
    folder = out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    ensemble = NumbersEnsemble(networks, *(torch.from_numpy(part.astype(np.float32)) for part in (rule.scale, rule.shift))).eval()
    given = [numbers.inputs() for numbers in dev.numbers if len(numbers)]
    example = max(given, key=lambda inputs: inputs["speakers"].shape[1])
    example = {name: torch.from_numpy(np.repeat(value, 1 + (value.shape[1] < 2), axis=1)) for name, value in example.items()}
    axes = {name: {1: "utterances"} for name in (*example, "log_probs")}
    export_onnx(ensemble, example, ["log_probs"], folder / FILE, axes)
    with torch.inference_mode():
        before = np.concatenate([ensemble(*map(torch.from_numpy, inputs.values())).numpy()[0] for inputs in given])
    after = np.concatenate([run_batches(folder / FILE, [inputs], "log_probs")[0] for inputs in given])
    found = compare(before, after)
    if found.max_difference > CLOSE:
        raise EngineFailed("the ONNX file to answer as the network", f"a log-probability {found.max_difference:.2g} away", "Report this.")
    parameters = sum(p.numel() for p in ensemble.parameters())
    write_manifest(
        folder,
        id=settings.id,
        channel="acoustic",
        licence=LICENCE,
        files=[FILE],
        made_by=made_by,
        labels=list(labels),
        input="features",
        features=list(reader.names),
        floors=dict(reader.floors),
        timing=reader.timing,
        shrinkage=reader.shrinkage,
        context=ensemble.context,
        decision={"aim": settings.decide, **figures["rule"]},
        parameters=parameters,
        seed=settings.seed,
    )
    where = ", ".join(settings.corpora) or "your data"
    write_card(
        folder,
        Card(
            id=settings.id,
            title="The acoustic channel, from numbers",
            summary=f"{', '.join(labels)} from {len(reader.names)} numbers an utterance ({', '.join(reader.names)})"
            f"{', its times' if reader.timing else ''}, how they differ from what was heard before, and the dialogue so far. Causal. "
            f"The mean of {len(networks)} networks, {parameters:,} parameters together. Decision rule: {settings.decide}.",
            licence=LICENCE,
            why_licence="The weights are made of the data named below, and of nothing else: whoever may use those decides.",
            command=made_by,
            sources=[Source(where, LICENCE, "", "train for training, dev for choosing, test for the figures alone")],
            figures=[_table(figures)],
            limits=LIMITS,
        ),
    )


def _table(figures: dict[str, Any]) -> Figures:
    columns = ("utterances", "accuracy", "uar", "weighted_f1", "macro_f1", "nll", "ece")
    rows = [(name, *(figures[name][column] for column in columns)) for name in ("left out", "dev", "test") if name in figures]
    note = (
        '"left out" are training dialogues as the networks score them that were trained without them, and dev; there the decision rule was '
        "chosen. NLL and ECE are those of the probabilities before the rule."
    )
    return Figures("How good it is", ("part", *columns), rows, note)
