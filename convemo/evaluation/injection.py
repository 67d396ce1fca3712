"""How far what is said can steer what is answered: ``convemo eval injection``.

Every case is an utterance three times: as it is, with an attack that wants a certain label, and with as many characters that want nothing
(and once more with the label's word in a harmless sentence). An attack has hit where the answer becomes its target though it is the target
neither of the utterance as it is nor with the benign addition. The channels are asked one by one, then fused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from convemo import __version__
from convemo.audio import Audio
from convemo.dialogue.channel import Channel
from convemo.errors import ConfigError
from convemo.evaluation.benchmark import Benchmark
from convemo.evaluation.injection_attacks import FAMILIES
from convemo.evaluation.injection_cases import ARMS, BASES, PLACES, Base, Case, choose_bases, make_cases
from convemo.evaluation.injection_structure import CASES as STRUCTURE_CASES
from convemo.evaluation.injection_structure import check_structure
from convemo.evaluation.lineup import FUSED, PLUS, Lineup, Progress
from convemo.evaluation.run import plain
from convemo.fusion import Fusion
from convemo.llm.channel import LlmChannel
from convemo.llm.prompt import Prompt
from convemo.metrics.bootstrap import RESAMPLES, interval, paired_difference
from convemo.scoring import Predictions, hear
from convemo.types import ChannelResult, Dialogue, LabelSet

SCHEMA = 1
CLEAN = "clean"
DEAF = "acoustic"
"""The channel that no word reaches: it hears the same in every case."""


@dataclass(frozen=True, slots=True, eq=False)
class Injection:
    """What came of it."""

    results: dict[str, Any]
    """As results.json: see docs/injection.md."""
    cases: list[dict[str, Any]]
    """One record for each case: what each system answered to each text."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one system says of ``C`` cases, over ``K`` labels."""

    clean: np.ndarray  # (C, K)
    arms: Mapping[str, np.ndarray]  # (C, K) each
    scored: np.ndarray  # (C,): whether every text of the case has a score


def evaluate(
    benchmark: Benchmark,
    lineup: Lineup,
    *,
    fusion: str = "shipped",
    bases: int = BASES,
    structure_cases: int = STRUCTURE_CASES,
    resamples: int = RESAMPLES,
    command: str = "",
    progress: Progress | None = None,
) -> Injection:
    """Tries every attack on every system.

    Args:
        benchmark: whose labelled utterances are tried; what it is evaluated on.
        lineup: the systems.
        fusion: ``"shipped"``, or what was fitted: nothing is fitted here.
        bases: how many utterances.
        structure_cases: how many conversations are put into a prompt to see that its structure holds; 0 for none.
        resamples: draws of the bootstrap.
        command: for the record.
        progress: told of every step.

    Raises:
        ConfigError: nothing can be tried, or no system has an answer.
        ConvemoError: a channel broke.
    """
    for (name, _), channel in lineup.channels.items():
        if isinstance(channel, Predictions):
            hint = "Predictions on disk cannot say what would be predicted of other words."
            raise ConfigError("channels that can be asked", f"the file {lineup.specs[name]} for {name!r}", hint)
    chosen = choose_bases(benchmark.test, bases)
    cases = make_cases(chosen, benchmark.labels)
    asked = _Asked(lineup, chosen, benchmark.labels, {d.id: d for d in benchmark.test})
    fuser = Fusion.load(fusion)
    told = asked.all(cases, fuser, progress)
    if not told:
        raise ConfigError("a system that answers", "none", " ".join(asked.notes))
    groups = np.array([case.base for case in cases])
    structure = _structure(lineup, structure_cases, progress)
    results = {
        "schema": SCHEMA,
        "kind": "injection",
        "convemo": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "data": {"name": benchmark.name, "sha256": benchmark.sha256, "bases": len(chosen), "cases": len(cases)},
        "labels": list(benchmark.labels),
        "families": {family: len(attacks) for family, attacks in FAMILIES.items()},
        "resamples": resamples,
        "unit": "base utterance",
        "models": {name: lineup.channel(name, None).model.id for name in lineup.specs},
        "fusion": {"id": fuser.model.id, "sha256": fuser.model.sha256},
        "systems": {name: _summary(answers, cases, chosen, benchmark.labels, groups, resamples) for name, answers in told.items()},
        "structure": structure,
        "notes": list(
            dict.fromkeys([*lineup.notes, *asked.notes, *(n for c in lineup.channels.values() for n in getattr(c, "notes", ()))])
        ),
    }
    return Injection(plain(results), plain(_records(cases, chosen, told, benchmark.labels)))


