"""What a rule may say: plain fields, nothing that is run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from os import PathLike, fspath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from convemo.analyzed import NEGATIVE
from convemo.errors import ConfigError

_HINT = "docs/alerts.md explains every field."
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """Emotions that a speaker expresses for so many utterances, or for so long.

    >>> Rule(name="upset", emotions=["anger", "sadness"], at_least=0.6, utterances=3, seconds=20.0, roles=["customer"]).in_words
    'anger or sadness at 0.6 or more for 3 utterances or 20 s of a customer'
    """

    name: Name
    emotions: tuple[Name, ...] = Field(min_length=1)
    """Labels whose probabilities are added: they exclude one another. ``"negative"`` stands for sadness, anger, fear and disgust."""
    at_least: float = Field(gt=0, le=1)
    """Probability from which an utterance counts."""
    clear_below: float | None = Field(default=None, ge=0, le=1)
    """Probability under which it is over; between the two an utterance neither counts nor ends it. ``None``: two thirds of `at_least`."""
    utterances: int | None = Field(default=None, ge=1)
    """How many utterances of one speaker must count …"""
    seconds: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """… or how long it must last, from the beginning of the first to the end of the last that counts. Whichever comes first."""
    roles: tuple[Literal["agent", "customer", "other"], ...] = ()
    """Whose utterances; all if empty."""
    cool_down_s: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    """Seconds after an alert in which this rule raises none for the same speaker; without times it plays no part."""
    cool_down_utterances: int = Field(default=0, ge=0)
    """The same in utterances of that speaker."""

    @field_validator("emotions")
    @classmethod
    def _distinct(cls, emotions: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(label for name in emotions for label in (sorted(NEGATIVE) if name == "negative" else (name,))))

    @model_validator(mode="after")
    def _makes_sense(self) -> Rule:
        if self.utterances is None and self.seconds is None:
            raise ValueError("a rule needs utterances, seconds or both")
        if self.clear_below is not None and self.clear_below > self.at_least:
            raise ValueError(f"clear_below ({self.clear_below:g}) must not be above at_least ({self.at_least:g})")
        return self

    @property
    def cleared_below(self) -> float:
        return self.at_least * 2 / 3 if self.clear_below is None else self.clear_below

    @property
    def in_words(self) -> str:
        emotions = "a negative emotion" if set(self.emotions) == NEGATIVE else " or ".join(self.emotions)
        times = [] if self.utterances is None else [f"{self.utterances} utterance{'s' * (self.utterances != 1)}"]
        times += [] if self.seconds is None else [f"{self.seconds:g} s"]
        whose = " or ".join({"agent": "an agent", "customer": "a customer", "other": "others"}[role] for role in self.roles)
        return f"{emotions} at {self.at_least:g} or more for {' or '.join(times)} of {whose or 'any speaker'}"


class Rules(_Strict):
    """A file of rules: one ``[[alert]]`` each."""

    alert: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _named_apart(self) -> Rules:
        if not self.alert:
            raise ValueError("no [[alert]] in it")
        names = [rule.name for rule in self.alert]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules have the name {twice[0]!r}")
        return self

    @classmethod
    def from_toml(cls, path: str | PathLike) -> Rules:
        """Reads a file of rules.

        Raises:
            ConfigError: the file is missing, is not TOML, or holds a rule that makes no sense.
        """
        try:
            with open(path, "rb") as file:
                content = tomllib.load(file)
        except OSError as error:
            raise ConfigError(f"a file of alert rules at {fspath(path)}", error.strerror or str(error), "Check the path.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"TOML in {fspath(path)}", str(error), _HINT) from error
        return cls.of(content, where=f" in {fspath(path)}")

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str = "") -> Rules:
        """Rules from what TOML or JSON hold.

        Raises:
            ConfigError: a rule makes no sense.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            number = next((part + 1 for part in first["loc"] if isinstance(part, int)), None)
            field = next((str(part) for part in reversed(first["loc"]) if isinstance(part, str) and part != "alert"), "")
            place = (f"alert {number}" if number else "the file") + (f", {field}" if field else "")
            raise ConfigError(
                f"alert rules{where} that make sense", f"{place}: {first['msg'].removeprefix('Value error, ')}", _HINT
            ) from error

    @classmethod
    def default(cls) -> Rules:
        """Those that come with convemo: `convemo/alerts/default.toml`."""
        return _default()

    def to_dict(self) -> dict[str, Any]:
        """As JSON and TOML have them; `of` gives them back."""
        return {"alert": [rule.model_dump(mode="json", exclude_none=True) for rule in self.alert]}


@cache
def _default() -> Rules:
    return Rules.of(tomllib.loads(files(__package__).joinpath("default.toml").read_text(encoding="utf-8")))
