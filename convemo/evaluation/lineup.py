"""Who competes: channels, opened once, and systems made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convemo.audio import Audio
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError, ConvemoError
from convemo.evaluation.benchmark import WHOLE, Benchmark
from convemo.evaluation.conditions import Conditions
from convemo.scoring import Predictions, Scored, open_channel, score
from convemo.scoring.channels import KINDS, trained_on
from convemo.scoring.labels import check
from convemo.scoring.score import listens
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo, Utterance

FUSED, HISTORY = "fused", "history"
PLUS = "+"
Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class System:
    """One competitor: a channel alone, several fused, or a channel with what a fusion adds to it: ``text+history``."""

    name: str
    channels: tuple[str, ...]

    @property
    def alone(self) -> bool:
        return self.name == self.channels[0]


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """Systems, and the channels that they are made of; made by `open_lineup`. Scores are kept, so nothing is scored twice."""

    systems: tuple[System, ...]
    channels: Mapping[tuple[str, int | None], Channel]
    """(channel, seed) → channel; the seed is ``None`` where it does not depend on one."""
    specs: Mapping[str, str]
    seeds: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    _scored: dict[tuple, list[Scored]] = field(default_factory=dict)
    """(part, (channel, seed), conditions that reach it) → the dialogues with what this channel said, under the name ``""``."""

    @property
    def runs(self) -> tuple[int | None, ...]:
        """The seeds, or one run without any."""
        return self.seeds or (None,)

    def channel(self, name: str, seed: int | None) -> Channel:
        return self.channels.get((name, seed)) or self.channels[name, None]

    def varies(self, system: System) -> bool:
        """Whether the system depends on the seed."""
        return any((name, seed) in self.channels for name in system.channels for seed in self.seeds)

    def score(
        self, part: str, dialogues: Sequence[Dialogue], conditions: Conditions, progress: Progress | None = None
    ) -> Mapping[int | None, list[Scored]]:
        """What the channels say, by seed: once for all seeds where it is the same, and once for all conditions that a channel cannot tell
        apart."""
        inputs = conditions.inputs
        reached = {which: inputs.reaching(channel) for which, channel in self.channels.items()}
        for its in dict.fromkeys(reached.values()):
            asked = {which: self.channels[which] for which in reached if reached[which] == its and (part, which, its) not in self._scored}
            if asked:
                keys = {_key(*which): channel for which, channel in asked.items()}
                told = None if progress is None else lambda _, done, total: progress(f"scoring {part}", done, total)
                scored = score(its.apply(dialogues), keys, hear=its.hear, progress=told)
                for which in asked:
                    self._scored[part, which, its] = [replace(s, results={"": s.results[_key(*which)]}) for s in scored]
        said = {which: self._scored[part, which, its] for which, its in reached.items()}
        heard = next((said[which] for which, channel in self.channels.items() if listens(channel)), None)
        shown = inputs.apply(dialogues)
        if heard is not None:
            shown = [_as_it_sounded(dialogue, s.dialogue) for dialogue, s in zip(shown, heard)]
        by_seed = {}
        for seed in self.runs:
            which = {name: (name, seed) if (name, seed) in self.channels else (name, None) for name in self.specs}
            by_seed[seed] = [
                conditions.withhold(Scored(dialogue, {name: replace(said[w][i].results[""], channel=name) for name, w in which.items()}))
                for i, dialogue in enumerate(shown)
            ]
        return by_seed


def open_lineup(
    benchmark: Benchmark,
    systems: Sequence[str] | None = None,
    specs: Mapping[str, str] | None = None,
    seeds: Sequence[int] = (),
    **machine: Any,
) -> Lineup:
    """Opens every channel once.

    Args:
        benchmark: what they will be asked; its suite's systems and channels are those if none are named.
        systems: channels, ``"fused"`` (all of them), some of them joined by ``"+"``, or one and ``"history"``: what a fusion makes of that
            channel alone, so that what it owes to the past and to the labels' shares is told apart from what another channel brings. If
            not given, those of the suite, the channels in `specs`, and that of the first of several; of these, a channel that cannot be
            used here or chooses among other labels is left out, and a note says so.
        specs: channel → spec, see `convemo.scoring.open_channel`. ``{seed}`` in it stands for each seed, ``{fold}`` for the fold of each
            dialogue (`Benchmark.folds`).
        seeds: of the models, where a spec has ``{seed}``.
        machine: ``device``, ``offline`` and ``announce``, as `open_channel`.

    Raises:
        ConfigError: a system is made of an unknown channel, a channel lacks a label of the data, or there is nothing to compare.
        DataError: predictions are not in their form, or about other data.
        EngineUnavailable: a channel that was asked for cannot be used.
    """
    specs = {**benchmark.channels, **(specs or {})}
    named = systems is not None
    wanted = list(dict.fromkeys(systems if named else [*(s for s in benchmark.systems if s != FUSED), *specs, FUSED]))
    alone = [name for name in wanted if name != FUSED and PLUS not in name]
    needed = list(dict.fromkeys([*alone, *(part for name in wanted if PLUS in name for part in _channels_of(name))]))
    if not needed and FUSED in wanted:
        needed = [*specs] or list(KINDS)
    opened: dict[tuple[str, int | None], Channel] = {}
    notes = []
    for name in needed:
        try:
            found = _open(name, specs, seeds, benchmark, machine)
        except ConvemoError as error:
            if named or name in specs:
                raise
            notes.append(f"{name} is left out: {error.expected} was expected, {error.found} was found.")
            continue
        opened |= found
        if met := _met(name, specs.get(name, "default"), benchmark):
            notes.append(met)
    there = [name for name in needed if any(name == n for n, _ in opened)]
    if not there:
        raise ConfigError("at least one channel that can be used here", "none", " ".join(notes))
    if not named and len(there) > 1 and benchmark.ordered and not benchmark.dimensional:
        wanted.insert(wanted.index(FUSED), f"{there[0]}{PLUS}{HISTORY}")
    if not named and len(there) == 1 and benchmark.dimensional:
        wanted.remove(FUSED)  # dimensions of one channel are that channel's
    made = [_system(name, there) for name in wanted if name == FUSED or set(_channels_of(name)) <= set(there)]
    return Lineup(tuple(made), opened, {name: specs.get(name, "default") for name in there}, tuple(seeds), tuple(notes))


def _met(name: str, spec: str, benchmark: Benchmark) -> str | None:
    """A warning, if the channel learned from utterances that it is now asked about. Of predictions on disk that cannot be known."""
    if benchmark.split == "test" or "{fold}" in spec or benchmark.data not in trained_on(name, spec):
        return None
    part = "it" if benchmark.split == WHOLE else f"its {benchmark.split} part"
    return f"{name} was trained on {benchmark.data}, and {part} is evaluated here: its figures are of utterances that it may have met."


def _open(
    name: str, specs: Mapping[str, str], seeds: Sequence[int], benchmark: Benchmark, machine: Mapping[str, Any]
) -> dict[tuple[str, int | None], Channel]:
    if name not in specs and name not in KINDS:
        raise ConfigError(f"a channel among {', '.join((*KINDS, *specs))}", repr(name), "Say what it is: --channel NAME=SPEC.")
    spec = specs.get(name, "default")
    if "{seed}" in spec and not seeds:
        raise ConfigError(f"seeds for {spec!r}", "none", "Name them: --seeds 1,2,3.")
    found = {}
    for seed in seeds if "{seed}" in spec else (None,):
        channel = _in_folds(name, spec.replace("{seed}", str(seed)), benchmark, machine)
        check(name, channel.labels, benchmark.labels)
        found[name, seed] = channel
    return found


def _in_folds(name: str, spec: str, benchmark: Benchmark, machine: Mapping[str, Any]) -> Channel:
    """The channel, or one for each fold."""
    if "{fold}" not in spec:
        channel = open_channel(name, spec, **machine)
        if isinstance(channel, Predictions):
            channel.check(benchmark.known)
        return channel
    if benchmark.folds is None:
        raise ConfigError(f"folds for {spec!r}", "none", "Name their key: --folds KEY.")
    folds = {fold: open_channel(name, spec.replace("{fold}", fold), **machine) for fold in sorted(set(benchmark.folds.values()))}
    for channel in folds.values():
        if isinstance(channel, Predictions):
            channel.check(benchmark.known)
    return _ByFold(spec, folds, benchmark.folds)


def _as_it_sounded(dialogue: Dialogue, heard: Dialogue) -> Dialogue:
    """The dialogue with the times and the evidence that its sound gave; how sure the recogniser was of its words is its own."""

    def sounded(u: Utterance, h: Utterance) -> Utterance:
        sure = h.evidence.asr_confidence if u.evidence.asr_confidence is None else u.evidence.asr_confidence
        return replace(u, start=h.start, end=h.end, evidence=replace(h.evidence, asr_confidence=sure))

    return replace(dialogue, utterances=tuple(map(sounded, dialogue, heard)))


class _ByFold:
    """A channel for each fold, as one: every dialogue is scored by the model that has not met it."""

    def __init__(self, spec: str, folds: Mapping[str, Channel], fold_of: Mapping[str, str]):
        first = next(iter(folds.values()))
        if differing := [fold for fold, channel in folds.items() if tuple(channel.labels) != tuple(first.labels)]:
            raise ConfigError(f"the labels {', '.join(first.labels)} in every fold of {spec!r}", f"others in fold {differing[0]}")
        self.name, self.labels = first.name, LabelSet(first.labels)
        digest = hashlib.sha256("".join(channel.model.sha256 for channel in folds.values()).encode()).hexdigest()
        self.model = ModelInfo(spec, digest, first.model.licence)
        self.listens = any(map(listens, folds.values()))
        self._folds, self._fold_of = folds, fold_of

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        return replace(self._folds[self._fold_of[dialogue.id]].predict(dialogue, audio, since), model=self.model)


def _system(name: str, channels: Sequence[str]) -> System:
    if name == FUSED:
        return System(name, tuple(channels))
    return System(name, tuple(_channels_of(name)))


def _channels_of(name: str) -> list[str]:
    """The channels in a system's name.

    >>> _channels_of("text+llm"), _channels_of("text+history")
    (['text', 'llm'], ['text'])
    """
    return [part for part in name.split(PLUS) if part != HISTORY]


def _key(name: str, seed: int | None) -> str:
    return name if seed is None else f"{name} {seed}"
