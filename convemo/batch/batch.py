"""What a user asks for: inputs, a folder, settings. Killed at any moment, the same batch goes on where it stopped."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from convemo.alerts import Rules
from convemo.batch import flat, parquet, redact
from convemo.batch.engine import Engine
from convemo.batch.identity import Contents, fingerprint, settings_of, work_key
from convemo.batch.inputs import Input, Inputs
from convemo.batch.layout import Layout
from convemo.batch.ledger import Ledger
from convemo.batch.lock import FolderLock
from convemo.batch.run import Run
from convemo.batch.summary import Reporter, Silent, Summary
from convemo.config import AnalyzerConfig
from convemo.errors import ConfigError

CACHE_BYTES = 2 * 2**30
"""How much of what stages have made is kept."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a run would do with one input."""

    input: Input
    state: str
    """``new``, ``open`` (begun once), ``done``, ``failed``, ``again`` (to be tried once more), ``duplicate`` or ``missing``."""


class Batch:
    """Many conversations into one folder of results, never losing and never repeating one.

    Args:
        inputs: files, folders, globs, manifests, or `Input`s.
        out: the folder of results.
        config: an `AnalyzerConfig`, or the path of a TOML file with one.
        workers: processes of this machine, or an `Engine` that brings its own; by default as many as there are processors.
        formats: ``"parquet"`` is always written; ``"csv"`` and ``"jsonl"`` add one file a table.
        redact: what is taken out of all texts before anything is judged or written: ``"numbers"``, ``"emails"``, a registered name,
            ``"package.module:function"`` or the function itself.
        purpose: why, for the run's manifest.
        cache_bytes: how much of the stages is kept; ``None`` nothing.
        alerts: rules, or a TOML file of them (docs/alerts.md), that are watched in every call; the default ones if not given.
        analyzer: ``"package.module:function"`` that makes something else than our analyzer: see `convemo.batch.work.FileAnalyzer`.
        settings: single settings of `AnalyzerConfig`.

    Raises:
        ConfigError: a setting is unknown or makes no sense.

    Workers are processes that import the main module, so a script calls `run` under ``if __name__ == "__main__":``.

    >>> Batch("calls/", "results").run().ok                               # doctest: +SKIP
    True
    """

    def __init__(
        self,
        inputs: str | os.PathLike | Input | Sequence[str | os.PathLike | Input],
        out: str | os.PathLike,
        config: AnalyzerConfig | str | os.PathLike | None = None,
        *,
        workers: int | Engine | None = None,
        formats: Sequence[str] = ("parquet",),
        redact: Sequence[str | redact.Redactor] = (),
        purpose: str | None = None,
        cache_bytes: int | None = CACHE_BYTES,
        analyzer: str | None = None,
        alerts: Rules | str | os.PathLike | None = None,
        **settings: Any,
    ):
        self.inputs = [inputs] if isinstance(inputs, str | os.PathLike | Input) else list(inputs)
        self.config = AnalyzerConfig.make(config, **settings)
        self.layout = Layout(out)
        self.formats = flat.checked(formats)
        self.purpose, self.cache_bytes, self.analyzer, self.workers = purpose, cache_bytes, analyzer, workers
        self.redact = _checked(redact)
        self.alerts = alerts if alerts is None or isinstance(alerts, Rules) else Rules.from_toml(alerts)
        if not self.inputs:
            raise ConfigError("files, folders, globs or manifests", "none")
        if isinstance(workers, int) and workers < 1:
            raise ConfigError("at least 1 worker", str(workers))

    def run(self, reporter: Reporter | None = None, retry_failed: bool = False) -> Summary:
        """Does all that is not done.

        Args:
            reporter: is told how it goes.
            retry_failed: also try again what failed before, and what a language model that was away left unanswered.

        Returns:
            How it ended. Ctrl-C ends it early, when what was begun is done; a second one at once.

        Raises:
            ConfigError: nothing was found where the inputs should be.
            ResultError: the folder cannot be written, another batch is at work on it, or the disk is full: the same command goes on later.
            EngineUnavailable: an engine that the settings name is missing, or pyarrow.
        """
        parquet.require()
        self.layout.prepare()
        with FolderLock(self.layout.lock), closing(Ledger(self.layout.ledger)) as ledger:
            return Run(self, ledger, reporter or Silent()).go(retry_failed)

    def plan(self, retry_failed: bool = False) -> Iterator[Planned]:
        """What `run` would do, writing nothing. A file that was never read counts as new, even if it is another's copy."""
        ledger = Ledger.as_it_is(self.layout.ledger) if self.layout.ledger.is_file() else None
        try:
            settings = fingerprint(self.settings())
            contents = Contents(ledger) if ledger else None
            seen = set()
            inputs = Inputs(self.inputs, self.layout.out)
            for one in inputs:
                content = contents.known(one) if contents else None
                key = work_key(content, settings) if content else None
                state = "new" if key is None else "duplicate" if key in seen else ledger.status(key) or "new"
                if retry_failed and state in ("done", "failed") and ledger.would_reopen(key):
                    state = "again"
                seen.add(key) if key else None
                here = all(os.path.exists(path) for path in (one.audio, one.transcript) if path)
                yield Planned(one, state if here else "missing")
            for path, _ in inputs.problems:
                yield Planned(Input(path, path), "missing")
        finally:
            ledger.close() if ledger else None

    def settings(self) -> dict[str, Any]:
        """Everything beside the inputs that results depend on."""
        return settings_of(self.config, tuple(redact.name_of(one) for one in self.redact), self.analyzer or "", self.alerts)


def _checked(names: Sequence[str | redact.Redactor]) -> tuple[str | redact.Redactor, ...]:
    """Redactors in the order in which they work, each known to be found again by a worker."""
    names = (names,) if isinstance(names, str) or callable(names) else tuple(names)
    for one in names:
        if not callable(one):
            redact.find([one])
            continue
        try:
            pickle.dumps(one)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigError("a redactor at the top of a module, so that workers find it", redact.name_of(one), str(error)) from error
    return tuple(sorted(names, key=lambda one: one == "numbers"))  # an address may hold digits: it is taken out whole, first
