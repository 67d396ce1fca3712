"""An analysis as one JSON object, and back: the only format that keeps everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from convemo.errors import ResultError
from convemo.export.atomic import writing
from convemo.results import Analysis


def write(analysis: Analysis, path: Path) -> None:
    """Writes ``analysis.to_dict()`` in UTF-8, a line an utterance; what could not be scored is null.

    Raises:
        ResultError: the file cannot be written, or the analysis holds what JSON does not have.
    """
    with writing(path) as file:
        for piece in pieces(analysis, path):
            file.write(piece)


def pieces(analysis: Analysis, path: str | Path) -> Iterator[str]:
    """The same text bit by bit, one utterance at a time: all of ten hours as one text would take most of a gigabyte.

    Raises:
        ResultError: the analysis, meant for `path`, holds what JSON does not have.
    """
    before, _, after = dumps(analysis._outline(), path, indent=1).partition(_NO_UTTERANCES)
    yield f"{before}{_NO_UTTERANCES[:-1]}"
    for number, u in enumerate(analysis):
        yield f"{',' if number else ''}\n  {dumps(u.to_dict(), path)}"
    yield f"{_NO_UTTERANCES[-1]}{after}\n"


def load(path: str | Path) -> Analysis:
    """The analysis that `write` has saved, equal to what it was.

    Raises:
        ResultError: the file is missing, is not JSON, or is not a saved analysis of a schema this version knows.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text, parse_constant=_refuse_constant)
    except OSError as error:
        raise ResultError(path, "a saved analysis", error.strerror or str(error), "Check the path.") from error
    except UnicodeDecodeError as error:
        raise ResultError(path, "text in UTF-8", f"the byte 0x{error.object[error.start]:02x} at {error.start}", _HINT) from error
    except json.JSONDecodeError as error:
        raise ResultError(path, "JSON", f"{error.msg} (column {error.colno})", _HINT, line=error.lineno) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, NaN, brackets nested without end
        raise ResultError(path, "JSON as convemo saves it", str(error), _HINT) from error
    if not isinstance(content, dict):
        raise ResultError(path, "a JSON object", f"a {type(content).__name__}", _HINT)
    try:
        analysis = Analysis.from_dict(content)
        analysis._outline()
        for u in analysis:
            u.to_dict()  # with it, touches every field: a speaker whom nobody lists fails here, not in a report later
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration) as error:
        raise ResultError(path, "a saved analysis", f"{type(error).__name__}: {error}", _HINT) from error
    return analysis


_NO_UTTERANCES = '\n "utterances": []'
"""In an indented outline: within a string the quotes are escaped, and further inside the indent is deeper."""

_HINT = "Load a file that Analysis.save has written as .json."
_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def dumps(content: Any, path: str | Path, indent: int | None = None) -> str:
    """JSON that people can read in any script, and that is valid whatever the text holds: lone surrogates are escaped, NaN is refused.

    Raises:
        ResultError: the content, meant for `path`, has no form in JSON.
    """
    try:
        text = _LINE.encode(content) if indent is None else json.dumps(content, ensure_ascii=False, allow_nan=False, indent=indent)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            text = json.dumps(content, ensure_ascii=True, allow_nan=False, indent=indent)
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultError(path, "an analysis of finite numbers, texts and lists", str(error)) from error
    return text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is not JSON")
