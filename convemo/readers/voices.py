"""Who says what within cues: voice tags, ``Name:`` prefixes, ``(Name)`` lines, dashes, and word times.

    <v Jane Doe>Hello.</v>      a voice tag (WebVTT); it may span lines, and ``</v>`` may be missing
    Yuki Wang: it's really.     a name by the rule of `names`; a cue without one belongs to the last speaker
    (Jane)                      a name on a line of its own, by the same rule
    - Yes. ⏎ - No.              two voices in one cue, whom the file does not name (also on one line, or with the second dash only)
    (Laughter)                  a cue that is all in brackets is a sound, and nobody's
    so<00:00:01.500> what       word times (karaoke)

Several voices in one cue share its time in proportion to their characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from convemo.readers.cues import Cue
from convemo.readers.names import names_in, split_name
from convemo.readers.wording import CLOCK, seconds, span, tidy, unescape
from convemo.types import TranscriptSegment, Word

_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?(?:\s([^<>]*))?>")
_TAG = re.compile(r"</?(?:[cibusv]|lang|ruby|rt|font)(?:[.\s][^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_STAMP = re.compile(rf"<({CLOCK})>")
_DASH = re.compile(r"[-–—]\s?(?=\S)")
_ALONE = re.compile(r"\(([^()]{1,40})\)$")
_INNER_DASH = re.compile(r"(?<=[.?!…])(?P<gap>[ \t]{1,4})(?=[-–—]\s?\S)")
"""Before a dash within a line, after the end of a sentence."""
_SENTENCE_END = (".", "?", "!", "…", '"', "”", "'")
_SOUND = re.compile(r"(?:\([^()]*\)|\[[^\[\]]*\])$")

_Chunks = list[tuple[float | None, str]]
"""Text with the time at which it begins, where a karaoke stamp gives it."""
_Piece = tuple[str | None, _Chunks]
"""What one voice says within a cue, and who it is if that is known."""


def spoken(cues: Sequence[Cue]) -> tuple[TranscriptSegment, ...]:
    """What is said in these cues: one segment for each voice in each cue."""
    names = _names(cues)
    segments: list[TranscriptSegment] = []
    last: str | None = None
    for cue in _unrolled(cues):
        dashed = False
        if any(_VOICE.search(line) for line in cue.lines):
            pieces = list(_tagged(cue))
        elif _SOUND.match(_plain("\n".join(cue.lines))):
            pieces = [(None, _chunks("\n".join(cue.lines)))]
        else:
            pieces, dashed = _untagged(cue, names, last)
            last = pieces[-1][0] if pieces and names else None
        segments.extend(_share(cue, pieces, dashed))
    return tuple(segments)


def _names(cues: Sequence[Cue]) -> frozenset[str]:
    openings, lines = [], []
    for cue in cues:
        if any("<v" in line for line in cue.lines):
            continue
        prefixed = [_prefixed(_plain(line), alone=i + 1 < len(cue.lines)) for i, line in enumerate(cue.lines)]
        if _dashed(cue.lines) and not any(map(split_name, prefixed)):
            continue  # dashes stand for names: such a cue says nothing of whether names are the habit
        openings.append(prefixed[0])
        lines.extend(prefixed)
    return names_in(lines, openings)


def _prefixed(line: str, alone: bool) -> str:
    """A line with its dash removed, and ``(Name)`` written as ``Name:``. `alone`: text follows it in the cue."""
    line = _DASH.sub("", line, count=1) if _DASH.match(line) else line
    match = _ALONE.match(line.strip()) if alone else None
    return f"{match[1]}:" if match else line


def _plain(line: str) -> str:
    return tidy("".join(text for _, text in _chunks(line)))


def _chunks(line: str) -> _Chunks:
    """A line without tags, cut at its karaoke stamps, entities decoded."""
    parts = _STAMP.split(_TAG.sub("", line))
    times = [None, *map(seconds, parts[1::2])]
    return [(time, unescape(part)) for time, part in zip(times, parts[::2])]


def _tagged(cue: Cue) -> Iterator[_Piece]:
    parts = _VOICE.split("\n".join(cue.lines))
    if parts[0].strip():
        yield None, _chunks(parts[0])
    for name, text in zip(parts[1::2], parts[2::2]):
        yield tidy(unescape(name or "")) or None, _chunks(text)


def _untagged(cue: Cue, names: frozenset[str], last: str | None) -> tuple[list[_Piece], bool]:
    """The voices of a cue without voice tags, and whether dashes tell them apart; else whoever spoke last goes on until a name comes."""
    lines = _dash_lines(cue.lines)
    dashed = _dashed(lines)
    pieces: list[_Piece] = []
    speaker, said = None if dashed else last, []
    for i, line in enumerate(lines):
        chunks = _chunks(line)
        opening = chunks[0][1].lstrip()
        named = split_name(_prefixed(opening, alone=i + 1 < len(lines)))
        named = named if named and named[0] in names else None
        if i in dashed or named:
            if said:
                pieces.append((speaker, said))
            said = []
            speaker = named[0] if named else None
            chunks = [(None, named[1] if named else _DASH.sub("", opening, count=1)), *chunks[1:]]
        said = _joined(said, chunks)
    if said:
        pieces.append((speaker, said))
    return pieces, bool(dashed)


def _dash_lines(lines: Sequence[str]) -> list[str]:
    """The lines, with one that begins with a dash and goes on with another voice (``- Yes. - No.``) cut in two."""
    found = []
    for line in lines:
        found.extend(_INNER_DASH.sub("\n", line).split("\n") if _DASH.match(_plain(line)) else [line])
    return found


def _dashed(lines: Sequence[str]) -> frozenset[int]:
    """Which lines begin with a dash that means another voice: two dashes do, or one after the first line's end of sentence."""
    plain = [_plain(line) for line in lines]
    dashes = [i for i, line in enumerate(plain) if _DASH.match(line)]
    if len(dashes) > 1 or (dashes and dashes[0] > 0 and plain[dashes[0] - 1].endswith(_SENTENCE_END)):
        return frozenset(dashes)
    return frozenset()


