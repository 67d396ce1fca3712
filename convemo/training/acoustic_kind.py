"""Which training ``convemo train acoustic`` means: by sound, by features that stand in for it, or a plain rival of ours."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

BY_SOUND, BY_FEATURES, BASELINE = "acoustic", "acoustic_features", "acoustic_baselines"
"""Modules of `convemo.training`."""


def kind(config: Path | None, data: Path) -> str:
    """The module whose ``train`` is meant.

    A configuration says so: ``input = "features"``, or a ``model`` for a rival. Without one, a file of data does: features are used where
    no utterance has a clip. What cannot be read here is left to the training, which says what is wrong with it.
    """
    if config is not None:
        try:
            settings = tomllib.loads(config.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return BY_SOUND
        if settings.get("input") == "features":
            return BY_FEATURES
        return BASELINE if "model" in settings else BY_SOUND
    return BY_FEATURES if data.is_file() and _features_alone(data) else BY_SOUND


def _features_alone(data: Path) -> bool:
    """Whether a file in our form has features and no clip."""
    features = False
    try:
        with open(data, encoding="utf-8") as file:
            for line in file:
                for utterance in json.loads(line).get("utterances", ()) if line.strip() else ():
                    if utterance.get("audio"):
                        return False
                    features = features or bool(utterance.get("features"))
    except (OSError, ValueError, AttributeError, TypeError):
        return False
    return features
