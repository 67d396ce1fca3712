"""Who competes: channels, opened once, and systems made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from convemo.audio import Audio
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError, ConvemoError
from convemo.evaluation.benchmark import Benchmark
from convemo.evaluation.conditions import Conditions
from convemo.scoring import Predictions, Scored, open_channel, score
from convemo.scoring.channels import KINDS
from convemo.scoring.labels import check
from convemo.types import ChannelResult, Dialogue, LabelSet, ModelInfo

FUSED = "fused"
PLUS = "+"
Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class System:
    """One competitor: a channel alone, or several fused."""

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
        """What the channels say, by seed: once for all seeds where it is the same."""
        inputs = conditions.inputs
        if (part, inputs) not in self._scored:
            keys = {_key(*which): channel for which, channel in self.channels.items()}
            told = None if progress is None else lambda _, done, total: progress(f"scoring {part}", done, total)
            self._scored[part, inputs] = score(inputs.apply(dialogues), keys, hear=inputs.hear, progress=told)
        by_seed = {}
        for seed in self.runs:
            which = {name: _key(name, seed if (name, seed) in self.channels else None) for name in self.specs}
            by_seed[seed] = [
                conditions.withhold(replace(s, results={name: replace(s.results[key], channel=name) for name, key in which.items()}))
                for s in self._scored[part, inputs]
            ]
        return by_seed


def open_lineup(
    benchmark: Benchmark,
    systems: Sequence[str] | None = None,
    specs: Mapping[str, str] | None = None,
    seeds: Sequence[int] = (),
) -> Lineup:
    """Opens every channel once.

    Args:
        benchmark: what they will be asked; its suite's systems and channels are those if none are named.
        systems: channels, ``"fused"`` (all of them), or some of them joined by ``"+"``. If not given, those of the suite and the
            channels in `specs`; of these, a channel that cannot be used here or chooses among other labels is left out, and a note says so.
        specs: channel → spec, see `convemo.scoring.open_channel`. ``{seed}`` in it stands for each seed, ``{fold}`` for the fold of each
            dialogue (`Benchmark.folds`).
        seeds: of the models, where a spec has ``{seed}``.

    Raises:
        ConfigError: a system is made of an unknown channel, a channel lacks a label of the data, or there is nothing to compare.
        DataError: predictions are not in their form, or about other data.
        EngineUnavailable: a channel that was asked for cannot be used.
    """
    specs = {**benchmark.channels, **(specs or {})}
    named = systems is not None
    wanted = list(dict.fromkeys(systems if named else [*(s for s in benchmark.systems if s != FUSED), *specs, FUSED]))
    alone = [name for name in wanted if name != FUSED and PLUS not in name]
    needed = list(dict.fromkeys([*alone, *(part for name in wanted if PLUS in name for part in name.split(PLUS))]))
    if not needed and FUSED in wanted:
        needed = [*specs] or list(KINDS)
    opened: dict[tuple[str, int | None], Channel] = {}
    notes = []
    for name in needed:
        try:
            found = _open(name, specs, seeds, benchmark)
        except ConvemoError as error:
            if named or name in specs:
                raise
            notes.append(f"{name} is left out: {error.expected} was expected, {error.found} was found.")
            continue
        opened |= found
    there = [name for name in needed if any(name == n for n, _ in opened)]
    if not there:
        raise ConfigError("at least one channel that can be used here", "none", " ".join(notes))
    made = [_system(name, there) for name in wanted if name == FUSED or set(name.split(PLUS)) <= set(there)]
    return Lineup(tuple(made), opened, {name: specs.get(name, "default") for name in there}, tuple(seeds), tuple(notes))


def _open(name: str, specs: Mapping[str, str], seeds: Sequence[int], benchmark: Benchmark) -> dict[tuple[str, int | None], Channel]:
    if name not in specs and name not in KINDS:
        raise ConfigError(f"a channel among {', '.join((*KINDS, *specs))}", repr(name), "Say what it is: --channel NAME=SPEC.")
    spec = specs.get(name, "default")
    if "{seed}" in spec and not seeds:
        raise ConfigError(f"seeds for {spec!r}", "none", "Name them: --seeds 1,2,3.")
    found = {}
    for seed in seeds if "{seed}" in spec else (None,):
        channel = _in_folds(name, spec.replace("{seed}", str(seed)), benchmark)
        check(name, channel.labels, benchmark.labels)
        found[name, seed] = channel
    return found


def _in_folds(name: str, spec: str, benchmark: Benchmark) -> Channel:
    """The channel, or one for each fold."""
    if "{fold}" not in spec:
        channel = open_channel(name, spec)
        if isinstance(channel, Predictions):
            channel.check(benchmark.known)
        return channel
    if benchmark.folds is None:
        raise ConfigError(f"folds for {spec!r}", "none", "Name their key: --folds KEY.")
    folds = {fold: open_channel(name, spec.replace("{fold}", fold)) for fold in sorted(set(benchmark.folds.values()))}
    for channel in folds.values():
        if isinstance(channel, Predictions):
            channel.check(benchmark.known)
    return _ByFold(spec, folds, benchmark.folds)


class _ByFold:
    """A channel for each fold, as one: every dialogue is scored by the model that has not met it."""

    def __init__(self, spec: str, folds: Mapping[str, Channel], fold_of: Mapping[str, str]):
        first = next(iter(folds.values()))
        if differing := [fold for fold, channel in folds.items() if tuple(channel.labels) != tuple(first.labels)]:
            raise ConfigError(f"the labels {', '.join(first.labels)} in every fold of {spec!r}", f"others in fold {differing[0]}")
        self.name, self.labels = first.name, LabelSet(first.labels)
        digest = hashlib.sha256("".join(channel.model.sha256 for channel in folds.values()).encode()).hexdigest()
        self.model = ModelInfo(spec, digest, first.model.licence)
        self._folds, self._fold_of = folds, fold_of

    def predict(self, dialogue: Dialogue, audio: Audio | None = None, since: int = 0) -> ChannelResult:
        return replace(self._folds[self._fold_of[dialogue.id]].predict(dialogue, audio, since), model=self.model)


def _system(name: str, channels: Sequence[str]) -> System:
    if name == FUSED:
        return System(name, tuple(channels))
    return System(name, tuple(name.split(PLUS)))


def _key(name: str, seed: int | None) -> str:
    return name if seed is None else f"{name} {seed}"
