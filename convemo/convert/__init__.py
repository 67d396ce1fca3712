"""Any transcript that is read, as any form that is written: one path in, one path out, and what the form has no place for.

reading    `convemo.readers`
forms      what each form can hold, and how it is written
losses     what of these conversations it has no place for
names      names of speakers and files, as forms allow them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

from convemo.convert.forms import FORMS, Form
from convemo.convert.losses import losses
from convemo.convert.names import file_names
from convemo.errors import ConfigError, ConvemoError, ResultError, TranscriptError
from convemo.limits import Limits
from convemo.readers import read_transcripts
from convemo.types import Transcript

__all__ = ["FORMS", "Converted", "convert"]

_IDS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written."""

    paths: tuple[Path, ...]
    transcripts: tuple[Transcript, ...]
    form: str
    lost: tuple[str, ...]
    """What was there and has no place in this form, e.g. ``("roles", "word times")``."""
    failed: tuple[ConvemoError, ...] = ()
    """Conversations of several that could not be written, with why."""

    @property
    def open_ended(self) -> int:
        """Utterances without an end, which captions show as long as they take to read."""
        captions = FORMS[self.form].timed and not FORMS[self.form].turns
        return sum(s.start is not None and s.end is None for t in self.transcripts for s in t.segments) if captions else 0

    @property
    def utterances(self) -> int:
        return sum(len(transcript.segments) for transcript in self.transcripts)


def convert(
    source: str | PathLike,
    out: str | PathLike,
    *,
    to: str | None = None,
    format: str | None = None,
    conversation: str | None = None,
    force: bool = False,
    limits: Limits = Limits(),  # noqa: B008
) -> Converted:
    """Reads a transcript file and writes it in another form.

    Several conversations go into one file where the form holds several (json, jsonl, csv), else each into a file of its own in a folder.

    Args:
        source: the file to read.
        out: the file to write; or a folder, which must exist or have no suffix.
        to: the form, a key of `FORMS`; ``None`` takes it from the suffix of `out`.
        format: the reader's name; ``None`` finds it out from the content.
        conversation: the id of the only one to write.
        force: whether files that are there may be replaced.
        limits: the largest file that is read.

    Raises:
        ConfigError: no such form, or none is named.
        TranscriptError: the file cannot be read, or has no conversation of that id.
        UnknownEngine: no reader of that name.
        ResultError: a file is there already or cannot be written; the form holds one conversation and there are several; it needs times,
            or speakers, and there are none.
    """
    source, out = Path(fspath(source)), Path(fspath(out))
    in_folder = out.is_dir() or not out.suffix
    form = _form(out, to, in_folder)
    if not in_folder:
        _refuse_to_replace(out, source, force)  # before work is spent
    transcripts = _chosen(read_transcripts(source, format, limits), source, conversation)
    if in_folder:
        return _into_folder(transcripts, source, out, form, force)
    if len(transcripts) > 1 and not form.several:
        raise _too_many(out, form, transcripts)
    form.write(transcripts, out)
    return Converted((out,), transcripts, form.name, losses(transcripts, form))


def _form(out: Path, to: str | None, in_folder: bool) -> Form:
    name = (to or out.suffix).lower().removeprefix(".")
    known = ", ".join(FORMS)
    if in_folder and to is None:
        raise ConfigError(f"a form for a folder, one of {known}", "none", f"Add --to srt, or give a file such as {out / 'call.srt'}.")
    if name not in FORMS:
        raise ConfigError(f"a form to write, one of {known}", repr(to or out.suffix), "Name it with --to, or by the suffix of the file.")
    return FORMS[name]


def _refuse_to_replace(path: Path, source: Path, force: bool) -> None:
    if path.exists() and source.exists() and path.samefile(source):
        raise ResultError(path, "another file than the one that is read", "the same", "Give another name.")
    if path.exists() and not force:
        raise ResultError(path, "no file of that name yet", "one that is there", "Add --force to replace it.")


def _chosen(transcripts: Sequence[Transcript], source: Path, conversation: str | None) -> tuple[Transcript, ...]:
    chosen = tuple(t for t in transcripts if conversation is None or t.id == conversation)
    if not chosen:
        ids = ", ".join(repr(t.id) for t in transcripts[:_IDS_SHOWN]) + (", …" if len(transcripts) > _IDS_SHOWN else "")
        raise TranscriptError(source, expected=f"a conversation with the id {conversation!r}", found=f"{len(transcripts)}: {ids}")
    return chosen


def _too_many(out: Path, form: Form, transcripts: Sequence[Transcript]) -> ResultError:
    several = ", ".join(name for name, other in FORMS.items() if other.several)
    hint = f"Give a folder with --to {form.name}, one of them with --conversation, or write {several}."
    return ResultError(out, f"one conversation, as {form.title} holds", f"{len(transcripts)}", hint)


def _into_folder(transcripts: tuple[Transcript, ...], source: Path, out: Path, form: Form, force: bool) -> Converted:
    paths = [out / f"{name}.{form.name}" for name in file_names(transcripts, source.stem)]
    for path in paths:
        _refuse_to_replace(path, source, force)
    written, kept, failed = [], [], []
    for path, transcript in zip(paths, transcripts):
        try:
            form.write((transcript,), path)
        except ResultError as error:
            if len(transcripts) == 1:
                raise
            failed.append(error)
        else:
            written.append(path)
            kept.append(transcript)
    return Converted(tuple(written), tuple(kept), form.name, losses(kept, form, named=len(transcripts) > 1), tuple(failed))
