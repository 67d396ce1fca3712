"""What is said of a call in sentences: first what happened, then how sure it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from convemo.alerts import Alert
from convemo.dialogue.trajectory import Course, Movement
from convemo.export.view import clock
from convemo.report.page import text
from convemo.results import Analysis


def verdict(analysis: Analysis, courses: Mapping[str, Course], alerts: Sequence[Alert], apart: int) -> str:
    """Paragraphs of HTML; `apart` is how many utterances' words and voice disagree."""
    lead, *rest = [*_leads(analysis, courses, alerts), *_doubts(analysis, apart)]
    return '<div class="verdict">' + "".join(f"<p>{sentence}</p>" for sentence in (lead, *rest)) + "</div>"


def _leads(analysis: Analysis, courses: Mapping[str, Course], alerts: Sequence[Alert]) -> Iterator[str]:
    scored = [u for u in analysis if u.label is not None]
    if not scored:
        yield "Nothing in this conversation could be scored; the notes below say why."
        return
    about = [s for s in analysis.dialogue.speakers if s.role == "customer"] or list(analysis.dialogue.speakers)
    moved = [(s, course.movements) for s in about if (course := courses.get(s.id)) is not None and course.movements]
    if not moved:
        emotions = Counter(u.label for u in scored if u.label != "neutral").most_common(2)
        share = sum(n for _, n in emotions)
        told, count = " and ".join(f"{label} in {n}" for label, n in emotions), counted(len(scored), "utterance")
        mostly = Counter(u.label for u in scored).most_common(1)[0][0]
        calm = f"Mostly {escape(mostly)}; {escape(told)} of {count}." if share else f"Nothing but {escape(mostly)} in {count}."
        yield f"<strong>No escalation.</strong> {calm}"
    for speaker, movements in moved[:3]:
        yield f"<strong>{text(speaker.name or speaker.id)} {_way(movements)}</strong>"
    if alerts:
        yield f"{counted(len(alerts), 'alert')} raised, by {counted(len({a.rule for a in alerts}), 'rule')}."


def _way(movements: Sequence[Movement]) -> str:
    """As a predicate: "escalated at 0:31 and had recovered by 1:02."""
    first, last = movements[0], movements[-1]
    ups = sum(m.kind == "escalation" for m in movements)
    times = "" if ups == 1 else f" {'twice' if ups == 2 else f'{ups} times'}, first"
    end = f"{',' * (ups > 1)} and had recovered by {_when(last)}." if last.kind == "recovery" else ", and it did not recover."
    return f"escalated{times} at {_when(first)}{end}"


def _when(move: Movement) -> str:
    return clock(move.start)[:-2] if move.start is not None else f"utterance {move.index + 1}"


def _doubts(analysis: Analysis, apart: int) -> Iterator[str]:
    unsure = sum(u.abstained and u.label is not None for u in analysis)
    without = sum(u.label is None for u in analysis)
    parts = [f"words and voice contradict each other in {apart:,}"] * bool(apart)
    parts += [f"{unsure:,} are too unsure to act on"] * bool(unsure) + [f"{without:,} could not be scored"] * bool(without)
    if parts:
        yield f"Of {counted(len(analysis), 'utterance')}, {', '.join(parts)}."


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "call"), counted(2000, "call")
    ('1 call', '2,000 calls')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"
