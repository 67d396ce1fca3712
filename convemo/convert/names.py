"""Names of speakers and files, as the forms allow them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count

from convemo.readers.names import is_proper, split_name
from convemo.types import Speaker, Transcript

_LONGEST = 120


def shown_names(speakers: Iterable[Speaker]) -> dict[str, str]:
    """Speaker id → the name to show: their own, with the id where two share one.

    >>> shown_names([Speaker("1", "Ana"), Speaker("2", "Ana"), Speaker("3")])
    {'1': 'Ana (1)', '2': 'Ana (2)', '3': '3'}
    """
    speakers = list(speakers)
    names = {s.id: " ".join((s.name or "").split()) or s.id for s in speakers}
    of = Counter(names.values())
    return {id: f"{name} ({id})" if of[name] > 1 and name != id else name for id, name in names.items()}


def prefixes(speakers: Iterable[Speaker]) -> dict[str, str]:
    """Speaker id → a name that is known as one before a colon, by the rule of `convemo.readers.names`; distinct.

    >>> prefixes([Speaker("Ana"), Speaker("media_channel 1"), Speaker("101"), Speaker("a: b")])
    {'Ana': 'Ana', 'media_channel 1': 'Media_channel 1', '101': 'Speaker 101', 'a: b': 'A B'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for id, name in shown_names(speakers).items():
        wanted = _prefix(name)
        numbered = (wanted if n == 1 else f"{wanted} {n}" for n in count(1))
        found[id] = next(candidate for candidate in numbered if candidate not in taken)
        taken.add(found[id])
    return found


def _prefix(name: str) -> str:
    """The name itself if it is known as one; else with capitals; else as ``Speaker NAME``."""
    words = name.replace(":", " ").replace("：", " ").replace(",", " ").split()
    capital = " ".join(word[:1].upper() + word[1:] for word in words)
    return next(filter(_known, (name, capital, f"Speaker {capital}")), capital)


def _known(name: str) -> bool:
    return is_proper(name) and split_name(f"{name}: x") == (name, "x")


def file_names(transcripts: Sequence[Transcript], otherwise: str) -> list[str]:
    """A file's name for each conversation: its id, made safe; of two alike, the second gets a number.

    Args:
        otherwise: for the one conversation of a file, whatever its id; and before the number of one that has no id.

    >>> file_names([Transcript((), id="a/b"), Transcript((), id="A?B"), Transcript(())], "calls")
    ['a_b', 'A_B-2', 'calls']
    """
    if len(transcripts) == 1:
        return [otherwise]
    found: dict[str, str] = {}
    for transcript in transcripts:
        id = transcript.id or otherwise
        name = "".join(c if c.isalnum() or c in "-_. " else "_" for c in id).strip(" .")[:_LONGEST] or "conversation"
        numbered = (name if n == 1 else f"{name}-{n}" for n in count(1))
        chosen = next(candidate for candidate in numbered if candidate.casefold() not in found)
        found[chosen.casefold()] = chosen
    return list(found.values())
