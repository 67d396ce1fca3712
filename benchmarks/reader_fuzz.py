"""Broken transcripts through every reader: ``python -m benchmarks.reader_fuzz [--count 20000] [--seed 0]``.

Each file is one of the tests' fixtures, of all families of formats, with one to four kinds of damage: to bytes, to lines, or to the
structure of its JSON (keys that are gone, values of another type, nulls, huge numbers, lists doubled or nested); or the half of
another file behind it. Of JSON three in four keep a structure that can be read. One in eight is read as a format that it is not.

It must give transcripts that keep their promises (`tests/readers/test_properties.py`) and that become dialogues, or a
`TranscriptError` with what was expected and found, within `DEADLINE_S`. All else is a failure: it is printed, kept in ``--keep``, and
the exit status is 1. The same seed and number give the same file.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from convemo import registry
from convemo.dialogue.align import align
from convemo.errors import TranscriptError
from convemo.limits import Limits
from convemo.readers import read_transcripts, sniff
from convemo.readers.loading import load_text
from tests.readers import test_whatsapp
from tests.readers.test_properties import FIXTURES, check

DEADLINE_S = 5.0
MOST_DAMAGES = 4
FOREIGN = 0.125
"""Share of the files that are read as another format."""
STRUCTURAL = 0.75
"""Share of the JSON files whose structure alone is damaged."""
_BYTES = (
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\r",
    b"\n",
    b'"',
    b"{",
    b"]",
    b"\\",
    b"<",
    b"&",
    b"\xe2\x80\xae",
    b"-->",
    b",",
    b"9" * 40,
)
_VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1e308,
    -0.5,
    10**30,
    "",
    " ",
    "0:61:99",
    "-3,5",
    "NaN",
    "\ud800",
    "<b>",
    [],
    {},
    [[]],
    [None],
    {"text": None},
)
_CHAT = [{"role": "user", "content": "Where is my order?"}, {"role": "assistant", "content": [{"type": "text", "text": "On its way."}]}]
_ASSEMBLYAI = {
    "id": "a1", "status": "completed", "language_code": "en", "audio_duration": 3, "text": "Hi. Hello!",
    "utterances": [
        {"speaker": "A", "text": "Hi.", "start": 0, "end": 400, "confidence": 0.9,
         "words": [{"text": "Hi.", "start": 0, "end": 400, "confidence": 0.9, "speaker": "A"}]},
        {"speaker": "B", "text": "Hello!", "start": 900, "end": 1400, "confidence": 0.8,
         "words": [{"text": "Hello!", "start": 900, "end": 1400, "confidence": 0.8, "speaker": "B"}]},
    ],
}  # fmt: skip


def seeds() -> list[tuple[str, bytes]]:
    """Whole files, by name: the fixtures, and one of each format whose tests write their own."""
    written = {
        "messages.json": json.dumps(_CHAT),
        "assemblyai.json": json.dumps(_ASSEMBLYAI),
        "ios.txt": test_whatsapp.IOS,
        "android.txt": test_whatsapp.ANDROID,
    }
    return [(path.name, path.read_bytes()) for path in FIXTURES] + [(name, text.encode()) for name, text in written.items()]


def broken(files: list[tuple[str, bytes]], number: int, seed: int) -> tuple[str, bytes, str | None]:
    """File `number`: its name, its bytes, and the format to read it as (``None`` finds that out)."""
    dice = random.Random(f"{seed} {number}")
    name, data = files[number % len(files)]
    kinds = [_structure] if name.endswith(".json") and dice.random() < STRUCTURAL else [_bytes, _bytes, _lines, _lines, _spliced]
    for _ in range(dice.randint(1, MOST_DAMAGES)):
        data = dice.choice(kinds)(data, dice, files)
    return name, data, dice.choice(list(registry.BUILT_IN["reader"])) if dice.random() < FOREIGN else None


def _bytes(data: bytes, dice: random.Random, files: Any) -> bytes:
    at = dice.randrange(len(data) + 1)
    until = min(len(data), at + dice.choice((1, 1, 2, 8, 64, len(data) // 4)))
    return dice.choice(
        (
            data[:at],
            data[at:],
            data[:at] + data[until:],
            data[:at] + dice.choice(_BYTES) + data[at:],
            data[:at] + dice.choice(_BYTES) + data[until:],
            data[:at] + data[at:until] * dice.choice((2, 50)) + data[until:],
            data[:at] + bytes(dice.randrange(256) for _ in range(until - at)) + data[until:],
        )
    )


def _lines(data: bytes, dice: random.Random, files: Any) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return _bytes(data, dice, files)
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    kind = dice.randrange(6)
    if kind == 0:
        del lines[one]
    elif kind == 1:
        lines[one:one] = [lines[other]] * dice.choice((1, 2, 200))
    elif kind == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 3:
        dice.shuffle(lines)
    elif kind == 4:
        lines[one] = dice.choice((b"\n", b"\t\n", lines[one].rstrip(), lines[one][: len(lines[one]) // 2], lines[one].replace(b"0", b"-9")))
    else:
        lines = lines[min(one, other) : max(one, other) + 1]
    return b"".join(lines)


def _spliced(data: bytes, dice: random.Random, files: list[tuple[str, bytes]]) -> bytes:
    _, other = dice.choice(files)
    return data[: dice.randrange(len(data) + 1)] + other[dice.randrange(len(other)) :]


def _structure(data: bytes, dice: random.Random, files: Any) -> bytes:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return _lines(data, dice, files)
    for _ in range(dice.randint(1, 3)):
        places = list(_places(content))
        if not places:
            break
        holder, key = dice.choice(places)
        kind = dice.randrange(7)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = dice.choice(_VALUES)
        elif kind == 2:
            holder[key] = str(holder[key])
        elif kind == 3:
            holder[key] = [holder[key]] * dice.choice((1, 3))
        elif kind == 4:
            holder[key] = {"text": holder[key]}
        elif kind == 5 and isinstance(holder, dict):
            holder[dice.choice(("text", "start", "speaker", "words", "id", key.upper()))] = holder.pop(key)
        else:
            other_holder, other_key = dice.choice(places)
            holder[key] = json.loads(
                json.dumps(other_holder.get(other_key) if isinstance(other_holder, dict) else _at(other_holder, other_key))
            )
    return json.dumps(content, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(content: Any):
    """Every value that hangs in an object or a list, with what it hangs in."""
    waiting = [content]
    while waiting:
        holder = waiting.pop()
        for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ():
            yield holder, key
            waiting.append(value)


def _at(several: list, index: int) -> Any:
    return several[index] if index < len(several) else None


def tried(path: Path, format: str | None) -> str:
    """What becomes of a file, in a few words; whatever breaks a promise is raised."""
    try:
        transcripts = read_transcripts(path, format)
    except TranscriptError as error:
        assert error.expected, error
        str(error).encode("utf-8", "strict")
        return "refused"
    check(transcripts)
    for transcript in transcripts[:20]:
        align(transcript)
    return f"read as {transcripts[0].source}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for the files that break a promise")
    arguments = parser.parse_args()
    files, outcomes, slowest, failures = seeds(), Counter[str](), (0.0, 0), 0
    with tempfile.TemporaryDirectory() as place:
        for name, data in files:
            path = Path(place) / name
            path.write_bytes(data)
            outcomes[f"seeds of {sniff(load_text(str(path), Limits()), str(path))}"] += 1
        began = time.perf_counter()
        for number in range(arguments.first, arguments.first + arguments.count):
            name, data, format = broken(files, number, arguments.seed)
            path = Path(place) / name
            path.write_bytes(data)
            started = time.perf_counter()
            try:
                found = tried(path, format)
            except Exception:
                found = "FAILED"
                print(f"{number} ({name}, as {format or 'what it is'}): {traceback.format_exc(limit=-3)}", flush=True)
            took = time.perf_counter() - started
            if took > DEADLINE_S:
                print(f"{number} ({name}): {took:.1f} s", flush=True)
                found = "FAILED"
            if found == "FAILED":
                failures += 1
                arguments.keep.mkdir(exist_ok=True)
                (arguments.keep / f"{arguments.seed}-{number}-{name}").write_bytes(data)
            outcomes[found] += 1
            slowest = max(slowest, (took, number))
        elapsed = time.perf_counter() - began
    for found, count in sorted(outcomes.items(), key=lambda item: (not item[0].startswith("seeds"), -item[1])):
        print(f"{count:7d}  {found}")
    print(f"{arguments.count} files in {elapsed:.0f} s, the slowest {slowest[0]:.2f} s (number {slowest[1]}); {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
