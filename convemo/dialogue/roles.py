"""Who is the agent and who the customer: as the caller says, else as the transcript says, else as plain names tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

from convemo.errors import ConfigError
from convemo.types import Dialogue, Role, Speaker

_AGENT = "agent support operator representative advisor adviser assistant csr helpdesk service consultant employee staff bot"
_CUSTOMER = "customer caller client user enduser subscriber visitor buyer shopper claimant"

AGENT_WORDS = frozenset(_AGENT.split())
"""Words in a speaker's name or id that make them an agent. They win over the customer's: "customer support" is an agent."""

CUSTOMER_WORDS = frozenset(_CUSTOMER.split())
"""Words that make them a customer. Words that are also common surnames ("Guest") are left out."""

_ROLES = get_args(Role)


def assign_roles(dialogue: Dialogue, by: Mapping[str, Role] | None = None) -> Dialogue:
    """The dialogue with its speakers' roles.

    Args:
        dialogue: who said what.
        by: the caller's word, which wins: a speaker's id or name (upper and lower case alike) or ``"channel:0"`` → ``"agent"``,
            ``"customer"`` or ``"other"``. Keys that match nobody do nothing: one table serves a thousand calls.

    Raises:
        ConfigError: a role is unknown, or a channel is not a number.

    >>> from convemo.types import Speaker
    >>> calls = Dialogue("d", (), (Speaker("s1", name="Ana"), Speaker("s2", name="Customer 7"), Speaker("s3")))
    >>> [speaker.role for speaker in assign_roles(calls, {"ana": "agent"}).speakers]
    ['agent', 'customer', None]
    """
    by_name, by_channel = _parsed(by or {})
    return replace(dialogue, speakers=tuple(replace(s, role=_role(s, by_name, by_channel)) for s in dialogue.speakers))


def _role(speaker: Speaker, by_name: Mapping[str, Role], by_channel: Mapping[int, Role]) -> Role | None:
    for key in (speaker.id, speaker.name):
        if key is not None and key.strip().casefold() in by_name:
            return by_name[key.strip().casefold()]
    if speaker.channel in by_channel:
        return by_channel[speaker.channel]
    if speaker.role is not None:
        return speaker.role
    return role_of_name(speaker.name if speaker.name is not None else speaker.id)


def role_of_name(name: str) -> Role | None:
    """The role that a plain name tells, if it does.

    >>> [role_of_name(name) for name in ("AGENT_01", "Customer Support", "end user", "Ana")]
    ['agent', 'agent', 'customer', None]
    """
    words = set(re.findall(r"[^\W\d_]+", name.casefold()))
    if words & AGENT_WORDS:
        return "agent"
    return "customer" if words & CUSTOMER_WORDS else None


def _parsed(by: Mapping[str, Role]) -> tuple[dict[str, Role], dict[int, Role]]:
    by_name: dict[str, Role] = {}
    by_channel: dict[int, Role] = {}
    for key, role in by.items():
        if role not in _ROLES:
            raise ConfigError(f"a role for {key!r}: {', '.join(_ROLES)}", repr(role))
        kind, colon, number = key.strip().casefold().partition(":")
        if not (colon and kind == "channel"):
            by_name[key.strip().casefold()] = role
        elif number.strip().isascii() and number.strip().isdigit():
            by_channel[int(number)] = role
        else:
            raise ConfigError("a channel counted from 0, such as 'channel:0'", repr(key))
    return by_name, by_channel
