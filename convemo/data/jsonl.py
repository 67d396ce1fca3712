"""Our own format, and the one for your data: JSON Lines, one dialogue a line.

::

    {"id": "d1", "split": "test", "utterances": [{"id": "u1", "speaker": "Mark", "text": "…", "start": 0.0, "end": 2.3,
      "label": "surprise", "audio": "d1/u1.flac", "features": {"f0_mean_hz": 181.2}}]}

Only ``utterances`` and each ``speaker`` are required. ``audio`` is relative to the file's folder, ``dimensions`` of an utterance are the
reference valence, arousal and dominance in [-1, 1]. Optional beside them: ``language`` and ``speakers``, a list of ``{"id", "name", "role",
"channel", "gender"}``. Any other name with a text or a whole number, e.g. ``"session": 3``, is where the dialogue is filed
(`Dialogue.groups`). A file is one part, or each of its lines names its ``split``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from convemo.data import check_split, read_lines
from convemo.errors import DataError
from convemo.types import LABELS, Dialogue, Role, Speaker, Utterance

_NAMES = ("id", "split", "language", "speakers", "utterances")


def load(root: Path, split: str | None = None, *, labels: Collection[str] | None = LABELS) -> tuple[Dialogue, ...]:
    """Every dialogue of one ``.jsonl`` file or of all that lie in a folder.

    Args:
        root: the file, or the folder.
        split: keep the lines with this ``split``; a line without one belongs to the part that its file is named after
            (``train.jsonl``), if to any. ``None`` for all.
        labels: those that may occur, so that no typing error becomes an emotion; ``None`` for any.

    Raises:
        DataError: no file there, or a line that is not in this format; names the file, the line and what was expected.
        ValueError: no such split.
    """
    check_split(split)
    root = Path(root)
    paths = sorted(root.glob("*.jsonl")) if root.is_dir() else [root]
    if not paths:
        raise DataError(root, "files ending in .jsonl", "none", "One dialogue a line; see the documentation of convemo.data.jsonl.")
    dialogues: list[Dialogue] = []
    seen: set[str] = set()
    for path in paths:
        for number, line in enumerate(read_lines(path, "whoever made it"), 1):
            if not line.strip():
                continue
            reader = _Line(path, number, labels)
            record = reader.parse(line)
            if split is not None and record.get("split", path.stem) != split:
                continue
            dialogue = reader.dialogue(record)
            if dialogue.id in seen:
                raise reader.error("dialogue ids that differ", f"{dialogue.id!r} again")
            seen.add(dialogue.id)
            dialogues.append(dialogue)
    return tuple(dialogues)


def write(path: Path, dialogues: Iterable[Dialogue], split: str | None = None) -> None:
    """Writes dialogues so that `load` gives them back equal (words, evidence and voices aside, which this format does not carry).

    Args:
        path: the file; what was there is replaced.
        dialogues: audio paths inside the file's folder become relative to it.
        split: written on every line, if given.
    """
    check_split(split)
    with open(path, "w", encoding="utf-8") as file:
        for dialogue in dialogues:
            record: dict[str, Any] = {**(dialogue.groups or {}), "id": dialogue.id}
            record |= {"split": split} if split else {}
            record |= {"language": dialogue.language} if dialogue.language else {}
            record["speakers"] = [_speaker_record(s, dialogue.genders or {}) for s in dialogue.speakers]
            record["utterances"] = [_utterance_record(u, Path(path).parent) for u in dialogue]
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def _present(item: object, *names: str) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names if getattr(item, name) is not None}


def _speaker_record(speaker: Speaker, genders: Mapping[str, str]) -> dict[str, Any]:
    record = _present(speaker, "id", "name", "role", "channel")
    return record | {"gender": genders[speaker.id]} if speaker.id in genders else record


def _utterance_record(utterance: Utterance, folder: Path) -> dict[str, Any]:
    record = _present(utterance, "id", "speaker", "text", "start", "end", "label")
    if utterance.audio is not None:
        audio = Path(utterance.audio)
        record["audio"] = audio.relative_to(folder).as_posix() if audio.is_relative_to(folder) else str(audio)
    for name in ("features", "dimensions"):
        if (numbers := getattr(utterance, name)) is not None:
            record[name] = dict(numbers)
    return record


class _Line:
    """One line being read: knows where it is, so that every error can say so."""

    def __init__(self, path: Path, number: int, labels: Collection[str] | None):
        self.path, self.number, self.labels = path, number, labels

    def error(self, expected: str, found: str) -> DataError:
        return DataError(self.path, expected, found, line=self.number)

    def parse(self, line: str) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self.error("one JSON object a line", str(error)) from error
        if not isinstance(record, dict):
            raise self.error("one JSON object a line", type(record).__name__)
        if not isinstance(record.get("utterances"), list) or not record["utterances"]:
            raise self.error("a list of utterances under 'utterances'", repr(record.get("utterances")))
        return record

    def dialogue(self, record: Mapping[str, Any]) -> Dialogue:
        id = self.take(record, "id", str, "the dialogue") or f"{self.path.stem}-{self.number}"
        utterances = tuple(self.utterance(item, f"{id}-{i}", f"utterance {i}") for i, item in enumerate(record["utterances"], 1))
        if len({u.id for u in utterances}) != len(utterances):
            raise self.error("utterance ids that differ", f"one of {id!r} twice")
        speakers = {speaker.id: speaker for speaker in self.speakers(record)}
        for utterance in utterances:
            speakers.setdefault(utterance.speaker, Speaker(utterance.speaker))
        groups = {
            name: str(value)
            for name, value in record.items()
            if name not in _NAMES and isinstance(value, str | int) and not isinstance(value, bool)
        }
        genders = {item["id"]: gender for item in record.get("speakers") or () if (gender := self.take(item, "gender", str, "a speaker"))}
        language = self.take(record, "language", str, "the dialogue")
        return Dialogue(id, utterances, tuple(speakers.values()), language, groups=groups or None, genders=genders or None)

    def speakers(self, record: Mapping[str, Any]) -> Iterable[Speaker]:
        for item in self.take(record, "speakers", list, "the dialogue") or ():
            if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                raise self.error("speakers with an 'id'", repr(item))
            role = self.take(item, "role", str, "a speaker")
            if role is not None and role not in get_args(Role):
                raise self.error(f"a role among {', '.join(get_args(Role))}", repr(role))
            yield Speaker(item["id"], self.take(item, "name", str, "a speaker"), role, self.take(item, "channel", int, "a speaker"))

    def utterance(self, item: Any, id: str, where: str) -> Utterance:
        if not isinstance(item, dict):
            raise self.error(f"an object for {where}", repr(item))
        speaker = self.take(item, "speaker", str, where)
        if not speaker:
            raise self.error(f"a 'speaker' for {where}", repr(speaker))
        start, end = (self.number_at(item, name, where) for name in ("start", "end"))
        if start is not None and end is not None and end < start:
            raise self.error(f"'end' at or after 'start' in {where}", f"{start} to {end}")
        label = self.take(item, "label", str, where)
        if label is not None and self.labels is not None and label not in self.labels:
            raise self.error(f"a label among {', '.join(self.labels)} for {where}", repr(label))
        audio = self.take(item, "audio", str, where)
        return Utterance(
            self.take(item, "id", str, where) or id,
            speaker,
            self.take(item, "text", str, where),
            start,
            end,
            label=label,
            audio=str(self.path.parent / audio) if audio else None,
            features=self.numbers(item, "features", where),
            dimensions=self.numbers(item, "dimensions", where),
        )

    def numbers(self, item: Mapping[str, Any], name: str, where: str) -> dict[str, float] | None:
        values = self.take(item, name, dict, where)
        return None if values is None else {key: self.number_at(values, key, where) for key in values if values[key] is not None}

    def take(self, item: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
        value = item.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise self.error(f"'{name}' of {where} to be of type {kind.__name__}", repr(value))
        return value

    def number_at(self, item: Mapping[str, Any], name: str, where: str) -> float | None:
        value = item.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.error(f"a finite number for '{name}' of {where}", repr(value))
        return float(value)
