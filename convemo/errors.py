"""Everything that can go wrong, on one page.

Every error says three things: what was expected, what was found, and what to do next.

    ConvemoError
    ├── AudioError          a recording that cannot be read
    │   └── LimitExceeded   … because it is larger, longer or slower than `Limits` allow
    ├── TranscriptError     a transcript that cannot be read: names the file, the place and what was expected
    ├── ConfigError         a setting that makes no sense
    │   └── UnknownEngine   … because nobody registered an engine of that name
    ├── EngineUnavailable   an engine that is not installed, or whose weights are not here
    ├── EngineFailed        an engine that is installed, and broke while it worked
    ├── DataError           a data set whose files are missing or not in the documented layout
    └── ResultError         a saved analysis that cannot be read back, or cannot be written in that form
"""

from __future__ import annotations

import copyreg
from os import PathLike, fspath


class ConvemoError(Exception):
    """Base of every error that convemo raises on purpose.

    Args:
        expected: what would have been right.
        found: what was there instead.
        hint: what to do next, one sentence.

    >>> print(ConvemoError(expected="a WAV file", found="an empty file", hint="Record again."))
    expected a WAV file, found an empty file. Record again.
    """

    def __init__(self, expected: str, found: str, hint: str = ""):
        self.expected, self.found, self.hint = expected, found, hint
        super().__init__(f"expected {expected}, found {found}." + (f" {hint}" if hint else ""))

    def __reduce__(self):
        # By default an exception is unpickled from its message alone, which would break a pool of processes.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__


class _FileError(ConvemoError):
    """An error about one file: the message begins with its path, and the line if there is one."""

    def __init__(self, path: str | PathLike, expected: str, found: str, hint: str = "", line: int | None = None):
        self.path, self.line = fspath(path), line
        super().__init__(expected, found, hint)
        place = self.path if line is None else f"{self.path}, line {line}"
        self.args = (f"{place}: {self.args[0]}",)


class AudioError(_FileError):
    """A recording cannot be read."""


class LimitExceeded(AudioError):
    """A recording is larger, longer or slower to decode than `convemo.Limits` allow."""


class TranscriptError(_FileError):
    """A transcript cannot be read.

    >>> print(TranscriptError("a.vtt", expected="a cue time", found="'00:13 ->'", line=112))
    a.vtt, line 112: expected a cue time, found '00:13 ->'.
    """


class ConfigError(ConvemoError):
    """A setting is wrong."""


class UnknownEngine(ConfigError):
    """No engine of that name is registered."""


class EngineUnavailable(ConvemoError):
    """An engine is not installed, or its weights are not here; the hint is the command that mends it."""


class EngineFailed(ConvemoError):
    """An engine broke while it worked; the original exception is the ``__cause__``."""


class DataError(_FileError):
    """A data set's files are missing or not in the documented layout."""


class ResultError(_FileError):
    """A saved analysis cannot be read back, or an analysis cannot be written in the form asked for."""
