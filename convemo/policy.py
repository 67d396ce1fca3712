"""Who may be judged, and by what: decided before any channel sees an utterance.

Inferring emotions of people at work from their voice is prohibited in the European Union (AI Act, Regulation 2024/1689, Art. 5(1)(f));
of customers it is not, but they must be told (Art. 50). A `Policy` leaves people out, or leaves the voice out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from convemo.errors import ConfigError
from convemo.types import Dialogue, Role, Speaker

_ANONYMOUS = re.compile(r"(?:unknown|unknown speaker|speaker|spk|voice|participant)?[ _-]?(?:\d+|[a-z])?", re.IGNORECASE)
"""What tools write for somebody whom they cannot name: "speaker 1", "SPEAKER_00", "spk_1", "Speaker B", "Unknown"."""


class Policy(BaseModel):
    """Whom to leave out, and whether voices may be judged at all.

    Nobody who is excluded is scored by any channel, and no channel is shown what they say. Who cannot be told from the
    excluded is excluded too: a speaker of unknown role where a role is excluded, an anonymous one where a name is.

    >>> Policy.parse("exclude:agent,Ana")
    Policy(mode='all', exclude_roles=('agent',), exclude_speakers=('Ana',))
    >>> Policy.parse("text-only").mode
    'text-only'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["all", "text-only"] = "all"
    """``"text-only"`` never judges a voice: the sound serves only to transcribe and to tell speakers apart."""
    exclude_roles: tuple[Role, ...] = ()
    exclude_speakers: tuple[str, ...] = ()
    """Ids or names, upper and lower case alike."""

    @classmethod
    def parse(cls, text: str) -> Policy:
        """A policy in one line: ``all``, ``text-only``, ``exclude:WHO,WHO``, or ``text-only;exclude:WHO``; WHO is a role or a speaker.

        Raises:
            ConfigError: it is none of these.
        """
        mode, roles, speakers = "all", [], []
        for part in filter(None, (p.strip() for p in text.split(";"))):
            kind, _, names = part.partition(":")
            if kind in ("all", "text-only") and not names:
                mode = kind
            elif kind == "exclude" and names.strip():
                for name in filter(None, (n.strip() for n in names.split(","))):
                    role = name.casefold() in get_args(Role)
                    (roles if role else speakers).append(name.casefold() if role else name)
            else:
                raise ConfigError("a policy such as 'text-only' or 'exclude:agent,Ana'", repr(part))
        try:
            return cls(mode=mode, exclude_roles=tuple(roles), exclude_speakers=tuple(speakers))
        except ValidationError as error:
            raise ConfigError("a policy such as 'text-only' or 'exclude:agent,Ana'", repr(text)) from error

    def exclusions(self, dialogue: Dialogue) -> dict[str, str]:
        """Speaker id → why the policy leaves them out; only those who are left out."""
        return {s.id: reason for s in dialogue.speakers if (reason := self._why(s, dialogue)) is not None}

    def _why(self, speaker: Speaker, dialogue: Dialogue) -> str | None:
        named = {name.casefold() for name in self.exclude_speakers}
        if named & _names(speaker):
            return "excluded by the policy"
        if speaker.role in self.exclude_roles:
            return f"excluded by the policy: {speaker.role}"
        if self.exclude_roles and speaker.role is None:
            return f"excluded by the policy: may be the {' or the '.join(self.exclude_roles)}, role unknown"
        if self.unmatched(dialogue) and _ANONYMOUS.fullmatch((speaker.name or speaker.id).strip()):
            return "excluded by the policy: may be one of those it names"
        return None

    def unmatched(self, dialogue: Dialogue) -> tuple[str, ...]:
        """Names that the policy excludes and that nobody in this dialogue has: perhaps they are spelt otherwise here."""
        here = {name for s in dialogue.speakers for name in _names(s)}
        return tuple(name for name in self.exclude_speakers if name.casefold() not in here)

    def visible(self, dialogue: Dialogue) -> Iterator[int]:
        """Indices of the utterances that channels may see."""
        excluded = self.exclusions(dialogue)
        return (i for i, utterance in enumerate(dialogue) if utterance.speaker not in excluded)


def _names(speaker: Speaker) -> set[str]:
    return {name.casefold() for name in (speaker.id, speaker.name) if name is not None}
