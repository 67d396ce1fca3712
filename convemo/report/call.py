"""The page of one call."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from convemo.alerts import Alert, Rules, alerts_of
from convemo.analyzed import NEGATIVE
from convemo.dialogue.trajectory import Course, courses
from convemo.errors import ResultError
from convemo.export.atomic import writing
from convemo.export.view import clock
from convemo.report import story
from convemo.report.page import classes_of, emotion, facts, frame, line, percent, section, table, text
from convemo.report.timeline import timeline
from convemo.report.transcript import data_of, transcript
from convemo.results import Analysis
from convemo.types import ChannelResult

NAVIGATION = {"alerts": "Alerts", "timeline": "Timeline", "transcript": "Transcript", "speakers": "Speakers", "about": "About"}
MOST_EMBEDDED_BYTES = 64 * 2**20
"""A larger recording is not put into the page: browsers would take minutes to open it."""
_CARDS = 9
"""Alerts that are shown at once."""
_TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4",
          ".mp4": "audio/mp4", ".webm": "audio/webm", ".aac": "audio/aac"}  # fmt: skip


def write(analysis: Analysis, path: Path) -> None:
    """What `Analysis.save` calls for ``.html``: the page without sound.

    Raises:
        ResultError: the file cannot be written.
    """
    write_page(analysis, path)


def write_page(
    analysis: Analysis, path: str | os.PathLike, *, audio: str | os.PathLike | None = None, embed: bool = False, rules: Rules | None = None
) -> None:
    """Writes the page.

    Args:
        analysis: the call.
        path: where; the file is there whole or not at all.
        audio: its recording, to be heard in the page: linked by a relative path, neither copied nor changed.
        embed: put the recording into the page instead.
        rules: what raises alerts; as `Analysis.alerts` chooses if not given.

    Raises:
        ResultError: the recording is not there or too large to embed, or the file cannot be written.
        ConfigError: the rules kept in the analysis make no sense.
    """
    source = None if audio is None else _embedded(Path(audio)) if embed else linked(Path(audio), Path(path))
    with writing(path) as file:
        file.write(render(analysis, source, rules))


def render(analysis: Analysis, source: str | None = None, rules: Rules | None = None, back: str | None = None) -> str:
    """The page as a string.

    Args:
        source: the address of the recording.
        back: the address of the overview that leads here.
    """
    raised, ways, css = alerts_of(analysis, rules), courses(analysis), classes_of(analysis.primary.labels)
    apart = {u.index: found for u in analysis if (found := u.disagreement) is not None}
    met = dict.fromkeys(u.label for u in analysis if u.label is not None)
    legend = "".join(f"<li>{emotion(label, css[label])}</li>" for label in analysis.primary.labels if label in met)
    body = [
        section("alerts", "Alerts", _alerts(analysis, raised)),
        section(
            "timeline",
            "Timeline",
            timeline(analysis, css, ways, raised, apart) if len(analysis) else "",
            f'<ul class="legend">{legend}{_SIGNS}</ul>',
        ),
        section("transcript", "Transcript", transcript(analysis, css, ways, raised, apart) if len(analysis) else ""),
        section("speakers", "Speakers", _speakers(analysis, css, ways), note=_SPEAKERS),
        section("about", "About this analysis", _about(analysis)),
    ]
    back_link = f'<a class="back" href="{escape(back)}">All calls</a>' if back else ""
    header = f'<header>{back_link}<p class="kicker">convemo · one call</p><h1>{text(analysis.dialogue.id)}</h1>'
    header += f"{story.verdict(analysis, ways, raised, len(apart))}{facts(_facts(analysis))}</header>"
    player = media = ""
    if source is not None:
        player = f'<div class="player"><audio id="audio" controls preload="metadata" src="{escape(source)}"></audio>{_PLAYER}</div>'
        media = "data:" if source.startswith("data:") else "'self' file:"
    return frame(f"{analysis.dialogue.id}: convemo", header, [*body, player], "call.js", data_of(analysis, css, ways), media, NAVIGATION)


def _facts(analysis: Analysis) -> list[tuple[str, str]]:
    scored = [u for u in analysis if u.label is not None]
    ends = [u.end for u in analysis if u.end is not None]
    length = analysis.recording.duration_s if analysis.recording is not None else max(ends, default=None)
    pairs = [] if length is None else [("long", clock(length)[:-2])]
    pairs += [("utterances", f"{len(analysis):,}"), ("speakers", f"{len(analysis.dialogue.speakers)}")]
    if scored:
        pairs.append(("negative", percent(sum(u.label in NEGATIVE for u in scored) / len(scored))))
    return pairs


def _alerts(analysis: Analysis, raised: Sequence[Alert]) -> str:
    where = {(u.speaker, u.id): i for i, u in enumerate(analysis.dialogue)}
    cards = []
    for alert in raised:
        cited = [where[alert.speaker, id] for id in alert.utterances if (alert.speaker, id) in where]
        links = "".join(
            f'<li><a href="#u{i}">{clock(u.start)[:-2] if u.start is not None else i + 1}</a> {text(u.text or "(no words)")}</li>'
            for i in cited[-5:]
            for u in [analysis.dialogue[i]]
        )
        more = f'<li class="soft">and {len(cited) - 5} before</li>' if len(cited) > 5 else ""
        cards.append(
            f'<article class="alert-card"><h3>{text(alert.rule)}</h3><p><b>{text(alert.name)}</b>: {text(alert.because)}; '
            f"up to {percent(alert.peak)}.</p><ul>{links}{more}</ul></article>"
        )
    if not cards:
        return ""
    rest = cards[_CARDS:]
    more = f'<details><summary>{len(rest)} more</summary><div class="cards">{"".join(rest)}</div></details>' if rest else ""
    return f'<div class="cards">{"".join(cards[:_CARDS])}</div>{more}'


def _speakers(analysis: Analysis, css: Mapping[str, str], ways: Mapping[str, Course]) -> str:
    rows, talked = [], sum(u.duration_s or 0.0 for u in analysis.dialogue)
    for speaker in analysis.dialogue.speakers:
        own = [u for u in analysis if u.speaker == speaker.id]
        scored = [u for u in own if u.label is not None]
        seconds = sum(u.utterance.duration_s or 0.0 for u in own)
        way = ways.get(speaker.id)
        up = max((p.relative for p in way.points if p.relative is not None), default=None) if way else None
        rows.append([
            f"{text(speaker.name or speaker.id)}<small>{escape(speaker.role or '')}</small>",
            str(len(own)), percent(seconds / talked) if talked else "–", _mixture([u.label for u in scored], css),
            percent(sum(u.label in NEGATIVE for u in scored) / len(scored)) if scored else "–",
            "–" if up is None else f"{100 * up:+.0f}", str(len(way.shifts)) if way else "–", _way(way),
        ])  # fmt: skip
    head = ("Speaker", "Utterances", "Talk", "Expressed", "Negative", "Above own mean", "Shifts", "Curve")
    return table("Speakers", head, rows, "speakers") if rows else ""


def _mixture(labels: Sequence[str], css: Mapping[str, str]) -> str:
    """A bar of the shares of each emotion."""
    if not labels:
        return "–"
    at, bar = 0.0, []
    counts = {label: labels.count(label) / len(labels) for label in css if label in labels}
    for label, share in counts.items():
        bar.append(f'<rect class="{css[label]}" x="{100 * at:.2f}%" width="{100 * share:.2f}%" height="14"></rect>')
        at += share
    told = ", ".join(f"{label} {percent(share)}" for label, share in sorted(counts.items(), key=lambda item: -item[1]))
    return f'<svg class="mixture" height="14" role="img" aria-label="{line(told)}">{"".join(bar)}</svg><small>{escape(told)}</small>'


def _way(way: Course | None) -> str:
    moves = [] if way is None else [f"{'▲' if m.kind == 'escalation' else '▼'} {clock(m.start)[:-2] or m.index + 1}" for m in way.movements]
    return " ".join(moves[:6]) + (" …" if len(moves) > 6 else "") if moves else "–"


def _how(result: ChannelResult) -> str:
    if not result.valid.any():
        return ", no scores"
    return "" if result.calibrated else ", not calibrated"


def _about(analysis: Analysis) -> str:
    notes = "".join(f"<li>{text(note)}</li>" for note in analysis.notes)
    models = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(result.model.id or 'no name')}{_how(result)}</dd></div>"
        for name, result in analysis._opinions()
    )
    version = analysis.provenance.get("convemo")
    made = f"<div><dt>convemo</dt><dd>{text(version)}</dd></div>" if version else ""
    recording = analysis.recording
    heard = (
        f"<div><dt>recording</dt><dd>sha256 {text(recording.sha256[:16])}…</dd></div>" if recording is not None and recording.sha256 else ""
    )
    return (f'<ul class="notes">{notes}</ul>' if notes else "") + f'<dl class="provenance">{made}{models}{heard}</dl>'


def linked(audio: Path, page: Path) -> str:
    """The recording's address as seen from the page."""
    if not audio.is_file():
        raise ResultError(audio, "a recording", "no such file", "Check the path given with --audio.")
    try:
        relative = os.path.relpath(audio.resolve(), page.resolve().parent)
    except ValueError:  # on another drive
        return audio.resolve().as_uri()
    return quote("./" + relative.replace(os.sep, "/"))


