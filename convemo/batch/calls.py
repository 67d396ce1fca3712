"""A call in numbers: how negative, how it moved, who spoke how much. One dictionary a call, the row of the table ``calls``.

*Negative* is what `convemo.analyzed.NEGATIVE` lists: sadness, anger, fear, disgust. Shares and means are over **scored** utterances; an
utterance that the policy excludes, or that no channel could score, counts in times and numbers of turns but in no share. How the call
*moved* is told of those whom it is about: the customers where roles are known, else everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convemo.analyzed import NEGATIVE, AnalyzedUtterance
from convemo.dialogue.trajectory import courses
from convemo.results import Analysis

ROLES = ("agent", "customer")
INTERRUPTED_S = 0.3
"""Seconds for which somebody must speak on after another has begun; below, turns meet as they do in any talk (Heldner & Edlund 2010)."""


def describe_call(analysis: Analysis) -> dict[str, Any]:
    """The numbers of one call, ``None`` where there is nothing to count.

    ========================  ==========================================================================================
    ``duration_s``            of the recording, else from the first beginning to the last end
    ``negative_share``        scored utterances whose label is negative, of all scored; ``…_agent``, ``…_customer`` by role
    ``negative_mean``         mean probability of a negative emotion, of those whom the call is about (`focus`)
    ``worst_…``               their utterance of highest probability of a negative emotion, the first of equals
    ``trend``                 change of that probability from the first to the last of their utterances, on the least-squares line
    ``escalation``            largest rise of one speaker's smoothed curve, ``[0, 1]``
    ``recovery``              how far that curve has come down at the end from its highest point after the rise
    ``escalated``             whether any of them did, as `convemo.dialogue.trajectory` has it; ``recovered``: all who did
    ``talk_share_agent`` …    of the seconds spoken; without times of the words written
    ``overlap_s``             seconds in which two or more speak; ``overlap_share`` of all seconds in which anybody speaks
    ``interruptions``         utterances that begin while another speaker goes on for `INTERRUPTED_S` or more
    ``silence_s``             seconds of `duration_s` in which nobody speaks; ``silence_share``; ``longest_silence_s``
    ========================  ==========================================================================================
    """
    rows = list(analysis)
    scored = [u for u in rows if u.label is not None]
    focus = "customer" if any(s.role == "customer" for s in analysis.dialogue.speakers) else "everyone"
    about = [u for u in scored if focus == "everyone" or u.role == focus]
    return {
        "language": analysis.dialogue.language,
        "speakers": len(analysis.dialogue.speakers),
        "utterances": len(rows),
        "scored": len(scored),
        "abstained": sum(u.abstained for u in rows),
        "focus": focus,
        "negative_share": _negative_share(scored),
        **{f"negative_share_{role}": _negative_share([u for u in scored if u.role == role]) for role in ROLES},
        "negative_mean": float(np.mean([u.negative for u in about])) if about else None,
        **_worst(about),
        "trend": trend([u.negative for u in about]),
        **_movement(about),
        **_talk(rows),
        **_times(rows, None if analysis.recording is None else analysis.recording.duration_s),
    }


def trend(values: Sequence[float]) -> float | None:
    """Change from the first to the last value on their least-squares line; ``None`` for fewer than three.

    >>> trend([0.1, 0.2, 0.3]), trend([0.1, 0.2])
    (0.2, None)
    """
    if len(values) < 3:
        return None
    position = np.linspace(-0.5, 0.5, len(values))
    return round(float(position @ np.asarray(values) / (position @ position)), 6)


def _negative_share(scored: Sequence[AnalyzedUtterance]) -> float | None:
    return sum(u.label in NEGATIVE for u in scored) / len(scored) if scored else None


def _worst(about: Sequence[AnalyzedUtterance]) -> dict[str, Any]:
    worst = max(about, key=lambda u: u.negative, default=None)
    names = {"worst_utterance": "id", "worst_speaker": "name", "worst_start_s": "start", "worst_label": "label", "worst_text": "text"}
    return {column: None if worst is None else getattr(worst, name) for column, name in names.items()} | {
        "worst_negative": None if worst is None else worst.negative
    }


def _movement(about: Sequence[AnalyzedUtterance]) -> dict[str, Any]:
    """Of those whom the call is about; the numbers are of the speaker whose smoothed curve rises most."""
    ways = list(courses(about).values())
    if not ways:
        return {"escalation": None, "escalated": None, "recovery": None, "recovered": None}
    rise, fall = max((way.rise, way.fall) for way in ways)
    upset = [way for way in ways if way.escalated]
    return {
        "escalation": rise,
        "escalated": bool(upset),
        "recovery": fall,
        "recovered": bool(upset) and all(way.recovered for way in upset),
    }


def _talk(rows: Sequence[AnalyzedUtterance]) -> dict[str, float | None]:
    timed = any(u.utterance.duration_s for u in rows)
    amounts = [(u.role, (u.utterance.duration_s or 0.0) if timed else float(len((u.text or "").split()))) for u in rows]
    total = sum(amount for _, amount in amounts)
    known = {role for role, _ in amounts}
    return {
        f"talk_share_{role}": sum(amount for who, amount in amounts if who == role) / total if total and role in known else None
        for role in ROLES
    }


def _times(rows: Sequence[AnalyzedUtterance], duration_s: float | None) -> dict[str, float | int | None]:
    spans = sorted((u.start, u.end, u.speaker) for u in rows if u.start is not None and u.end is not None and u.end > u.start)
    names = ("duration_s", "overlap_s", "overlap_share", "interruptions", "silence_s", "silence_share", "longest_silence_s")
    if not spans:
        return dict.fromkeys(names) | {"duration_s": duration_s}
    first, last = (0.0, max(duration_s, max(end for _, end, _ in spans))) if duration_s else (spans[0][0], max(end for _, end, _ in spans))
    voiced, overlap_s, gaps = _covered(spans, first, last)
    silence_s = last - first - voiced
    values = (
        duration_s or last - first,
        overlap_s,
        overlap_s / voiced if voiced else None,
        _interruptions(spans),
        silence_s,
        silence_s / (last - first),
        max(gaps, default=0.0),
    )
    return dict(zip(names, values))


def _covered(spans: Sequence[tuple[float, float, str]], first: float, last: float) -> tuple[float, float, list[float]]:
    """Seconds in which anybody speaks, in which two speakers or more do, and the lengths of the gaps."""
    voiced, overlap, gaps, at = 0.0, 0.0, [], first
    speaking: dict[str, int] = {}
    for time, step, speaker in sorted([(s, 1, who) for s, _, who in spans] + [(e, -1, who) for _, e, who in spans]):
        time = max(time, first)
        if not speaking and time > at:
            gaps.append(time - at)
        elif speaking:
            voiced += time - at
            overlap += (time - at) * (len(speaking) > 1)
        at = time
        speaking[speaker] = speaking.get(speaker, 0) + step
        if not speaking[speaker]:
            del speaking[speaker]
    if last > at:
        gaps.append(last - at)
    return voiced, overlap, gaps


def _interruptions(spans: Sequence[tuple[float, float, str]]) -> int:
    """Spans in order of time."""
    until: dict[str, float] = {}
    count = 0
    for start, end, speaker in spans:
        count += any(other - start >= INTERRUPTED_S for who, other in until.items() if who != speaker)
        until[speaker] = max(end, until.get(speaker, 0.0))
    return count
