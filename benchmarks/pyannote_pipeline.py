"""A pyannote pipeline out of weights that are here.

``python benchmarks/pyannote_pipeline.py --segmentation PATH --embedding PATH --out FOLDER`` makes the folder,
``python benchmarks/diarization.py CLIPS --engine pyannote:FOLDER`` runs it: no account, no network.

PATH of the segmentation is a pyannote checkpoint (``pytorch_model.bin``), that of the embedding a speaker encoder in one of two forms:
``pretrained.pt`` of the resemblyzer package (Wan et al. 2018, arXiv:1710.10467; Apache-2.0), or a ``saved_model.bilstm.mean….pt`` of
https://github.com/wq2012/SpeakerRecognitionFromScratch (Apache-2.0). Neither is what pyannote's own pipelines use, so its published
figures are better than those of this one. The folder refers to this file by its module name: elsewhere, put benchmarks/ on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from convemo.diarize.pyannote import import_pyannote

import_pyannote()

import librosa  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from pyannote.audio import Model  # noqa: E402
from pyannote.audio.core.task import Problem, Resolution, Specifications  # noqa: E402

RATE_HZ = 16_000
BATCH = 32
SHORTEST = RATE_HZ // 4
"""Samples of a voice below which nothing is said of it."""
THRESHOLD = 0.45
"""Distance from which two voices are two: with either encoder, the fewest errors on 24 dialogues of 45 s composed of acted speech."""

ENCODERS = {
    # frames a window, its step, the network
    "resemblyzer": (160, 77, {"input_size": 40, "hidden_size": 256, "num_layers": 3, "batch_first": True}),
    "wq2012": (100, 50, {"input_size": 40, "hidden_size": 64, "num_layers": 3, "batch_first": True, "bidirectional": True}),
}


class SpeakerEncoder(Model):
    """An LSTM over windows of the speech, averaged: one vector of length 1 a voice, as pyannote asks for it."""

    def __init__(self, encoder: str = "resemblyzer", sample_rate: int = RATE_HZ, num_channels: int = 1, task=None):
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        self.save_hyperparameters("encoder")
        self.window, self.step, network = ENCODERS[encoder]
        self.lstm = torch.nn.LSTM(**network)
        self.linear = torch.nn.Linear(256, 256) if encoder == "resemblyzer" else None

    @property
    def dimension(self) -> int:
        return 256 if self.linear else 128

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """``(B, 1, n)`` samples and ``(B, frames)`` masks of the voice meant → ``(B, dimension)``; NaN where it says nothing."""
        vectors = torch.full((len(waveforms), self.dimension), torch.nan)
        for i, samples in enumerate(waveforms[:, 0].numpy()):
            if weights is None and len(samples) < SHORTEST:
                raise ValueError(f"{len(samples)} samples are too few")  # pyannote tries what is enough
            if weights is not None:
                mask = weights[i].numpy() > 0.5
                samples = samples[mask[np.arange(len(samples)) * len(mask) // len(samples)]]
            if len(samples) >= SHORTEST:
                vectors[i] = self.embed(samples)
        return vectors

    def embed(self, samples: np.ndarray) -> torch.Tensor:
        """One voice, ``(n,)`` → ``(dimension,)``."""
        frames = torch.from_numpy(np.ascontiguousarray(self.features(samples).T, dtype=np.float32))  # (T, 40)
        if len(frames) < self.window:
            frames = frames.repeat(-(-self.window // len(frames)), 1)[: self.window]
        windows = frames.unfold(0, self.window, self.step).transpose(1, 2)  # (W, window, 40)
        states, (hidden, _) = self.lstm(windows)
        each = torch.relu(self.linear(hidden[-1])) if self.linear else states.mean(dim=1)  # (W, dimension)
        return torch.nn.functional.normalize(torch.nn.functional.normalize(each, dim=1).mean(dim=0), dim=0)

    def features(self, samples: np.ndarray) -> np.ndarray:
        """``(40, T)``: a mel spectrogram, or cepstra, as each encoder was trained on."""
        if not self.linear:
            return librosa.feature.mfcc(y=samples, sr=RATE_HZ, n_mfcc=40)
        level = np.sqrt(np.mean(samples**2))
        samples = samples * max(1.0, 10 ** (-30 / 20) / max(level, 1e-6))  # at least −30 dB, as its own preprocessing has it
        return librosa.feature.melspectrogram(y=samples, sr=RATE_HZ, n_fft=400, hop_length=160, n_mels=40)


def save(model: Model, path: Path) -> None:
    """A checkpoint that ``Model.from_pretrained`` reads."""
    checkpoint = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams), "pytorch-lightning_version": "2.0.0"}
    model.on_save_checkpoint(checkpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, path)


def speaker_encoder(path: Path) -> SpeakerEncoder:
    """The encoder in this file, in either form."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    model = SpeakerEncoder("resemblyzer" if "model_state" in saved else "wq2012")
    state = saved.get("model_state") or saved["encoder_state_dict"]
    model.load_state_dict({name: state[name] for name in model.state_dict()})
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0, classes=[], permutation_invariant=False
    )
    return model


def save_idle_plda(folder: Path) -> None:
    """The back end that pyannote 4 loads even for a clustering that does not use it: of two dimensions, doing nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "xvec_transform.npz", mean1=np.zeros(2), mean2=np.zeros(2), lda=np.eye(2))
    np.savez(folder / "plda.npz", mu=np.zeros(2), tr=np.eye(2), psi=np.ones(2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segmentation", type=Path, required=True)
    parser.add_argument("--embedding", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--method", default="centroid", help="how clusters are joined")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="distance from which two voices are two")
    parser.add_argument("--min-cluster-size", type=int, default=12)
    arguments = parser.parse_args()
    import pyannote_pipeline  # not __main__: the checkpoint names its class's module

    pyannote_pipeline.save(pyannote_pipeline.speaker_encoder(arguments.embedding), arguments.out / "embedding" / "pytorch_model.bin")
    (arguments.out / "segmentation").mkdir(exist_ok=True)
    shutil.copyfile(arguments.segmentation, arguments.out / "segmentation" / "pytorch_model.bin")
    save_idle_plda(arguments.out / "plda")
    config = {
        "dependencies": {"pyannote.audio": "4.0.0"},
        "pipeline": {
            "name": "pyannote.audio.pipelines.SpeakerDiarization",
            "params": {
                "segmentation": "$model/segmentation",
                "segmentation_batch_size": BATCH,
                "embedding": "$model/embedding",
                "embedding_batch_size": BATCH,
                "embedding_exclude_overlap": True,
                "clustering": "AgglomerativeClustering",
                "plda": "$model/plda",  # without one in the config, pyannote 4 fetches its own, whatever the clustering
            },
        },
        "params": {
            "segmentation": {"min_duration_off": 0.0},
            "clustering": {
                "method": arguments.method,
                "threshold": arguments.threshold,
                "min_cluster_size": arguments.min_cluster_size,
            },
        },
    }
    (arguments.out / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    print(f"python benchmarks/diarization.py CLIPS --engine pyannote:{arguments.out}")


if __name__ == "__main__":
    main()