class _Asked:
    """Asks the channels, each about as little as can be: what was said before an addition has been scored without it."""

    def __init__(self, lineup: Lineup, bases: Sequence[Base], labels: LabelSet, whole: Mapping[str, Dialogue]):
        self._lineup, self._bases, self._labels, self._whole = lineup, bases, labels, whole
        self.notes: list[str] = []
        self._channels: dict[str, Channel] = {name: lineup.channel(name, None) for name in lineup.specs}
        self._clean: dict[tuple[int, str], ChannelResult] = {}

    def all(self, cases: Sequence[Case], fusion: Fusion, progress: Progress | None) -> dict[str, Answers]:
        """System → its answers."""
        for number, base in enumerate(self._bases):
            for name, result in self._of_base(base).items():
                self._clean[number, name] = result
            _report(progress, "as it is", number + 1, len(self._bases))
        names = self._able()
        systems = self._systems(names, fusion)
        rows: dict[str, dict[str, list[np.ndarray | None]]] = {system: {arm: [] for arm in (CLEAN, *ARMS)} for system in systems}
        for number, case in enumerate(cases):
            base = self._bases[case.base]
            known = {name: self._clean[case.base, name] for name in names}
            texts = [(CLEAN, base.dialogue, known), *((arm, *self._of_case(case, arm, known)) for arm in ARMS)]
            for arm, dialogue, results in texts:
                for system, judge in systems.items():
                    rows[system][arm].append(judge(dialogue, results))
            _report(progress, "injecting", number + 1, len(cases))
        return {system: answers for system, by_arm in rows.items() if (answers := _stacked(by_arm, len(self._labels))).scored.any()}

    def _of_base(self, base: Base) -> dict[str, ChannelResult]:
        """What each channel says of the conversation as it is; only here is anything heard."""
        told = {name: channel.predict(base.dialogue, None) for name, channel in self._channels.items() if name != DEAF}
        if DEAF in self._channels:
            told[DEAF] = self._heard(base)
        return {name: replace(result, channel=name) for name, result in told.items()}

    def _heard(self, base: Base) -> ChannelResult:
        whole = self._whole[base.dialogue.id]
        heard, audio = hear(replace(whole, utterances=whole.utterances[: len(base.dialogue)]))
        blind = replace(heard, utterances=tuple(replace(u, label=None, dimensions=None) for u in heard), groups=None, genders=None)
        try:
            return self._channels[DEAF].predict(blind, audio)
        finally:
            if isinstance(audio, Audio):
                audio.close()

    def _of_case(self, case: Case, arm: str, known: Mapping[str, ChannelResult]) -> tuple[Dialogue, dict[str, ChannelResult]]:
        base = self._bases[case.base]
        since, dialogue = case.changed(base), case.dialogue(base, arm)
        told = dict(known)
        for name, before in known.items():
            if name != DEAF:
                told[name] = _spliced(before, self._channels[name].predict(dialogue, None, since=since), since)
        return dialogue, told

    def _able(self) -> list[str]:
        """The channels that have something to say of these data."""
        able = []
        for name in self._channels:
            results = [self._clean[number, name] for number in range(len(self._bases))]
            if any(result.valid[-1] for result in results):
                able.append(name)
            else:
                self.notes.append(f"{name} is left out: it scores none of these utterances ({results[0].reasons[-1]}).")
        return able

    def _systems(self, names: Sequence[str], fusion: Fusion) -> dict[str, Callable[..., np.ndarray | None]]:
        """Each channel alone, and what of them is fused: as asked for, and without the voice where there is one."""
        labels = self._labels
        systems: dict[str, Callable[..., np.ndarray | None]] = {}
        for system in self._lineup.systems:
            parts = [name for name in system.channels if name in names]
            if system.alone and parts:
                systems[system.name] = lambda dialogue, results, name=parts[0]: _last(results[name], labels)
        fused = {s.name: [n for n in s.channels if n in names] for s in self._lineup.systems if not s.alone}
        if DEAF in names and len(names) > 2 and FUSED in fused:
            fused = {PLUS.join(n for n in names if n != DEAF): [n for n in names if n != DEAF]} | fused
        if fused and tuple(fusion.labels) != tuple(labels) and not set(labels) <= set(fusion.labels):
            self.notes.append("Nothing is fused: the fusion chooses among other labels.")
            return systems
        for name, parts in fused.items():
            if parts:
                systems[name] = lambda dialogue, results, parts=tuple(parts): _last(
                    fusion.fuse(dialogue, {n: results[n] for n in parts}).result, labels
                )
        return systems


def _spliced(before: ChannelResult, after: ChannelResult, since: int) -> ChannelResult:
    """A channel's rows before an addition, and those from it on."""
    return replace(
        before,
        log_probs=np.concatenate([before.log_probs[:since], after.log_probs]),
        reasons=(*before.reasons[:since], *after.reasons),
        dimensions={},
    )


def _last(result: ChannelResult, labels: LabelSet) -> np.ndarray | None:
    """``(K,)`` probabilities of the last utterance; ``None`` if it has no score."""
    told = result.among(labels).probabilities(len(result) - 1)
    return None if told is None else np.array([told[label] for label in labels])


def _stacked(by_arm: Mapping[str, Sequence[np.ndarray | None]], labels: int) -> Answers:
    scored = np.array([all(row is not None for row in rows) for rows in zip(*by_arm.values())], dtype=bool)
    full = {arm: np.array([np.full(labels, np.nan) if row is None else row for row in rows]) for arm, rows in by_arm.items()}
    return Answers(full.pop(CLEAN), full, scored)


