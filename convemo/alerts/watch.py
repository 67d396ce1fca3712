"""Who watches the rules: one utterance at a time, with a memory of a few numbers a speaker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol

from convemo.alerts.rules import Rule, Rules
from convemo.types import Role

if TYPE_CHECKING:
    from convemo.results import Analysis

MOST_CITED = 64
"""Utterances that an alert cites at most, the latest: memory stays bounded whatever a rule asks for."""


class Scored(Protocol):
    """What is read of an utterance; `convemo.results.AnalyzedUtterance` has it."""

    id: str
    speaker: str
    name: str
    role: Role | None
    start: float | None
    end: float | None
    probabilities: Mapping[str, float] | None
    abstained: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that was met, and by what."""

    rule: str
    speaker: str
    name: str
    """Of the speaker, for people to read."""
    role: Role | None
    utterances: tuple[str, ...]
    """The ids of the utterances that counted; the last of them raised the alert."""
    start: float | None
    """When the first of them began …"""
    end: float | None
    """… and the last ended; ``None`` in a chat."""
    peak: float
    """The highest probability among them."""
    because: str
    """The rule in words."""

    def __str__(self) -> str:
        """In one line.

        >>> print(Alert("upset", "s1", "Ben", "customer", ("u2", "u4"), 3.0, 9.5, 0.83, "anger at 0.6 or more for 2 utterances"))
        upset: Ben (customer), 0:03 to 0:09, up to 0.83; anger at 0.6 or more for 2 utterances. Utterances u2, u4.
        """
        who = self.name if self.role is None or self.role in self.name.casefold() else f"{self.name} ({self.role})"
        when = "" if self.start is None or self.end is None else f", {_clock(self.start)} to {_clock(self.end)}"
        return f"{self.rule}: {who}{when}, up to {self.peak:.2f}; {self.because}. Utterances {', '.join(self.utterances)}."

    def to_dict(self) -> dict[str, Any]:
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in self.__slots__}


@dataclass(slots=True)
class _Streak:
    """How things stand between one rule and one speaker."""

    counted: int = 0
    cited: list[str] = field(default_factory=list)
    start: float | None = None
    peak: float = 0.0
    raised: bool = False
    """Whether this streak has had its alert."""
    quiet_until_s: float = float("-inf")
    quiet_utterances: int = 0

    def over(self) -> None:
        self.counted, self.cited, self.start, self.peak, self.raised = 0, [], None, 0.0, False


class Alerts:
    """Watches rules over the utterances of one conversation.

    Args:
        rules: what to look for.

    >>> from types import SimpleNamespace as said
    >>> rule = Rule(name="upset", emotions=["anger"], at_least=0.6, utterances=2)
    >>> watching = Alerts(Rules(alert=[rule]))
    >>> angry = dict(speaker="ben", name="Ben", role=None, start=None, end=None, probabilities={"anger": 0.8}, abstained=False)
    >>> [[a.utterances for a in watching.update(said(id=id, **angry))] for id in ("u1", "u2", "u3")]
    [[], [('u1', 'u2')], []]
    """

    def __init__(self, rules: Rules):
        self._rules = rules.alert
        self._streaks: dict[tuple[str, str], _Streak] = {}

    def update(self, utterance: Scored) -> list[Alert]:
        """Takes the next utterance in, and gives the alerts that it raises.

        An utterance without a score, or with one too unsure to act on, neither counts nor ends anything.
        """
        return [alert for rule in self._rules if (alert := self._check(rule, utterance)) is not None]

    def _check(self, rule: Rule, u: Scored) -> Alert | None:
        if rule.roles and u.role not in rule.roles:
            return None
        streak = self._streaks.setdefault((rule.name, u.speaker), _Streak())
        streak.quiet_utterances = max(0, streak.quiet_utterances - 1)
        p = u.probabilities
        if p is None or u.abstained:
            return None
        score = sum(p.get(label, 0.0) for label in rule.emotions)
        if score < rule.at_least:
            if score < rule.cleared_below:
                streak.over()
            return None
        streak.counted += 1
        streak.cited = [*streak.cited, u.id][-MOST_CITED:]
        streak.start = u.start if streak.counted == 1 else streak.start
        streak.peak = max(streak.peak, score)
        lasted = None if streak.start is None or u.end is None else u.end - streak.start
        enough = rule.utterances is not None and streak.counted >= rule.utterances
        enough = enough or (rule.seconds is not None and lasted is not None and lasted >= rule.seconds)
        now = u.end if u.end is not None else u.start
        cooling = streak.quiet_utterances > 0 or (now is not None and now < streak.quiet_until_s)
        if not enough or streak.raised or cooling:
            return None
        streak.raised = True
        streak.quiet_utterances = rule.cool_down_utterances + 1 if rule.cool_down_utterances else 0
        streak.quiet_until_s = float("-inf") if now is None else now + rule.cool_down_s
        return Alert(
            rule.name, u.speaker, u.name, u.role, tuple(streak.cited), streak.start, u.end, min(round(streak.peak, 4), 1.0), rule.in_words
        )


def alerts_of(analysis: Analysis, rules: Rules | str | PathLike | None = None) -> tuple[Alert, ...]:
    """Every alert of a conversation, in order.

    Args:
        analysis: the conversation.
        rules: rules, or a TOML file of them; ``None`` takes those that the analysis was `watched` with, else `Rules.default`.

    Raises:
        ConfigError: the rules make no sense.
    """
    watching = Alerts(_rules(analysis, rules))
    return tuple(alert for u in analysis for alert in watching.update(u))


def watched(analysis: Analysis, rules: Rules) -> Analysis:
    """The analysis with its rules in the provenance, and a note for each alert: both are saved with it."""
    raised = alerts_of(analysis, rules)
    notes = tuple(f"Alert: {alert}" for alert in raised)
    return replace(analysis, notes=(*analysis.notes, *notes), provenance={**analysis.provenance, "alert_rules": rules.to_dict()})


def _rules(analysis: Analysis, rules: Rules | str | PathLike | None) -> Rules:
    if isinstance(rules, Rules):
        return rules
    if rules is not None:
        return Rules.from_toml(rules)
    kept = analysis.provenance.get("alert_rules")
    return Rules.default() if kept is None else Rules.of(kept, where=" in the analysis")


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{whole % 60:02d}"
