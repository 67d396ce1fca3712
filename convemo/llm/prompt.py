"""Prompts: files that say how a language model is asked. Data only, with a few fixed placeholders: every word that is sent can be read.

The ones that come with convemo are ``prompts/NAME-VERSION.toml`` and never change once released. A prompt of one's own is a file of
the same form, named by its path. docs/prompts.md has every field.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, ValidationError, field_validator, model_validator

from convemo.errors import ConfigError
from convemo.llm.transcript import LONGEST, has_control_token, line
from convemo.types import LabelSet, Role

PACKAGE = "convemo.prompts"
DEFAULT = "zero-shot"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What options are called; a prompt has as many labels at most."""
IN_INSTRUCTION, IN_QUESTION = ("{labels}", "{examples}"), ("{speaker}", "{id}", "{profile}", "{options}")
"""The placeholders of each text."""

_PLACEHOLDER = re.compile(r"\{[^{}\n]*\}|[{}]")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSIONED = re.compile(rf"({_NAME.pattern})-(\d+)\.toml")
_THERE = " :: "
"""Parts what one of our checks expects from what it found."""
_LONGEST_FILE = 200_000
"""Bytes; what is longer is no prompt."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ExampleTurn(BaseModel):
    """What somebody says in an example."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    speaker: Annotated[str, StringConstraints(pattern=r"^S[1-9]\d?$")]
    """``"S1"``, ``"S2"`` …, as speakers are called in a prompt."""
    text: Text
    role: Role | None = None
    voice: Text | None = None
    """How it sounded, in the words of `convemo.features.voice.levels`."""


