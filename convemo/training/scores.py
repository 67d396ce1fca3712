"""What trained channels say of data that they have not met, in good conditions and in bad ones: what fusion is fitted on.

``convemo train scores CONFIG.toml --data ROOT --out DIR`` trains nothing. The text channel reads EmoryNLP, and support conversations of
ours, as written, as raw ASR and misheard (`mishear`); acoustic channels hear clips of the corpus that each was *not* trained on, as they
were recorded and degraded (`sessions`), in the way of an analysis: voices are found, evidence is measured, utterances are scored with the
history of their session.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from convemo.acoustic.channel import AcousticChannel
from convemo.analyzed import record
from convemo.audio import Audio
from convemo.audio.vad import speech
from convemo.data import emorynlp, jsonl
from convemo.dialogue.evidence import measure
from convemo.errors import ConfigError
from convemo.text.channel import TextChannel
from convemo.training.acoustic import CORPORA
from convemo.training.acoustic_clips import read_noise
from convemo.training.mishear import vocabulary
from convemo.training.readings import READINGS, read_as
from convemo.training.run import Progress, RunLog, provenance, read_config
from convemo.training.sessions import Condition, draw_condition, draw_sessions, perform
from convemo.weights import read_manifest

__all__ = ["READINGS", "ROOMS", "ScoresConfig", "train"]

ROOMS = ("recorded", "degraded")


class ScoresConfig(BaseModel):
    """What is to be scored by what; ``configs/scores.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Path | None = None
    """Model folder; ``None`` is the shipped one."""
    support: Path | None = None
    """Support conversations, of which the dev part is read too."""
    acoustic: dict[str, Path] = {}
    """Corpus → the folder of a model that has not met it."""
    misheard: int = Field(3, ge=1, le=100)
    """How often each text is misheard."""
    degraded: int = Field(1, ge=1, le=100)
    """How often each clip is degraded."""
    seed: int = 1


def train(config: Path, data_root: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Writes ``text_dev.jsonl``, ``text_test.jsonl`` and ``clips.jsonl`` to `out`.

    Args:
        config: a TOML file with the fields of `ScoresConfig`; paths in it count from the working folder.
        data_root: holds ``emorynlp/``, the corpora of clips and, for rooms and noises, ``noise/``.
        out: the folder.
        progress: told of every text part and session.

    Returns:
        How many lines each file has.

    Raises:
        ConfigError: the configuration is wrong, or a model was trained on the corpus that it is to be scored on.
        DataError: data are missing or not in their form.
        EngineUnavailable: a model folder is missing or damaged.
    """
    settings = read_config(Path(config), ScoresConfig)
    data_root, out = Path(data_root), Path(out)
    log = RunLog(out, progress)
    counts = {}
    for split in ("dev", "test"):
        counts[f"text_{split}"] = _write(out / f"text_{split}.jsonl", read_texts(settings, data_root / "emorynlp", split))
        log.progress("texts", len(counts), 2)
    if settings.acoustic:
        lines = (line for corpus in sorted(settings.acoustic) for line in hear_clips(settings, corpus, data_root, log))
        counts["clips"] = _write(out / "clips.jsonl", lines)
    log.write("done", **counts, **provenance(settings))
    return counts


def read_texts(settings: ScoresConfig, root: Path, split: str) -> Iterator[dict[str, Any]]:
    """Every utterance of EmoryNLP, and of the support conversations if it is the dev part, in every reading: ``dialogue``, ``utterance``,
    ``label``, ``reading``, ``evidence``, ``log_probs``."""
    channel = TextChannel(None if settings.text is None else str(settings.text))
    rng = np.random.default_rng([settings.seed, ("dev", "test").index(split)])
    words = vocabulary(u.text or "" for d in emorynlp.load(root, "train") for u in d)
    support = jsonl.load(settings.support, split) if split == "dev" and settings.support else ()
    for dialogue in (*emorynlp.load(root, split), *support):
        for reading in ("written", "raw", *["misheard"] * settings.misheard):
            version = read_as(reading, dialogue, words, rng)
            result = channel.predict(version)
            for row, u in enumerate(version):
                if result.reasons[row] is None:
                    line = {"dialogue": dialogue.id, "utterance": u.id, "label": u.label, "reading": reading}
                    yield line | {"evidence": record(u.evidence), "log_probs": result.log_probs[row].tolist()}


def hear_clips(settings: ScoresConfig, corpus: str, data_root: Path, log: RunLog) -> Iterator[dict[str, Any]]:
    """Every clip of a corpus in every room, with its evidence and the scores of a model that has not met the corpus.

    A clip that is too short or too quiet to be scored is left out.
    """
    channel, trained_on = AcousticChannel(str(settings.acoustic[corpus])), _trained_on(settings.acoustic[corpus], corpus)
    responses, noises = read_noise(data_root / "noise")
    actors = CORPORA[corpus].load(data_root / corpus)
    clips_of = {d.id: [u for u in d if u.label is not None] for d in actors}
    rng = np.random.default_rng([settings.seed, *corpus.encode()])
    sessions = [(room, clips) for room in ["recorded"] + ["degraded"] * settings.degraded for clips in draw_sessions(actors, rng)]
    for done, (room, clips) in enumerate(sessions, start=1):
        condition = Condition() if room == "recorded" else draw_condition(rng, noises, responses)
        actor = clips[0].speaker
        samples, dialogue = perform(clips, condition, rng, [u for id, theirs in clips_of.items() if id != actor for u in theirs])
        with Audio.from_array(samples, Audio.rate_hz) as audio:
            dialogue = measure(dialogue, audio, speech(audio))
            judged = replace(dialogue, utterances=tuple(u for u in dialogue if u.label is not None))  # whoever interrupts is not
            result = channel.predict(judged, audio)
        for row, u in enumerate(judged):
            if result.reasons[row] is None:
                line = {"corpus": corpus, "clip": u.id, "actor": actor, "label": u.label, "trained_on": trained_on, "room": room}
                yield line | {"evidence": record(u.evidence), "log_probs": result.log_probs[row].tolist()}
        log.progress(f"clips of {corpus}", done, len(sessions))


def _trained_on(folder: Path, corpus: str) -> list[str]:
    trained_on = list(read_manifest(Path(folder)).manifest["trained_on"])
    if corpus in trained_on:
        raise ConfigError(f"a model that has not met {corpus}", f"one trained on {', '.join(trained_on)}", "Name another folder.")
    return trained_on


def _write(path: Path, lines: Iterator[Mapping[str, Any]]) -> int:
    """One JSON object a line; the file is there when all of it is."""
    part, count = path.with_suffix(".part"), 0
    with open(part, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            count += 1
    part.replace(path)
    return count
