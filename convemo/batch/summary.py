"""What a batch tells while it works and when it ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from convemo.batch.ledger import Failure


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. Inputs are files, or pairs of them; one may hold many calls."""

    total: int
    """Inputs that were listed."""
    before: int
    """Of them done, or failed, before this run, and duplicates."""
    done: int
    failed: int
    calls: int
    utterances: int
    """In this run."""
    elapsed_s: float
    """Since the first input was begun."""

    @property
    def rate(self) -> float | None:
        """Inputs a second."""
        ended = self.done + self.failed
        return ended / self.elapsed_s if ended and self.elapsed_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take at this rate."""
        return None if self.rate is None else max(0, self.total - self.before - self.done - self.failed) / self.rate


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run ended."""

    out: Path
    total: int
    """Inputs that were listed."""
    done: int
    """Inputs that this run has finished."""
    before: int
    """Inputs that were finished before."""
    failed: int
    """Inputs, or conversations of one, that failed in this run or before it and were not tried again."""
    duplicates: int
    """Inputs whose content is that of another: it was analysed once."""
    left: int
    """Inputs that nobody got to, because the run was interrupted."""
    calls: int
    utterances: int
    """In this run."""
    all_calls: int
    all_utterances: int
    """In the tables."""
    seconds: float
    lacking: int = 0
    """Calls in the tables that have to do without scores of a model that was away."""
    interrupted: bool = False
    failures: tuple[Failure, ...] = ()
    skipped: Counter[str] = field(default_factory=Counter)
    """Suffix → files in the folders given that are neither recordings nor transcripts."""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for is done."""
        return not self.failed and not self.left


class Reporter(Protocol):
    """Is told how a run goes, from the thread of the run."""

    def progress(self, progress: Progress) -> None: ...
    def failed(self, failure: Failure) -> None: ...
    def note(self, text: str) -> None: ...


class Silent:
    """A reporter for whom the summary is enough."""

    def progress(self, progress: Progress) -> None: ...
    def failed(self, failure: Failure) -> None: ...
    def note(self, text: str) -> None: ...