def _embedded(audio: Path) -> str:
    kind = _TYPES.get(audio.suffix.lower(), "application/octet-stream")
    try:
        size = audio.stat().st_size
        if size > MOST_EMBEDDED_BYTES:
            raise ResultError(
                audio, f"a recording of at most {MOST_EMBEDDED_BYTES:,} bytes to embed", f"{size:,} bytes", "Link it instead."
            )
        return f"data:{kind};base64,{base64.b64encode(audio.read_bytes()).decode()}"
    except OSError as error:
        raise ResultError(audio, "a recording", error.strerror or str(error), "Check the path given with --audio.") from error


_SIGNS = (
    '<li class="soft">pale: less sure</li><li><span class="against">◆</span> words against voice</li>'
    '<li><svg class="key" width="20" height="8" aria-hidden="true"><line class="alert" x2="20" y1="4" y2="4"></line></svg> alert</li>'
    "<li>▲ escalation</li><li>▼ recovery</li>"
)
_SPEAKERS = (
    "Above own mean: by how many points the smoothed probability of a negative emotion stood, at most, above the mean of the speaker's "
    "earlier utterances. ▲ an escalation: the curve rose by 30 points; ▼ a recovery: at least half of the rise was gone again."
)
_PLAYER = (
    '<label><input type="checkbox" id="follow" checked> follow</label>'
    '<p id="silent" hidden>The recording is not where this page expects it, or this browser cannot play it.</p>'
)
