"""Fine-tunes a language model to answer as an analysis asks it: ``convemo train llm CONFIG.toml --data DATA --init transformers:PATH``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convemo.checkpoints.folder import Checkpoint
from convemo.errors import ConfigError
from convemo.llm.channel import LlmChannel
from convemo.llm.option_tokens import PromptTokens
from convemo.llm.prompt import PACKAGE, Prompt
from convemo.llm.transformers import TransformersEngine
from convemo.training.card import Card, Figures, Source, command, write_card
from convemo.training.finetune_data import OWN_DATA, Corpus, labels_of, read_parts
from convemo.training.finetune_figures import TITLES, cells, judge, publish
from convemo.training.llm_config import LlmConfig
from convemo.training.llm_examples import Examples
from convemo.training.llm_fit import Learner, majority
from convemo.training.llm_model import MODEL, licence_of, open_for_training, sign, write_model
from convemo.training.llm_model import merge as write_merged
from convemo.training.run import Progress, RunLog, read_config


def train(
    config: Path,
    data: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    init: str | None = None,
    seed: int | None = None,
    merge: bool = False,
) -> dict[str, Any]:
    """Fine-tunes, keeps the best on dev, scores dev and test as an analysis would.

    Args:
        config: a TOML file with the fields of `LlmConfig`.
        data: one file in our form whose lines name their ``split``, or the folder that holds one folder a corpus.
        out: the run's folder: ``log.jsonl``, ``checkpoint.pt``, ``best.pt``, ``predictions.jsonl`` and ``model/``, an adapter in PEFT's
            form (or a whole checkpoint), to be used as ``llm="OUT"``.
        progress: called as ``progress(stage, completed, total)``.
        init: ``"transformers:PATH_OR_ID"``, the model to start from.
        seed: instead of the config's.
        merge: whether to write ``merged/`` too.

    Returns:
        The figures that are also in ``model/figures.json``.

    Raises:
        ConfigError, DataError, EngineUnavailable: a setting, the data or the model is not as expected.
    """
    out, settings = Path(out), read_config(Path(config), LlmConfig)
    settings = settings.model_copy(update={"init": init or settings.init, "seed": settings.seed if seed is None else seed})
    prompt = Prompt.load(settings.prompt)
    parts = read_parts(settings, Path(data))
    _check_labels(parts, prompt)
    torch.manual_seed(settings.seed)  # an adapter's first weights are drawn as it is made
    lm, origin, model = open_for_training(settings, init)
    log = RunLog(out, progress)
    tokens = PromptTokens(lm.tokenizer, min(settings.longest, lm.longest))
    examples = {part: Examples(parts[part], prompt, tokens) for part in ("train", "dev")}
    learner = Learner(model, settings, out)
    learner.fit(examples["train"], examples["dev"], log)
    made_by = command("llm", Path(config)) + f" --init transformers:{origin.name} --seed {settings.seed}"
    write_model(out / MODEL, settings.id, model, lm, origin, _prompt_file(settings.prompt, prompt))
    del learner, model, lm, tokens, examples  # two of a large model have no room
    corpora = settings.corpora if Path(data).is_dir() else ()
    sign(out / MODEL, settings, origin, prompt, made_by, corpora)
    figures = _conclude(parts, prompt, settings, out, log)
    write_card(out / MODEL, _card(settings, origin, prompt, figures, made_by, corpora))
    if merge and settings.lora.rank:
        write_merged(out)
    return figures


def _check_labels(parts: Corpus, prompt: Prompt) -> None:
    """Raises ConfigError if the data have a label that the prompt does not ask about."""
    if strange := [label for label in labels_of(parts) if label not in prompt.labels]:
        hint = "Write a prompt of your own with the labels of your data, and name its file as prompt in the config; see docs/prompts.md."
        raise ConfigError(f"labels of the prompt {prompt.name} ({', '.join(prompt.labels)})", f"also {', '.join(strange)}", hint)


def _prompt_file(name: str, prompt: Prompt) -> bytes:
    """The prompt's file as it is, so that its sha256 stays what it was."""
    return Path(name).read_bytes() if name.endswith(".toml") else (files(PACKAGE) / f"{prompt.name}.toml").read_bytes()


def _conclude(parts: Corpus, prompt: Prompt, settings: LlmConfig, out: Path, log: RunLog) -> dict[str, Any]:
    """Scores dev and test by the channel; writes ``predictions.jsonl`` and ``figures.json``."""
    engine = TransformersEngine(str(out / MODEL), device=settings.device)
    channel = LlmChannel(engine, prompt, permutations=settings.asked_orders)
    judged, said = judge("llm", channel, parts, prompt.label_set, log)
    counts = np.bincount([prompt.label_set.index(u.label) for d in parts["train"] for u in d if u.label], minlength=len(prompt.labels))
    figures = {part: found.figures() | {"majority": majority(counts, found.labels)} for part, found in judged.items()}
    publish(out, figures, said, log)
    return figures


def _card(
    settings: LlmConfig, origin: Checkpoint, prompt: Prompt, figures: Mapping[str, Any], made_by: str, corpora: Sequence[str]
) -> Card:
    rank = settings.lora.rank
    what = f"a LoRA adapter (rank {rank}) for {origin.name}" if rank else f"{origin.name}, every weight trained"
    rows = []
    for part, told in figures.items():
        rows.append((part, "this model", told["utterances"], *cells(told)))
        none = told["majority"]
        shares = (none["accuracy"], none["uar"], none["weighted_f1"], None, none["macro_f1"], none["nll"], None)
        rows.append((part, "no model", told["utterances"], *shares))
    return Card(
        id=settings.id,
        title=f"{origin.name}, fine-tuned to tell emotions",
        summary=f"{what[0].upper()}{what[1:]}: the llm channel for {', '.join(prompt.labels)}. Use it as "
        '`llm="THIS_FOLDER"`, `--llm THIS_FOLDER`: it is asked as it was taught (prompt.toml). `convemo train llm --merge '
        "--out RUN` makes a plain checkpoint of an adapter, for vLLM and others.",
        licence=licence_of(origin),
        why_licence=f"The model's own licence is {origin.licence}; what the data allow, only you know.",
        command=made_by,
        sources=[
            Source(origin.name, origin.licence, "", "the model that training began from"),
            Source(", ".join(corpora) or "data of your own", OWN_DATA, "", "train part; dev chose the state that was kept"),
        ],
        figures=[
            Figures(
                "By itself",
                ("part", "", "utterances", *TITLES),
                rows,
                f"As an analysis asks it: prompt {prompt.name}, options in {settings.asked_orders} order(s), the mean. “No model”: "
                "always the commonest label of the training part; its NLL is that of the training part's shares. Not calibrated. Intervals "
                "by bootstrap over dialogues. dev chose the state that was kept, so only test is a fair figure.",
            )
        ],
        limits=(
            f"It was taught with the prompt {prompt.name} (prompt.toml) and is to be asked with that one"
            + (", its options in one order (permutations=1)." if not settings.orders else "."),
            "Its probabilities are not calibrated by themselves: `convemo train fusion --data` does that.",
            "Texts can still steer it: `convemo eval injection --channel llm=THIS_FOLDER` measures how far.",
        ),
    )
