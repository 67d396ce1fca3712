"""Fine-tunes a speech checkpoint: ``convemo train acoustic [CONFIG] --data my.jsonl --init transformers:PATH``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field

from convemo.acoustic.transformers import FIXED, SHORTEST_S, TransformersAcoustic, extract
from convemo.audio import load
from convemo.audio.resample import RATE_HZ, to_int16
from convemo.checkpoints.load import load_model, load_processor
from convemo.errors import DataError
from convemo.features.energy import active_span, frame_energy_db
from convemo.training.finetune import SELECTION, FinetuneConfig, fit
from convemo.training.finetune_data import begin, conclude, labels_of, read_parts, write_model
from convemo.training.run import Progress, RunLog
from convemo.types import Dialogue, LabelSet


class AcousticFinetuneConfig(FinetuneConfig):
    """Every setting of a fine-tuning of sound; ``configs/transformers_acoustic.toml`` says what each means."""

    select: Literal[tuple(SELECTION)] = "uar"
    freeze_feature_encoder: bool = True
    longest_s: float = Field(6.0, ge=1.0, le=12.0)
    gain_db: float = Field(6.0, ge=0, le=20)


def train(
    config: Path, data: Path, out: Path, progress: Progress | None = None, *, init: str | None = None, seed: int | None = None
) -> dict[str, Any]:
    """Fine-tunes, keeps the best on dev, scores dev and test: as `transformers_text.train`, on the clips that the utterances name.

    Raises:
        ConfigError, DataError, EngineUnavailable: a setting, the data or the checkpoint is not as expected.
        AudioError: a clip cannot be read.
    """
    settings, origin = begin(Path(config), AcousticFinetuneConfig, init, seed)
    log = RunLog(Path(out), progress)
    parts = read_parts(settings, Path(data))
    labels = labels_of(parts)
    torch.manual_seed(settings.seed)  # the new head's first weights are drawn as it is loaded
    model, extractor = load_model(origin, "acoustic", labels), load_processor(origin, "acoustic")
    if settings.freeze_feature_encoder and hasattr(model, "freeze_feature_encoder"):
        model.freeze_feature_encoder()
    one_length = origin.config["model_type"] in FIXED
    examples = {}
    for part in ("train", "dev"):
        examples[part] = SoundExamples(parts[part], labels, extractor, settings, one_length, log)
        if not len(examples[part].labels):
            raise DataError(data, f"labelled utterances with 'audio' in the {part} part", "none", "Name each utterance's clip.")
    model = fit(settings, model, examples["train"], examples["dev"], labels, Path(out), log)
    write_model(Path(out) / "model", settings, model, extractor, origin, labels)
    channel = TransformersAcoustic(str(Path(out) / "model"), device=settings.device)
    return conclude("acoustic", channel, parts, labels, settings, origin, Path(out), log)


class SoundExamples:
    """Labelled clips, from the first to the last sound in each, in memory at two bytes a sample: 115 MB an hour."""

    def __init__(
        self,
        dialogues: Sequence[Dialogue],
        labels: LabelSet,
        extractor: Any,
        settings: AcousticFinetuneConfig,
        one_length: bool,
        log: RunLog,
    ):
        self._extractor, self._settings, self._one_length = extractor, settings, one_length
        named = [u for dialogue in dialogues for u in dialogue if u.label is not None and u.audio is not None]
        self._clips, found = [], []
        for done, utterance in enumerate(named, 1):
            with load(utterance.audio) as clip:
                samples = clip.read()
            first, last = active_span(frame_energy_db(samples))
            if last - first >= SHORTEST_S * RATE_HZ:
                self._clips.append(to_int16(samples[first:last]))
                found.append(labels.index(utterance.label))
            log.progress("read", done, len(named))
        self.labels = np.array(found, dtype=np.int64)
        self.sizes = np.minimum([len(clip) for clip in self._clips], settings.longest_s * RATE_HZ)

    def batch(self, chosen: np.ndarray, rng: np.random.Generator | None) -> Mapping[str, torch.Tensor]:
        """What the network hears, padded; with an `rng`, a random stretch of long clips, at a random level."""
        longest = round(self._settings.longest_s * RATE_HZ)
        sounds = []
        for i in chosen:
            sound = self._clips[i].astype(np.float32) / 2**15
            spare = len(sound) - longest
            first = 0 if spare <= 0 else spare // 2 if rng is None else int(rng.integers(spare + 1))
            gain = 1.0 if rng is None else 10 ** (rng.uniform(-1, 1) * self._settings.gain_db / 20)
            sounds.append(sound[first : first + longest] * np.float32(gain))
        return extract(self._extractor, sounds, **({} if self._one_length else {"padding": True}))
