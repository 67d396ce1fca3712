"""What a folder of results says of all its calls: few numbers each, never the whole of them in memory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

from convemo.alerts import Rules
from convemo.batch.layout import Layout
from convemo.batch.ledger import Failure, Ledger
from convemo.batch.query import Query
from convemo.batch.rows import alert_rows
from convemo.errors import ConvemoError, ResultError
from convemo.results import Analysis

MOST_CALLS = 50_000
"""Calls that the page lists, worst first; all count in its figures."""
MOST_FAILURES = 1000
MOST_ALERTS = 100
"""Alerts that the page lists, the highest first; all are counted."""
ALERT_COLUMNS = ("call", "rule", "name", "role", "start_s", "peak", "utterance", "text")
COLUMNS = (
    "call", "audio", "duration_s", "utterances", "scored", "abstained", "negative_share", "negative_mean", "worst_utterance",
    "worst_speaker", "worst_start_s", "worst_label", "worst_text", "worst_negative", "trend", "escalation", "escalated", "recovered",
    "interruptions", "silence_share", "alerts",
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
    alerts: Sequence[Mapping[str, Any]] = ()
    """Rows of the table of alerts, the highest first; at most `MOST_ALERTS`."""
    rules: Mapping[str, int] = field(default_factory=dict)
    """Rule → how many alerts it raised in all."""
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
            "sum(CASE WHEN recovered THEN 1 ELSE 0 END) AS recovered, sum(alerts) AS alerts, "
            "sum(CASE WHEN alerts > 0 THEN 1 ELSE 0 END) AS alerted FROM calls",
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
    alerts, rules = _alerts(results)
    if not any(layout.table("alerts").glob("*.parquet")):
        notes += ("These results are of a version that did not look for alerts; the same batch command, run again, adds them.",)
    listed = failures[:MOST_FAILURES]
    return Folder(layout.out.name, calls, totals, emotions, shares, listed, len(failures), run, alerts, rules, notes)


def watched(found: Folder, layout: Layout, rules: Rules) -> Folder:
    """The same with the alerts that other rules raise in the calls that are listed; those whose analysis is gone keep none."""
    raised, calls = [], []
    for call in found.calls:
        try:
            rows = alert_rows(Analysis.load(layout.analysis(call["call"])), rules)
        except ResultError:  # the page of this call says so
            rows = []
        raised += [{name: row[name] for name in ALERT_COLUMNS} for row in rows]
        calls.append({**call, "alerts": len(rows)})
    counted = dict(Counter(row["rule"] for row in raised).most_common())
    totals = {**found.totals, "alerts": len(raised), "alerted": sum(call["alerts"] > 0 for call in calls)}
    highest = sorted(raised, key=lambda row: (-row["peak"], row["call"]))[:MOST_ALERTS]
    return replace(found, calls=calls, totals=totals, alerts=highest, rules=counted)


def _alerts(results: str | PathLike) -> tuple[list[dict[str, Any]], dict[str, int]]:
    asked = f"SELECT {', '.join(ALERT_COLUMNS)} FROM alerts ORDER BY peak DESC, call, number LIMIT {MOST_ALERTS}"
    counted = Query(results, "SELECT rule, count(*) FROM alerts GROUP BY rule ORDER BY count(*) DESC, rule")
    return [dict(zip(ALERT_COLUMNS, row)) for row in Query(results, asked)], dict(counted)


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
        ledger = Ledger.as_it_is(layout.ledger)
        try:
            return ledger.failures(run["settings_sha256"], int(ledger.fact("run") or 0)), ()
        finally:
            ledger.close()
    except ConvemoError:
        return [], ("The ledger of this folder could not be read, so what failed is not known here.",)
