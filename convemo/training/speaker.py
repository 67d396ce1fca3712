"""The speaker embedding: a published encoder, stored as ONNX with int8 weights, and what that costs.

The teacher is the GE2E encoder of the package resemblyzer (Apache-2.0), trained by its authors on LibriSpeech, VoxCeleb 1 and
VoxCeleb 2: thousands of speakers, where the corpora that convemo trains on have fifty. So it is not distilled, only made smaller.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from convemo.diarize.encoder import BANDS, FRAMES, SIZE, SpeakerEncoder
from convemo.errors import ConfigError, EngineFailed, EngineUnavailable
from convemo.training.card import Card, Figures, Source, command, write_card, write_manifest
from convemo.training.export_onnx import export_onnx, quantize_int8, run_batches
from convemo.training.run import Progress, RunLog, provenance, read_config
from convemo.training.speaker_trials import CONDITIONS, Trials, embedded_clips, hear, rates_of
from convemo.weights import file_sha256

LEAST_COSINE = 0.97
"""Of the int8 network's embedding with the teacher's, for every window that is compared."""
LIMITS = (
    "It tells voices apart, not people: a cold, a shout, another microphone or a telephone move a voice further than some people are "
    "apart. Never use it to grant access.",
    "A voice by telephone is not recognised from a recording in a studio: compare like with like.",
    "Its teacher heard mostly English, read aloud or in interviews. The figures above are for acted emotion in English, Polish and German.",
)


class SpeakerConfig(BaseModel):
    """What ``convemo train speaker`` does."""

    model_config = ConfigDict(extra="forbid")

    id: str
    teacher: Path | None = None
    """The teacher's checkpoint; by default ``pretrained.pt`` of the installed package resemblyzer."""
    teacher_sha256: str
    clips_per_speaker: int = 20
    seed: int = 1


