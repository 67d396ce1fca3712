"""``convemo convert``: any transcript that is read, in any form that is written."""

from __future__ import annotations

import sys
from pathlib import Path

from convemo.convert import FORMS, Converted, convert


def run(source: str, out: str, *, to: str | None, format: str | None, conversation: str | None, force: bool) -> int:
    """Converts, says what was written and what has no place there; returns the exit status: 1 if a conversation could not be written.

    Raises:
        ConfigError, TranscriptError, UnknownEngine, ResultError: as `convert`.
    """
    done = convert(source, out, to=to, format=format, conversation=conversation, force=force)
    print(_written(done, Path(out)))
    for note in dict.fromkeys(note for transcript in done.transcripts for note in transcript.notes):
        print(f"Note: {note}", file=sys.stderr)
    if done.lost:
        *first, last = done.lost
        print(f"{FORMS[done.form].title} does not hold {', '.join(first) + ' or ' if first else ''}{last}.", file=sys.stderr)
    if count := done.open_ended:
        print(f"{count} utterance{'s have' if count != 1 else ' has'} no end: shown as long as it takes to read.", file=sys.stderr)
    for error in done.failed:
        print(f"convemo: {error}", file=sys.stderr)
    return 1 if done.failed else 0


def _written(done: Converted, out: Path) -> str:
    where = str(done.paths[0]) if len(done.paths) == 1 else f"{len(done.paths)} files in {out}"
    conversations, utterances = len(done.transcripts), done.utterances
    several = f"{conversations} conversations, " if conversations != 1 else ""
    source = done.transcripts[0].source if done.transcripts else "nothing"
    return f"{where}: {several}{utterances} utterance{'s' * (utterances != 1)}, read as {source}."
