"""What went wrong with one file, in one line that holds no word of the conversation."""

from __future__ import annotations

import re
import traceback

from convemo.errors import ConvemoError, TranscriptError

_HARMLESS = re.compile(
    r"no such file|none|an empty file|binary data|a directory|a pipe or device|[\d,]+ (?:more than )?bytes|an HTML or XML page|"
    r"a rich-text document|an? [\w ()]{2,40} (?:file|archive|document)(?: \([\w, ]+\))?|a PDF|MPEG audio|\d+ lines? of text without .*|"
    r"(?:Permission denied|Is a directory|Input/output error)"
)
"""Of what was found in a transcript only this is told: all else may quote it."""


def describe(error: BaseException) -> tuple[str, str]:
    """The kind of an error, and a line about it.

    A transcript's errors quote what they stumbled over, and a stranger's exception may hold anything; logs and the ledger shall hold no
    word of a conversation, so the quotation is left out. ``convemo analyze FILE`` shows it.

    >>> describe(TranscriptError("a.vtt", "a cue time", "'my card is 4929 …'", line=9))
    ('TranscriptError', 'a.vtt, line 9: expected a cue time.')
    """
    kind = type(error).__name__
    if isinstance(error, TranscriptError):
        place = error.path if error.line is None else f"{error.path}, line {error.line}"
        told = error.found.partition(":")[0]
        found = f", found {told}" if _HARMLESS.fullmatch(told) or re.fullmatch(r"\d+ conversations?", told) else ""
        return kind, f"{place}: expected {error.expected}{found}." + (f" {error.hint}" if error.hint else "")
    if isinstance(error, ConvemoError):
        return kind, " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    where = next((f"{f.filename.rpartition('convemo')[2]}:{f.lineno}" for f in reversed(frames) if "convemo" in f.filename), "")
    return kind, f"{kind} in convemo{where}: a fault of convemo or of an engine. `convemo analyze` on this file shows all of it."