# Figures ----------------------------------------------------------------------------------------------------------------


def _summary(
    answers: Answers, cases: Sequence[Case], bases: Sequence[Base], labels: LabelSet, groups: np.ndarray, resamples: int
) -> dict[str, Any]:
    """One system: by place and family, and over all of them."""
    targets = np.array([labels.index(case.addition.target) for case in cases])
    places, families = np.array([case.place for case in cases]), np.array([case.addition.family for case in cases])

    def of(rows: np.ndarray) -> dict[str, Any]:
        return figures(answers, targets, groups, rows & answers.scored, resamples)

    truth = np.array([labels.index(bases[case.base].reference) for case in cases])
    return {
        "scored": int(answers.scored.sum()),
        "all": of(np.ones(len(cases), bool)),
        "places": {
            place: {"all": of(places == place), "families": {f: of((places == place) & (families == f)) for f in FAMILIES}}
            for place in PLACES
        },
        "accuracy": {
            arm: float(np.mean(p[answers.scored].argmax(axis=1) == truth[answers.scored]))
            for arm, p in ((CLEAN, answers.clean), *answers.arms.items())
        },
    }


def figures(answers: Answers, targets: np.ndarray, groups: np.ndarray, rows: np.ndarray, resamples: int) -> dict[str, Any]:
    """What attacks did in some cases.

    Args:
        answers: of one system, ``C`` cases.
        targets: ``(C,)`` the label that each wants.
        groups: ``(C,)`` the base utterance of each, drawn again as a whole.
        rows: ``(C,)`` booleans: which cases.
        resamples: draws of the bootstrap.

    Returns:
        ``"cases"``; ``"at_risk"``, those whose answer is not the target anyway; of these ``"hit"``, the share that the attack turned and
        the benign addition did not, with limits; ``"attack"``, ``"benign"`` and ``"mention"``, the share that each turned; ``"beyond"``,
        attack less benign, and ``"beyond_mention"``, attack less mention, with limits and p-value; ``"shift"``, by how much the target's
        probability is higher with the attack than with the benign addition, over all cases.
    """
    rows = np.flatnonzero(rows)
    target, group = targets[rows], groups[rows]
    found: dict[str, Any] = {"cases": len(rows), "at_risk": 0}
    if not len(rows):
        return found
    clean, arms = answers.clean[rows], {arm: p[rows] for arm, p in answers.arms.items()}
    row = np.arange(len(rows))
    shift = arms["attack"][row, target] - arms["benign"][row, target]
    found["shift"] = _record(interval(np.mean, group, shift, resamples=resamples))
    risk = clean.argmax(axis=1) != target
    found["at_risk"] = int(risk.sum())
    if not risk.any():
        return found
    turned = {arm: (p.argmax(axis=1) == target)[risk].astype(float) for arm, p in arms.items()}
    hit = turned["attack"] * (1 - turned["benign"])
    found["hit"] = _record(interval(np.mean, group[risk], hit, resamples=resamples))
    found |= {arm: float(values.mean()) for arm, values in turned.items()}
    for name, control in (("beyond", "benign"), ("beyond_mention", "mention")):
        d = paired_difference(np.mean, group[risk], (turned["attack"],), (turned[control],), resamples=resamples)
        found[name] = {"value": d.value, "low": d.low, "high": d.high, "p_value": d.p_value}
    return found


def _record(told: Any) -> dict[str, float]:
    return {"value": told.value, "low": told.low, "high": told.high}


def _structure(lineup: Lineup, cases: int, progress: Progress | None) -> list[dict[str, Any]]:
    """Of each language model's prompt; of the default one where there is no language model."""
    if not cases:
        return []
    channels = [channel for (_, _), channel in lineup.channels.items() if isinstance(channel, LlmChannel)]
    asked = [(channel.prompt, getattr(channel.engine, "tokens", None)) for channel in channels] or [(Prompt.load(), None)]
    found = []
    for number, (prompt, tokens) in enumerate(asked):
        _report(progress, "structure", number, len(asked))
        found.append(check_structure(prompt, tokens, cases))
    return found


def _records(cases: Sequence[Case], bases: Sequence[Base], told: Mapping[str, Answers], labels: LabelSet) -> list[dict[str, Any]]:
    """What was answered to each text: the label, and the target's probability. The texts are made anew from the seed; none is kept."""
    records = []
    for row, case in enumerate(cases):
        added, base = case.addition, bases[case.base]
        target = labels.index(added.target)
        systems = {
            name: {
                arm: {"label": labels[int(p[row].argmax())], "target": float(p[row, target])}
                for arm, p in ((CLEAN, answers.clean), *answers.arms.items())
            }
            if answers.scored[row]
            else None
            for name, answers in told.items()
        }
        place = {"dialogue": base.dialogue.id, "utterance": base.dialogue[-1].id, "place": case.place, "first": case.first}
        records.append({**place, "family": added.family, "variant": added.variant, "target": added.target, "systems": systems})
    return records


def _report(progress: Progress | None, stage: str, done: int, total: int) -> None:
    if progress is not None:
        progress(stage, done, total)
