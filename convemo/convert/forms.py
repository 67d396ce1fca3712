"""The forms a transcript is written in, and what each can hold.

json, jsonl   our dialogues, with all that is known; one a line in JSONL
csv           a row an utterance
vtt, srt      captions; who speaks is a voice tag, or a name before the text
txt           ``[00:00:05] Name: text``
rttm          who speaks when, without words
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convemo.convert.names import prefixes, shown_names
from convemo.errors import ResultError
from convemo.export.atomic import writing
from convemo.export.csv import inert
from convemo.export.rttm import distinct_fields, field
from convemo.export.subtitles import clock, escaped, one_line
from convemo.types import Speaker, Transcript, TranscriptSegment

_ALL = (
    *("the words", "speaker ids", "roles", "audio channels", "ends", "parts of a second", "word times", "speakers of single words"),
    *("confidences", "confidences of words", "the language", "conversation ids"),
)
"""What a transcript may hold, by the names of `convemo.convert.losses`; the voices of a cue have no place in any form."""
_TABLE = ("conversation_id", "speaker", "name", "role", "start", "end", "text", "confidence")
READ_PER_S = 15.0
"""Characters that are read in a second of captions (BBC Subtitle Guidelines: 160 to 180 words a minute)."""
_TAG = re.compile(r"<(?=[\w/])")
"""SRT has no way to write a bracket that is none of a tag: a space keeps it apart."""
SHORTEST_S = 1.0
"""A caption without an end is shown so long at least, and never beyond the next one's beginning."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form: its suffix, its writer, what it holds of the names in `convemo.convert.losses`, and what it needs."""

    name: str
    title: str
    write: Callable[[Sequence[Transcript], Path], None]
    """Writes the conversations at a path, whole or not at all. Raises `ResultError`."""
    holds: tuple[str, ...]
    several: bool = False
    """Whether one file holds several conversations."""
    timed: bool = False
    """Whether an utterance without a beginning has no place in it."""
    turns: bool = False
    """Whether an utterance without an end or a speaker has none either."""
    names_before_text: bool = False
    """Whether an utterance without a name would be taken for the last speaker's."""


def _write_json(transcripts: Sequence[Transcript], path: Path) -> None:
    """One dialogue as an object, several as a list; a line an utterance."""
    with writing(path) as file:
        whole = [_dialogue(transcript) for transcript in transcripts]
        if len(whole) == 1:
            file.write(f"{_dumped(whole[0])}\n")
        else:
            file.write("[\n" + ",\n".join(map(_dumped, whole)) + "\n]\n")


def _dumped(dialogue: dict[str, Any]) -> str:
    head = {key: value for key, value in dialogue.items() if key != "utterances"}
    outside = "".join(f" {_json(key)}: {_json(value)},\n" for key, value in head.items())
    utterances = ",\n".join(f"  {_json(utterance)}" for utterance in dialogue["utterances"])
    return f'{{\n{outside} "utterances": [\n{utterances}\n ]\n}}'