def _joined(before: _Chunks, after: _Chunks) -> _Chunks:
    """Two lines as one; what has no stamp of its own goes on from what is before it."""
    if not before:
        return after
    time, text = before[-1]
    return [*before[:-1], (time, f"{text} {after[0][1]}"), *after[1:]]


def _share(cue: Cue, pieces: Sequence[_Piece], dashed: bool) -> Iterator[TranscriptSegment]:
    said = [(speaker, chunks, tidy("".join(text for _, text in chunks))) for speaker, chunks in pieces]
    said = [piece for piece in said if piece[2]]
    total = sum(len(text) for _, _, text in said)
    before = 0
    for number, (speaker, chunks, text) in enumerate(said, start=1):
        start, end = (cue.start + (cue.end - cue.start) * n / total for n in (before, before + len(text)))
        before += len(text)
        start, end = span(round(start, 3), round(end, 3))
        voice = number if dashed and speaker is None else None
        yield TranscriptSegment(text, start, end, speaker, _words(chunks, start, cue.end, speaker), voice=voice)


def _words(chunks: _Chunks, start: float | None, end: float, speaker: str | None) -> tuple[Word, ...]:
    """The words of a piece that has karaoke stamps. A stamp times one word; where several follow it, none of them is timed."""
    if all(time is None for time, _ in chunks):
        return ()
    begins = [start, *(time for time, _ in chunks[1:])]
    words = []
    for (_, text), begin, finish in zip(chunks, begins, [*begins[1:], end]):
        parts = tidy(text).split()
        times = span(begin, finish) if len(parts) == 1 else (None, None)
        words.extend(Word(part, *times, speaker=speaker) for part in parts)
    return tuple(words)


def _unrolled(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Cues without the lines that only repeat the one before.

    YouTube's automatic captions roll: each cue shows the last line again, then the new one with word times.
    """
    if not any(_STAMP.search(line) for cue in cues for line in cue.lines):
        yield from cues
        return
    shown = None
    for cue in cues:
        plain = [_plain(line) for line in cue.lines]
        fresh = cue.lines[1:] if plain[0] == shown else cue.lines
        shown = plain[-1]
        if fresh:
            yield Cue(cue.line, cue.start, cue.end, fresh)
