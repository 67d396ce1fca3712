"""What a worker does: one file in, its calls' results out. The same on this machine and on another.

A worker writes nothing but the stage cache: the run that holds the folder's lock is the only one who puts results into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from convemo import readers
from convemo.alerts import Rules, watched
from convemo.batch.cache import StageCache
from convemo.batch.failure import describe
from convemo.batch.lacking import lacking
from convemo.batch.layout import Layout
from convemo.batch.redact import Redactor, find
from convemo.batch.rows import CallRows, rows_of
from convemo.batch.stages import StagedAnalyzer
from convemo.config import AnalyzerConfig
from convemo.errors import ConfigError, ConvemoError, EngineUnavailable, TranscriptError
from convemo.export.json import pieces
from convemo.results import Analysis
from convemo.source import is_transcript
from convemo.types import Role, Transcript
from convemo.weights import file_sha256

AT_ONCE = 32
"""Conversations of one file that one worker takes at a time; a file of more is shared out."""


class FileAnalyzer(Protocol):
    """What makes analyses. `StagedAnalyzer` is one; `Batch` takes the name of a function that makes another."""

    config: AnalyzerConfig

    def load(self) -> None: ...

    def analyze_file(
        self,
        sound: str | None,
        said: str | Transcript | None,
        *,
        id: str,
        conversation: str | None,
        sound_sha256: str | None,
        said_sha256: str | None,
    ) -> Analysis: ...


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a worker needs to begin; small, and the same for each."""

    out: str
    config: AnalyzerConfig
    redact: tuple[str | Redactor, ...] = ()
    models: dict[str, Any] = field(default_factory=dict)
    cache_bytes: int | None = None
    """``None`` keeps no stages."""
    threads: int = 1
    analyzer: str | None = None
    """``package.module:function``, called with this `Setup`; ``None`` makes a `StagedAnalyzer`."""
    alerts: Rules | None = None
    """What is watched in every call; ``None``: the default rules."""


@dataclass(frozen=True, slots=True)
class Task:
    """One input, or some of the conversations of its file."""

    key: str
    name: str
    audio: str | None
    transcript: str | None
    audio_sha256: str | None = None
    transcript_sha256: str | None = None
    conversation: str | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    first: int | None = None
    """Index of the first conversation to take; ``None``: nobody has counted them yet."""
    last: int | None = None
    done: frozenset[int] = frozenset()
    """Conversations of the file that are finished already."""

    @property
    def path(self) -> str:
        """What to call it in messages."""
        return self.audio or self.transcript or self.name


@dataclass(frozen=True, slots=True)
class CallDone:
    """The result of a call, which the run is to write down."""

    key: str
    number: int
    rows: CallRows
    content: bytes
    """The whole account as JSON, as `Analysis.load` reads it."""
    lacking: str | None = None
    """Which scores it has to do without, because a model was away: `convemo.batch.lacking`."""


@dataclass(frozen=True, slots=True)
class CallFailed:
    """One conversation of a file that could not be analysed."""

    key: str
    number: int
    name: str
    kind: str
    error: str