class Teacher(nn.Module):
    """Three LSTM layers; the last state of the last one, through a rectified linear layer, at length 1."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(BANDS, SIZE, 3, batch_first=True)
        self.linear = nn.Linear(SIZE, SIZE)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:  # (B, T, 40) -> (B, 256)
        _, (state, _) = self.lstm(mels)
        return nn.functional.normalize(torch.relu(self.linear(state[-1])), dim=1)

    @classmethod
    def load(cls, path: Path | None, sha256: str) -> Teacher:
        """The teacher's weights, if they are those that the configuration names.

        Raises:
            EngineUnavailable: resemblyzer is not installed, or there is no such file.
            ConfigError: it is another file.
        """
        if path is None:
            spec = find_spec("resemblyzer")
            path = Path(spec.origin).parent / "pretrained.pt" if spec and spec.origin else Path("resemblyzer/pretrained.pt")
        if not path.is_file():
            raise EngineUnavailable("the teacher's checkpoint", f"no file {path}", "pip install --no-deps resemblyzer==0.1.4")
        if (found := file_sha256(path)) != sha256:
            raise ConfigError(f"teacher_sha256 {sha256[:12]}… of {path}", f"{found[:12]}…", "Install resemblyzer 0.1.4.")
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        teacher = cls()
        teacher.load_state_dict({name: value for name, value in state.items() if name.split(".")[0] in ("lstm", "linear")})
        return teacher.eval()


def train(config: Path, data: Path, out: Path, progress: Progress | None = None) -> None:
    """Writes ``model.int8.onnx``, ``model.json`` and ``CARD.md`` into ``out/model``.

    Args:
        config: see `SpeakerConfig`.
        data: the folder of data sets: ravdess, nemo and emodb, as many as there are, and noise.
        out: the run's folder.

    Raises:
        DataError: none of the data sets is there.
        EngineFailed: the small network differs too much from the teacher.
    """
    settings, made_by = read_config(config, SpeakerConfig), command("speaker", config)
    log, folder = RunLog(out, progress), out / "model"
    log.write("begin", **provenance(settings))
    plain, small = out / "model.onnx", folder / "model.int8.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher.load(settings.teacher, settings.teacher_sha256)
    example = {"mels": torch.rand(2, FRAMES, BANDS)}
    export_onnx(teacher, example, ["embedding"], plain, {"mels": {0: "windows", 1: "frames"}, "embedding": {0: "windows"}})
    # The first layer's input has no bounds: one scale for all of it costs most of the likeness (cosine 0.4). The others see (-1, 1).
    quantize_int8(plain, small, operators=("LSTM",), exclude=_lstm_nodes(plain)[:1])
    write_manifest(
        folder,
        id=settings.id,
        channel="speaker",
        licence="Apache-2.0",
        files=[small.name],
        made_by=made_by,
        size=SIZE,
        parameters=sum(p.numel() for p in teacher.parameters()),
        teacher={"name": "resemblyzer 0.1.4 pretrained.pt", "sha256": settings.teacher_sha256},
    )
    encoder = SpeakerEncoder(folder)
    trials = hear(data, settings.clips_per_speaker, settings.seed, log.progress)
    cosines = _cosines(teacher, encoder, plain, trials)
    encoders = {"float32, the teacher": lambda windows: embed_with(teacher, windows), "int8": encoder.embed}
    rates = {name: rates_of(trials, embedded_clips(trials, embed)) for name, embed in encoders.items()}
    log.write("done", cosines=cosines, rates=rates)
    write_card(folder, _card(settings, made_by, cosines, rates))


def _lstm_nodes(path: Path) -> list[str]:
    import onnx

    return [node.name for node in onnx.load(str(path)).graph.node if node.op_type == "LSTM"]


def embed_with(teacher: Teacher, windows: np.ndarray) -> np.ndarray:
    """The teacher in torch, on windows brought to one level as `SpeakerEncoder.embed` does."""
    with torch.no_grad():
        return torch.cat(
            [teacher(torch.from_numpy(SpeakerEncoder.levelled(w))) for w in np.array_split(windows, -(-len(windows) // 64))]
        ).numpy()


def _cosines(teacher: Teacher, encoder: SpeakerEncoder, plain: Path, trials: Trials) -> dict[str, tuple[float, float]]:
    """Mean and least cosine of the exported networks with the teacher, on a window of every fifth clip of every condition.

    Raises:
        EngineFailed: the int8 one is too far off.
    """
    windows = np.concatenate([clip[:1] for heard in trials.windows.values() for clip in heard[::5]])
    expected = embed_with(teacher, windows)
    batches = [{"mels": SpeakerEncoder.levelled(window[None])} for window in windows]
    found = {"ONNX float32": run_batches(plain, batches, "embedding"), "ONNX int8": encoder.embed(windows)}
    cosines = {name: np.einsum("nd,nd->n", expected, embeddings) for name, embeddings in found.items()}
    if (least := float(cosines["ONNX int8"].min())) < LEAST_COSINE:
        raise EngineFailed(
            f"embeddings with a cosine of {LEAST_COSINE} to the teacher's", f"one of {least:.3f}", "Leave more layers in float32."
        )
    return {name: (float(values.mean()), float(values.min())) for name, values in cosines.items()}


def _card(settings: SpeakerConfig, made_by: str, cosines: dict[str, tuple[float, float]], rates: dict[str, dict]) -> Card:
    corpora = list(next(iter(rates.values())))
    rows = [(corpus, condition, *(rates[name][corpus][condition] for name in rates)) for corpus in corpora for condition in CONDITIONS]
    return Card(
        id=settings.id,
        title="The speaker embedding",
        summary="1.6 s of voice as 256 numbers whose cosine says how alike two voices are. The GE2E encoder of resemblyzer, a recurrent "
        "network of three layers with 1.4 million parameters; the upper two layers have int8 weights.",
        licence="Apache-2.0",
        why_licence="The teacher is released under Apache-2.0. Nothing was trained: none of the corpora below went into the weights.",
        command=made_by,
        sources=[
            Source("resemblyzer 0.1.4", "Apache-2.0", "https://github.com/resemble-ai/Resemblyzer", "its weights, quantised"),
            Source("Generalized end-to-end loss for speaker verification", "–", "https://arxiv.org/abs/1710.10467", "the method"),
        ],
        figures=[
            Figures("Cosine with the teacher", ("network", "mean", "least"), [(name, *values) for name, values in cosines.items()]),
            Figures(
                "Equal error rate of two clips, held-out speakers",
                ("corpus", "heard", *rates),
                rows,
                f"All pairs of {settings.clips_per_speaker} clips a speaker, of any emotion, 2 to 5 s long, both heard alike, except "
                "“clean against telephone”. These actors were not in the teacher's training data, as far as its authors describe it. "
                "Acted emotion moves a voice further than everyday speech does.",
            ),
        ],
        limits=LIMITS,
    )
