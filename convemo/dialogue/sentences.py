"""Where a sentence ends, as far as its punctuation tells."""

from __future__ import annotations

import re

from convemo.dialogue.tokens import CLOSERS

_OPENERS = "\"'“‘«([{¿¡-–—「『（【"
_MARKS = "?!‽。？！｡؟।॥"
"""Marks that always end a sentence; the full stop and the ellipsis need a second look."""

_NEVER = """
    dr mr mrs ms mx prof rev gen sen rep gov capt sgt lt col messrs mme mlle st e.g i.e eg ie cf vs viz approx ca
    fig figs vol pp ed eds art z.b d.h u.a o.ä bzw vgl hr fr nr no nos
"""
_MAYBE = "etc usw jr sr inc ltd co corp dept ave blvd a.m p.m am pm ph.d min max tel ext"

_NEVER_LAST = frozenset(_NEVER.split())
"""Abbreviations that something always follows: English titles and connectives, and the commonest German and French ones."""

_MAYBE_LAST = frozenset(_MAYBE.split())
"""Abbreviations that may also end a sentence: they do unless what follows goes on in lower case."""

_INITIAL = re.compile(r"[^\W\d_]")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")  # U.S, z.B, a.k.a
_NUMBER = re.compile(r"[\d.,]*\d")


def ends_sentence(text: str | None, following: str | None = None) -> bool:
    """Whether a sentence ends with this word.

    Args:
        text: the word with its punctuation.
        following: the word after it, if there is one: it settles "etc.", "3." and "…".

    >>> [ends_sentence(word, "He") for word in ("sure.", "really?!", "“Stop!”", "Dr.", "J.", "e.g.", "3.5")]
    [True, True, True, False, False, False, False]
    >>> ends_sentence("etc.", "and"), ends_sentence("etc.", "Then"), ends_sentence("well…", "maybe")
    (False, True, False)
    """
    written = (text or "").strip()
    if written[-1:].isalnum():  # most words: a batch asks a hundred thousand times
        return False
    core = written.rstrip(CLOSERS)
    if not core:
        return False
    if core[-1] in _MARKS:
        return True
    if core.endswith(("…", "...")):
        return not _continues(following)
    if not core.endswith("."):
        return False
    stem = core[:-1].split()[-1].lstrip(_OPENERS) if core[:-1].strip() else ""
    lowered = stem.lower()
    if lowered in _NEVER_LAST or (_INITIAL.fullmatch(stem) and stem != "I"):
        # "No." before a capital is an answer; "no. 7" is a number.
        return lowered == "no" and not _begins_with_digit(following)
    if lowered in _MAYBE_LAST or _DOTTED.fullmatch(stem) or _NUMBER.fullmatch(stem):
        return not _continues(following)
    return True


def _continues(following: str | None) -> bool:
    """Whether the next word goes on with the sentence: it begins in lower case or with a digit."""
    head = (following or "").strip().lstrip(_OPENERS)[:1]
    return head.islower() or head.isdigit()


def _begins_with_digit(following: str | None) -> bool:
    return (following or "").strip().lstrip(_OPENERS)[:1].isdigit()
