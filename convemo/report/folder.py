"""What a folder of results says of all its calls: few numbers each, never the whole of them in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from convemo.batch.layout import Layout
from convemo.batch.ledger import Failure, Ledger
from convemo.batch.query import Query
from convemo.errors import ConvemoError

MOST_CALLS = 50_000
"""Calls that the page lists, worst first; all count in its figures."""
MOST_FAILURES = 1000
COLUMNS = (
    "call", "audio", "duration_s", "utterances", "scored", "abstained", "negative_share", "negative_mean", "worst_utterance",
    "worst_speaker", "worst_start_s", "worst_label", "worst_text", "worst_negative", "trend", "escalation", "escalated", "recovered",
    "interruptions", "silence_share",
)  # fmt: skip
_WORST_FIRST = "worst_negative DESC NULLS LAST, negative_mean DESC NULLS LAST, call"


@dataclass(frozen=True, slots=True)
class Folder:
    """The results of a batch, as the overview needs them."""

    name: str
    calls: Sequence[Mapping[str, Any]]
    """Rows of the table of calls, the worst moment first; at most `MOST_CALLS`."""
    totals: Mapping[str, Any]
    emotions: Mapping[str, Mapping[str, int]]
    """Role, or ``"unknown role"`` → label → how many utterances."""
    shares: Sequence[int]
    """How many calls have 0 to 10 % negative utterances, 10 to 20 % …"""
    failures: Sequence[Failure]
    failed: int
    run: Mapping[str, Any]
    """What run.json says."""
    notes: tuple[str, ...] = ()


def read(results: str | PathLike) -> Folder:
    """
    Raises:
        ResultError: there are no results in the folder.
        EngineUnavailable: duckdb or pyarrow is not installed.
    """
    layout = Layout(results)
    calls = [
        dict(zip(COLUMNS, row))
        for row in Query(results, f"SELECT {', '.join(COLUMNS)} FROM calls ORDER BY {_WORST_FIRST} LIMIT {MOST_CALLS}")
    ]
    totals = _first(
        Query(
            results,
            "SELECT count(*) AS calls, sum(utterances) AS utterances, sum(scored) AS scored, sum(abstained) AS abstained, "
            "sum(duration_s) AS seconds, sum(CASE WHEN escalated THEN 1 ELSE 0 END) AS escalated, "
            "sum(CASE WHEN recovered THEN 1 ELSE 0 END) AS recovered FROM calls",
        )
    )
    emotions: dict[str, dict[str, int]] = {}
    counted = Query(
        results, "SELECT coalesce(role, 'unknown role'), label, count(*) FROM utterances WHERE label IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    for role, label, number in counted:
        emotions.setdefault(role, {})[label] = number
    shares = [0] * 10
    for tenth, number in Query(
        results,
        "SELECT least(9, CAST(floor(10 * negative_share) AS INT)), count(*) FROM calls WHERE negative_share IS NOT NULL GROUP BY ALL",
    ):
        shares[tenth] = number
    run = _run(layout)
    failures, notes = _failures(layout, run)
    return Folder(layout.out.name, calls, totals, emotions, shares, failures[:MOST_FAILURES], len(failures), run, notes)


def _first(query: Query) -> dict[str, Any]:
    return dict(zip(query.columns, next(iter(query))))


def _run(layout: Layout) -> dict[str, Any]:
    try:
        told = json.loads(layout.run.read_text(encoding="utf-8"))
        return told if isinstance(told, dict) else {}
    except (OSError, ValueError):
        return {}


def _failures(layout: Layout, run: Mapping[str, Any]) -> tuple[list[Failure], tuple[str, ...]]:
    """Of the last run. The ledger is convemo's own: a folder that was copied without it still gives a page."""
    if not layout.ledger.is_file() or not isinstance(run.get("settings_sha256"), str):
        return [], ("The ledger is not in this folder, so what failed is not known here.",)
    try:
        ledger = Ledger(layout.ledger)
        try:
            return ledger.failures(run["settings_sha256"], int(ledger.fact("run") or 0)), ()
        finally:
            ledger.close()
    except ConvemoError:
        return [], ("The ledger of this folder could not be read, so what failed is not known here.",)
