"""A fusion for data of one's own: ``convemo train fusion --data my.jsonl [--channel NAME=SPEC] --out OUT``.

The channels score the labelled dialogues, the fit learns from what they say, and the report tells what it says of dialogues that it left
out, beside what was there before. Any labels, any channels: also predictions on disk that some other system made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from convemo.data import SPLITS, jsonl
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError, DataError
from convemo.fusion.fit import CrossFit, FitSettings, cross_fit
from convemo.scoring import Predictions, Scored, open_channel, score
from convemo.scoring.labels import agree, ordered
from convemo.training.fusion_own_report import publish, report
from convemo.training.mishear import vocabulary
from convemo.training.readings import read_as
from convemo.training.run import Progress, RunLog, provenance, write_json
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo

OFF = "none"
"""The spec of a channel that is to be left out."""


class OwnFusionConfig(BaseModel):
    """Every setting of a fit on one's own data; ``configs/fusion_own.toml`` says what each means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = "my-fusion"
    channels: dict[str, str] = {"text": "default", "acoustic": "default"}
    named: frozenset[str] = frozenset()
    """The channels that somebody asked for: these may not be left out silently."""
    labels: tuple[str, ...] = ()
    """Those that may occur; what the data know, if none are given."""
    readings: tuple[Literal["written", "raw", "misheard"], ...] = ("written",)
    trust: float = Field(1.0, ge=0, le=1)
    gating: bool = True
    strength: float = Field(10.0, ge=0)
    folds: int = Field(5, ge=2)
    coverage: float = Field(0.9, gt=0, lt=1)
    risk: float = Field(0.3, gt=0, lt=1)
    resamples: int = Field(500, ge=1)
    seed: int = 1
    device: str = "auto"
    offline: bool = False

    def with_channels(self, given: Sequence[str]) -> OwnFusionConfig:
        """These settings with further channels, ``"NAME=SPEC"`` each.

        Raises:
            ConfigError: one is not of that form, or "fused", which is what comes out.

        >>> OwnFusionConfig().with_channels(["llm=answers.jsonl", "acoustic=none"]).channels
        {'text': 'default', 'llm': 'answers.jsonl'}
        """
        channels, named = dict(self.channels), set(self.named)
        for one in given:
            name, _, spec = one.partition("=")
            if not name or not spec or name == "fused":
                raise ConfigError("--channel NAME=SPEC, such as llm=answers.jsonl", repr(one))
            channels[name], named = spec, named | {name}
        on = {name: spec for name, spec in channels.items() if spec != OFF}
        return self.model_copy(update={"channels": on, "named": frozenset(named)})

    def fit_settings(self) -> FitSettings:
        """What `fusion.fit` takes of these."""
        names = ("trust", "gating", "coverage", "risk", "strength", "folds", "seed")
        return FitSettings(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True, slots=True)
class OwnData:
    """What a file of dialogues is to the fit."""

    fitted: tuple[Dialogue, ...]
    """The ``dev`` part; all of it, if its lines name no parts."""
    part: str
    """In words, which that is."""
    more: tuple[Dialogue, ...]
    """The ``train`` part: of it only the labels are taken."""
    labels: LabelSet