def _write_jsonl(transcripts: Sequence[Transcript], path: Path) -> None:
    with writing(path) as file:
        for transcript in transcripts:
            file.write(_json(_dialogue(transcript)) + "\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _dialogue(transcript: Transcript) -> dict[str, Any]:
    """In the form that the reader ``convemo`` reads."""
    speakers = [_known(id=s.id, name=s.name, role=s.role, channel=s.channel) for s in transcript.speakers]
    utterances = [
        _known(
            id=f"u{number}",
            speaker=s.speaker,
            text=s.text,
            start=s.start,
            end=s.end,
            confidence=s.confidence,
            words=[_known(text=w.text, start=w.start, end=w.end, confidence=w.confidence, speaker=w.speaker) for w in s.words] or None,
        )
        for number, s in enumerate(transcript.segments, start=1)
    ]
    return _known(id=transcript.id, language=transcript.language, speakers=speakers or None, utterances=utterances)


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _write_csv(transcripts: Sequence[Transcript], path: Path) -> None:
    """A row an utterance; a text that a spreadsheet would run as a formula gets an apostrophe (`convemo.export.csv`)."""
    with writing(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(_TABLE)
        for number, transcript in enumerate(transcripts, start=1):
            id = transcript.id or (f"{number}" if len(transcripts) > 1 else None)
            speakers = {speaker.id: speaker for speaker in transcript.speakers}
            for s in transcript.segments:
                by = speakers.get(s.speaker or "", Speaker(""))
                writer.writerow(map(inert, (id, s.speaker, by.name, by.role, s.start, s.end, s.text, s.confidence)))


def _write_vtt(transcripts: Sequence[Transcript], path: Path) -> None:
    (transcript,) = transcripts
    names = shown_names(transcript.speakers)
    cues = list(_cues(transcript, path, "WebVTT"))
    with writing(path) as file:
        file.write("WEBVTT\n" + (f"Language: {transcript.language}\n" if transcript.language else ""))
        for number, (start, end, s) in enumerate(cues, start=1):
            text = escaped(one_line(s.text))
            said = text if s.speaker is None else f"<v {escaped(one_line(names[s.speaker]))}>{text}</v>"
            file.write(f"\n{number}\n{clock(start, '.')} --> {clock(end, '.')}\n{said}\n")


def _write_srt(transcripts: Sequence[Transcript], path: Path) -> None:
    (transcript,) = transcripts
    names = prefixes(transcript.speakers)
    cues = list(_cues(transcript, path, "SRT"))
    with writing(path) as file:
        for number, (start, end, s) in enumerate(cues, start=1):
            said = _TAG.sub("< ", _prefixed(s, names).replace("-->", "→"))
            file.write(f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{said}\n\n")


def _write_txt(transcripts: Sequence[Transcript], path: Path) -> None:
    (transcript,) = transcripts
    names = prefixes(transcript.speakers)
    with writing(path) as file:
        for s in transcript.segments:
            stamp = "" if s.start is None else f"[{clock(int(s.start) * 1000, '.')[:-4]}] "
            file.write(f"{stamp}{_prefixed(s, names)}\n")


def _prefixed(segment: TranscriptSegment, names: dict[str, str]) -> str:
    text = one_line(segment.text)
    return text if segment.speaker is None else f"{names[segment.speaker]}: {text}"


def _cues(transcript: Transcript, path: Path, title: str) -> Iterator[tuple[int, int, TranscriptSegment]]:
    """Utterances that have a beginning, in order, with times in milliseconds. Without an end one is shown as long as it takes to read."""
    timed = sorted((s for s in transcript.segments if s.start is not None), key=lambda s: s.start)
    if not timed:
        raise _untimed(path, title)
    for s, following in zip(timed, [*timed[1:], None]):
        end = s.end
        if end is None:
            end = s.start + max(SHORTEST_S, len(s.text) / READ_PER_S)
            end = min(end, following.start) if following is not None else end
        start_ms = round(s.start * 1000)
        yield start_ms, max(start_ms + 1, round(end * 1000)), s


def _write_rttm(transcripts: Sequence[Transcript], path: Path) -> None:
    (transcript,) = transcripts
    turns = [s for s in transcript.segments if s.start is not None and s.end is not None and s.speaker is not None]
    if not turns:
        if any(s.start is not None and s.end is not None for s in transcript.segments):
            hint = "Choose json, jsonl, csv, vtt, srt or txt."
            raise ResultError(path, "utterances with speakers, which RTTM needs", "none that names anybody", hint)
        raise _untimed(path, "RTTM")
    names = shown_names(transcript.speakers)
    fields = distinct_fields(names[s.speaker] for s in turns)
    of = field(transcript.id or path.stem)
    with writing(path) as file:
        for s in sorted(turns, key=lambda s: (s.start, s.end)):
            file.write(f"SPEAKER {of} 1 {s.start:.3f} {s.end - s.start:.3f} <NA> <NA> {fields[names[s.speaker]]} <NA> <NA>\n")


def _untimed(path: Path, title: str) -> ResultError:
    return ResultError(path, f"utterances with times, which {title} needs", "none that has any", "Choose json, jsonl, csv or txt.")


_CAPTIONS = ("the words", "ends", "parts of a second")
FORMS = {
    form.name: form
    for form in (
        Form("json", "JSON", _write_json, _ALL, several=True),
        Form("jsonl", "JSONL", _write_jsonl, _ALL, several=True),
        Form(
            "csv",
            "CSV",
            _write_csv,
            ("the words", "speaker ids", "roles", "ends", "parts of a second", "confidences", "conversation ids"),
            several=True,
        ),
        Form("vtt", "WebVTT", _write_vtt, (*_CAPTIONS, "the language"), timed=True),
        Form("srt", "SRT", _write_srt, _CAPTIONS, timed=True, names_before_text=True),
        Form("txt", "Plain text", _write_txt, ("the words",), names_before_text=True),
        Form("rttm", "RTTM", _write_rttm, ("ends", "parts of a second", "conversation ids"), timed=True, turns=True),
    )
}
"""By suffix, without the dot."""
