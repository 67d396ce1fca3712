"""Praat TextGrid (long text format): for each speaker a tier of words and a tier of emotions.

Source: the Praat manual, "TextGrid file formats" (https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html). The intervals of a
tier follow each other without gap or overlap from xmin to xmax, and a quotation mark within a string is doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from convemo.export.atomic import writing
from convemo.export.lines import TimedLine, by_speaker, timed_lines
from convemo.results import Analysis


def write(analysis: Analysis, path: Path) -> None:
    """Writes the tiers ``"Ana"`` and ``"Ana: emotion"`` for each speaker. Overlap between speakers stays, as they have tiers of their own;
    where one speaker's utterances overlap, the earlier one is cut short.

    Raises:
        ResultError: no utterance has times, or the file cannot be written.
    """
    lines = timed_lines(analysis, path, "TextGrid")
    spans = [(own, _clipped(own)) for _, own in by_speaker(lines)]
    recorded_ms = round(analysis.recording.duration_s * 1000) if analysis.recording is not None else 0
    end = max([1, recorded_ms, *(stop for _, found in spans for _, stop in found)])
    tiers = []
    for own, found in spans:
        tiers.append((own[0].speaker, found, [line.text or "" for line in own]))
        tiers.append((f"{own[0].speaker}: emotion", found, [line.emotion or "" for line in own]))
    with writing(path) as file:
        file.write('File type = "ooTextFile"\nObject class = "TextGrid"\n\n')
        file.write(f"xmin = 0\nxmax = {_seconds(end)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:\n")
        for number, (name, found, texts) in enumerate(tiers, start=1):
            _write_tier(file, number, name, _contiguous(found, texts, end), end)


def _clipped(own: Sequence[TimedLine]) -> list[tuple[int, int]]:
    """Beginning and end of each line in milliseconds, without overlap. None is lost: the shortest is 1 ms, as Praat refuses empty ones."""
    spans: list[tuple[int, int]] = []
    for line in own:
        start, stop = max(0, round(line.start * 1000)), round(line.end * 1000)
        if spans:
            before, until = spans[-1]
            start = max(start, before + 1)
            spans[-1] = before, min(until, start)
        spans.append((start, max(stop, start + 1)))
    return spans


def _contiguous(spans: Sequence[tuple[int, int]], texts: Sequence[str], end: int) -> list[tuple[int, int, str]]:
    """With empty intervals in the gaps, from 0 to `end`, in milliseconds."""
    filled, edge = [], 0
    for (start, stop), text in zip(spans, texts):
        if start > edge:
            filled.append((edge, start, ""))
        filled.append((start, stop, text))
        edge = stop
    if edge < end:
        filled.append((edge, end, ""))
    return filled


def _write_tier(file: TextIO, number: int, name: str, intervals: Sequence[tuple[int, int, str]], end: int) -> None:
    file.write(f'    item [{number}]:\n        class = "IntervalTier"\n        name = {_quoted(name)}\n')
    file.write(f"        xmin = 0\n        xmax = {_seconds(end)}\n        intervals: size = {len(intervals)}\n")
    for index, (start, stop, text) in enumerate(intervals, start=1):
        file.write(f"        intervals [{index}]:\n            xmin = {_seconds(start)}\n            xmax = {_seconds(stop)}\n")
        file.write(f"            text = {_quoted(text)}\n")


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _quoted(text: str) -> str:
    """A Praat string on one line."""
    return '"' + " ".join(text.split()).replace('"', '""') + '"'
