"""Cutting sound into overlapping frames, without copying it."""

from __future__ import annotations

import numpy as np

RATE_HZ = 16_000
"""The rate of all sound that the features are computed from."""
HOP = 160
"""Samples from one frame to the next: 10 ms."""
WINDOW = 400
"""Samples that a frame sees: 25 ms, the usual compromise for speech (Davis and Mermelstein 1980)."""
FRAMES_PER_S = RATE_HZ / HOP


def frame(samples: np.ndarray, length: int = WINDOW, hop: int = HOP) -> np.ndarray:
    """Overlapping frames centred on multiples of the hop; the edges are padded with silence.

    Centred, so that frames of different lengths (energy, F0) describe the same moments.

    Args:
        samples: ``(n,)`` float32.
        length: samples in a frame.
        hop: samples from one frame to the next.

    Returns:
        ``(1 + n // hop, length)``, a read-only view of the padded sound.

    >>> frame(np.ones(1600, dtype=np.float32)).shape
    (11, 400)
    """
    padded = np.pad(samples, (length // 2, length - length // 2))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[: 1 + (len(samples) // hop) * hop : hop]  # (T, length)
