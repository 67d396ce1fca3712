"""The trained acoustic model as a folder to ship: ONNX int8, manifest, card."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from convemo.data import nemo, ravdess
from convemo.features.functionals import NAMES
from convemo.training.acoustic_clips import Clips
from convemo.training.acoustic_scores import histories
from convemo.training.card import Card, Figures, Source, write_card, write_manifest
from convemo.training.export_onnx import Parity, export_onnx, parity, quantize_int8, require_parity
from convemo.types import LABELS

if TYPE_CHECKING:
    from convemo.acoustic.model import AcousticModel
    from convemo.training.acoustic import AcousticConfig

SAME_LABEL = 0.98
"""Least share of dev clips on which the int8 file must choose as the float32 one does."""
SOURCES = {
    "ravdess": Source(
        "RAVDESS", ravdess.LICENCE, "https://doi.org/10.1371/journal.pone.0196391", "16 actors train, 4 dev, 4 test; calm is neutral"
    ),
    "nemo": Source(
        "nEMO", nemo.LICENCE, "https://aclanthology.org/2024.lrec-main.1059", "5 actors train, 2 dev, 2 test; it has no disgust"
    ),
}
NOISE = Source(
    "Impulse responses and noises",
    "MIT",
    "",
    "recordings in `noise/` of the data folder, where there is one: rooms and backgrounds, for augmentation only",
)
LIMITS = (
    "Acted speech: actors who were told which emotion to show, in two or ninety set sentences, alone, in a studio. Real conversations are "
    "milder, mixed and mostly neutral; expect far lower figures there, and fit fusion on labelled turns of your own before you rely on it.",
    "Whoever acts shows all emotions equally often; here the mean of an actor's earlier clips is a mean over emotions. A real speaker's is "
    "mostly neutral, so deviations will be larger in the field.",
    "Two languages, English (North American) and Polish, 33 adult actors between 21 and 33. Children, the elderly, other languages and "
    "impaired speech were never heard.",
    "Disgust was heard in RAVDESS only, calm counts as neutral, and boredom, contempt or irony do not exist for it.",
    "No valence or arousal: neither corpus has such labels.",
    "Noise, rooms and telephones were simulated (impulse responses, pink noise, 300–3400 Hz, G.711); the table says what they cost.",
)


class Graph(nn.Module):
    """What is exported: one utterance, no padding, log-probabilities."""

    def __init__(self, model: AcousticModel):
        super().__init__()
        self.model = model

    def forward(self, frames: torch.Tensor, functionals: torch.Tensor, deviations: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        return self.model(frames, functionals, deviations, heard).log_softmax(dim=-1)


def export(model: AcousticModel, dev: list[Clips], out: Path, figures: dict[str, Any], settings: AcousticConfig, made_by: str) -> Parity:
    """Writes ``model.int8.onnx``, ``model.json`` and ``CARD.md`` into ``out/model``.

    Args:
        model: trained.
        dev: the clips on which the int8 file is compared with the float32 one, as recorded and with history.
        out: the run's folder.
        figures: what `convemo.training.acoustic.train` returns.
        settings: what it was trained with.
        made_by: the command that did.

    Raises:
        EngineFailed: the int8 file chooses another label too often.
    """
    folder = out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    plain, small = out / "model.onnx", folder / "model.int8.onnx"
    examples = [example for clips in dev for example in _examples(clips, settings.network.shrinkage)]
    inputs = {name: torch.from_numpy(value) for name, value in examples[0].items()}
    export_onnx(Graph(model.cpu()), inputs, ["log_probs"], plain, {"frames": {1: "frames"}})
    quantize_int8(plain, small, operators=("MatMul", "Gemm"))
    found = parity(plain, small, examples)
    require_parity(found, SAME_LABEL)
    write_manifest(
        folder,
        id=settings.id,
        channel="acoustic",
        licence=ravdess.LICENCE,
        files=[small.name],
        made_by=made_by,
        labels=list(LABELS),
        functionals=list(NAMES),
        shrinkage=settings.network.shrinkage,
        conditioning=settings.network.conditioning,
        parameters=sum(p.numel() for p in model.parameters()),
        trained_on=list(settings.corpora),
    )
    card = Card(
        id=settings.id,
        title="The acoustic channel",
        summary="Seven emotions from the sound of an utterance and from how it differs from the same speaker's earlier ones: log-mel "
        "spectrum, F0 and energy through convolutions and a transformer, with 22 prosodic functionals raw and as causal deviations. "
        f"{sum(p.numel() for p in model.parameters()):,} parameters.",
        licence=ravdess.LICENCE,
        why_licence="Both corpora are CC BY-NC-SA 4.0, and so are the weights: no commercial use; what is made of them keeps the licence. "
        '`weights="permissive"` leaves this channel off.',
        command=made_by,
        sources=[*(SOURCES[name] for name in settings.corpora), NOISE],
        figures=[_table(figures), _recalls(figures), _parity_table(found)],
        limits=LIMITS,
    )
    write_card(folder, card)
    return found


def _examples(clips: Clips, shrinkage: float) -> Iterable[dict[str, np.ndarray]]:
    """Every clip as the channel will give it: one at a time, with its history."""
    deviations, heard = histories(clips, 0, session=20, seed=0, shrinkage=shrinkage)
    for i in range(len(clips)):
        yield {
            "frames": clips.clip_frames(0, i)[None],
            "functionals": clips.functionals[0, i][None],
            "deviations": deviations[i][None],
            "heard": heard[i][None],
        }


def _table(figures: dict[str, Any]) -> Figures:
    rows = [
        (
            name,
            f["labels"],
            f["actors"],
            f["clips"],
            _with_limits(f["ua"], f["ua_95"]),
            _with_limits(f["wa"], f["wa_95"]),
            f["nll"],
            f["ece"],
        )
        for name, f in figures.items()
    ]
    note = (
        "UA is the mean recall of the labels, WA the accuracy, with 95 % intervals by bootstrap over actors (few of them, so rough). "
        "An actor's clips come in random order, in conversations of 20, history causal; 'no history' scores every clip as a first one. "
        "The choice is among the labels of the corpus, except where all seven are open. Epoch chosen on dev, one seed."
    )
    return Figures("Actors whom the training has not heard", ("clips", "labels", "actors", "n", "UA", "WA", "NLL", "ECE"), rows, note)


def _recalls(figures: dict[str, Any]) -> Figures:
    rows = [(name, *(f["recall"].get(label) for label in LABELS)) for name, f in figures.items() if "," not in name]
    return Figures("Recall by label", ("clips", *LABELS), rows)


def _parity_table(found: Parity) -> Figures:
    row = (found.rows, found.same_label, found.max_difference, found.mean_difference)
    return Figures("int8 against float32, dev clips", ("n", "same label", "largest change of log p", "mean change of log p"), [row])


def _with_limits(value: float, limits: list[float]) -> str:
    return f"{value:.3f} [{limits[0]:.3f}, {limits[1]:.3f}]"
