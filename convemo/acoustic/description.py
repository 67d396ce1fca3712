"""What the acoustic channel keeps of an utterance: how it was spoken, in 86 numbers, and so what it knows of a speaker.

The 22 functionals of `convemo.features` and the mean level of each of the 64 mel bands. The bands are the colour of a voice and its
effort at once: alone they say little of an emotion, against the same speaker's earlier utterances they say much (docs/acoustic.md).
"""

from __future__ import annotations

import numpy as np

from convemo.features import BANDS, MEL, Features
from convemo.features.functionals import NAMES

BAND_LEVELS = slice(len(NAMES), len(NAMES) + BANDS)
"""Where in a description the mean mel levels are."""
DESCRIPTION = (*NAMES, *(f"mel_{band:02}_db" for band in range(BANDS)))
"""A name for each number of a description."""


def describe(features: Features) -> np.ndarray:
    """``(86,)`` float32: the functionals, then the mean over the frames of each mel band's level in dB.

    >>> from convemo.features import FRAME_CHANNELS
    >>> features = Features(np.full((50, FRAME_CHANNELS), -40.0, dtype=np.float32), np.zeros(len(NAMES), dtype=np.float32))
    >>> describe(features)[BAND_LEVELS].mean().item()
    -40.0
    """
    return np.concatenate([features.functionals, features.frames[:, MEL].mean(axis=0)]).astype(np.float32)