class Example(BaseModel):
    """A stretch of conversation whose last turn expresses a known emotion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    turns: tuple[ExampleTurn, ...] = Field(min_length=1)


class Prompt(BaseModel):
    """How a language model is asked which emotion an utterance expresses.

    >>> prompt = Prompt.load("zero-shot-1")
    >>> prompt.name, prompt.label_set[:2], len(prompt.sha256)
    ('zero-shot-1', ('neutral', 'joy'), 64)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(pattern=f"^{_NAME.pattern}$")]
    version: int = Field(ge=1)
    language: str = Field(pattern="^[a-z]{2,3}$")
    """ISO 639-1 code of the prompt's own words, whatever the conversation's."""
    about: Text
    """In a few words, for lists."""
    instruction: Text
    """What is the same for every utterance: the system message. Has ``{labels}``, and ``{examples}`` if there are any."""
    question: Text
    """What follows the utterance. Has ``{options}``, once; may have ``{speaker}``, ``{id}``, ``{profile}``."""
    labels: dict[str, Text] = Field(min_length=2, max_length=len(LETTERS))
    """Label → what it means, in the order in which a channel gives its scores."""
    history: int = Field(16, ge=0, le=64)
    """How many earlier utterances are shown at most."""
    block: int = Field(8, ge=1, le=64)
    """By how many utterances the window moves at once, `history` at most. Between two moves a prompt goes on where the last one ended."""
    longest: int = Field(LONGEST, ge=50, le=20_000)
    """Characters of an utterance that are shown."""
    voice: bool = False
    """Whether each utterance's line says how it sounded, compared with the same speaker's earlier ones."""
    examples: tuple[Example, ...] = ()

    _sha256: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """Id and version, e.g. ``"zero-shot-1"``."""
        return f"{self.id}-{self.version}"

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self._sha256

    @property
    def label_set(self) -> LabelSet:
        return LabelSet(tuple(self.labels))

    @property
    def letters(self) -> tuple[str, ...]:
        """What the options are called."""
        return tuple(LETTERS[: len(self.labels)])

    @property
    def profile(self) -> bool:
        """Whether the question tells how the speaker has talked so far."""
        return "{profile}" in self.question

    @classmethod
    def load(cls, name: str | PathLike = DEFAULT) -> Prompt:
        """A prompt by its name or its file.

        Args:
            name: one that comes with convemo, ``"zero-shot"`` (its latest version) or ``"zero-shot-1"``; or the path of a TOML file.

        Raises:
            ConfigError: there is no such prompt, or the file is not a prompt; the message names the field.
        """
        name = fspath(name)
        if name.endswith(".toml"):
            return cls._parse(name, _read(Path(name)))
        file = _shipped().get(name) or _latest(name)
        if file is None:
            known = ", ".join(dict.fromkeys(_VERSIONED.fullmatch(f"{n}.toml")[1] for n in sorted(_shipped())))
            raise ConfigError(f"one of the prompts {known}, or a file ending in .toml", repr(name), "`convemo prompts list` shows them.")
        return cls._parse(f"prompt {name}", file.read_bytes())

    @classmethod
    def _parse(cls, where: str, content: bytes) -> Prompt:
        try:
            prompt = cls(**tomllib.loads(content.decode("utf-8")))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "the prompt"
            unknown = first["type"] == "extra_forbidden"
            expected, ours, found = first["msg"].removeprefix("Value error, ").partition(_THERE)
            expected = f"one of {', '.join(cls.model_fields)}" if unknown else expected
            found = found if ours else "nothing" if first["type"] == "missing" else repr(first["input"])[:80]
            raise ConfigError(f"{where}: {field}: {expected}", found, "docs/prompts.md has every field.") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{where}: a prompt in TOML, UTF-8", str(error), "docs/prompts.md has every field.") from error
        prompt._sha256 = hashlib.sha256(content).hexdigest()
        return prompt

    @field_validator("instruction", "question")
    @classmethod
    def _known_placeholders(cls, text: str, info) -> str:
        known = IN_INSTRUCTION if info.field_name == "instruction" else IN_QUESTION
        if others := [found for found in _PLACEHOLDER.findall(text) if found not in known]:
            raise ValueError(f"no braces but those of {', '.join(known)}{_THERE}{others[0]}")
        return text

    @model_validator(mode="after")
    def _whole(self) -> Prompt:
        for field, placeholder, times in (
            ("instruction", "{labels}", 1),
            ("instruction", "{examples}", int(bool(self.examples))),
            ("question", "{options}", 1),
        ):
            if (count := getattr(self, field).count(placeholder)) != times:
                raise ValueError(
                    f"{placeholder} {'once' if times else 'nowhere'} in its {field}{_THERE}{count}, with {len(self.examples)} [[examples]]"
                )
        if strange := [e.label for e in self.examples if e.label not in self.labels]:
            raise ValueError(f"examples with a label of [labels]{_THERE}{strange[0]!r}")
        texts = [self.instruction, self.question, *self.labels, *self.labels.values()]
        if broken := [text for text in texts if has_control_token(text)]:
            raise ValueError(f"texts without a model's control tokens, which engines add themselves{_THERE}{broken[0][:60]!r}")
        if odd := [label for label in self.labels if not label.strip() or len(label.splitlines()) > 1 or set(label) & set("{}")]:
            raise ValueError(f"labels of one line, without braces{_THERE}{odd[0]!r}")
        return self

    def static(self) -> str:
        """The system message."""
        labels = "\n".join(f"- {label}: {meaning}" for label, meaning in self.labels.items())
        return fill(self.instruction, {"{labels}": labels, "{examples}": self._examples()})

    def ask(self, number: int, speaker: int, order: tuple[int, ...], profile: str = "") -> str:
        """The question about an utterance, its options in some order.

        Args:
            number, speaker: the utterance's and its speaker's, as `transcript.line` has them.
            order: for each option, the index of its label in `labels`.
            profile: one line on how the speaker has talked so far.
        """
        names = tuple(self.labels)
        options = "\n".join(f"{letter}) {names[index]}" for letter, index in zip(self.letters, order))
        told = {"{speaker}": f"S{speaker}", "{id}": f"u{number}", "{profile}": profile, "{options}": options}
        return fill(self.question, told).lstrip()

    def _examples(self) -> str:
        """The examples as they are asked, with the answer. Their options turn from one to the next: no letter is right more often."""
        shown, count = [], len(self.labels)
        places = random.Random(0).sample(range(count), count)
        for number, example in enumerate(self.examples):
            shift = tuple(self.labels).index(example.label) - places[number % count]
            order = tuple((shift + k) % count for k in range(count))
            lines = [
                line(n, int(t.speaker[1:]), t.text, role=t.role, voice=t.voice if self.voice else None, longest=self.longest)
                for n, t in enumerate(example.turns, 1)
            ]
            last = len(example.turns)
            asked = self.ask(last, int(example.turns[-1].speaker[1:]), order)
            shown.append("\n".join([*lines, f"{asked} {self.letters[places[number % count]]}"]))
        return "\n\n".join(shown)


def fill(text: str, values: dict[str, str]) -> str:
    """The text with its placeholders filled in one pass: what is filled in is not looked at again.

    >>> fill("{id}: {options}", {"{id}": "{options}", "{options}": "A) joy"})
    '{options}: A) joy'
    """
    return _PLACEHOLDER.sub(lambda match: values[match[0]], text)


def shipped() -> Iterator[Prompt]:
    """The prompts that come with convemo, by name and version."""
    for name in sorted(_shipped()):
        yield Prompt.load(name)


def _shipped():
    """Name with version → file."""
    return {file.name.removesuffix(".toml"): file for file in files(PACKAGE).iterdir() if _VERSIONED.fullmatch(file.name)}


def _latest(name: str):
    versions = {int(found[2]): file for file in _shipped().values() if (found := _VERSIONED.fullmatch(file.name)) and found[1] == name}
    return versions[max(versions)] if versions else None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LONGEST_FILE:
            raise ConfigError(f"a prompt of at most {_LONGEST_FILE // 1000} kB at {path}", f"{path.stat().st_size // 1000} kB")
        return path.read_bytes()
    except OSError as error:
        hint = "`convemo prompts list` shows those that come with convemo."
        raise ConfigError(f"a prompt at {path}", error.strerror or str(error), hint) from error
