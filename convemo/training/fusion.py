"""Fits the fusion: ``convemo train fusion [CONFIG.toml] --data DATA --out OUT``.

With one ``.jsonl`` file, on your own labelled dialogues (`fusion_own`): a few hundred labelled utterances that no channel was trained on
are enough. With the folder of data sets, the fusion that is shipped, on composed dialogues (`fusion_composed`). From Python, `fit` takes
dialogues and the results of whatever channels there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convemo.fusion.fit import fit
from convemo.training import fusion_composed, fusion_own
from convemo.training.fusion_composed import FusionConfig
from convemo.training.fusion_own import OwnFusionConfig
from convemo.training.run import Progress, read_config

__all__ = ["FusionConfig", "OwnFusionConfig", "fit", "train"]


def train(
    config: Path,
    data: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    channel: Sequence[str] = (),
    seed: int | None = None,
) -> dict[str, Any]:
    """Fits a fusion, says how good it is on dialogues that were left out, and writes its model folder.

    Args:
        config: a TOML file with the fields of `OwnFusionConfig` where `data` is a file, of `FusionConfig` where it is a folder.
        data: a file of dialogues in our form (`data.jsonl`), or the folder of data sets.
        out: gets the model folder (``out/model`` for a file of one's own), figures and a log.
        progress: told of every stage.
        channel: ``"NAME=SPEC"`` each, beside or in place of the config's channels; for a file only.
        seed: instead of the config's.

    Returns:
        The figures that are also in ``figures.json``.

    Raises:
        ConfigError: the configuration is wrong, or channels and data do not go together.
        DataError: the data are missing or not in their form.
        EngineUnavailable: a channel cannot be used here.
    """
    config, data, out = Path(config), Path(data), Path(out)
    changes = {} if seed is None else {"seed": seed}
    if data.is_dir() and not channel:
        return fusion_composed.train(read_config(config, FusionConfig).model_copy(update=changes), config, data, out, progress)
    settings = read_config(config, OwnFusionConfig).with_channels(channel)
    return fusion_own.train(settings.model_copy(update=changes), config, data, out, progress)
