"""Who speaks, as a file writes it: ``Name: text``, and the words that state a role.

A colon does not make a name: "Note: the bill", "at 10:30", "https://a.b". The rule, in three steps:

1. *Shape.* At the beginning of a line, before a colon that white space follows: 1 to 5 words, at most 40 characters,
   beginning with a letter or "[", no sentence punctuation, and not one of `REMARKS`. It is *proper* if it has no comma and
   every word begins as names do (with a capital, a figure, or in a script without capitals; "de", "van" … may stand
   between), or is a role word such as "agent".
2. *Habit.* A proper one is a name if it opens at least two lines, or if at least `CONSISTENT` of the file's openings (its
   lines, cues or paragraphs), and not only one of several, begin with a proper one. Any other must open at least two lines,
   and `FREQUENT` of the openings.
3. *Share.* All names together open at least `FREQUENT` of the openings; else the file names no speakers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from convemo.readers.wording import tidy
from convemo.types import Role, Speaker, TranscriptSegment

MAX_WORDS = 5
MAX_CHARACTERS = 40
CONSISTENT = 0.5
"""Share of openings that begin with a proper name, from which a name that occurs once is believed."""
FREQUENT = 0.05
"""Share of openings that names must reach."""

REMARKS = frozenset(
    "note notes nb n.b ps p.s nota bene warning caution tip hint example e.g i.e reminder important update summary http https "  # noqa: SIM905
    "laughter laughs laughing music applause silence inaudible unintelligible crosstalk pause noise sighs coughs".split()
)
"""Words that introduce a remark or a sound, never a speaker."""

_PARTICLES = frozenset("de da do du des der den di del della la le van von zu ter ten bin ibn al el y e of the and &".split())  # noqa: SIM905
_TITLES = frozenset({"mr.", "mrs.", "ms.", "mme.", "mlle.", "hr.", "fr.", "dr.", "prof.", "rev.", "st.", "jr.", "sr."})
_PREFIX = re.compile(r"(\[[^\[\]:：]{1,38}\]|[^\W\d_][^:：\n]{0,39}?)\s?(?::(?=\s|$)|：)")
_BULLETS = " \t-–—•>"
_NOT_IN_NAMES = frozenset('?!;…"“”„«»<>{}=*\\')
_ROLES: dict[str, Role] = {
    **dict.fromkeys(("agent", "automated agent", "human agent", "representative", "advisor", "internal", "assistant"), "agent"),
    **dict.fromkeys(("customer", "caller", "client", "external", "end user", "user"), "customer"),
}


def split_name(line: str) -> tuple[str, str] | None:
    """The prefix of a line that has the shape of a name, and the rest; ``None`` if there is none.

    >>> split_name("Dr. Ana María: good morning"), split_name("[SPEAKER_00]: hi")
    (('Dr. Ana María', 'good morning'), ('SPEAKER_00', 'hi'))
    >>> split_name("It is 10:30 now"), split_name("https://a.b"), split_name("Wait! Ana: hi")
    (None, None, None)
    """
    line = line.lstrip(_BULLETS)
    match = _PREFIX.match(line)
    if match is None:
        return None
    name = tidy(match[1][1:-1] if match[1].startswith("[") else match[1])
    return (name, line[match.end() :].strip()) if name[:1].isalpha() and has_shape(name) else None


def has_shape(name: str) -> bool:
    """Whether a text could be a name at all: step 1 of the rule, without the colon."""
    words = name.split()
    if not 1 <= len(words) <= MAX_WORDS or len(name) > MAX_CHARACTERS or not _NOT_IN_NAMES.isdisjoint(name):
        return False
    if name.casefold().rstrip(".") in REMARKS:
        return False
    return all(len(word) == 2 or word.casefold() in _TITLES for word in words if word.endswith("."))  # any other "." ends a sentence


def is_proper(name: str) -> bool:
    """Whether a text with the shape of a name is also written as names are: step 1 of the rule.

    >>> [is_proper(name) for name in ("Ludwig van Dyke", "Jane Doe (she/her)", "agent", "here is the thing", "Well, Ana")]
    [True, True, True, False, False]
    """
    if role_of(name):
        return True
    words = [word for word in name.split() if not word.startswith("(")]  # Zoom: "Jane Doe (she/her)"
    if not words or "," in name or words[0] in _PARTICLES:
        return False
    return all(word in _PARTICLES or not (word.lstrip("[{'-") or word)[0].islower() for word in words)


def names_in(lines: Sequence[str], openings: Sequence[str] | None = None) -> frozenset[str]:
    """Which prefixes of these lines are names of speakers: steps 2 and 3 of the rule.

    Args:
        lines: every line on which a name might stand.
        openings: those at which an utterance most likely begins (cues, paragraphs); ``None``: the lines themselves.

    >>> sorted(names_in(["Ana: It is 10:30.", "Note: see https://a.b", "Ben: Right."]))
    ['Ana', 'Ben']
    >>> sorted(names_in(["Opening hours: nine to five.", "Closed on Monday.", "Ring twice.", "https://a.b"]))
    []
    """
    if not lines:
        return frozenset()
    openings = lines if openings is None else openings
    counts = Counter(_prefixes(lines))
    floor = FREQUENT * len(openings)
    names = {name for name, count in counts.items() if count >= 2 and (is_proper(name) or count >= floor)}
    for group in (lines, openings):
        proper = [name for name in _prefixes(group) if is_proper(name)]
        if len(proper) >= max(CONSISTENT * len(group), min(2, len(group))):
            names.update(proper)
    return frozenset(names) if sum(counts[name] for name in names) >= floor else frozenset()


def _prefixes(lines: Iterable[str]) -> Iterable[str]:
    return (found[0] for found in map(split_name, lines) if found)


def role_of(name: str | None) -> Role | None:
    """The role that a name or a role column itself states.

    >>> role_of("AGENT"), role_of("end_user"), role_of("Customer 2"), role_of("Ana")
    ('agent', 'customer', 'customer', None)
    """
    words = re.sub(r"[\W_]+", " ", name or "").casefold().strip()
    return _ROLES.get(re.sub(r" \d+$", "", words))


def speakers_of(segments: Iterable[TranscriptSegment], roles: Mapping[str, Role] | None = None) -> tuple[Speaker, ...]:
    """Everybody who speaks in these segments or their words, in order of appearance.

    Args:
        roles: what the file states elsewhere, by speaker; else a name that is a role word states it.
    """
    found: dict[str, None] = {}
    for segment in segments:
        for name in (segment.speaker, *(word.speaker for word in segment.words)):
            if name is not None:
                found[name] = None
    roles = roles or {}
    return tuple(Speaker(name, name=name, role=roles.get(name) or role_of(name)) for name in found)
