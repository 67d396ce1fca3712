"""Fine-tunes a text checkpoint: ``convemo train text [CONFIG] --data my.jsonl --init transformers:PATH``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from convemo.checkpoints.load import load_model, load_processor
from convemo.data import as_raw_asr
from convemo.text.transformers import Passage, TransformersText, encode, longest_window, with_history
from convemo.training.finetune import FinetuneConfig, fit
from convemo.training.finetune_data import begin, conclude, labels_of, read_parts, write_model
from convemo.training.run import Progress, RunLog
from convemo.types import Dialogue, LabelSet


class TextFinetuneConfig(FinetuneConfig):
    """Every setting of a fine-tuning of text; ``configs/transformers_text.toml`` says what each means."""

    turns: int = Field(0, ge=0, le=32)
    train_tokens: int = Field(128, ge=8, le=512)
    raw_share: float = Field(0.3, ge=0, le=1)


def train(
    config: Path, data: Path, out: Path, progress: Progress | None = None, *, init: str | None = None, seed: int | None = None
) -> dict[str, Any]:
    """Fine-tunes, keeps the best on dev, scores dev and test.

    Args:
        config: a TOML file with the fields of `TextFinetuneConfig`.
        data: one file in our form whose lines name their ``split``, or the folder that holds one folder a corpus.
        out: the run's folder: ``log.jsonl``, ``checkpoint.pt``, ``best.pt``, ``predictions.jsonl`` and ``model/``, a checkpoint in
            Hugging Face form, to be used as ``transformers:OUT``.
        progress: called as ``progress(stage, completed, total)``.
        init: ``"transformers:PATH_OR_ID"``, the checkpoint to start from.
        seed: instead of the config's.

    Returns:
        The figures that are also in ``model/figures.json``.

    Raises:
        ConfigError, DataError, EngineUnavailable: a setting, the data or the checkpoint is not as expected.
    """
    settings, origin = begin(Path(config), TextFinetuneConfig, init, seed)
    log = RunLog(Path(out), progress)
    parts = read_parts(settings, Path(data))
    labels = labels_of(parts)
    torch.manual_seed(settings.seed)  # the new head's first weights are drawn as it is loaded
    model, tokenizer = load_model(origin, "text", labels), load_processor(origin, "text")
    most = min(settings.train_tokens, longest_window(tokenizer, model.config))
    examples = {part: TextExamples(parts[part], labels, tokenizer, settings, most) for part in ("train", "dev")}
    model = fit(settings, model, examples["train"], examples["dev"], labels, Path(out), log)
    write_model(Path(out) / "model", settings, model, tokenizer, origin, labels, turns=settings.turns)
    channel = TransformersText(str(Path(out) / "model"), device=settings.device)
    return conclude("text", channel, parts, labels, settings, origin, Path(out), log)


class TextExamples:
    """Labelled utterances as token ids, as written and as a recogniser without punctuation would give them."""

    def __init__(self, dialogues: Sequence[Dialogue], labels: LabelSet, tokenizer: Any, settings: TextFinetuneConfig, most: int):
        chosen = [(d, i) for d in dialogues for i, u in enumerate(d) if u.label is not None and (u.text or "").strip()]
        passages = [with_history(dialogue, i, settings.turns) for dialogue, i in chosen]
        self.labels = np.array([labels.index(dialogue[i].label) for dialogue, i in chosen])
        self._written = [shortened(tokenizer, passage, most) for passage in passages]
        # Words alone may leave nothing, as of "?!", which is then read as written.
        raw = [(tuple(f"{t[:2]} {as_raw_asr(t[2:])}" for t in before), as_raw_asr(text) or text) for before, text in passages]
        self._raw = [shortened(tokenizer, passage, most) for passage in raw] if settings.raw_share else self._written
        self._raw_share = settings.raw_share
        self._padding = tokenizer.pad_token_id or 0
        self.sizes = np.array([len(tokens["input_ids"]) for tokens in self._written])

    def batch(self, chosen: np.ndarray, rng: np.random.Generator | None) -> Mapping[str, torch.Tensor]:
        """Padded ids and masks; with an `rng`, a share of the texts raw."""
        raw = np.zeros(len(chosen), bool) if rng is None else rng.random(len(chosen)) < self._raw_share
        rows = [(self._raw if as_raw else self._written)[i] for i, as_raw in zip(chosen, raw)]
        length = max(len(row["input_ids"]) for row in rows)
        fill = {"input_ids": self._padding}
        return {
            name: torch.tensor([row[name] + [fill.get(name, 0)] * (length - len(row[name])) for row in rows])  # (B, T)
            for name in rows[0]
        }


def shortened(tokenizer: Any, passage: Passage, most: int) -> dict[str, list[int]]:
    """Token ids of a text, at most so many: earlier turns give way first, as in the channel; then the text's end."""
    before, text = passage
    tokens = encode(tokenizer, before, text)
    while len(tokens["input_ids"]) > most and before:
        before = before[1:]
        tokens = encode(tokenizer, before, text)
    return tokens if len(tokens["input_ids"]) <= most else dict(tokenizer(text, truncation=True, max_length=most))
