"""Trains, exports and measures a text model: ``convemo train text [CONFIG.toml] --data ROOT|FILE.jsonl [--init default|FOLDER]``.

The checkpoint that is kept is the one with the best F1 on the dev parts; the test parts are read once, at the end, for the card.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from convemo.errors import ConfigError
from convemo.text.channel import TextChannel
from convemo.training.card import write_card
from convemo.training.run import Progress, RunLog, read_config, write_json
from convemo.training.text_card import card, command_of, licence
from convemo.training.text_config import Corpus, TextConfig
from convemo.training.text_export import publish
from convemo.training.text_figures import evaluate
from convemo.training.text_fit import fit
from convemo.training.text_init import starting_point

OWN = "own"
"""What one file of data is called where corpora are named."""


def train(
    config: Path, data: Path, out: Path, progress: Progress | None = None, *, init: str | None = None, seed: int | None = None
) -> dict[str, Any]:
    """Trains, exports and evaluates a text model; an interrupted run continues where its last checkpoint was.

    Args:
        config: a TOML file with the fields of `TextConfig`.
        data: the folder that holds one folder a corpus, or one file in our form (`data.jsonl`) whose lines name their ``split``: then
            that file is all that is learned from, and the labels are those in it.
        out: the run's folder: ``log.jsonl``, ``checkpoint.pt``, ``best.safetensors`` and, when done, ``predictions.jsonl``,
            ``predictions_raw.jsonl`` and ``model/``, a folder to give to `text.channel.TextChannel`.
        progress: told ``("train", step, steps)``, then ``("evaluate …", done, corpora)``.
        init: ``"default"`` or a folder of another text model: its weights are what is started from, and of its labels those that are
            among the new ones.
        seed: instead of the config's.

    Returns:
        The figures that are also in ``model/figures.json``.

    Raises:
        ConfigError, DataError, EngineUnavailable: a setting, a corpus or the encoder is not as expected.
        EngineFailed: the int8 network answers differently from the float32 one.
    """
    settings = read_config(Path(config), TextConfig)
    data, out = Path(data), Path(out)
    if data.is_file():
        settings = settings.model_copy(update={"corpora": {OWN: Corpus(format="jsonl")}})
    elif not settings.corpora:
        raise ConfigError(f"corpora in {config}, with a folder of data sets", "none", "Add [corpora.NAME], or give one .jsonl file.")
    settings = settings.model_copy(update={"seed": settings.seed if seed is None else seed})
    log = RunLog(out, progress)
    start = starting_point(settings, init)
    model, labels = fit(settings, data, out, log, start)
    made_by = command_of(config, data, init, seed)
    terms = licence(settings, start)
    lost = publish(model, settings, data, out, start, labels, terms, made_by)
    log.write("parity", **asdict(lost))
    channel = TextChannel(str(out / "model"), threads=settings.threads)
    figures = {"parity": asdict(lost), **evaluate(channel, settings, data, out, log)}
    write_json(out / "model" / "figures.json", figures)
    write_card(out / "model", card(settings, start, labels, made_by, figures))
    log.write("done", **figures)
    return figures
