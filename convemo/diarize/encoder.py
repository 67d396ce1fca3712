"""Whose voice it is, as a vector: the speaker embedding (d-vector) that voices are compared by.

The network is the GE2E speaker encoder (Wan et al. 2018, "Generalized end-to-end loss for speaker verification",
https://arxiv.org/abs/1710.10467) that the package resemblyzer brings, its weights stored smaller: see
``weights/speaker/CARD.md``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from convemo.features.frames import RATE_HZ, WINDOW, frame
from convemo.weights import ROOT, load_manifest
from convemo.weights.network import open_network

BANDS = 40
FRAMES = 160
"""Frames of 10 ms that one embedding is made of: 1.6 s, what the network was trained on."""
SIZE = 256
_MEAN_POWER = np.float32(0.01)  # mean over frames and bands of speech at -30 dB full scale, the level that it was trained on
_BATCH = 16  # windows at once: more are no faster


@lru_cache(maxsize=1)
def _filterbank() -> np.ndarray:
    """``(201, 40)``: triangles on Slaney's mel scale, each with the area 1 (Slaney 1998, Auditory Toolbox), as librosa has them."""
    linear_hz, per_octave = 1000.0, 27 / np.log(6.4)  # below 1 kHz 3 mel in 200 Hz, above it 27 in each factor of 6.4

    def to_hz(mel: np.ndarray) -> np.ndarray:
        return np.where(mel < 15, mel * 200 / 3, linear_hz * np.exp((mel - 15) / per_octave))

    highest = 15 + per_octave * np.log(RATE_HZ / 2 / linear_hz)
    corners_hz, bins_hz = to_hz(np.linspace(0, highest, BANDS + 2)), np.linspace(0, RATE_HZ / 2, WINDOW // 2 + 1)
    low, middle, high = corners_hz[:-2], corners_hz[1:-1], corners_hz[2:]
    rising, falling = (bins_hz[:, None] - low) / (middle - low), (high - bins_hz[:, None]) / (high - middle)
    return (np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)).astype(np.float32)


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


def mel_power(samples: np.ndarray) -> np.ndarray:
    """Power in 40 mel bands, not its logarithm: what the network hears.

    Args:
        samples: ``(n,)`` float32 in ``[-1, 1]`` at 16 kHz.

    Returns:
        ``(1 + n // 160, 40)`` float32.

    >>> mel_power(np.zeros(16_000, np.float32)).shape
    (101, 40)
    """
    spectrum = np.fft.rfft(frame(samples) * _window())  # (T, 201)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ _filterbank()


class SpeakerEncoder:
    """Windows of voice as vectors of length 1; the cosine of two says how alike the voices are.

    Args:
        folder: a model folder that ``convemo train speaker`` made; by default the one that is shipped.

    Raises:
        EngineUnavailable: the folder is not one, a file in it is damaged, or ONNX Runtime is not installed.
    """

    def __init__(self, folder: Path | str = ROOT / "speaker"):
        self.model = load_manifest(folder)
        self._session = open_network(self.model.path("model.int8.onnx"))

    def embed(self, windows: np.ndarray) -> np.ndarray:
        """One embedding a window.

        Args:
            windows: ``(N, T, 40)`` float32 from `mel_power`, of any level: each is brought to the one that the network knows.
                T is best `FRAMES`.

        Returns:
            ``(N, 256)`` float32, of length 1.
        """
        levelled = self.levelled(windows)
        batches = (levelled[i : i + _BATCH] for i in range(0, len(levelled), _BATCH))
        embeddings = [self._session.run(["embedding"], {"mels": batch})[0] for batch in batches]
        return np.concatenate(embeddings) if embeddings else np.zeros((0, SIZE), np.float32)

    @staticmethod
    def levelled(windows: np.ndarray) -> np.ndarray:
        """The windows ``(N, T, 40)``, each at the level that the network was trained on."""
        power = windows.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
        return windows * (_MEAN_POWER / np.maximum(power, np.float32(1e-12)))