def train(settings: OwnFusionConfig, config: Path, data: Path, out: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Fits, reports, and writes ``model/``, ``figures.json``, ``table.md`` and a log to `out`.

    Args:
        settings: channels, readings and priors.
        config: the file that they come from, for the card.
        data: a file in our form (`data.jsonl`).
        out: the folder.
        progress: told of every dialogue and stage.

    Raises:
        ConfigError: no channel can choose among the data's labels, or there is too little to fit on.
        DataError: the data, or predictions on disk, are not in their form.
        EngineUnavailable: a channel that was asked for cannot be used here.
    """
    log = RunLog(out, progress)
    given = read_data(data, settings.labels)
    channels, notes = _channels(settings, given.labels)
    for channel in channels.values():
        if isinstance(channel, Predictions) and not any(channel.predict(d).valid.any() for d in given.fitted):
            channel.check(given.fitted)  # says which line is about nothing here
    said = score(given.fitted, channels, progress=log.progress)
    useful = [n for n in channels if any(s.results[n].valid.any() for s in said)]
    for name in channels:
        if name not in useful:
            why = next((reason for s in said for reason in s.results[name].reasons if reason), "nothing to score")
            if name in settings.named:
                raise ConfigError(f"utterances that channel {name!r} can score", f"none: {why}", f"Leave it out: --channel {name}={OFF}.")
            notes.append(f"The {name} channel was left out: it can score nothing here ({why}).")
    if not useful:
        raise ConfigError("a channel that can score these dialogues", "; ".join(notes), "Name one: --channel NAME=SPEC.")
    dialogues, results = _copies(said, {n: channels[n] for n in useful}, given.labels, settings, log)
    log.progress("fit", 0, 1)
    found = cross_fit(
        dialogues, results, settings=settings.fit_settings(), label_sequences=given.more, fitted_on=_in_words(data, given, settings)
    )
    figures = report(CrossFit(found.fusion, found.folds[: len(said)], found.left_out), said, results[: len(said)], settings.resamples)
    figures |= {"notes": notes, "part": given.part, "channels": {n: _identity(channels[n]) for n in useful}}
    write_json(out / "figures.json", figures)
    publish(found.fusion, figures, settings, config, data, out)
    log.write("done", **provenance(settings))
    return figures


def read_data(path: Path, labels: Sequence[str] = ()) -> OwnData:
    """The part that is fitted on, and what else is known of labels. The ``test`` part is not looked at, but for the names of its labels.

    Raises:
        DataError: the file is not in our form, names parts but no ``dev``, or has no labels.
    """
    everything = jsonl.load(path, labels=labels or None)
    train, dev, test = (jsonl.load(path, part, labels=labels or None) for part in SPLITS)
    names = labels or {u.label for dialogue in everything for u in dialogue if u.label is not None}
    if not names:
        raise DataError(path, "utterances with a 'label'", "none", "A few hundred labelled utterances give a useful fit.")
    if not dev and (train or test):
        hint = "Name one: the fusion is fitted on dialogues that no channel was trained on; or take 'split' away to fit on all of them."
        raise DataError(path, "dialogues of a dev part, or no parts", "parts without dev", hint)
    return OwnData(dev or everything, "its dev part" if dev else "all of it", train, ordered(names))


def _channels(settings: OwnFusionConfig, labels: LabelSet) -> tuple[dict[str, Channel], list[str]]:
    """The channels that know these labels, and why another is not among them."""
    channels, notes = {}, []
    for name, spec in settings.channels.items():
        channel = open_channel(name, spec, device=settings.device, offline=settings.offline)
        if lacking := [label for label in labels if label not in channel.labels]:
            if name in settings.named:
                agree_error = f"no {', '.join(lacking)} among its {', '.join(channel.labels)}"
                raise ConfigError(f"channel {name!r} to choose among {', '.join(labels)}", agree_error, "Train it on these data first.")
            notes.append(f"The {name} channel ({spec}) was left out: it does not know {', '.join(lacking)}.")
            continue
        channels[name] = channel
    if not channels:
        hint = "Train one: `convemo train text --data`."
        raise ConfigError(f"a channel that knows {', '.join(labels)}", " ".join(notes) or "none", hint)
    return channels, notes


def _copies(
    said: Sequence[Scored], channels: Mapping[str, Channel], labels: LabelSet, settings: OwnFusionConfig, log: RunLog
) -> tuple[list[Dialogue], list[dict[str, ChannelResult]]]:
    """Every dialogue as it is, and then once more for each further reading of its text, by the channels that read."""
    dialogues = [s.dialogue for s in said]
    # Predictions of another day, in another file, are still those of the same system: its name is what identifies it.
    anonymous = {name: {"model": ModelInfo("")} if isinstance(channel, Predictions) else {} for name, channel in channels.items()}
    results = [{name: replace(agree(s.results[name], labels), **anonymous[name]) for name in channels} for s in said]
    readers = {name: channel for name, channel in channels.items() if channel.name == "text"}
    further = [reading for reading in settings.readings if reading != "written"]
    if not readers or not further:
        return dialogues, results
    rng = np.random.default_rng(settings.seed)
    words = vocabulary((u.text or "" for s in said for u in s.dialogue), least=1)
    for reading in further:
        versions = [read_as(reading, s.dialogue, words, rng) for s in said]
        for version, first, again in zip(versions, list(results), score(versions, readers, progress=log.progress)):
            dialogues.append(version)
            results.append({**first, **{name: agree(again.results[name], labels) for name in readers}})
    return dialogues, results


def _in_words(data: Path, given: OwnData, settings: OwnFusionConfig) -> str:
    labelled = sum(u.label is not None for d in given.fitted for u in d)
    read = f", texts read {' and '.join(settings.readings)}" if settings.readings != ("written",) else ""
    more = "; shares and order of labels also from its train part" if given.more else ""
    return f"{data.name}, {given.part}: {labelled} labelled utterances of {len(given.fitted)} dialogues{read}{more}"


def _identity(channel: Channel) -> dict[str, str]:
    """Which model a channel is, for the figures; of a file its name, not where it lies."""
    id = Path(channel.model.id).name if isinstance(channel, Predictions) else channel.model.id
    return {"id": id, "sha256": channel.model.sha256, "licence": channel.model.licence}
