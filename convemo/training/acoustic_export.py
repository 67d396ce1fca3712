"""The trained acoustic model as a folder to ship: ONNX, weights to go on training with, manifest, card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from convemo.acoustic.description import DESCRIPTION
from convemo.data import nemo, ravdess
from convemo.training.acoustic_clips import Clips
from convemo.training.acoustic_scores import histories
from convemo.training.card import Card, Figures, Source, write_card, write_manifest
from convemo.training.export_onnx import Parity, compare, export_onnx, quantize_int8, require_parity, run_batches
from convemo.training.run import write_json

if TYPE_CHECKING:
    from convemo.acoustic.model import AcousticModel
    from convemo.training.acoustic_config import AcousticConfig

SAME_LABEL = 0.98
"""Least share of dev clips on which the exported file must choose as the network does."""
SMALLER = 0.8
"""The int8 file is worth its rounding if it is at most this share of the float32 one."""
WEIGHTS = "model.safetensors"
LICENCE = "LicenseRef-own-data"
"""Of weights made of data that only their owner knows the terms of."""
SOURCES = {
    "ravdess": Source("RAVDESS", ravdess.LICENCE, "https://doi.org/10.1371/journal.pone.0196391", "calm is neutral"),
    "emobox": Source("RAVDESS, EmoBox's folds", ravdess.LICENCE, "https://arxiv.org/abs/2406.07162", "eight labels"),
    "nemo": Source("nEMO", nemo.LICENCE, "https://aclanthology.org/2024.lrec-main.1059", "it has no disgust"),
    "emodb": Source(
        "EmoDB, a copy cut to 2.00 s",
        "CC-BY-4.0",
        "https://doi.org/10.21437/Interspeech.2005-446",
        "boredom left out; not comparable with figures for the whole clips",
    ),
}
NOISE = Source(
    "Impulse responses and noises",
    "MIT",
    "",
    "recordings in `noise/` of the data folder, where there is one: rooms and backgrounds, for augmentation only",
)
ACTED = (
    "Acted speech: actors who were told which emotion to show, in set sentences, alone, in a studio. Real conversations are "
    "milder, mixed and mostly neutral; expect far lower figures there, and fit fusion on labelled turns of your own before you rely on it.",
    "Whoever acts shows all emotions equally often; here the mean of an actor's earlier clips is a mean over emotions. A real speaker's is "
    "mostly neutral, so deviations will be larger in the field.",
    "Adult actors, few of them, in few languages: children, the elderly, other languages and impaired speech were never heard.",
    "Disgust was not heard in Polish, calm counts as neutral, and boredom, contempt or irony do not exist for it.",
)
HEARD_BY = {
    "bands": "log-mel spectrum, F0 and energy, raw and against the speaker's usual, through 2-D convolutions and a transformer",
    "cepstra": "log-mel spectrum as cepstra, F0 and energy, raw and against the speaker's usual, through convolutions over time",
}
LIMITS = (
    "No valence or arousal.",
    "Noise, rooms, codecs and telephones were simulated, where they were heard at all; the table says what they cost.",
)


class Graph(nn.Module):
    """What is exported: one utterance, no padding, log-probabilities."""

    def __init__(self, model: AcousticModel):
        super().__init__()
        self.model = model

    def forward(self, frames: torch.Tensor, functionals: torch.Tensor, deviations: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        return self.model(frames, functionals, deviations, heard).log_softmax(dim=-1)


def export(
    model: AcousticModel,
    clips: list[Clips],
    out: Path,
    figures: dict[str, Any],
    settings: AcousticConfig,
    data: str,
    actors: Mapping[str, str],
    made_by: str,
) -> Parity:
    """Writes the network, ``model.safetensors``, ``model.json``, ``figures.json`` and ``CARD.md`` into ``out/model``.

    The network is ``model.int8.onnx`` if that keeps the labels and saves a fifth or more, else ``model.onnx`` in float32.

    Args:
        model: trained.
        clips: those on which the file is compared with the network, as recorded and with history.
        out: the run's folder.
        figures: what `convemo.training.acoustic.train` returns.
        settings: what it was trained with.
        data: what the card calls data that are no corpus of the config's.
        actors: for each corpus, what its speakers were used for.
        made_by: the command that did.

    Raises:
        EngineFailed: the file chooses another label too often.
    """
    folder = out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    model = model.cpu().eval()
    network, found = _write_network(model, clips, folder, settings)
    _write_weights(model, folder / WEIGHTS)
    write_json(folder / "figures.json", figures)
    sources = _sources(settings, data, actors)
    licence = settings.licence or (ravdess.LICENCE if set(settings.corpora) - {"emodb"} else sources[0].licence)
    parameters = sum(p.numel() for p in model.parameters())
    write_manifest(
        folder,
        id=settings.id,
        channel="acoustic",
        licence=licence,
        files=[network, WEIGHTS],
        made_by=made_by,
        labels=list(clips[0].label_set),
        functionals=list(DESCRIPTION),
        shrinkage=settings.network.shrinkage,
        network=settings.network.model_dump(mode="json"),
        parameters=parameters,
        trained_on=list(settings.corpora),
    )
    labels = ", ".join(clips[0].label_set)
    card = Card(
        id=settings.id,
        title="The acoustic channel",
        summary=f"One of {labels} from the sound of an utterance and from how it differs from the same speaker's earlier ones: "
        f"{HEARD_BY[settings.network.encoder]}; 22 prosodic functionals and 64 mean mel levels, raw and as causal deviations. "
        f"{parameters:,} parameters.",
        licence=licence,
        why_licence=_why(settings),
        command=made_by,
        sources=sources,
        figures=[_table(figures, settings), _recalls(figures, clips[0]), _parity_table(found, network)],
        limits=(*(ACTED if settings.corpora else ()), *LIMITS),
    )
    write_card(folder, card)
    return found


def _write_network(model: AcousticModel, clips: list[Clips], folder: Path, settings: AcousticConfig) -> tuple[str, Parity]:
    """The file that was kept, in int8 or float32, and how it agrees with the network on the clips.

    Raises:
        EngineFailed: neither chooses the same labels.
    """
    plain, small = folder / "model.onnx", folder / "model.int8.onnx"
    for file in (plain, small):
        file.unlink(missing_ok=True)
    examples = [example for theirs in clips for example in _examples(theirs, settings)]
    inputs = {name: torch.from_numpy(value) for name, value in examples[0].items()}
    export_onnx(Graph(model), inputs, ["log_probs"], plain, {"frames": {1: "frames"}})
    quantize_int8(plain, small, operators=("MatMul", "Gemm"))
    with torch.inference_mode():
        before = np.concatenate([Graph(model)(*map(torch.from_numpy, e.values())).numpy() for e in examples])
    found, chosen, other = compare(before, run_batches(small, examples, "log_probs")), small, plain
    if found.same_label < SAME_LABEL or small.stat().st_size > SMALLER * plain.stat().st_size:
        found, chosen, other = compare(before, run_batches(plain, examples, "log_probs")), plain, small
    require_parity(found, SAME_LABEL)
    other.unlink()
    return chosen.name, found


def _write_weights(model: AcousticModel, path: Path) -> None:
    """What a training can start from, in float16."""
    from safetensors.torch import save_file

    save_file({name: value.half().contiguous() for name, value in model.state_dict().items() if value.is_floating_point()}, path)
    path.chmod(0o644)  # safetensors lets nobody else read it, and a package must be readable to all


def _sources(settings: AcousticConfig, data: str, actors: Mapping[str, str]) -> list[Source]:
    """What it was trained on, for the card."""
    own = Source(data, LICENCE, "", "train for training, dev for choosing, test for figures")
    known = [replace(SOURCES[name], used=f"{actors[name]}; {SOURCES[name].used}") for name in settings.corpora]
    return (known or [own]) + ([NOISE] if "room" in settings.conditions else [])


def _why(settings: AcousticConfig) -> str:
    if not settings.corpora:
        return "The weights are made of the data named below; whoever may use those decides."
    return (
        "RAVDESS and nEMO are CC BY-NC-SA 4.0, and so are weights made of them: no commercial use; what is made of them keeps the licence. "
        '`weights="permissive"` leaves this channel off.'
    )


def _examples(clips: Clips, settings: AcousticConfig) -> Iterable[dict[str, np.ndarray]]:
    """Every clip as the channel will give it: one at a time, with its history."""
    deviations, heard = histories(clips, 0, settings.session, seed=0, shrinkage=settings.network.shrinkage)
    for i in range(len(clips)):
        yield {
            "frames": clips.clip_frames(0, i)[None],
            "functionals": clips.descriptions[0, i][None],
            "deviations": deviations[i][None],
            "heard": heard[i][None],
        }


def _table(figures: dict[str, Any], settings: AcousticConfig) -> Figures:
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
        "UA is the mean recall of the labels, WA the accuracy, with 95 % intervals by bootstrap over speakers (few of them, so rough). "
        f"{_order(settings)} 'no history' scores every clip as a first one. "
        "The choice is among the labels of the corpus, except where all are open. "
        f"{'The last epoch' if 'dev' in settings.train_parts else 'Epoch chosen on dev'}, seed {settings.seed}."
    )
    return Figures("Speakers whom the training has not heard", ("clips", "labels", "speakers", "n", "UA", "WA", "NLL", "ECE"), rows, note)


def _order(settings: AcousticConfig) -> str:
    if not settings.corpora:
        return "History is causal: what the same speaker said before."
    session = f", in conversations of {settings.session}" if settings.session else ""
    return f"An actor's clips come in random order{session}, history causal."


def _recalls(figures: dict[str, Any], clips: Clips) -> Figures:
    labels = clips.label_set
    rows = [(name, *(f["recall"].get(label) for label in labels)) for name, f in figures.items() if "," not in name]
    return Figures("Recall by label", ("clips", *labels), rows)


def _parity_table(found: Parity, name: str) -> Figures:
    row = (found.rows, found.same_label, found.max_difference, found.mean_difference)
    columns = ("n", "same label", "largest change of log p", "mean change of log p")
    return Figures(f"{name} against the network, clips as recorded", columns, [row])


def _with_limits(value: float, limits: list[float]) -> str:
    return f"{value:.3f} [{limits[0]:.3f}, {limits[1]:.3f}]"
