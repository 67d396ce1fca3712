"""Plain text: ``Name: text`` lines, and text under a line with name and time (Zoom TXT, Otter TXT).

    Ana: Hello.                          [00:00:05] Ana: Hello.          Ana (00:05): Hello.
    Yuki Wang⇥00:00:12 ⏎ It's really …   Yuki Wang␣␣0:12 ⏎ It's really …

A line that opens with neither name nor time goes on with what is before it. Which prefixes are names: see `names`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from convemo.readers.base import reader
from convemo.readers.names import has_shape, is_proper, names_in, speakers_of, split_name
from convemo.readers.wording import CLOCK, seconds, span, tidy, with_ends
from convemo.types import Transcript, TranscriptSegment

_HEADING = re.compile(rf"(\S[^\t]{{0,60}}?)(?:\t| {{2,8}})({CLOCK})\s{{0,8}}$")
_RANGE = rf"({CLOCK})(?:\s?(?:-->|-|–)\s?({CLOCK}))?"
_STAMP = re.compile(rf"\s*(?:\[{_RANGE}\]|\({_RANGE}\))\s*")
_BARE_STAMP = re.compile(rf"^\s*({CLOCK})\s+(?=[^\W\d_]|\[)")
_STAMP_IN_NAME = re.compile(rf"([^:()\[\]\n]{{1,40}}?)\s?[(\[]({CLOCK})[)\]]\s?:(?=\s|$)")
_OTTER_FOOTER = re.compile(r"Transcribed by https://otter\.ai/?\s*$")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not blank. `start` and `end` are from its stamp, which `text` no longer holds."""

    text: str
    start: float | None = None
    end: float | None = None
    opens_paragraph: bool = False


def looks_like(text: str) -> float:
    """Half sure of names or times at the beginning of lines: any other reader that knows the text is surer."""
    if text.lstrip().startswith(("{", "<")):
        return 0.0
    raw = text.rstrip().split("\n")
    if _headings(raw):
        return 0.5
    lines = _lines(raw)
    stamped = sum(line.start is not None for line in lines)
    return 0.5 if stamped >= len(lines) / 2 or _names(lines) else 0.0


@reader(looks_like, ".txt", ".text", ".md")
def read(text: str, path: str) -> tuple[Transcript, ...]:
    """The one conversation in a text file.

    Where the file names nobody and gives no times, every line is a segment of an unknown speaker.

    >>> t, = read("[00:00:05] Ana: Hello.\\n[00:00:07] Ben: It is\\n10:30.\\n", "a.txt")
    >>> [(s.speaker, s.text, s.start, s.end) for s in t.segments]
    [('Ana', 'Hello.', 5.0, 7.0), ('Ben', 'It is 10:30.', 7.0, None)]
    """
    raw = text.rstrip().split("\n")
    if _OTTER_FOOTER.match(raw[-1]):
        raw = raw[:-1]
    segments = _read_headed(raw) if _headings(raw) else _read_prefixed(raw)
    return (Transcript(with_ends(segments), speakers_of(segments), source="plain"),)


def _headings(raw: Sequence[str]) -> dict[int, tuple[str, float]]:
    """Line index → name and time, of lines that hold nothing else.

    "Let's meet at  10:30" is none: the name must be written as names are, or occur twice.
    """
    found = {i: (tidy(m[1]), seconds(m[2])) for i, line in enumerate(raw) if len(line) < 120 and (m := _HEADING.match(line.lstrip()))}
    counts = Counter(name for name, _ in found.values())
    return {i: (name, at) for i, (name, at) in found.items() if has_shape(name) and (is_proper(name) or counts[name] > 1)}


def _read_headed(raw: Sequence[str]) -> list[TranscriptSegment]:
    headings = _headings(raw)
    segments: list[TranscriptSegment] = []
    name, start, said = None, None, []
    for i, line in enumerate([*raw, ""]):
        if i in headings or i == len(raw):
            if text := tidy(" ".join(said)):
                segments.append(TranscriptSegment(text, start, None, name))
            name, start = headings.get(i, (None, None))
            said = []
        else:
            said.append(line)
    return segments


def _lines(raw: Sequence[str]) -> list[_Line]:
    lines, after_blank = [], True
    for line in raw:
        if line.strip():
            lines.append(_stamped(line, after_blank))
        after_blank = not line.strip()
    return lines


def _stamped(line: str, opens_paragraph: bool) -> _Line:
    if match := _STAMP.match(line):
        first, last = (match[1], match[2]) if match[1] else (match[3], match[4])
        times = span(seconds(first), seconds(last) if last else None)
        return _Line(line[match.end() :], *times, opens_paragraph)
    if match := _STAMP_IN_NAME.match(line):
        return _Line(f"{match[1]}:{line[match.end() :]}", seconds(match[2]), None, opens_paragraph)
    return _Line(line, opens_paragraph=opens_paragraph)


def _names(lines: Sequence[_Line]) -> frozenset[str]:
    """The speakers' names. Utterances begin at stamps, else at paragraphs if there are several, else at every line."""
    texts = [_BARE_STAMP.sub("", line.text, count=1) for line in lines]
    stamped = [text for text, line in zip(texts, lines) if line.start is not None]
    paragraphs = [text for text, line in zip(texts, lines) if line.opens_paragraph]
    return names_in(texts, stamped or (paragraphs if len(paragraphs) > 1 else texts))


def _read_prefixed(raw: Sequence[str]) -> list[TranscriptSegment]:
    lines = _lines(raw)
    names = _names(lines)
    alone = not names and not any(line.start is not None for line in lines)
    segments: list[TranscriptSegment] = []
    speaker, times, said = None, (None, None), []

    def close() -> None:
        if text := tidy(" ".join(said)):
            segments.append(TranscriptSegment(text, *times, speaker))

    for line in lines:
        opened = _opened(line, names)
        if opened or line.start is not None or alone:
            close()
            said = []
            times = (line.start, line.end)
        if opened:
            speaker, text, bare = opened
            if line.start is None:
                text, times = _stamp_after_name(text, bare)
            said.append(text)
        else:
            said.append(line.text)
    close()
    return segments


def _opened(line: _Line, names: frozenset[str]) -> tuple[str, str, float | None] | None:
    """Name, text, and the bare time before the name; a bare time counts only where a name follows: "10:30 is fine" is text."""
    stamp = _BARE_STAMP.match(line.text)
    found = split_name(line.text[stamp.end() :] if stamp else line.text)
    if found is None or found[0] not in names:
        return None
    return *found, seconds(stamp[1]) if stamp else None


def _stamp_after_name(text: str, bare: float | None) -> tuple[str, tuple[float | None, float | None]]:
    """``Ana: (00:12) Hello.``"""
    after = _stamped(text, False)
    return (text, (bare, None)) if bare is not None or after.start is None else (after.text, (after.start, after.end))