@dataclass(frozen=True, slots=True)
class TaskDone:
    """All that the task named was tried."""

    key: str
    conversations: int
    """In the whole file."""


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The file could not be analysed at all."""

    key: str
    kind: str
    error: str


@dataclass(frozen=True, slots=True)
class ShareOut:
    """The file holds so many conversations that several workers should take some."""

    key: str
    conversations: int


Message = CallDone | CallFailed | TaskDone | TaskFailed | ShareOut
LAST = (TaskDone, TaskFailed, ShareOut)
"""What ends a task."""


class Worker:
    """Engines, loaded once, and what is done with them.

    Args:
        setup: what the batch was asked for.

    Raises:
        ConvemoError: an engine is missing or a setting makes no sense; then no file can be analysed.
    """

    def __init__(self, setup: Setup):
        self._cache = StageCache(Layout(setup.out).cache if setup.cache_bytes else None, setup.cache_bytes or 0)
        self._redactors = tuple(one if callable(one) else find([one])[0] for one in setup.redact)
        self._analyzer = _made(setup, self._cache, self._redactors)
        self._config, self._rules = self._analyzer.config, setup.alerts
        self._analyzer.load()
        self._read: tuple[str | None, tuple[Transcript, ...]] = (None, ())
        self._names: list[str] = []

    def perform(self, task: Task) -> Iterator[Message]:
        """Analyses the task's calls; yields each, and at last one of `LAST`."""
        try:
            yield from self._perform(task)
        except MemoryError:
            yield TaskFailed(task.key, "MemoryError", f"{task.path}: there was not enough memory for it.")
        except Exception as error:
            kind, told = describe(error)
            yield TaskFailed(task.key, kind, told if isinstance(error, ConvemoError) else f"{task.path}: {told}")

    def _perform(self, task: Task) -> Iterator[Message]:
        self._analyzer.config = (
            self._config if not task.roles else AnalyzerConfig.make(self._config, roles={**self._config.roles, **task.roles})
        )
        several = self._conversations(task)
        if len(several) <= 1:
            if 0 not in task.done:
                yield self._analyze(task, 0, task.name, task.transcript, task.conversation)
            yield TaskDone(task.key, 1)
            return
        if task.first is None and len(several) > AT_ONCE:
            yield ShareOut(task.key, len(several))
            return
        for number in range(task.first or 0, min(len(several), task.last if task.last is not None else len(several))):
            if number in task.done:
                continue
            one = several[number]
            name = f"{task.name}#{self._names[number]}"
            try:
                yield self._analyze(task, number, name, one, one.id)
            except MemoryError:
                raise
            except Exception as error:
                yield CallFailed(task.key, number, name, *describe(error))
        yield TaskDone(task.key, len(several))

    def _conversations(self, task: Task) -> tuple[Transcript, ...]:
        """Those of a transcript file of which none was chosen; of anything else none: it is one call."""
        if task.audio is not None or task.conversation is not None or task.transcript is None:
            return ()
        if self._read[0] != task.key:
            several = ()
            if is_transcript(task.transcript):
                with self._as_listed(task):
                    several = readers.read_transcripts(task.transcript, limits=self._config.limits)
            self._read, self._names = (task.key, several), _names(several)
        return self._read[1]

    @contextmanager
    def _as_listed(self, task: Task) -> Iterator[None]:
        """What is read of the transcript meanwhile is what was hashed when it was listed: hashed once more *after* it was read.

        Raises:
            TranscriptError: the file has changed, so that its result would be kept by the hash of something else.
        """
        yield
        if task.transcript_sha256 is not None and file_sha256(Path(task.transcript)) != task.transcript_sha256:
            raise TranscriptError(task.transcript, "the transcript that was listed", "other content", "Run the same command again.")

    def _analyze(self, task: Task, number: int, name: str, said: str | Transcript | None, conversation: str | None) -> CallDone:
        sound, given = task.audio, {"work": task.key, "conversation": task.conversation or self._conversation(task, number)}
        if isinstance(said, str):
            if sound is None and self._read[0] == task.key and self._read[1]:
                said, conversation = self._read[1][0], None  # it has been read already
            elif sound is not None or is_transcript(said):
                with self._as_listed(task):
                    said = readers.read_transcript(said, conversation=conversation, limits=self._config.limits)
            else:
                sound, said = said, None  # given by name, and its content is sound
        analysis = self._analyzer.analyze_file(
            sound, said, id=name, conversation=conversation,
            sound_sha256=task.audio_sha256 if sound == task.audio else task.transcript_sha256,
            said_sha256=task.transcript_sha256 if said is not None else None,
        )  # fmt: skip
        lacks = lacking(analysis, self._config.policy)
        origin = {"transcript_path": task.transcript, "transcript_sha256": task.transcript_sha256} if task.transcript else {}
        given |= origin | ({"lacking": lacks} if lacks else {})
        read = origin if said is not None else {}
        analysis = replace(analysis, provenance={**analysis.provenance, **read, "batch": given})
        if self._rules is not None:
            analysis = watched(analysis, self._rules)
        return CallDone(task.key, number, rows_of(analysis), encoded(analysis), lacks)

    def _conversation(self, task: Task, number: int) -> str | None:
        return self._read[1][number].id if self._read[0] == task.key and self._read[1] else None


def encoded(analysis: Analysis) -> bytes:
    """The analysis as the bytes of its JSON file."""
    file = BytesIO()
    for piece in pieces(analysis, analysis.dialogue.id):
        file.write(piece.encode("utf-8", "replace"))
    return file.getvalue()


def _made(setup: Setup, cache: StageCache, redactors: tuple[Redactor, ...]) -> FileAnalyzer:
    if setup.analyzer is None:
        analyzer = StagedAnalyzer(setup.config, cache, redactors, setup.models, setup.threads)
        analyzer.load()
        if (llm := analyzer._channels.get("llm", (None, ""))[0]) is not None and not llm.model.id:
            raise EngineUnavailable("the language model that was asked for", "; ".join(llm.notes), "Start it, or leave --llm out.")
        return analyzer
    module, _, attribute = setup.analyzer.partition(":")
    try:
        return getattr(__import__(module, fromlist=[attribute]), attribute)(setup)
    except (ImportError, AttributeError) as error:
        raise ConfigError("an analyzer as package.module:function", repr(setup.analyzer), str(error)) from error


def _names(several: tuple[Transcript, ...]) -> list[str]:
    """What to call the conversations of a file: by their ids where those are names and all different, else by numbers from 1."""
    ids = ["" if t.id is None else t.id for t in several]
    names = all(0 < len(id) <= 60 and id.strip(".") == id and all(c.isalnum() or c in "-_." for c in id) for id in ids)
    if names and len({id.casefold() for id in ids}) == len(ids):
        return ids
    return [str(number) for number in range(1, len(ids) + 1)]
