"""Agent, customer, other."""

import pytest

from convemo.dialogue.roles import assign_roles, role_of_name
from convemo.errors import ConfigError
from convemo.types import Dialogue, Speaker


def roles(*speakers, by=None):
    return [s.role for s in assign_roles(Dialogue("d", (), speakers), by).speakers]


def test_the_callers_word_wins_over_transcript_and_name():
    assert roles(Speaker("Agent", role="agent"), by={"agent": "other"}) == ["other"]


def test_a_role_is_given_by_name_or_id_in_upper_or_lower_case():
    assert roles(Speaker("s1", name="Ana Lee"), Speaker("S2"), by={"ANA LEE": "agent", "s2": "customer"}) == ["agent", "customer"]


def test_a_role_is_given_by_channel():
    assert roles(Speaker("a", channel=0), Speaker("b", channel=1), Speaker("c"), by={"channel:0": "agent"}) == ["agent", None, None]


def test_a_name_wins_over_a_channel():
    assert roles(Speaker("a", channel=0), by={"channel:0": "agent", "a": "customer"}) == ["customer"]


def test_the_transcripts_role_wins_over_a_telling_name():
    assert roles(Speaker("Agent Smith", role="customer")) == ["customer"]


def test_a_person_with_a_name_has_no_role_by_id():
    assert roles(Speaker("agent_7", name="Ana")) == [None]


@pytest.mark.parametrize(
    ("name", "role"),
    [("Agent", "agent"), ("AGENT_2", "agent"), ("Ana (Support)", "agent"), ("Customer Service", "agent"), ("customer-1", "customer"),
     ("Caller", "customer"), ("Reagent", None), ("speaker 1", None), ("Christopher Guest", None), ("", None)],
)  # fmt: skip
def test_plain_names_tell_a_role(name, role):
    assert role_of_name(name) == role


def test_a_key_that_matches_nobody_does_nothing():
    assert roles(Speaker("a"), by={"nobody": "agent", "channel:5": "agent"}) == [None]


@pytest.mark.parametrize("by", [{"a": "boss"}, {"channel:left": "agent"}, {"channel:": "agent"}])
def test_a_role_or_channel_that_does_not_exist_is_refused(by):
    with pytest.raises(ConfigError):
        roles(Speaker("a"), by=by)
