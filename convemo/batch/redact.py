"""Words that nobody shall read: taken out as soon as they are heard, before a channel, a cache or a file gets them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module

from convemo import registry
from convemo.errors import ConfigError
from convemo.types import Dialogue, Speaker

Redactor = Callable[[str], str]
"""Takes a text, gives it without what shall not be read. The same text twice gives the same."""

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
_NUMBER = re.compile(r"\+?\(?\d[\d\s().,/:-]*\d\)?|\d")
_SPOKEN = ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "double", "triple"]
_SPOKEN_NUMBER = re.compile(rf"\b(?:(?:{'|'.join(_SPOKEN)})\b[\s,.-]*){{4,}}", re.IGNORECASE)


def emails(text: str) -> str:
    """
    >>> emails("Write to ana.b@example.org please.")
    'Write to [email] please.'
    """
    return _EMAIL.sub("[email]", text)


def numbers(text: str) -> str:
    """Digits in any grouping, and four or more spoken digits on end, as transcripts without digits write a card number.

    >>> numbers("It is 4929 1234-5678, and four nine two nine one."), numbers("Two of us.")
    ('It is [number], and [number].', 'Two of us.')
    """

    def spoken(match: re.Match[str]) -> str:
        return "[number]" + match[0][len(match[0].rstrip(" \t\n,.-")) :]

    return _SPOKEN_NUMBER.sub(spoken, _NUMBER.sub("[number]", text))


def find(names: Sequence[str]) -> list[Redactor]:
    """The redactors of these names: built-in ones (``numbers``, ``emails``), a package's, or ``package.module:function``.

    Raises:
        ConfigError: there is none of that name.
    """
    return [_imported(name) if ":" in name else registry.find("redactor", name) for name in names]


def name_of(redactor: str | Redactor) -> str:
    """What it is called in the run's manifest and in what results are kept by.

    >>> name_of("numbers"), name_of(emails)
    ('numbers', 'convemo.batch.redact:emails')
    """
    if isinstance(redactor, str):
        return redactor
    return f"{getattr(redactor, '__module__', '')}:{getattr(redactor, '__qualname__', type(redactor).__qualname__)}"


def redact(dialogue: Dialogue, redactors: Sequence[Redactor]) -> Dialogue:
    """The dialogue without what the redactors take out, in texts and in the speakers' names and ids.

    A text that was changed loses its single words with their times: which of them was meant cannot be told.
    """
    if not redactors:
        return dialogue
    speakers: dict[str, Speaker] = {}
    for speaker in dialogue.speakers:
        id, number = _apply(redactors, speaker.id), 1
        while (chosen := id if number == 1 else f"{id} {number}") in {s.id for s in speakers.values()}:
            number += 1
        speakers[speaker.id] = replace(speaker, id=chosen, name=_apply(redactors, speaker.name))
    utterances = []
    for u in dialogue:
        text = _apply(redactors, u.text)
        words = u.words if text == u.text and not _hidden(redactors, u.words) else ()
        utterances.append(replace(u, speaker=speakers[u.speaker].id, text=text, words=tuple(replace(w, speaker=None) for w in words)))
    return replace(dialogue, utterances=tuple(utterances), speakers=tuple(speakers.values()))


def _hidden(redactors: Sequence[Redactor], words) -> bool:
    said = " ".join(word.text for word in words)
    return _apply(redactors, said) != said


def _apply(redactors: Sequence[Redactor], text: str | None) -> str | None:
    if text is None:
        return None
    for redactor in redactors:
        text = redactor(text)
    if not isinstance(text, str):
        raise ConfigError("a redactor that gives text", type(text).__name__)
    return text


def _imported(name: str) -> Redactor:
    module, _, attribute = name.partition(":")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("a redactor as package.module:function", repr(name), str(error)) from error
    if not callable(found):
        raise ConfigError("a redactor that can be called", repr(name))
    return found
