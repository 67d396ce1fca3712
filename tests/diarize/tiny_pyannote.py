"""A pyannote pipeline small enough for a test: true architectures, random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convemo.diarize.pyannote import import_pyannote

WINDOW_S = 2.0


def build(folder: Path) -> Path:
    """A folder that ``Pipeline.from_pretrained`` reads; nothing in it refers to the network."""
    import_pyannote()  # first: it mends torchaudio
    import torch
    import yaml
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding import XVectorMFCC
    from pyannote.audio.models.segmentation import PyanNet

    torch.manual_seed(4)
    segmentation = PyanNet(lstm={"hidden_size": 8, "num_layers": 1}, linear={"hidden_size": 8, "num_layers": 1})
    segmentation.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=WINDOW_S,
        classes=["a", "b", "c"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    segmentation.build()
    segmentation.eval()
    with torch.inference_mode():  # small random weights would say the same of every frame; so that each class is met:
        segmentation.classifier.weight *= 100
        segmentation.classifier.bias -= segmentation(0.1 * torch.randn(1, 1, 32_000)).mean(dim=(0, 1))
    embedding = XVectorMFCC(mfcc={"n_mfcc": 20, "melkwargs": {"n_mels": 40}}, dimension=16)
    embedding.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=WINDOW_S, classes=[], permutation_invariant=False
    )
    _save(segmentation, folder / "segmentation")
    _save(embedding, folder / "embedding")
    (folder / "plda").mkdir()
    np.savez(folder / "plda" / "xvec_transform.npz", mean1=np.zeros(2), mean2=np.zeros(2), lda=np.eye(2))
    np.savez(folder / "plda" / "plda.npz", mu=np.zeros(2), tr=np.eye(2), psi=np.ones(2))
    parts = {"segmentation": "$model/segmentation", "embedding": "$model/embedding", "plda": "$model/plda"}
    clustering = {"method": "centroid", "threshold": 0.5, "min_cluster_size": 1}
    config = {
        "dependencies": {"pyannote.audio": "4.0.0"},
        "pipeline": {
            "name": "pyannote.audio.pipelines.SpeakerDiarization",
            "params": {**parts, "clustering": "AgglomerativeClustering", "segmentation_step": 0.5, "embedding_batch_size": 32},
        },
        "params": {"segmentation": {"min_duration_off": 0.0}, "clustering": clustering},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def _save(model, folder: Path) -> None:
    import torch

    folder.mkdir(parents=True)
    checkpoint = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams), "pytorch-lightning_version": "2.0.0"}
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / "pytorch_model.bin")
