"""What the formats for people and for speech tools need of an analysis: one line an utterance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from convemo.errors import ResultError
from convemo.results import Analysis


@dataclass(frozen=True, slots=True)
class TimedLine:
    """An utterance with its place in time, in seconds."""

    start: float
    end: float
    speaker: str
    """The speaker's name, or their id if nobody named them: one string a speaker, distinct."""
    text: str | None
    label: str | None
    confidence: float | None
    unsure: bool = False
    """Whether the score is too unsure to act on."""

    @property
    def emotion(self) -> str | None:
        """``"anger 0.72"``, ``"anger? 0.31"`` if too unsure to act on; ``None`` where no channel could score."""
        if self.label is None:
            return None
        label = self.label + "?" * self.unsure
        return label if self.confidence is None else f"{label} {self.confidence:.2f}"


def names(analysis: Analysis) -> dict[str, str]:
    """Speaker id → what to print: the name, or where two speakers share one, name and id."""
    printed = {speaker.id: (speaker.name or "").strip() or speaker.id for speaker in analysis.dialogue.speakers}
    shared = [name for name in printed.values() if list(printed.values()).count(name) > 1]
    return {id: f"{name} ({id})" if name in shared and name != id else name for id, name in printed.items()}


def timed_lines(analysis: Analysis, path: Path, form: str) -> list[TimedLine]:
    """The utterances that have a beginning and an end, in order of time. Those without cannot stand in such a file and are left out.

    Raises:
        ResultError: there are utterances, and none has times.
    """
    shown = names(analysis)
    lines = [
        TimedLine(u.start, u.end, shown[u.speaker], u.text, u.label, u.confidence, u.abstained)
        for u in analysis
        if u.start is not None and u.end is not None
    ]
    if not lines and len(analysis.dialogue):
        raise ResultError(path, f"utterances with times, which {form} needs", "none that has any", "Save as .json, .jsonl or .csv instead.")
    return sorted(lines, key=lambda line: (line.start, line.end))


def by_speaker(lines: Iterable[TimedLine]) -> Iterator[tuple[str, list[TimedLine]]]:
    """Each speaker with their lines, in the order in which they first speak."""
    found: dict[str, list[TimedLine]] = {}
    for line in lines:
        found.setdefault(line.speaker, []).append(line)
    yield from found.items()
