"""What of these conversations a form has no place for: only what is there can be lost."""

from __future__ import annotations

from collections.abc import Sequence

from convemo.convert.forms import Form
from convemo.types import Transcript


def losses(transcripts: Sequence[Transcript], form: Form, named: bool = False) -> tuple[str, ...]:
    """What is lost, in words; empty if nothing is.

    Args:
        named: whether each file is named after its conversation.
    """
    there = [what for what, found in _present(transcripts).items() if found and what not in form.holds]
    if "confidences" in there and "confidences of words" in there:
        there.remove("confidences of words")
    if named and "conversation ids" in there:
        there.remove("conversation ids")
    untimed = sum(s.start is None for t in transcripts for s in t.segments)
    open_ended = sum(s.start is not None and s.end is None for t in transcripts for s in t.segments)
    if form.timed and untimed:
        there.append(f"{untimed} utterance{'s' * (untimed != 1)} without times")
    if form.turns and open_ended:
        there.append(f"{open_ended} utterance{'s' * (open_ended != 1)} without an end")
    unnamed = sum(s.speaker is None for t in transcripts for s in t.segments)
    if form.turns and unnamed:
        there.append(f"{unnamed} utterance{'s' * (unnamed != 1)} without a speaker")
    if form.names_before_text and unnamed and any(s.speaker for t in transcripts for s in t.segments):
        there.append(f"that {unnamed} utterance{'s are' if unnamed != 1 else ' is'} of somebody unnamed")
    return tuple(there)


def _present(transcripts: Sequence[Transcript]) -> dict[str, bool]:
    speakers = [speaker for t in transcripts for speaker in t.speakers]
    segments = [segment for t in transcripts for segment in t.segments]
    words = [word for segment in segments for word in segment.words]
    return {
        "the words": any(s.text for s in segments),
        "speaker ids": any(s.name is not None and s.name != s.id for s in speakers),
        "roles": any(s.role for s in speakers),
        "audio channels": any(s.channel is not None for s in speakers),
        "ends": any(s.end is not None for s in segments),
        "parts of a second": any(s.start is not None and s.start != int(s.start) for s in segments),
        "word times": any(w.start is not None for w in words),
        "speakers of single words": any(w.speaker not in (None, s.speaker) for s in segments for w in s.words),
        "confidences": any(s.confidence is not None for s in segments),
        "confidences of words": any(w.confidence is not None for w in words),
        "which voice of a cue": any(s.voice is not None for s in segments),
        "the language": any(t.language for t in transcripts),
        "conversation ids": any(t.id for t in transcripts),
    }
